"""How good a model's probabilities are, how sure one can be of it, and whether that is enough. One file a metric."""

from tasks.methods.metrics.base import Direction, Metric, direction, metrics
from tasks.methods.metrics.calibration import ReliabilityCurve, reliability_curve
from tasks.methods.metrics.confusion import ClassScore, confusion_matrix, per_class
from tasks.methods.metrics.evaluation import bootstrap_intervals, evaluate
from tasks.methods.metrics.gate import Rule, below, judge, not_judged, passes
from tasks.methods.metrics.groups import groups_of
from tasks.methods.metrics.lost import lost_rows
from tasks.methods.metrics.noise import drop_under_noise
from tasks.methods.metrics.paired import PairedResult, compare, mcnemar, paired_bootstrap
from tasks.methods.metrics.slices import class_floors, group_floors
from tasks.methods.metrics.unpaired import accuracy_drop
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

METRIC_NAMES: frozenset[str] = frozenset(metrics.names())

__all__ = [
    "METRIC_NAMES",
    "ClassScore",
    "Direction",
    "Metric",
    "PairedResult",
    "ReliabilityCurve",
    "Rule",
    "accuracy_drop",
    "below",
    "bootstrap_intervals",
    "class_floors",
    "compare",
    "confusion_matrix",
    "direction",
    "drop_under_noise",
    "evaluate",
    "group_floors",
    "groups_of",
    "judge",
    "lost_rows",
    "mcnemar",
    "metrics",
    "not_judged",
    "paired_bootstrap",
    "passes",
    "per_class",
    "reliability_curve",
]
