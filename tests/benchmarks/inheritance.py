"""What inheriting gives on cats, dogs and others, with few labels and with many.

    BEQUEST_TRIAL_DATA=FOLDER make bench NAME=inheritance

The folder holds `cifar_catdog.parquet`, `cifar_source8.parquet`, `mnist.npz` and `models/mobilenet_2_5_224_tf_no_top.h5`.

Ancestors: MobileNet v1 0.25 with ImageNet's weights, which sees the pictures at 96 px; a small CNN trained on eight other
classes (`source8`); the same CNN trained on handwritten digits, a bad ancestor (`mnist`); MobileNet with random weights
(`random`). They are made once; which labels there are, new heads and the order of rows differ by seed. Each meets 1 %, 10 %
and 100 % of the labels, of which a fifth validates: stages are the recipe's (the new head, then all layers), early stopping
and the best epoch are validation's. Where all labels are there, which takes long, objectives are fine-tuning alone, and
`random` is left out.

- `accuracy_points`: test accuracy by objective and ancestor; the test split is read once for each network.
- From scratch: the CNN alone, at the recipe's learning rate. It has as many epochs as take the processor seconds that
  fine-tuning MobileNet took, and at least 10; its best epoch by validation counts.
- `gain_points`: over the network from scratch with the same labels and seed, at equal compute.
- `compute_ratio_to_scratch`: processor seconds until the heir of MobileNet first reaches the accuracy that the network from
  scratch ends with, over those that the latter took to its best epoch. Both are read on 1,000 training rows that neither
  trains on, which measure and choose nothing; reading them is not counted.

Intervals are Student's over the seeds. TensorFlow runs with oneDNN's kernels, its default, which the product turns off.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # before tasks, which turns it off

import numpy as np
from _record import record
from _trial_data import folder, pictures
from scipy import stats

from tasks.methods.backend import keras
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.predict import predict
from tasks.methods.networks.surgery import adapt_input, new_head
from tasks.methods.transfer.objectives import Source, Start, objectives
from tasks.methods.transfer.run import transfer

SEEDS = (0, 1, 2)
SHARES = (0.01, 0.1, 1.0)
STAGES = (
    FitSettings(epochs=8, learning_rate=3e-3, patience=4, trainable="head"),
    FitSettings(epochs=12, learning_rate=1e-3, patience=4),
)
WEIGHTS = "models/mobilenet_2_5_224_tf_no_top.h5"
NEEDED = ("cifar_catdog.parquet", "cifar_source8.parquet", "mnist.npz", WEIGHTS)
MOST_SCRATCH_EPOCHS = 100
APART = 1000  # rows

Rows = tuple[np.ndarray, np.ndarray]


def scaled(path: Path) -> tuple[Rows, Rows]:
    """Training and test rows, pixels in [0, 1]."""
    x, table = pictures(path)
    x = x / np.float32(255)
    y, known = table["label"].to_numpy(np.int64), (table["split"] == "train").to_numpy()
    return (x[known], y[known]), (x[~known], y[~known])


def flip(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every second picture mirrored."""
    return np.where(rng.random((len(x), 1, 1, 1)) < 0.5, x[:, :, ::-1], x)


def accuracy(model: keras.Model, rows: Rows) -> float:
    """Fraction of rows whose class is found."""
    return float((predict(model, rows[0]).argmax(axis=1) == rows[1]).mean())


def cnn(shape: tuple[int, ...], classes: int, seed: int) -> keras.Model:
    """The network from scratch, and of two of the ancestors."""
    return build("cnn", shape, classes, hidden=[64], filters=[32, 64, 128], dropout=0.2, seed=seed)


def mobilenet(weights: str | None, seed: int) -> keras.Model:
    """MobileNet v1 0.25 for pictures of 32 px with pixels in [0, 1], its features at 96 px."""
    keras.utils.set_random_seed(seed)
    base = keras.applications.MobileNet((96, 96, 3), alpha=0.25, include_top=False, pooling="avg", weights=weights)
    inputs = keras.Input((96, 96, 3))
    return adapt_input(keras.Model(inputs, base(keras.layers.Rescaling(2.0, -1.0)(inputs))), (32, 32, 3))


