"""Reads the forms in which models come from outside, one file a form; nothing that a file brings along is executed."""
