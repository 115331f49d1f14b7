"""What inheriting gives on cats, dogs and others, with few labels and with many.

    BEQUEST_TRIAL_DATA=FOLDER make bench NAME=inheritance

The folder holds `cifar_catdog.parquet`, `cifar_source8.parquet`, `mnist.npz` and `models/mobilenet_2_5_224_tf_no_top.h5`.

Ancestors: MobileNet v1 0.25 with ImageNet's weights, which sees the pictures at 96 px; a small CNN trained on eight other
classes (`source8`); the same CNN trained on handwritten digits, a bad ancestor (`mnist`); MobileNet with random weights
(`random`). They are made once; which labels there are, new heads and the order of rows differ by seed. Each meets 1 %, 10 %
and 100 % of the labels, of which a fifth validates: stages are the recipe's (the new head, then all layers), early stopping
and the best epoch are validation's. Where all labels are there, which takes long, objectives are fine-tuning and LP-FT
alone, and `random` is left out.

- `accuracy_points`: test accuracy by objective and ancestor; the test split is read once for each network.
- From scratch: the CNN alone, at the recipe's learning rate. It has as many epochs as take the processor seconds that
  fine-tuning MobileNet took, and at least 10; its best epoch by validation counts.
- `gain_points`: over the network from scratch with the same labels and seed, at equal compute.
- `chosen_on_validation`: the objective of MobileNet's heirs with the lowest mean validation log loss at 10 % of the labels,
  which `gain_points_at_10pct_labels` and `compute_ratio_to_scratch` are of.
- `compute_ratio`: processor seconds until an heir of MobileNet first reaches the accuracy that the network from scratch ends
  with, over those that the latter took to its best epoch; of an objective without epochs, all it took. Both are read on 1,000
  training rows that neither trains on, which measure and choose nothing; reading them is not counted.

Intervals are Student's over the seeds. TensorFlow runs with oneDNN's kernels, its default, which the product turns off.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # before tasks, which turns it off

import _settings  # noqa: F401  (before numpy)
import numpy as np
from _record import record
from _trial_data import folder, pictures
from scipy import stats

from tasks.methods.backend import keras
from tasks.methods.metrics.log_loss import log_loss
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.predict import predict
from tasks.methods.networks.surgery import adapt_input, new_head
from tasks.methods.transfer.objectives import Source, Start, Unsuited, objectives
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
TRACED = 0.1  # share of the labels from which on it is measured how soon heirs get where the network from scratch ends
VALIDATION, SECONDS, COMPUTE = " | validation", " | s", " | compute"

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
) -> tuple[keras.Model, Trace, float]:
    """An ancestor met the data, how it went where rows are given to measure on, and the processor seconds it took."""
    model = new_head(ancestor, 3, seed=seed, dropout=0.1)
    stages = tuple(replace(stage, seed=seed) for stage in STAGES)
    start = Start(model=model, head_kept=False, train=train, validation=validation, stages=stages)
    trace = Trace(apart if apart is not None else validation)
    done = transfer(
        objective, start, Source(ancestor, source_rows), augment=flip, on_epoch=trace.of(model) if apart is not None else None
    )
    return done.model, trace, trace.seconds


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


def one_draw(data: Path, ancestors: dict[str, keras.Model], others: Rows, share: float, seed: int) -> dict[str, float]:
    """What was measured with a share of the labels: `ANCESTOR OBJECTIVE` -> test points, and with a suffix what else."""
    (x, y), test = scaled(data / "cifar_catdog.parquet")
    order = np.random.default_rng(seed).permutation(len(x))
    apart, known = (x[order[:APART]], y[order[:APART]]), (x[order[APART:]], y[order[APART:]])
    rows = sampled(known, round(share * len(known[1])), seed)
    cut = len(rows[0]) - len(rows[0]) // 5
    train, validation = (rows[0][:cut], rows[1][:cut]), (rows[0][cut:], rows[1][cut:])
    line: dict[str, float] = {}
    traces: dict[str, Trace] = {}
    reach: dict[str, float] = {}  # accuracy on the rows set apart, where it is measured how soon heirs get there
    wanted = objectives.names() if share < 1 else ["fine_tuning", "lp_ft"]
    for name, ancestor in ancestors.items():
        if name == "random" and share == 1:
            continue
        source_rows = sampled_source(others, seed) if name == "source8" else None
        for objective in wanted if name in ("imagenet", "source8") else ["fine_tuning"]:
            if objectives.get(objective).needs_rows and source_rows is None:
                continue
            key = f"{name} {objective}"
            traced = name == "imagenet" and share >= TRACED and objective != "adapters"  # which trains another network
            try:
                made, traces[key], line[f"{key}{SECONDS}"] = heir(
                    objective, ancestor, source_rows, train, validation, apart if traced else None, seed
                )
            except Unsuited:  # Fisher information is that of a classifier, and MobileNet comes without its head
                continue
            line[key] = 100 * accuracy(made, test)
            if traced:
                reach[key] = accuracy(made, apart)
            line[f"{key}{VALIDATION}"] = log_loss(predict(made, validation[0]), validation[1])
    budget = line[f"imagenet fine_tuning{SECONDS}"]
    alone, own, best = scratch(train, validation, apart, budget, seed)
    goal_s, goal = own.points[best - 1] if best else (own.seconds, 1 / 3)
    line |= {"scratch": 100 * accuracy(alone, test), "scratch_s": own.seconds, "scratch_to_best_s": goal_s}
    for key, trace in traces.items():
        if key in reach:
            at = trace.reached(goal) if trace.points else (line[f"{key}{SECONDS}"] if reach[key] >= goal else None)
            line[f"{key}{COMPUTE}"] = at / goal_s if at is not None else float("inf")
    print(share, seed, {key: round(value, 2) for key, value in line.items()}, flush=True)
    return line


def sampled_source(rows: Rows, seed: int) -> Rows:
    """At most 5,000 of the source's training rows."""
    chosen = np.random.default_rng(seed).permutation(len(rows[0]))[:5000]
    return rows[0][chosen], rows[1][chosen]


