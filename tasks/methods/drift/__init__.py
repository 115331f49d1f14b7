"""Has the world moved? Tests of one feature's values in two windows, and of a whole batch. One file a detector."""

from tasks.methods.drift.base import Detector, DriftScore, Kind, detectors, detectors_for
from tasks.methods.drift.batch import DriftReport, FeatureDrift, report
from tasks.methods.drift.correction import holm
from tasks.methods.drift.pictures import picture_features
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = [
    "Detector",
    "DriftReport",
    "DriftScore",
    "FeatureDrift",
    "Kind",
    "detectors",
    "detectors_for",
    "holm",
    "picture_features",
    "report",
]
