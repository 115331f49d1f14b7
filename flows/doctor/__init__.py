"""What may be wrong with an installation or a workspace, and how to mend it. No check loads TensorFlow."""

from flows.doctor.check import Check
from flows.doctor.examination import examine

__all__ = ["Check", "examine"]
