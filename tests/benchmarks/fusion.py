"""What fusing the heirs of a family gives, beside scikit-learn's stacking, the best member, and one member's cost.

    BEQUEST_TRIAL_DATA=FOLDER make bench NAME=fusion

The folder holds `adult.csv`, `cifar_catdog.parquet`, `cifar_source8.parquet` and `models/mobilenet_2_5_224_tf_no_top.h5`.
Three families, each of eight fine-tunes of one ancestor that differ in seed and learning rate, under one initial head:

- `digits`: scikit-learn's; the ancestor knows five of the classes, from other rows.
- `adult`: 2,000 rows of the table; the ancestor is trained on 8,000 others.
- `pets`: 1,500 pictures of cats, dogs and others; the ancestor is a small CNN of eight other classes. Here strangers join
  for the ensembles: a CNN and an MLP from scratch, and a new head on MobileNet 0.25 with ImageNet's weights, at 96 px.

All is fitted, chosen and stopped on the validation split; the test split is read once for each network.

- `stacking_log_loss_ratio`, `greedy_selection_log_loss_ratio`: test log loss of ours over that of scikit-learn's
  `StackingClassifier(cv="prefit")` with its default, logistic regression, on the same members' predictions; the geometric
  mean over families and seeds. Below 1: ours loses less.
- `soup_minus_best_points`: test accuracy of the greedy soup of the eight less that of the one with the lowest validation log
  loss, in points, mean over families and seeds; `mergers` has every other merger likewise.
- `distilled_gain_kept`: of the test log loss that the ensemble (the one with the lowest loss out of fold) gains over the best
  member, the share that its student keeps: sums over families and seeds, as single gains may be near 0. The student is the
  best member, trained on; `distilled_latency_ratio` is its latency over that member's. Where more training without a teacher
  does as well on validation, nothing is distilled and nothing is kept.
- `chosen`: what `fuse: auto` takes.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # before tasks, which turns it off

import _settings  # noqa: F401  (before numpy)
import numpy as np
import pandas as pd
from _record import record
from _trial_data import folder, pictures
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import StackingClassifier

from tasks.methods.backend import keras
from tasks.methods.fusion.choice import Limits
from tasks.methods.fusion.contest import contest
from tasks.methods.fusion.making.base import Branch, Lessons, Made, Members, NoFusion
from tasks.methods.fusion.making.distilling import shrunk
from tasks.methods.fusion.making.run import make
from tasks.methods.fusion.merging.mergers import mergers
from tasks.methods.fusion.ways import AUTO
from tasks.methods.litert import minima_ms
from tasks.methods.metrics.log_loss import log_loss
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.predict import predict
from tasks.methods.networks.surgery import adapt_input, new_head
from tasks.methods.quantization.convert import convert

SEEDS = (0, 1, 2)
RATES = (1e-3, 2e-3, 3e-3, 5e-3)
FAMILY = 8
HOW = FitSettings(epochs=25, batch_size=32, patience=4)
WEIGHTS = "models/mobilenet_2_5_224_tf_no_top.h5"
NEEDED = ("adult.csv", "cifar_catdog.parquet", "cifar_source8.parquet", WEIGHTS)

Rows = tuple[np.ndarray, np.ndarray]
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Set = tuple[Rows, Rows, Rows, Augment | None]


def flip(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every second picture mirrored."""
    return np.where(rng.random((len(x), 1, 1, 1)) < 0.5, x[:, :, ::-1], x)


def cut(rows: Rows, *sizes: int) -> list[Rows]:
    """The first rows, the next, and so on."""
    ends = np.cumsum([0, *sizes])
    return [(rows[0][low:high], rows[1][low:high]) for low, high in pairwise(ends)]


def shuffled(rows: Rows, seed: int) -> Rows:
    """Rows in another order."""
    order = np.random.default_rng(seed).permutation(len(rows[1]))
    return rows[0][order], rows[1][order]


