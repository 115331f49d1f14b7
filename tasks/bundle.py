"""The bundle: a folder that predicts without TensorFlow. See `bundle_files` for what it holds."""

import hashlib
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_registry.errors import InputError, IntegrityError
from tasks.bundle_files import CONTENT, REMEDY, check, json_bytes, read, verify, write
from tasks.data.transform import feature_names, output_shape, transform
from tasks.methods.embedding import embedded
from tasks.methods.litert import LiteRunner

__all__ = ["CONTENT", "Bundle", "verify", "write"]


class Bundle:
    """A verified bundle, loaded. Safe to use from several threads at once.

    An interpreter serves one caller at a time: each takes an idle one, or makes one where all are busy, so there
    are never more than there were callers at once, and none waits for another.
    """

    def __init__(self, manifest: dict[str, Any], files: Mapping[str, bytes], num_threads: int = 1) -> None:
        self.manifest = manifest
        self.labels: list[str] = json.loads(files["labels.json"])
        self.preprocessing: dict[str, Any] = json.loads(files["preprocessing.json"])
        self.signature: dict[str, Any] = json.loads(files["signature.json"])
        self._flatbuffer = files["model.tflite"]
        self._num_threads = num_threads
        self._idle: deque[LiteRunner] = deque()

    @classmethod
    def open(cls, folder: Path | str, num_threads: int = 1) -> "Bundle":
        """Verifies the bundle in `folder`, loads it and runs one row of zeros through it.

        Args:
            folder: The bundle.
            num_threads: Threads of one pass through the network.

        Raises:
            InputError: `folder` is not a bundle.
            IntegrityError: A file is damaged, or the parts don't fit one another.
        """
        return cls._ready(*read(Path(folder)), num_threads, str(folder))

    @classmethod
    def of_files(cls, files: Mapping[str, bytes], what: str, num_threads: int = 1) -> "Bundle":
        """The same for files that were fetched.

        Args:
            files: Content by name, the manifest among them.
            what: The bundle, for messages.
            num_threads: Threads of one pass through the network.

        Raises:
            InputError: They are not a bundle.
            IntegrityError: One is damaged, or the parts don't fit one another.
        """
        return cls._ready(*check(files, what), num_threads, what)

    @classmethod
    def _ready(cls, manifest: dict[str, Any], files: Mapping[str, bytes], num_threads: int, what: str) -> "Bundle":
        try:
            bundle = cls(manifest, files, num_threads)
            bundle.predict_arrays(np.zeros((1, *output_shape(bundle.preprocessing)), np.float32))
        except (ValueError, RuntimeError, KeyError) as error:
            raise IntegrityError(f"{what}: its network and its preprocessing don't fit: {error} {REMEDY}") from error
        return bundle

    @property
    def sha256(self) -> str:
        """Stands for every byte of the bundle: the sha256 of the manifest's canonical form."""
        return hashlib.sha256(json_bytes(self.manifest)).hexdigest()

    def predict(self, raw: Mapping[str, np.ndarray] | np.ndarray) -> np.ndarray:
        """Probabilities of raw rows.

        Args:
            raw: Columns by name, each 1-D with one value a row, or pictures [n, h, w] or [n, h, w, c].

        Returns:
            Probabilities, float32 [n, classes], columns in the order of `labels`.

        Raises:
            InputError: A column is missing or not a number, or the shape is another.
        """
        return self.predict_arrays(self.encode(raw))

    def encode(self, raw: Mapping[str, np.ndarray] | np.ndarray) -> np.ndarray:
        """The network's input for raw rows, float32 [n, ...]; arguments and errors are those of `predict`."""
        with np.errstate(over="ignore"):  # told below, with the row
            x = transform(self.preprocessing, raw)
        finite = np.isfinite(x)
        if not finite.all():
            row, *place = np.argwhere(~finite)[0].tolist()
            where = f"column {feature_names(self.preprocessing)[place[0]]!r}" if len(place) == 1 else f"position {place}"
            raise InputError(
                f"row {row}, {where}: expected a finite number within the range of float32. Received: {x[row, *place]}."
            )
        return x

    def predict_arrays(self, x: np.ndarray) -> np.ndarray:
        """Probabilities of rows that are already transformed.

        Args:
            x: float32 [n, ...], as `transform` returns it.

        Returns:
            Probabilities, float32 [n, classes].
        """
        runner = self._take()
        probabilities = runner.run(x)
        self._idle.append(runner)
        if probabilities.shape != (len(x), len(self.labels)):
            raise ValueError(f"Expected {len(self.labels)} probabilities a row. Received: shape={probabilities.shape}.")
        return probabilities

    def embed(self, raw: Mapping[str, np.ndarray] | np.ndarray) -> np.ndarray | None:
        """What raw rows look like to the network (see `embedded`), float32 [n, d]; arguments and errors as of `predict`."""
        return embedded(self._flatbuffer, self.encode(raw))

    def _take(self) -> LiteRunner:
        try:
            return self._idle.pop()
        except IndexError:
            return LiteRunner(self._flatbuffer, self._num_threads)