def pretrained(rows: Rows, seed: int) -> keras.Model:
    """The CNN trained on another task; a tenth of its rows validates."""
    x, y = rows
    cut = len(x) - len(x) // 10
    model = cnn(x.shape[1:], int(y.max()) + 1, seed)
    settings = FitSettings(epochs=10, batch_size=64, patience=3, seed=seed)
    fit(model, (x[:cut], y[:cut]), (x[cut:], y[cut:]), settings, augment=flip if x.shape[-1] == 3 else None)
    return model


class Trace:
    """Processor seconds and accuracy on rows set apart, after each epoch; reading them is not counted.

    Args:
        apart: Rows that measure, and choose nothing.
    """

    def __init__(self, apart: Rows) -> None:
        self._apart, self._model, self._unread = apart, None, 0.0
        self.started = time.process_time()
        self.points: list[tuple[float, float]] = []

    def of(self, model: keras.Model) -> Callable[[int, dict[str, float]], None]:
        """What to call after each epoch of a model."""

        def note(epoch: int, logs: dict[str, float]) -> None:
            before = time.process_time()
            found = accuracy(model, self._apart)
            self.points.append((before - self.started - self._unread, found))
            self._unread += time.process_time() - before

        return note

    @property
    def seconds(self) -> float:
        """Spent so far."""
        return time.process_time() - self.started - self._unread

    def reached(self, goal: float) -> float | None:
        """Seconds until an accuracy was first reached."""
        return next((seconds for seconds, found in self.points if found >= goal), None)


def scratch(train: Rows, validation: Rows, apart: Rows, budget_s: float, seed: int) -> tuple[keras.Model, Trace, int]:
    """The CNN alone with a budget of processor seconds, how it went, and its best epoch."""
    settings = replace(STAGES[-1], epochs=3, patience=3, seed=seed)
    before = time.process_time()
    fit(cnn((32, 32, 3), 3, seed), train, validation, settings, augment=flip)
    first = time.process_time()
    fit(cnn((32, 32, 3), 3, seed), train, validation, replace(settings, epochs=6, patience=6), augment=flip)
    each = max(1e-3, (time.process_time() - first - (first - before)) / 3)  # what building the graph takes falls out
    epochs = int(min(MOST_SCRATCH_EPOCHS, max(10, budget_s / each)))
    model, trace = cnn((32, 32, 3), 3, seed), Trace(apart)
    history = fit(
        model, train, validation, replace(settings, epochs=epochs, patience=epochs), augment=flip, on_epoch=trace.of(model)
    )
    return model, trace, history.best_epoch


def heir(
    objective: str,
    ancestor: keras.Model,
    source_rows: Rows | None,
    train: Rows,
    validation: Rows,
    apart: Rows | None,
    seed: int,
) -> tuple[keras.Model, Trace]:
    """An ancestor met the data; how it went where rows are given to measure on."""
    model = new_head(ancestor, 3, seed=seed, dropout=0.1)
    stages = tuple(replace(stage, seed=seed) for stage in STAGES)
    start = Start(model=model, head_kept=False, train=train, validation=validation, stages=stages)
    trace = Trace(apart if apart is not None else validation)
    done = transfer(
        objective, start, Source(ancestor, source_rows), augment=flip, on_epoch=trace.of(model) if apart is not None else None
    )
    return done.model, trace


