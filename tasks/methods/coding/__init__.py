"""Entropy-coded storage: a flatbuffer in the fewest bytes that give it back exactly."""
