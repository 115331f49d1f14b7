"""Weights without a network, for a network of `tf_keras.applications` that the user names; nothing is ever downloaded."""

import difflib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from model_registry.errors import InputError
from tasks.methods.backend import keras
from tasks.methods.networks.formats import limits
from tasks.methods.networks.formats.built_in import require_built_in, require_sound
from tasks.methods.networks.formats.keras3.weights import load_store
from tasks.methods.networks.formats.kinds import kind_of
from tasks.methods.networks.formats.legacy_weights import load_legacy
from tasks.methods.networks.formats.outside import Found
from tasks.methods.networks.formats.refusal import first_line, refusal, refusals
from tasks.methods.picture_input import PictureInput

_OURS = {"weights", "input_tensor", "input_shape"}  # decided here, or by an option of its own
_INCLUDED = "include_preprocessing"  # networks that scale pixels themselves, unless told not to


@dataclass(frozen=True)
class Architecture:
    """A network of `tf_keras.applications`.

    Attributes:
        name: As `tf_keras.applications` has it.
        settings: Its arguments, without its weights and its input's shape.
        input_shape: Height, width and channels; None: the network's own.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, ...] | None = None

    def build(self) -> keras.Model:
        """The network with random weights.

        Raises:
            InputError: No such network, no such argument, or arguments it cannot be built with.
        """
        function = self._function()
        known = sorted(set(inspect.signature(function).parameters) - _OURS - {"kwargs"})
        unknown = sorted(set(self.settings) - set(known))
        if unknown:
            raise InputError(
                f"--set {unknown[0]}: expected one of the arguments of {self.name}: {known}.{_near(unknown[0], known)}"
            )
        shape = {"input_shape": self.input_shape} if self.input_shape else {}
        try:
            return function(weights=None, **shape, **self.settings)
        except Exception as error:  # each network checks its arguments in its own way
            raise InputError(
                f"--architecture {self.name}: cannot be built with --set {dict(self.settings)} and --input "
                f"{self.input_shape or 'of its own'}: {first_line(error)}"
            ) from error

    def picture_input(self) -> PictureInput | None:
        """How the network's weights published with Keras want their pixels; None where its own function does not say so."""
        if self.settings.get(_INCLUDED) is False:
            return None
        function = self._function()
        preprocess = getattr(inspect.getmodule(inspect.unwrap(function)), "preprocess_input", None)
        return _measured(preprocess) if preprocess is not None else None

    def _function(self) -> Any:
        known = sorted(name for name in dir(keras.applications) if name[:1].isupper())
        if self.name not in known:
            raise InputError(
                f"--architecture {self.name}: expected a network of tf_keras.applications: {', '.join(known)}."
                f"{_near(self.name, known)}"
            )
        return getattr(keras.applications, self.name)


def read_weights(path: Path, architecture: Architecture) -> Found:
    """A network of `tf_keras.applications` with the weights of a file.

    Args:
        path: An HDF5 file with weights only, of Keras 2 (`save_weights`, `*_no_top.h5`) or a `.weights.h5`.
        architecture: The network they belong to.

    Raises:
        InputError: The file holds a whole model or is damaged, the network cannot be built, or a layer differs.
    """
    model = architecture.build()
    require_built_in(path, json.loads(model.to_json()))
    if kind_of(path) != "hdf5":
        raise refusal(path, "a whole model, or a file that is not HDF5, where --architecture needs weights", "Leave it out.")
    with refusals(path):
        limits.require_own_data(path, path)
        with h5py.File(path, "r") as file:
            if "model_config" in file.attrs:
                raise refusal(path, "a whole model with its own configuration", "Leave --architecture out.")
            try:
                _load(model, file)
            except (ValueError, KeyError) as error:
                raise InputError(
                    f"{path}: the weights do not fit {architecture.name} with {dict(architecture.settings) or 'no --set'}: "
                    f"{error}. Adjust --set (e.g. include_top=false, alpha=0.25, classes=10), --input, or --architecture."
                ) from error
    require_sound(path, model)
    return Found(f"weights of {architecture.name}", model)


def _load(model: keras.Model, file: h5py.File) -> None:
    if "layers" in file and "layer_names" not in file.attrs:
        load_store(model, json.loads(model.to_json())["config"]["layers"], file)
    elif any(name.startswith("layer_names") for name in file.attrs):
        load_legacy(model, file)
    else:
        raise ValueError("an HDF5 file without layers, so not of Keras")


def _measured(preprocess: Any) -> PictureInput:
    """What a `preprocess_input` does with pixels, read off black and off one channel at a time: all of them are linear."""
    black = np.asarray(preprocess(np.zeros((1, 1, 1, 3), np.float32)))[0, 0, 0]
    lit = np.stack([np.asarray(preprocess(each))[0, 0, 0] for each in 255 * np.eye(3, dtype=np.float32)[:, None, None, None]])
    effect = (lit - black) / 255  # [channel given, channel out]
    order = np.abs(effect).argmax(axis=0)
    return PictureInput(
        scale=tuple(float(effect[given, out]) for out, given in enumerate(order)),
        offset=tuple(float(value) for value in black),
        order=tuple(int(given) for given in order),
    )


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]}?" if near else ""