def learned(model: keras.Model, rows: Rows, seed: int, augment: Augment | None = None) -> keras.Model:
    """An ancestor; a tenth of its rows validates."""
    train, validation = cut(rows, len(rows[1]) - len(rows[1]) // 10, len(rows[1]) // 10)
    fit(model, train, validation, FitSettings(epochs=12, batch_size=64, patience=3, seed=seed), augment=augment)
    return model


def digits(seed: int) -> tuple[Set, keras.Model]:
    """Rows and ancestor."""
    table = load_digits()
    rows = shuffled(((table.data / 16).astype(np.float32), table.target.astype(np.int64)), seed)
    own, train, validation, test = cut(rows, 600, 400, 300, 497)
    low = own[1] < 5
    ancestor = learned(build("mlp", (64,), 5, [64, 32], [], 0.1, seed=seed), (own[0][low], own[1][low]), seed)
    return (train, validation, test, None), ancestor


def adult(data: Path, seed: int) -> tuple[Set, keras.Model]:
    """Rows and ancestor."""
    table = pd.read_csv(data / "adult.csv")
    y, known = (table["income"] == ">50K").to_numpy(np.int64), (table["split"] == "train").to_numpy()
    plain = pd.get_dummies(table.drop(columns=["income", "split"]), dummy_na=True).to_numpy(np.float32)
    rows = shuffled((plain[known], y[known]), seed)
    own, train, validation = cut(rows, 8000, 2000, 1000)
    mean, spread = train[0].mean(axis=0), train[0].std(axis=0) + 1e-3

    def scaled(x: np.ndarray) -> np.ndarray:
        return np.clip((x - mean) / spread, -5, 5)

    own, train, validation, test = ((scaled(x), y) for x, y in (own, train, validation, (plain[~known], y[~known])))
    ancestor = learned(build("mlp", own[0].shape[1:], 2, [64, 32], [], 0.1, seed=seed), own, seed)
    return (train, validation, test, None), ancestor


def scaled_pictures(path: Path) -> tuple[Rows, Rows]:
    """Training and test rows, pixels in [0, 1]."""
    x, table = pictures(path)
    x, y, known = x / np.float32(255), table["label"].to_numpy(np.int64), (table["split"] == "train").to_numpy()
    return (x[known], y[known]), (x[~known], y[~known])


def pets(data: Path, seed: int) -> Set:
    """Rows."""
    rows, test = scaled_pictures(data / "cifar_catdog.parquet")
    train, validation = cut(shuffled(rows, seed), 1500, 600)
    return train, validation, test, flip


def strangers(data: Path, rows: Set, seed: int) -> list[keras.Model]:
    """Networks that share nothing with the family."""
    train, validation, _, augment = rows
    keras.utils.set_random_seed(seed)
    base = keras.applications.MobileNet((96, 96, 3), alpha=0.25, include_top=False, pooling="avg", weights=str(data / WEIGHTS))
    inputs = keras.Input((96, 96, 3))
    seeing = adapt_input(keras.Model(inputs, base(keras.layers.Rescaling(2.0, -1.0)(inputs))), (32, 32, 3))
    found = [
        (build("cnn", (32, 32, 3), 3, [64], [32, 64, 128], 0.2, seed=seed + 10), HOW),
        (build("mlp", (32, 32, 3), 3, [64, 32], [], 0.2, seed=seed + 20), HOW),
        (new_head(seeing, 3, seed=seed, dropout=0.1), replace(HOW, epochs=8, learning_rate=3e-3, trainable="head")),
    ]
    for model, how in found:
        fit(model, train, validation, replace(how, seed=seed), augment=augment)
    return [model for model, _ in found]


def fine_tunes(ancestor: keras.Model, rows: Set, seed: int) -> tuple[list[keras.Model], keras.Model]:
    """Heirs of one network under one head, and that network."""
    train, validation, _, augment = rows
    classes = int(max(train[1].max(), validation[1].max())) + 1
    heirs = []
    for number in range(FAMILY):
        heir = new_head(ancestor, classes, seed=seed, dropout=0.1)
        rate = RATES[number % len(RATES)]
        fit(heir, train, validation, replace(HOW, learning_rate=rate, seed=100 * seed + number), augment=augment)
        heirs.append(heir)
    return heirs, new_head(ancestor, classes, seed=seed, dropout=0.1)


class OneMember(ClassifierMixin, BaseEstimator):
    """A fitted classifier for `StackingClassifier`: one member's columns of predictions that stand side by side."""

    def __init__(self, low: int = 0, high: int = 0) -> None:
        self.low, self.high = low, high
        self.classes_ = np.arange(high - low)

    def fit(self, x: np.ndarray, y: np.ndarray) -> "OneMember":
        """Is fitted."""
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Its columns."""
        return x[:, self.low : self.high]


def peer(on_validation: np.ndarray, y: np.ndarray, on_test: np.ndarray) -> np.ndarray:
    """What scikit-learn's stacking says of the test rows; predictions [m, n, k]."""
    m, _, k = on_validation.shape
    members = [(str(number), OneMember(number * k, (number + 1) * k)) for number in range(m)]
    stack = StackingClassifier(members, cv="prefit")
    stack.fit(np.concatenate(on_validation, axis=1), y)
    found: np.ndarray = stack.predict_proba(np.concatenate(on_test, axis=1))
    return found


def one_family(name: str, rows: Set, models: list[keras.Model], origin: keras.Model, seed: int) -> dict[str, Any]:
    """All figures of one family."""
    train, validation, test, augment = rows
    said = np.stack([predict(model, validation[0]) for model in models])
    branch = Branch("ancestor", tuple(range(FAMILY)), origin)
    members = Members([f"member {number}" for number in range(len(models))], models, said, (branch,))
    lessons = Lessons(train, validation, replace(HOW, epochs=40, patience=8, learning_rate=1e-3, seed=seed), augment)
    read = {number: predict(model, test[0]) for number, model in enumerate(models)}

    def right(probabilities: np.ndarray) -> float:
        return 100 * float((probabilities.argmax(axis=1) == test[1]).mean())

    best = members.best(lessons.y)
    best_of_family = int(members.losses(lessons.y)[:FAMILY].mean(axis=1).argmin())
    theirs = log_loss(peer(said, lessons.y, np.stack(list(read.values()))), test[1])
    asked = [*dict.fromkeys([*AUTO, "mean", "log_pool", *(each for each in mergers if each != "aligned_average")])]
    made, notes = make(asked, members, lessons)
    on_test = {each.name: predict(each.model, test[0]) for each in made}
    losses = {each: log_loss(probabilities, test[1]) for each, probabilities in on_test.items()}
    ensembles = [each for each in made if each.name not in mergers.names()]
    teacher = min(ensembles, key=lambda each: float(each.losses.mean()))
    student = taught(teacher, members, lessons)
    auto = [each for each in made if each.name in AUTO]
    outcome = contest(members, auto, lessons, Limits(), 0.0)
    own = read[best]
    found: dict[str, Any] = {
        "best_member": {"log_loss": log_loss(own, test[1]), "accuracy": right(own)},
        "ways": {each: {"log_loss": losses[each], "accuracy": right(on_test[each])} for each in on_test},
        "not_made": notes,
        "peer_stacking_log_loss": theirs,
        "stacking_ratio": losses["stacking"] / theirs if "stacking" in losses else None,
        "greedy_selection_ratio": losses["greedy_selection"] / theirs if "greedy_selection" in losses else None,
        "points_over_best_heir": {
            each: right(on_test[each]) - right(read[best_of_family]) for each in on_test if each in mergers.names()
        },
        "chosen": outcome.choice.name,
        "teacher": teacher.name,
        "ensemble_gain": log_loss(own, test[1]) - losses[teacher.name],
        "student_gain": 0.0,
        "latency_ratio": 1.0,
    }
    if student is not None:
        after = predict(student.model, test[0])
        found["student"] = {"log_loss": log_loss(after, test[1]), "accuracy": right(after)}
        found["student_gain"] = log_loss(own, test[1]) - log_loss(after, test[1])
        one, other = minima_ms([convert(models[best], "float32"), convert(student.model, "float32")], test[0][:1], 1000)
        found["latency_ratio"] = other / one
    told = {key: found[key] for key in found if key not in ("ways", "not_made", "points_over_best_heir")}
    print(name, seed, told, found["points_over_best_heir"], notes, file=sys.stderr, flush=True)
    return found


def taught(teacher: Made, members: Members, lessons: Lessons) -> Made | None:
    """The student; None where more training alone does as well."""
    try:
        return shrunk(teacher, members, lessons)
    except NoFusion as error:
        print(error, file=sys.stderr, flush=True)
        return None


def one_seed(data: Path, things: keras.Model, seed: int) -> dict[str, Any]:
    """All families of one seed."""
    found = {}
    for name, (rows, ancestor) in (
        ("digits", digits(seed)),
        ("adult", adult(data, seed)),
        ("pets", (pets(data, seed), things)),
    ):
        heirs, origin = fine_tunes(ancestor, rows, seed)
        others = strangers(data, rows, seed) if name == "pets" else []
        found[name] = one_family(name, rows, [*heirs, *others], origin, seed)
    return found


def tell(found: list[dict[str, Any]]) -> None:
    """Writes the results of as many seeds as there are."""
    flat = [family for each in found for family in each.values()]

    def ratio(key: str, families: list[dict[str, Any]]) -> float:
        return round(float(np.exp(np.mean([np.log(each[key]) for each in families if each[key] is not None]))), 4)

    def points(name: str) -> list[float]:
        return [each["points_over_best_heir"].get(name, 0.0) for each in flat]  # the best heir alone where nothing is merged

    def kept(families: list[dict[str, Any]]) -> float:
        return round(sum(each["student_gain"] for each in families) / sum(each["ensemble_gain"] for each in families), 3)

    record(
        "fusion",
        {
            "stacking_log_loss_ratio": ratio("stacking_ratio", flat),
            "greedy_selection_log_loss_ratio": ratio("greedy_selection_ratio", flat),
            "soup_minus_best_points": round(float(np.mean(points("greedy_soup"))), 3),
            "soup_minus_best_points_each": [round(each, 2) for each in points("greedy_soup")],
            "mergers": {each: round(float(np.mean(points(each))), 3) for each in mergers if each != "aligned_average"},
            "distilled_gain_kept": kept(flat),
            "distilled_latency_ratio": round(float(np.mean([each["latency_ratio"] for each in flat])), 3),
            "families": {
                name: {
                    "stacking_log_loss_ratio": ratio("stacking_ratio", [each[name] for each in found]),
                    "greedy_selection_log_loss_ratio": ratio("greedy_selection_ratio", [each[name] for each in found]),
                    "distilled_gain_kept": round(
                        sum(each[name]["student_gain"] for each in found) / sum(each[name]["ensemble_gain"] for each in found),
                        3,
                    ),
                    "by_seed": [each[name] for each in found],
                }
                for name in found[0]
            },
        },
        ("tensorflow", "scikit-learn", "ai-edge-litert"),
        data="scikit-learn's digits; Adult; CIFAR-10's cats, dogs and others",
        seeds=list(SEEDS[: len(found)]),
        split="all is fitted and chosen on validation; test read once a network",
    )


def main() -> None:
    """Measures and writes the results."""
    data = folder(*NEEDED)
    others, _ = scaled_pictures(data / "cifar_source8.parquet")
    things = learned(build("cnn", (32, 32, 3), 8, [64], [32, 64, 128], 0.2, seed=0), shuffled(others, 0), 0, flip)
    found: list[dict[str, Any]] = []
    for seed in SEEDS:
        found.append(one_seed(data, things, seed))
        tell(found)


if __name__ == "__main__":
    main()
