"""Distillation: a small student learns from what larger teachers say of its training rows."""
