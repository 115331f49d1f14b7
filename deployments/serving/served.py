"""One version, ready to answer: its bundle, what it answers as, and how long a row takes it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deployments.serving import columns
from deployments.serving.errors import cut, invalid
from deployments.serving.quick_table import QuickTable
from model_registry.errors import InputError, IntegrityError
from model_registry.signature import Signature
from tasks.bundle import Bundle
from tasks.data.transform import output_shape, picture_column

_WARM_UP_RUNS = 5


@dataclass(frozen=True)
class Rows:
    """Rows as lists, values in the order of the bundle's columns."""

    values: Sequence[Sequence[Any]]

    def __len__(self) -> int:
        return len(self.values)


Raw = Rows | Mapping[str, np.ndarray] | np.ndarray


def count_rows(raw: Raw) -> int:
    """How many rows there are."""
    return len(next(iter(raw.values()))) if isinstance(raw, Mapping) else len(raw)


class Served:
    """A verified bundle with its name and version. Safe to use from several threads at once.

    Args:
        bundle: The bundle.
        name: Name to answer as; None: the bundle's.
        version: Version to answer as; None: the bundle's, or the start of its sha256 where it has none.
        signature: By which a trusted key vouches for it, where keys are set.

    Raises:
        IntegrityError: A row of zeros is not answered by finite probabilities.
    """

    def __init__(
        self, bundle: Bundle, name: str | None = None, version: str | None = None, signature: Signature | None = None
    ) -> None:
        self.bundle = bundle
        self.signature = signature
        self.name = name or str(bundle.manifest["name"])
        self.version = version or str(bundle.manifest["version"] or bundle.sha256[:12])
        self.sha256 = bundle.sha256
        self.labels = bundle.labels
        self.inputs: list[dict[str, Any]] = bundle.signature["inputs"]
        self.takes_pictures = self.inputs[0]["type"] == "tensor"
        self.types = {} if self.takes_pictures else {column["name"]: column["type"] for column in self.inputs}
        self.pictures = picture_column(bundle.preprocessing)
        self._quick = None if self.takes_pictures or self.pictures else QuickTable(bundle.preprocessing)
        # What every answer carries; a header is ASCII, and a name may be anything.
        told = ((b"x-model-name", self.name), (b"x-model-version", self.version))
        self.headers = [(key, value.encode("ascii", "backslashreplace")) for key, value in told]
        self.row_s = self._warm_up()

    @property
    def label(self) -> str:
        """`name/version`."""
        return f"{self.name}/{self.version}"

    def encode(self, raw: Raw) -> np.ndarray:
        """The network's input, float32 [n, ...].

        Raises:
            RequestError: 400, naming the column, row or shape at fault.
        """
        if isinstance(raw, Rows):
            x = self._quick.encode(raw.values) if self._quick is not None else None
            if x is not None:
                return x
        try:
            return self.bundle.encode(self.by_column(raw) if isinstance(raw, Rows) else raw)
        except InputError as error:
            raise invalid(cut(str(error))) from error

    def by_column(self, rows: Rows) -> dict[str, np.ndarray]:
        """The same rows, one array a column.

        Raises:
            RequestError: 400, naming the row or column at fault.
        """
        return columns.from_rows(self.types, None, rows.values)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities, float32 [n, classes], of the network's input."""
        return self.bundle.predict_arrays(x)

    def _warm_up(self) -> float:
        """Seconds that one row takes, the shortest of a few."""
        x = np.zeros((1, *output_shape(self.bundle.preprocessing)), np.float32)
        times = []
        for _ in range(_WARM_UP_RUNS):
            begun = time.perf_counter()
            probabilities = self.predict(x)
            times.append(time.perf_counter() - begun)
        if not np.isfinite(probabilities).all():
            raise IntegrityError(
                f"{self.label}: expected finite probabilities of a row of zeros. Received: {probabilities[0]}."
            )
        return min(times)
