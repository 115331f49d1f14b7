"""Conversion to the flatbuffer that is served."""
