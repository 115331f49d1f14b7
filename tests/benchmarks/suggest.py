"""Whether the ancestor that `bequest suggest` puts first is the one that fine-tunes best, and what asking costs.

    BEQUEST_TRIAL_DATA=FOLDER make bench NAME=suggest

The folder holds `cifar_catdog.parquet`, `cifar_source8.parquet`, `mnist.npz`, `pneumonia.npz`, `spoken_digits.parquet` and
`models/mobilenet_2_5_224_tf_no_top.h5`. On a fresh workspace for each seed, ten ancestors are brought in or trained by
`bequest run`, on rows that no target has: MobileNet of ImageNet; a small CNN on eight kinds of things, on their vehicles and
on their animals alone, and on 800 pictures of them; on handwritten digits, and on the lower five; on chest X-rays; on
spectrograms of spoken digits; and one that has learned nothing. Then for each of five targets:

- `bequest suggest` ranks all ten with the recipe's defaults.
- Each is fine-tuned with the recipe's default stages and judged on the test split, which is read once for each.

`weighted_tau` is the weighted Kendall tau (Vigna, 2015; hyperbolic weights) of a ranking with test accuracy after
fine-tuning, mean over the seeds of each target and over all; `top1_regret_points` what the first of the ranking loses to
the best, in points; `cost_ratio` processor seconds of `suggest`, everything but imports included, over those of fine-tuning
all ten. Test accuracies are the mean over the seeds, as one training's is not sure to a point.
"""

import io
import os
import sys
import wave
from pathlib import Path
from typing import Any

import _settings  # noqa: F401  (before numpy)
import numpy as np
import pandas as pd
import psutil
import yaml
from _record import record
from _shipped import by_seed
from _trial_data import folder, pictures
from PIL import Image
from scipy import stats
from scipy.signal import stft

SEEDS = (0, 1, 2)
WEIGHTS = "models/mobilenet_2_5_224_tf_no_top.h5"
NEEDED = ("cifar_catdog.parquet", "cifar_source8.parquet", "mnist.npz", "pneumonia.npz", "spoken_digits.parquet", WEIGHTS)
MODEL = {"architecture": "cnn", "filters": [32, 64, 128], "hidden": [64], "dropout": 0.2}
HIGH = ("5", "6", "7", "8", "9")
KNOWN = ("george", "jackson", "lucas")  # speakers the ancestor has heard; the target's are the other three

Rows = tuple[np.ndarray, np.ndarray]


def named(path: Path) -> tuple[Rows, Rows]:
    """Training and test rows of a set of pictures, bytes [n, h, w, 3] and the names of their classes."""
    x, table = pictures(path)
    y, known = table["label_name"].to_numpy(str), (table["split"] == "train").to_numpy()
    return (x[known], y[known]), (x[~known], y[~known])


def spectrogram(recording: bytes) -> np.ndarray:
    """The log power of a recording's lower frequencies, bytes [32, 32]: time runs to the right."""
    with wave.open(io.BytesIO(recording)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16) / np.float32(2**15)
    sound = np.pad(sound, (0, max(0, 4096 - len(sound))))
    _, _, found = stft(sound, nperseg=128, noverlap=64)
    power = np.log1p(1000 * np.abs(found[:32]) ** 2)
    scaled = Image.fromarray((255 * power / max(power.max(), 1e-6)).astype(np.uint8))
    return np.asarray(scaled.resize((32, 32), Image.Resampling.BILINEAR))


def spoken(path: Path) -> tuple[Rows, Rows]:
    """Spectrograms of the known speakers, and of the others."""
    table = pd.read_parquet(path)
    x = np.stack([spectrogram(each) for each in table["wav"]])[..., np.newaxis]
    y, known = table["digit"].to_numpy(str), table["speaker"].isin(KNOWN).to_numpy()
    return (x[known], y[known]), (x[~known], y[~known])


