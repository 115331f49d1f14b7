"""ONNX models, and through them PyTorch's: translated into built-in layers whose weights can be pruned and trained further.

One file a kind of operation; each registers what it translates in `operations`.
"""

from tasks.methods.networks.formats.onnx import activations, arithmetic, pooling, shapes, weighted

__all__ = ["activations", "arithmetic", "pooling", "shapes", "weighted"]