def interval(values: list[float]) -> list[float | None]:
    """Mean, and half the width of Student's 95 % interval; null of a single value."""
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)) if len(values) > 1 else None
    return [round(float(np.mean(values)), 3), None if half is None else round(half, 3)]


def main() -> None:
    """Measures and writes the results."""
    data, start = folder(*NEEDED), time.process_time()
    others, _ = scaled(data / "cifar_source8.parquet")
    ancestors = ancestors_of(data, others)
    found: dict[str, list[dict[str, float]]] = {}
    for share in SHARES:
        for seed in SEEDS:
            found.setdefault(f"{share:g}", []).append(one_draw(data, ancestors, others, share, seed))
            tell(found, time.process_time() - start)  # what stands so far: all labels take long


def tell(found: dict[str, list[dict[str, float]]], spent_s: float) -> None:
    """Writes the results of as many seeds as there are."""
    figures: dict[str, Any] = {}
    for share, lines in found.items():
        means = {key: interval([line[key] for line in lines]) for key in lines[0]}
        heirs = [key for key in means if " " in key and "|" not in key]
        figures[f"labels_{share}"] = {
            "seeds": len(lines),
            "accuracy_points": {key: means[key] for key in ["scratch", *heirs]},
            "gain_points": {key: interval([line[key] - line["scratch"] for line in lines]) for key in heirs},
            **{
                title: {key: means[f"{key}{suffix}"] for key in heirs if f"{key}{suffix}" in means}
                for title, suffix in (("validation_log_loss", VALIDATION), ("cpu_s", SECONDS), ("compute_ratio", COMPUTE))
            },
            "scratch_s": means["scratch_s"],
            "scratch_to_best_s": means["scratch_to_best_s"],
        }
    if "0.1" in found:
        tenth = figures["labels_0.1"]
        own = {key: loss for key, (loss, _) in tenth["validation_log_loss"].items() if key.startswith("imagenet")}
        chosen = min(own, key=own.__getitem__)
        figures["chosen_on_validation"] = chosen
        figures["gain_points_at_10pct_labels"] = tenth["gain_points"][chosen][0]
        figures["compute_ratio_to_scratch"] = tenth["compute_ratio"][chosen][0]
    figures["cpu_s"] = round(spent_s)
    record(
        "inheritance",
        figures,
        ("tensorflow",),
        data="CIFAR-10's cats, dogs and others; ancestors from ImageNet, eight other classes of CIFAR-10, MNIST",
        seeds=list(SEEDS),
        split="1,000 training rows set apart for measuring; of the labelled rows a fifth validates; test read once a network",
    )


if __name__ == "__main__":
    main()
