"""Versions, lineage, stages and gates: the only room that speaks to the MLflow registry."""

import model_registry.environment  # noqa: F401  (must come before any heavy import)
