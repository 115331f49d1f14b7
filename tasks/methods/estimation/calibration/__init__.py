"""From probabilities to the chance that the predicted class is right, fitted on reference rows alone. One file a method."""

from tasks.methods.estimation.calibration.base import Calibrated, calibrators
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Calibrated", "calibrators"]
