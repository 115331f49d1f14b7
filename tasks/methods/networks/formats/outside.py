"""What the user asks for when a model is brought in, and what a reader found in its file."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_registry.errors import InputError
from tasks.methods.backend import keras


@dataclass(frozen=True)
class Consent:
    """Classes and functions that the user vouches for by name, although they carry code or read files.

    Attributes:
        names: As they stand in a configuration.
        objects: Those that are imported from the user's own code, by name.
    """

    names: frozenset[str] = frozenset()
    objects: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, named: tuple[str, ...]) -> "Consent":
        """Reads what the user named: `Lambda`, or `package.module:Name` for a class of one's own, which is imported.

        Raises:
            InputError: A module or a name in it cannot be imported.
        """
        objects: dict[str, Any] = {}
        for name in named:
            module, colon, inner = name.partition(":")
            if not colon:
                continue
            try:
                objects[inner] = getattr(importlib.import_module(module), inner)
            except (ImportError, AttributeError, ValueError) as error:
                raise InputError(
                    f"--allow-layer {name}: expected MODULE:NAME of a class that can be imported here. Received: {error}."
                ) from error
        return cls(frozenset(name.rpartition(":")[2] for name in named), objects)


@dataclass(frozen=True)
class Found:
    """What a reader made of a file: a network, or a flatbuffer where there is none to train further.

    Attributes:
        form: The form it was stored in, in words.
        model: The network, not compiled; None for a flatbuffer.
        flatbuffer: LiteRT bytes; None for a network.
        vouched: What of it the user vouched for; such a network is not kept as one.
        original: Gives the outputs of the file as its own library computes them, for rows as `model` takes them; None
            where the network was read by its own library, so that there is nothing to compare.
        library: Whose outputs those are.
        facts: What else is worth recording.
    """

    form: str
    model: keras.Model | None = None
    flatbuffer: bytes | None = None
    vouched: tuple[str, ...] = ()
    original: Callable[[np.ndarray], np.ndarray] | None = None
    library: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class CannotCompareError(Exception):
    """The original cannot be run here; the message says why."""
