"""The stages of the loop, one thin Prefect task each, over pure functions."""

import model_registry.environment  # noqa: F401  (must come before any heavy import)
