"""Sparse networks: how zeros are made, and how they are kept."""
