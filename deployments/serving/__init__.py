"""Answers prediction requests from a bundle: LiteRT and numpy behind FastAPI, no TensorFlow, MLflow or pandas."""