def parts(rows: Rows, sizes: tuple[int, int, int], seed: int, test: Rows | None = None) -> dict[str, np.ndarray]:
    """Training, validation and test rows, drawn at random; the latter from `test` where given."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(rows[1]))
    train, validation, rest = np.split(order, [sizes[0], sizes[0] + sizes[1]])
    chosen = {"train": train, "val": validation}
    found = {f"{key}_{part}": values[at] for part, at in chosen.items() for key, values in zip("xy", rows, strict=True)}
    seen = test or (rows[0][rest], rows[1][rest])
    at = rng.permutation(len(seen[1]))[: sizes[2]]
    return found | {"x_test": seen[0][at], "y_test": seen[1][at]}


def of(rows: Rows, classes: tuple[str, ...]) -> Rows:
    """Rows of some classes."""
    kept = np.isin(rows[1], classes)
    return rows[0][kept], rows[1][kept]


def data_sets(data: Path, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows of the ancestors that are trained here, and of the targets."""
    things, things_test = named(data / "cifar_source8.parquet")
    pets, pets_test = named(data / "cifar_catdog.parquet")
    numbers, xrays = np.load(data / "mnist.npz"), np.load(data / "pneumonia.npz")
    digits, digits_test = ((numbers[f"x_{p}"][..., np.newaxis], numbers[f"y_{p}"].astype(str)) for p in ("train", "test"))
    chests, chests_test = (
        (xrays[f"x_{p}"][..., np.newaxis], xrays["classes"].astype(str)[xrays[f"y_{p}"]]) for p in ("train", "test")
    )
    heard, unheard = spoken(data / "spoken_digits.parquet")

    def first(rows: Rows, count: int) -> Rows:
        return rows[0][:count], rows[1][:count]

    def after(rows: Rows, count: int) -> Rows:
        return rows[0][count:], rows[1][count:]

    seen = first(things, 14000)
    sources = {
        "things": parts(seen, (12000, 1000, 1000), seed),
        "vehicles": parts(of(seen, ("airplane", "automobile", "ship", "truck")), (5500, 500, 500), seed),
        "animals": parts(of(seen, ("bird", "deer", "frog", "horse")), (5500, 500, 500), seed),
        "few-things": parts(seen, (800, 200, 500), seed),
        "numbers": parts(first(digits, 8000), (6000, 1000, 1000), seed),
        "low-numbers": parts(of(first(digits, 8000), ("0", "1", "2", "3", "4")), (3000, 400, 400), seed),
        "chests": parts(first(chests, 2600), (2000, 300, 300), seed),
        "voices": parts(heard, (1100, 200, 200), seed),
    }
    targets = {
        "pets": parts(pets, (1000, 300, 2000), seed, pets_test),
        "more-things": parts(after(things, 14000), (1000, 300, 2000), seed, things_test),
        "high-numbers": parts(of(after(digits, 8000), HIGH), (300, 100, 2000), seed, of(digits_test, HIGH)),
        "more-chests": parts(after(chests, 2600), (800, 300, 624), seed, chests_test),
        "more-voices": parts(unheard, (500, 200, 800), seed),
    }
    return sources, targets


def recipe(place: Path, name: str, rows: dict[str, np.ndarray], seed: int, **more: Any) -> Path:
    """A recipe with its rows beside it."""
    np.savez(place / f"{name}.npz", **rows)  # type: ignore[arg-type]
    stated = {
        "name": name,
        "seed": seed,
        "data": {"source": f"{name}.npz", "image": {"size": [32, 32]}},
        "preprocess": {"split": {"strategy": "predefined"}},
        "model": MODEL,
        **more,
    }
    path = place / f"{name}.yaml"
    path.write_text(yaml.safe_dump(stated))
    return path


def bring_in_both(place: Path, data: Path, seed: int) -> None:
    """The two ancestors that are not trained here: ImageNet's MobileNet, and a network that has learned nothing."""
    from tasks.bring_in import bring_in
    from tasks.importing.request import Request
    from tasks.methods.networks.architectures import build

    feeding = place / "feeding.yaml"
    feeding.write_text("mode: tf\n")
    bring_in(
        Request(
            data / WEIGHTS,
            "imagenet",
            architecture="MobileNet",
            settings={"alpha": 0.25, "include_top": False, "pooling": "avg"},
            input_shape=(96, 96, 3),
            preprocessing=feeding,
        )
    )
    build("cnn", (32, 32, 3), 10, hidden=[64], filters=[32, 64, 128], dropout=0.2, seed=seed).save(place / "nothing.h5")
    bring_in(Request(place / "nothing.h5", "nothing"))


def train_others(place: Path, sources: dict[str, Any], seed: int) -> None:
    """The ancestors that are trained here."""
    from flows.inherit import inherit

    learning = {
        "inherit": [],
        "transfer": {"stages": [{"unfreeze": "all", "epochs": 12, "learning_rate": 1e-3}]},
        "train": {"epochs": 3, "search": {"trials": 0}},
        "compress": {"quantize": {"mode": "float16"}},
    }
    for name, rows in sources.items():
        outcome = inherit(str(recipe(place, name, rows, seed, **learning)))
        print(f"seed {seed}: {outcome.version}", file=sys.stderr, flush=True)


def cpu_s() -> float:
    """Processor seconds of this process and of those it has started."""
    own = psutil.Process()
    times = [each.cpu_times() for each in (own, *own.children(recursive=True))]
    ended = own.cpu_times()
    return float(sum(each.user + each.system for each in times) + ended.children_user + ended.children_system)


