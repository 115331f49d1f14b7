"""The product's process settings, which its commands have before anything else: numpy reads them when it is imported."""

import model_registry.environment  # noqa: F401
