"""Whether a search over methods and their order gives more than any one method with the same number of training steps.

    make bench NAME=planner

On the networks that the shipped recipes `digits` (pictures) and `breast_cancer` (a table) train, three seeds. The planner is
run as a recipe with a budget runs it: for the bytes of the flatbuffer that is served, and for those of the packed file. Then
each method alone gets the steps that the planner spent, shared among four amounts: channels; and for the packed file, the
only one that they make smaller, zeros and clusters. All are judged in the same conversions, as they would be served.

- `hypervolume_ratio`: area that the planner's front dominates, over that of the method's, with accuracy lost and the log of
  the bytes as aims (Zitzler & Thiele, 1999); the reference point loses 10 points at the float32 network's size. Above 1: more.
- `dominated_share`: share of the method's front that a point of the planner's matches or beats in both aims.

Both are told for validation, on which fronts are made and points are chosen, and for the same fronts on the test split,
which is read once.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from math import log2
from pathlib import Path
from typing import Any

import _settings  # noqa: F401  (before numpy)
import numpy as np
from _flatbuffers import accuracy
from _record import record
from _shipped import by_seed, trained

SEEDS = (0, 1, 2)
NAMES = ("digits", "breast_cancer")
TRIALS = 12
MODES = ("float32", "float16", "dynamic", "int8")
AGAINST = {"served": ("channels",), "packed": ("channels", "sparsity", "clusters")}
LOST = 0.1

Aims = list[tuple[float, float]]


def amounts(low: float, high: float, count: int) -> list[float]:
    """Evenly spread."""
    return [round(float(each), 3) for each in np.linspace(low, high, count)]


def single(method: str) -> list[Any]:
    """Candidates of one method alone: four amounts, as a user would try."""
    from tasks.methods.planning.candidate import Candidate

    if method == "clusters":
        return [Candidate(clusters=each) for each in (8, 16, 32, 64)]
    if method == "channels":
        return [Candidate(channels=each) for each in amounts(0.2, 0.8, 4)]
    return [Candidate(sparsity=each) for each in amounts(0.5, 0.95, 4)]


def area(points: Aims) -> float:
    """Hypervolume of (accuracy lost, log2 of size against float32), both minimised, up to (`LOST`, 0)."""
    best, total = 0.0, 0.0
    for lost, size in sorted(points):  # least lost first: each next one must be smaller to add anything
        if lost < LOST and -size > best:
            total += (LOST - max(lost, -LOST)) * (-size - best)
            best = -size
    return total


Judged = list[tuple[Any, bytes]]


def tried(
    model: Any, candidates: Sequence[Any], train: Any, validation: Any, calibration: Any, settings: Any
) -> tuple[Judged, int]:
    """What candidates come to, as a plan makes and judges them, and the training steps they took."""
    from tasks.methods.planning.attempt import attempt
    from tasks.methods.planning.judge import judge

    points: Judged = []
    steps = 0
    for candidate in candidates:
        small, spent = attempt(model, candidate, train, validation, settings)
        steps += spent
        points += judge(small, MODES, calibration, validation, steps=candidate.titles, training_steps=spent).values()
    return points, steps


def aims(made: Judged, whole: Any, right: float, test: Any, size: str) -> tuple[Aims, Aims]:
    """The front by (accuracy lost, log2 of size) on validation, and the same points on test."""
    best, on_test, least = [], [], float("inf")
    for point, flatbuffer in sorted(made, key=lambda pair: (-pair[0].accuracy, getattr(pair[0], size))):
        if getattr(point, size) < least:
            least = getattr(point, size)
            smaller = log2(least / getattr(whole, size))
            best.append((whole.accuracy - point.accuracy, smaller))
            on_test.append((right - accuracy(flatbuffer, test), smaller))
    return best, on_test


def compared(mine: Aims, other: Aims) -> dict[str, float]:
    """The planner's front beside a method's."""
    beaten = [any(a <= c + 1e-9 and b <= d + 1e-9 for a, b in mine) for c, d in other]
    return {"hypervolume_ratio": area(mine) / area(other), "dominated_share": float(np.mean(beaten))}


def one_seed(seed: int) -> dict[str, Any]:
    """All figures of one seed."""
    found: dict[str, Any] = {}
    for name, model, rows, calibration in trained(seed, NAMES):
        for kind in AGAINST:
            found[f"{name} {kind}"] = one_search(model, rows, calibration, kind, seed)
            print(name, kind, seed, found[f"{name} {kind}"], file=sys.stderr, flush=True)
    return found


def one_search(model: Any, rows: Any, calibration: np.ndarray, kind: str, seed: int) -> dict[str, Any]:
    """The planner for one kind of file, and each method alone with the steps it took."""
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.planning.attempt import attempt
    from tasks.methods.planning.candidate import Candidate
    from tasks.methods.planning.search import Search

    train, validation = ((split.x, split.y) for split in map(rows.split, ("train", "validation")))
    test, settings = rows.split("test"), FitSettings(epochs=12, batch_size=32, learning_rate=1e-3, seed=seed)
    data, size = (train, validation, calibration), {"served": "size_bytes", "packed": "packed_bytes"}[kind]
    search, planned, steps = Search(seed, packed=kind == "packed"), [], 0
    for candidate in search.proposals(TRIALS):
        made, spent = tried(model, [candidate], *data, settings)
        search.learn(candidate, [point for point, _ in made])
        planned += made
        steps += spent
    whole, reference = next(pair for pair in planned if not pair[0].steps and pair[0].mode == "float32")
    right = accuracy(reference, test)
    ours = aims(planned, whole, right, test, size)
    found: dict[str, Any] = {"planner_steps": steps, "methods": {}}
    untouched, _ = tried(model, [Candidate()], *data, settings)  # each method has the network as it came, too
    for method in AGAINST[kind]:
        candidates = single(method)
        _, once = attempt(model, candidates[0], train, validation, replace(settings, epochs=1))
        longer = replace(settings, epochs=max(1, round(steps / (once * len(candidates)))))
        made, spent = tried(model, candidates, *data, longer)
        theirs = aims([*untouched, *made], whole, right, test, size)
        figures: dict[str, float] = {"steps": spent}
        for split, mine, other in zip(("validation", "test"), ours, theirs, strict=True):
            figures |= {f"{measure}_{split}": value for measure, value in compared(mine, other).items()}
        found["methods"][method] = figures
    return found


def main() -> None:
    """Measures and writes the results."""
    by_seed(str(Path(__file__)), SEEDS, one_seed, tell)


def tell(found: list[dict[str, Any]]) -> None:
    """Writes the results of as many seeds as there are."""
    figures: dict[str, Any] = {}
    for name, first in found[0].items():
        figures[name] = {"planner_steps": round(float(np.mean([each[name]["planner_steps"] for each in found])))}
        for method, values in first["methods"].items():
            figures[name][method] = {
                key: round(float(np.mean([each[name]["methods"][method][key] for each in found])), 3) for key in values
            } | {
                f"{key}_by_seed": [round(each[name]["methods"][method][key], 3) for each in found]
                for key in values
                if key != "steps"
            }
    record(
        "planner",
        figures,
        ("tensorflow", "tensorflow-model-optimization", "ai-edge-litert", "optuna"),
        data="scikit-learn digits and breast cancer, as the shipped recipes take them",
        seeds=list(SEEDS[: len(found)]),
        split="as the recipes split; fronts are made on validation, test read once for each point of a front",
    )


if __name__ == "__main__":
    main()
