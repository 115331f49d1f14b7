"""Lets MLflow load a served version as a pyfunc (`mlflow.pyfunc.load_model`), through LiteRT and without a pickle."""

from pathlib import Path
from typing import Any

import numpy as np

from model_registry.signature import require_bundle
from tasks.bundle import Bundle


class PyfuncBundle:
    """A bundle behind MLflow's pyfunc interface."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Labels and probabilities of raw rows.

        Args:
            model_input: A data frame or a dict of columns (tables), or an array [n, h, w] or [n, h, w, c] (pictures).
            params: Not used; part of MLflow's interface.

        Returns:
            One record a row: `label`, and `probabilities` by label.
        """
        raw = model_input
        if hasattr(model_input, "columns"):
            raw = {str(name): model_input[name].to_numpy() for name in model_input.columns}
        elif isinstance(model_input, dict):
            raw = {name: np.asarray(values) for name, values in model_input.items()}
        labels = self._bundle.labels
        return [
            {"label": labels[int(row.argmax())], "probabilities": dict(zip(labels, map(float, row), strict=True))}
            for row in self._bundle.predict(raw)
        ]


def _load_pyfunc(path: str) -> PyfuncBundle:
    """MLflow's entry point: opens the bundle in `path`, every file checked against its sha256, the signature where asked."""
    bundle = Bundle.open(path)
    require_bundle(Path(path), sha256=bundle.sha256)
    return PyfuncBundle(bundle)
