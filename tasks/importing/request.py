"""What the user asks for when a model is brought in, checked before anything is loaded."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_registry import manifest
from model_registry.errors import InputError
from tasks.recipe import plain_yaml

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_BESIDE = ".data"  # where ONNX exporters put the weights of `model.onnx`: into `model.onnx.data`
_SIDES = re.compile(r"\d+(,\d+){0,3}")


@dataclass(frozen=True)
class Request:
    """One import.

    Attributes:
        path: The model's file or folder.
        name: Name to register it under.
        source: Where it comes from.
        licence: Its licence.
        architecture: Network of `tf_keras.applications` that weights belong to; empty for whole models.
        settings: That network's arguments.
        input_shape: Shape of one row, with `architecture`.
        preprocessing: File that says how the network was fed.
        allow: Classes and functions the user vouches for, as `NAME` or `MODULE:NAME`.
        inference_only: Bring a SavedModel in as a flatbuffer although its layers could be built.
    """

    path: Path
    name: str
    source: str = ""
    licence: str = ""
    architecture: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, ...] | None = None
    preprocessing: Path | None = None
    allow: tuple[str, ...] = ()
    inference_only: bool = False

    def require_sound(self) -> None:
        """Refuses what can be seen to be wrong without reading the model.

        Raises:
            InputError: The name is not allowed, nothing stands at `path`, or an option is given without the one it needs.
        """
        require_name(self.name)
        if not self.path.exists():
            raise InputError(f"{self.path}: expected a model. Found nothing there; check the path.")
        if not self.architecture and (self.settings or self.input_shape):
            option = "--set" if self.settings else "--input"
            raise InputError(
                f"{option}: expected together with --architecture, which names the network that weights belong to. "
                "Received: no --architecture."
            )
        if self.architecture and (self.allow or self.inference_only):
            raise InputError(
                "--architecture: expected without --allow-layer and --inference-only, as no layer comes from the file."
            )

    def sha256(self) -> str:
        """Of the file; of a folder, or a file with another of weights beside it, of all their names and contents."""
        beside = self.path.with_name(self.path.name + _BESIDE)
        if self.path.is_file() and not beside.is_file():
            return manifest.sha256_of(self.path)
        files = [self.path, beside] if self.path.is_file() else [each for each in self.path.rglob("*") if each.is_file()]
        within = self.path.parent if self.path.is_file() else self.path
        listed = {each.relative_to(within).as_posix(): manifest.sha256_of(each) for each in files}
        return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()

    def key(self, sha256: str) -> str:
        """What makes two imports the same: the bytes, and all that decides what becomes of them."""
        fed = manifest.sha256_of(self.preprocessing) if self.preprocessing else ""
        decided = [self.architecture, self.settings, self.input_shape, fed, sorted(self.allow), self.inference_only]
        text = json.dumps([sha256, decided], sort_keys=True, default=str)
        return f"import-{hashlib.sha256(text.encode()).hexdigest()}"


def require_name(name: str) -> None:
    """Refuses a name that a registered model can't have.

    Raises:
        InputError: It has other characters than allowed, or too many.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"--name: expected lower case letters, digits, '.', '_', '-', at most 63. Received: {name!r}.")


def settings_of(words: list[str]) -> dict[str, Any]:
    """Arguments as the command line has them: `alpha=0.25` to {"alpha": 0.25}.

    Raises:
        InputError: A word is no KEY=VALUE, or a key is given twice.
    """
    settings: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key.isidentifier() or not text:
            raise InputError(f"--set {word}: expected KEY=VALUE, e.g. alpha=0.25 or include_top=false.")
        if key in settings:
            raise InputError(f"--set {key}: expected once. Received: {settings[key]!r} and {text!r}.")
        read = plain_yaml.read(text.encode(), f"--set {key}")
        if read.mistakes:
            raise InputError(f"--set {word}: expected a value as in a recipe. Received: {text!r}.")
        settings[key] = read.data
    return settings


def shape_of(text: str) -> tuple[int, ...] | None:
    """A row's shape as the command line has it: `96,96,3`.

    Raises:
        InputError: Anything but positive whole numbers.
    """
    if not text:
        return None
    sizes = text.replace(" ", "")
    if not _SIDES.fullmatch(sizes) or "0" in sizes.split(","):
        raise InputError(f"--input {text}: expected a row's shape, e.g. 96,96,3.")
    return tuple(int(size) for size in sizes.split(","))
