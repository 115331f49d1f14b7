"""A configuration is vetted before anything of it is built; a network, before it is kept."""

from pathlib import Path
from typing import Any

import numpy as np

from model_registry.errors import InputError
from tasks.methods.backend import keras
from tasks.methods.networks.formats.outside import Consent
from tasks.methods.networks.formats.refusal import refusal
from tasks.methods.networks.vet import refused


def require_built_in(path: Path, config: Any, consent: Consent | None = None, also: str = "") -> tuple[str, ...]:
    """Refuses a configuration with anything but built-in parts and what the user vouches for.

    Args:
        path: The file, for the message.
        config: A model's configuration, as JSON.
        consent: What the user vouches for.
        also: Another way out, for the message.

    Returns:
        What the user vouched for, one line a finding.

    Raises:
        InputError: Names what was found.
    """
    found = refused(config, consent.names if consent else ())
    if found:
        raise InputError(
            f"{path}: expected built-in Keras layers only. Found {'; '.join(found)}. Nothing of the file was executed. "
            "Replace it by built-in layers (for a pruned or quantized model: strip its wrappers first) and save again; or, if "
            f"you trust it, name it: --allow-layer NAME (MODULE:NAME for a class of your own).{also}"
        )
    return tuple(refused(config)) if consent else ()


def require_sound(path: Path, model: keras.Model) -> None:
    """Refuses a network that computes in another type than float32, or with weights that are no numbers.

    Raises:
        InputError: Names the types, or the first such weight.
    """
    types = {layer.compute_dtype for layer in model._flatten_layers(include_self=False, recursive=True)} - {"float32"}
    if types:
        raise refusal(path, f"layers that take or compute {', '.join(sorted(types))}, where float32 is needed")
    broken = [weight.name for weight in model.weights if not np.isfinite(weight.numpy()).all()]
    if broken:
        raise refusal(path, f"weights that are NaN or infinite (first: {broken[0]})")


def without_compile(config: Any) -> Any:
    """The configuration without optimizers, losses and metrics, nested models included."""
    if isinstance(config, dict):
        return {key: without_compile(value) for key, value in config.items() if key != "compile_config"}
    return [without_compile(value) for value in config] if isinstance(config, list) else config
