"""What every selector looks like: one ancestor's evidence in, a score out, before anything is trained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tasks.methods.registry import Methods

Asked = Literal["features", "layers", "probabilities", "source_features"]
ASKED: tuple[Asked, ...] = get_args(Asked)
MAX_ROWS = 2000


@dataclass(frozen=True)
class Evidence:
    """What one ancestor's network makes of the target's training rows, as they come, with nothing trained.

    Attributes:
        features: Outputs of its backbone on the target's rows, float [n, d].
        y: The rows' class indices, int [n].
        seed: Seed of everything random in a score.
        probabilities: Outputs of its classifier on the same rows, float [n, source classes], each row a distribution; None
            where it has no classifier.
        source_features: Outputs of its backbone on rows it has learned from, float [m, d]; None where these are not here.
        layers: What its layers with weights read on the target's rows, by distance from the output: the first are the
            backbone's features, the next what the layers right below them read; float [n, d_l] each. () where not known.

    Raises:
        ValueError: The shapes do not fit, or a number is not finite.
    """

    features: np.ndarray
    y: np.ndarray
    seed: int = 0
    probabilities: np.ndarray | None = None
    source_features: np.ndarray | None = None
    layers: Sequence[np.ndarray] = ()

    def __post_init__(self) -> None:
        features, y = np.asarray(self.features), np.asarray(self.y)
        if features.ndim != 2 or features.shape[1] == 0 or y.shape != features.shape[:1] or y.dtype.kind not in "iu":
            raise ValueError(
                "Invalid `features`. Expected shape [n, d] with d >= 1, and n class indices `y`. "
                f"Received: features.shape={features.shape}, y.shape={y.shape}, y.dtype={y.dtype}."
            )
        _finite("features", features)
        if self.source_features is not None:
            source = np.asarray(self.source_features)
            if source.ndim != 2 or source.shape[1] != features.shape[1]:
                raise ValueError(
                    f"Invalid `source_features`. Expected shape [m, {features.shape[1]}], as the target's features have it. "
                    f"Received: source_features.shape={source.shape}."
                )
            _finite("source_features", source)
        if self.probabilities is not None:
            _distributions(np.asarray(self.probabilities), len(y))
        for values in self.layers:
            if values.ndim != 2 or len(values) != len(y) or values.shape[1] == 0:
                raise ValueError(
                    f"Invalid `layers`. Expected arrays [{len(y)}, d_l], a row for each of the target's. "
                    f"Received: one of shape {values.shape}."
                )
            _finite("layers", values)


@dataclass(frozen=True)
class Selector:
    """One selector.

    Attributes:
        score: The method. Higher is better; comparable between ancestors on the same rows alone.
        asks: What it reads of the evidence, besides the labels. Whoever asks for `source_features` judges how near the
            ancestor's rows are to the target's (relevance), all others how well it tells the target's classes apart.
        rows: How many rows it looks at: of more it draws as many.
    """

    score: Callable[[Evidence], float]
    asks: Asked
    rows: int

    def __call__(self, evidence: Evidence) -> float:
        """The ancestor's score, unitless.

        Raises:
            ValueError: The evidence lacks what the method asks for, or there is too little to judge by.
        """
        return float(self.score(evidence))


def asks_for(what: Asked, rows: int = MAX_ROWS) -> Callable[[Callable[[Evidence], float]], Selector]:
    """Makes the decorated method a `Selector`; stands under `selectors.register`."""

    def make(score: Callable[[Evidence], float]) -> Selector:
        made = Selector(score, what, rows)
        object.__setattr__(made, "__doc__", score.__doc__)  # the method's words, not the class's
        return made

    return make


selectors: Methods[Selector] = Methods("selector")


def relevance_names() -> list[str]:
    """Names of the selectors that judge relevance, sorted."""
    return [name for name in selectors if selectors.get(name).asks == "source_features"]


def _finite(name: str, values: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise ValueError(
            f"Invalid `{name}`. Expected finite numbers; leave an ancestor that gives NaN out. "
            f"Received: {len(bad)} of {len(values)} rows with NaN or infinity, the first is row {bad[0]}."
        )


def _distributions(probabilities: np.ndarray, rows: int) -> None:
    if probabilities.ndim != 2 or len(probabilities) != rows or probabilities.shape[1] == 0:
        raise ValueError(
            f"Invalid `probabilities`. Expected shape [{rows}, classes], a row for each of the target's. "
            f"Received: probabilities.shape={probabilities.shape}."
        )
    _finite("probabilities", probabilities)
    # Written so that float16 and quantized outputs pass, and logits do not.
    off = float(np.abs(probabilities.sum(axis=1) - 1).max()) if rows else 0.0
    if rows and (probabilities.min() < 0 or off > 0.01):
        raise ValueError(
            "Invalid `probabilities`. Expected numbers >= 0 that sum to 1 in each row. "
            f"Received: a smallest of {probabilities.min():.3g}, and a sum that is off by {off:.3g}."
        )
