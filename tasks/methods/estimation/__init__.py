"""How accurate are predictions whose labels are not known yet? One file a method."""

from tasks.methods.estimation.base import Estimate, estimators
from tasks.methods.estimation.calibration import calibrators
from tasks.methods.estimation.run import drop_p_value, estimate
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Estimate", "calibrators", "drop_p_value", "estimate", "estimators"]