def sampled(rows: Rows, count: int, seed: int) -> Rows:
    """A share of the rows with as many of each class."""
    rng = np.random.default_rng(seed)
    per_class = [rng.permutation(np.flatnonzero(rows[1] == label))[: count // 3] for label in range(3)]
    chosen = rng.permutation(np.concatenate(per_class))
    return rows[0][chosen], rows[1][chosen]


def ancestors_of(data: Path, others: Rows) -> dict[str, keras.Model]:
    """The same for all seeds."""
    digits = np.load(data / "mnist.npz")
    numbers = (digits["x_train"][:8000, ..., np.newaxis] / np.float32(255), digits["y_train"][:8000].astype(np.int64))
    return {
        "imagenet": mobilenet(str(data / WEIGHTS), 0),
        "source8": pretrained(others, 0),
        "mnist": adapt_input(pretrained(numbers, 0), (32, 32, 3)),
        "random": mobilenet(None, 0),
    }


def one_seed(data: Path, ancestors: dict[str, keras.Model], others: Rows, seed: int) -> dict[str, dict[str, float]]:
    """Share -> what was measured, flat."""
    (x, y), test = scaled(data / "cifar_catdog.parquet")
    order = np.random.default_rng(seed).permutation(len(x))
    apart, known = (x[order[:APART]], y[order[:APART]]), (x[order[APART:]], y[order[APART:]])
    found: dict[str, dict[str, float]] = {}
    for share in SHARES:
        rows = sampled(known, round(share * len(known[1])), seed)
        cut = len(rows[0]) - len(rows[0]) // 5
        train, validation = (rows[0][:cut], rows[1][:cut]), (rows[0][cut:], rows[1][cut:])
        tuned, trace = heir("fine_tuning", ancestors["imagenet"], None, train, validation, apart, seed)
        spent = trace.seconds
        alone, own, best = scratch(train, validation, apart, spent, seed)
        goal_s, goal = own.points[best - 1] if best else (own.seconds, 1 / 3)
        reached = trace.reached(goal)
        line = {
            "scratch": 100 * accuracy(alone, test),
            "imagenet fine_tuning": 100 * accuracy(tuned, test),
            "fine_tuning_s": spent,
            "scratch_s": own.seconds,
            "scratch_to_best_s": goal_s,
            "compute_ratio": reached / goal_s if reached is not None else float("inf"),
        }
        wanted = objectives.names() if share < 1 else ("fine_tuning",)
        for name, ancestor in ancestors.items():
            if name == "random" and share == 1:
                continue
            source_rows = sampled_source(others, seed) if name == "source8" else None
            for objective in wanted if name in ("imagenet", "source8") else ("fine_tuning",):
                if f"{name} {objective}" in line or (objectives.get(objective).needs_rows and source_rows is None):
                    continue
                made, _ = heir(objective, ancestor, source_rows, train, validation, None, seed)
                line[f"{name} {objective}"] = 100 * accuracy(made, test)
        print(seed, share, {key: round(value, 2) for key, value in line.items()}, flush=True)
        found[f"{share:g}"] = line
    return found


def sampled_source(rows: Rows, seed: int) -> Rows:
    """At most 5,000 of the source's training rows."""
    chosen = np.random.default_rng(seed).permutation(len(rows[0]))[:5000]
    return rows[0][chosen], rows[1][chosen]


def interval(values: list[float]) -> list[float]:
    """Mean, and half the width of Student's 95 % interval."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values) if len(values) > 1 else float("nan")
    return [round(float(np.mean(values)), 3), round(float(half), 3)]


def main() -> None:
    """Measures and writes the results."""
    data, start = folder(*NEEDED), time.process_time()
    others, _ = scaled(data / "cifar_source8.parquet")
    ancestors = ancestors_of(data, others)
    found: list[dict[str, dict[str, float]]] = []
    for seed in SEEDS:
        found.append(one_seed(data, ancestors, others, seed))
        tell(found, time.process_time() - start)  # what stands so far: the next seed takes long


def tell(found: list[dict[str, dict[str, float]]], spent_s: float) -> None:
    """Writes the results of as many seeds as there are."""
    figures: dict[str, Any] = {}
    for share in found[0]:
        lines = [each[share] for each in found]
        means = {key: interval([line[key] for line in lines]) for key in lines[0]}
        gains = {key: interval([line[key] - line["scratch"] for line in lines]) for key in lines[0] if " " in key}
        figures[f"labels_{share}"] = {"accuracy_points": {k: v for k, v in means.items() if " " in k or k == "scratch"}}
        figures[f"labels_{share}"] |= {"gain_points": gains}
        figures[f"labels_{share}"] |= {k: v for k, v in means.items() if " " not in k and k != "scratch"}
    tenth = figures["labels_0.1"]
    figures["gain_points_at_10pct_labels"] = tenth["gain_points"]["imagenet fine_tuning"][0]
    figures["compute_ratio_to_scratch"] = tenth["compute_ratio"][0]
    figures["cpu_s"] = round(spent_s)
    record(
        "inheritance",
        figures,
        ("tensorflow",),
        data="CIFAR-10's cats, dogs and others; ancestors from ImageNet, eight other classes of CIFAR-10, MNIST",
        seeds=list(SEEDS[: len(found)]),
        split="1,000 training rows set apart for measuring; of the labelled rows a fifth validates; test read once a network",
    )


if __name__ == "__main__":
    main()
