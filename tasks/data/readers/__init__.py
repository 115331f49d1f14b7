"""Readers: one file a kind of source, `read` to choose among them."""

from tasks.data.readers.dispatch import read

__all__ = ["read"]
