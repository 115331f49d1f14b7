"""What runs, in order: the loop, the watch on production, and the command line."""

import model_registry.environment  # noqa: F401  (must come before any heavy import)