def tuned(path: Path, label: str, rows: Any) -> tuple[float, float]:
    """Test accuracy of one ancestor after fine-tuning with the recipe's stages, and the processor seconds it took."""
    from model_registry import versions
    from tasks.adapt import adapted
    from tasks.derive import KERAS_FILE, opened
    from tasks.learning import augmenter
    from tasks.methods.networks import store, surgery
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.networks.predict import predict
    from tasks.methods.transfer.objectives import Source, Start
    from tasks.methods.transfer.run import transfer
    from tasks.recipe.schema import Recipe
    from tasks.stage import Job

    stated = Recipe.model_validate(yaml.safe_load(path.read_text()))
    job = Job(recipe=stated, recipe_sha256="", run_id="", experiment_id="", trigger={})
    name, number = label.split("/")
    start = cpu_s()
    version, files, solution = opened(versions.get(name, int(number)).ref)
    network = adapted(job, version, store.load(files / KERAS_FILE), solution, rows)
    heir = surgery.new_head(network, len(rows.card.classes), seed=stated.seed, dropout=stated.model.dropout)
    config = stated.transfer
    stages = tuple(
        FitSettings(
            epochs=stage.epochs,
            batch_size=config.batch_size,
            learning_rate=stage.learning_rate,
            patience=config.patience,
            trainable=stage.unfreeze,
            seed=stated.seed,
        )
        for stage in config.stages
    )
    train, validation, test = ((split.x, split.y) for split in map(rows.split, ("train", "validation", "test")))
    begun = Start(model=heir, head_kept=False, train=train, validation=validation, stages=stages)
    made = transfer("fine_tuning", begun, Source(network, None), augment=augmenter(job, rows)).model
    spent = cpu_s() - start
    return float((predict(made, test[0]).argmax(axis=1) == test[1]).mean()), spent


def one_seed(seed: int) -> dict[str, Any]:
    """Target -> what suggest said and cost, and how each ancestor did."""
    from flows.session import prepare_process

    prepare_process()
    from flows.suggest import suggest
    from tasks.data.dataset import CARD, DataSet
    from tasks.methods.backend import keras  # noqa: F401  the import is no part of what a ranking costs

    data, place = folder(*NEEDED), Path(os.environ["BEQUEST_HOME"]).parent
    sources, targets = data_sets(data, seed)
    bring_in_both(place, data, seed)
    train_others(place, sources, seed)
    found: dict[str, Any] = {}
    for name, rows in targets.items():
        path = recipe(place, name, rows, seed, inherit="auto")
        start = cpu_s()
        ranking, _ = suggest(str(path))
        asked_s = cpu_s() - start
        cards = Path(os.environ["BEQUEST_HOME"]).rglob(CARD)
        whole = DataSet.at(max(cards, key=lambda card: card.stat().st_mtime_ns).parent)  # what suggest has prepared
        assert Path(whole.card.source).stem == name, whole.card.source
        fates = {entry.version.split("/")[0]: tuned(path, entry.version, whole) for entry in ranking.entries}
        found[name] = {
            "order": [entry.version.split("/")[0] for entry in ranking.entries],
            "scores": {entry.version.split("/")[0]: entry.scores for entry in ranking.entries},
            "chosen": [ref.name for ref in ranking.chosen],
            "asked_s": asked_s,
            "tuned_s": sum(spent for _, spent in fates.values()),
            "accuracy": {label: accuracy for label, (accuracy, _) in fates.items()},
        }
        print(f"seed {seed}: {name} {found[name]}", file=sys.stderr, flush=True)
    return found


def tau(order: list[str], accuracy: dict[str, float]) -> float:
    """Weighted Kendall tau of an order, best first, with accuracies."""
    return float(stats.weightedtau([-place for place in range(len(order))], [accuracy[name] for name in order]).statistic)


def main() -> None:
    """Measures and writes the results."""
    folder(*NEEDED)
    by_seed(str(Path(__file__)), SEEDS, one_seed, tell)


def tell(found: list[dict[str, Any]]) -> None:
    """Writes the results of as many seeds as there are."""
    targets: dict[str, Any] = {}
    for name in found[0]:
        runs = [each[name] for each in found]
        fate = {label: float(np.mean([run["accuracy"][label] for run in runs])) for label in runs[0]["accuracy"]}
        targets[name] = {
            "weighted_tau_by_seed": [round(tau(run["order"], fate), 3) for run in runs],
            "top1_regret_points_by_seed": [round(100 * (max(fate.values()) - fate[run["order"][0]]), 2) for run in runs],
            "cost_ratio_by_seed": [round(run["asked_s"] / run["tuned_s"], 4) for run in runs],
            "suggest_cpu_s": round(float(np.mean([run["asked_s"] for run in runs])), 1),
            "fine_tuning_cpu_s": round(float(np.mean([run["tuned_s"] for run in runs])), 1),
            "accuracy_points": {label: round(100 * value, 2) for label, value in sorted(fate.items(), key=lambda x: -x[1])},
            "orders": [run["order"] for run in runs],
            "chosen": [run["chosen"] for run in runs],
        }
    figures: dict[str, Any] = {
        mean: round(float(np.mean([each[f"{mean}_by_seed"] for each in targets.values()])), digits)
        for mean, digits in (("weighted_tau", 3), ("top1_regret_points", 2), ("cost_ratio", 4))
    }
    figures["largest_top1_regret_points"] = max(max(each["top1_regret_points_by_seed"]) for each in targets.values())
    record(
        "suggest",
        figures | {"targets": targets},
        ("tensorflow",),
        data="CIFAR-10, MNIST, PneumoniaMNIST, spoken digits as spectrograms; MobileNet v1 0.25 of ImageNet",
        seeds=list(SEEDS[: len(found)]),
        split="ancestors and targets share no rows; training and validation rows choose; test read once a network",
    )


if __name__ == "__main__":
    main()
