"""What channel pruning gives: LiteRT latency of networks rebuilt smaller, and what accuracy that costs.

    BEQUEST_TRIAL_DATA=FOLDER make bench NAME=channel_pruning

The folder holds `mnist.npz`, `cifar_catdog.parquet` and `models/mobilenet_2_5_224_tf_no_top.h5` (MobileNet v1, alpha 0.25,
ImageNet, without its top). Latencies are one row's on one thread, float32; the original and the rebuilt network take turns,
and the minimum of each counts. Trained weights are those of the epoch with the lowest loss on validation rows, which are
taken from the training rows; the test rows are read once for each network reported. Pictures are mirrored and shifted in
training, before and after pruning alike.

- LeNet-5 (Caffe's: 20 and 50 filters of 5x5, 500 units), three seeds: trained, then 50 % or 75 % of the channels of each
  layer taken away by the norm of their filters, and trained on.
- MobileNet on pictures of 32 px, made 96 px wide within the network that is trained and served: a new head, then all layers;
  then pruned in two rounds by Taylor scores, each followed by BatchNormalization statistics measured anew and by training on
  the labels and the word of three unpruned networks, alike but for their seeds: the first is the one that is pruned and
  compared. `mobilenet_speedup` is that of the network from 96 px on, `mobilenet_served_speedup` that of the whole, resizing
  included; `mobilenet_drop_points` is test accuracy lost, in points of a hundred. One seed.

Training uses oneDNN's kernels, TensorFlow's default, which the product turns off: weights, and so accuracies, may differ a
little from run to run.
"""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # before tasks, which turns it off

import _settings  # noqa: F401  (before numpy)
import numpy as np
from _record import record
from _trial_data import folder, pictures

from tasks.methods.backend import keras
from tasks.methods.distillation.distil import DistilSettings, distil
from tasks.methods.distillation.teachers import Teachers
from tasks.methods.litert import minima_ms
from tasks.methods.networks.batch_statistics import recalibrate
from tasks.methods.networks.fit import FitSettings, fit, predict
from tasks.methods.networks.surgery import adapt_input, new_head
from tasks.methods.pruning.channel_taylor import taylor
from tasks.methods.pruning.channels import prune_channels
from tasks.methods.quantization.convert import convert

SEEDS = (0, 1, 2)
LENET = FitSettings(epochs=3, batch_size=128, learning_rate=2e-3, schedule="cosine")
HEAD = FitSettings(epochs=1, batch_size=128, learning_rate=3e-3, trainable="head")
WHOLE = FitSettings(epochs=10, batch_size=64, learning_rate=1e-3, schedule="cosine", patience=10)
KEPT = {  # channels: most layers lose a half or more; the two that feed many others by few channels lose none
    **{"conv_pw_1": 8, "conv_pw_2": 16, "conv_pw_4": 32, "conv_pw_5": 32},
    **{f"conv_pw_{number}": 48 for number in range(6, 12)},
    "conv_pw_12": 96,
    "conv_pw_13": 128,
}
ROUNDS = 2
TEACHERS = 3
BETWEEN = FitSettings(epochs=5, batch_size=64, learning_rate=3e-3, schedule="cosine", patience=5)
AFTER = FitSettings(epochs=80, batch_size=64, learning_rate=3e-3, schedule="cosine", patience=80)
WORD = DistilSettings(temperature=2.0, alpha=0.5)
WEIGHTS = "models/mobilenet_2_5_224_tf_no_top.h5"
TURNS = 5000
SHIFT = 3

Rows = tuple[np.ndarray, np.ndarray]
Split = tuple[Rows, Rows, Rows]


def mnist(path: Path) -> Split:
    """Training rows but the last 5,000, which validate, and the test rows; pixels in [0, 1]."""
    data = np.load(path)
    x, seen = ((data[name] / np.float32(255))[..., np.newaxis] for name in ("x_train", "x_test"))
    y = data["y_train"].astype(np.int64)
    return (x[:-5000], y[:-5000]), (x[-5000:], y[-5000:]), (seen, data["y_test"].astype(np.int64))


def cats_and_dogs(path: Path) -> Split:
    """Training rows but the last 2,000, which validate, and the test rows; pixels as MobileNet takes them, in [-1, 1]."""
    x, table = pictures(path)
    x, y = x / np.float32(127.5) - 1, table["label"].to_numpy(np.int64)
    known = (table["split"] == "train").to_numpy()
    return (x[known][:-2000], y[known][:-2000]), (x[known][-2000:], y[known][-2000:]), (x[~known], y[~known])


def lenet_5(seed: int) -> keras.Model:
    """Caffe's LeNet-5, its weights determined by the seed."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv2D(20, 5, input_shape=(28, 28, 1)),
            layers.MaxPooling2D(),
            layers.Conv2D(50, 5),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(500, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def float32(*models: keras.Model) -> list[bytes]:
    """Their flatbuffers."""
    return [convert(model, "float32") for model in models]


def accuracy(model: keras.Model, rows: Rows) -> float:
    """Fraction of rows whose class is found."""
    return float((predict(model, rows[0]).argmax(axis=1) == rows[1]).mean())


def moved(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every second picture mirrored, all shifted by up to `SHIFT` pixels; what comes into sight is mirrored from inside."""
    x = np.where(rng.random((len(x), 1, 1, 1)) < 0.5, x[:, :, ::-1], x)
    wide = np.pad(x, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(wide, x.shape[1:3], axis=(1, 2))
    down, right = rng.integers(0, 2 * SHIFT + 1, (2, len(x)))
    return np.moveaxis(windows[np.arange(len(x)), down, right], 1, -1)


def lenet(rows: Split) -> dict[str, Any]:
    """Speed and errors of LeNet-5 at a half and a quarter of its channels."""
    train, validation, test = rows
    found: dict[str, list[float]] = {}
    for seed in SEEDS:
        model = lenet_5(seed)
        fit(model, train, validation, LENET)
        halved, quartered = (prune_channels(model, fraction) for fraction in (0.5, 0.75))
        for smaller in (halved, quartered):
            fit(smaller, train, validation, LENET)
        whole_ms, half_ms, quarter_ms = minima_ms(float32(model, halved, quartered), test[0][:1], TURNS)
        figures = {
            "ms": whole_ms,
            "speedup_50": whole_ms / half_ms,
            "speedup_75": whole_ms / quarter_ms,
            "error_pct": 100 * (1 - accuracy(model, test)),
            "error_pct_50": 100 * (1 - accuracy(halved, test)),
            "error_pct_75": 100 * (1 - accuracy(quartered, test)),
        }
        print(seed, figures, flush=True)
        for name, value in figures.items():
            found.setdefault(name, []).append(value)
    return _means("lenet_5", found)


def thinned(model: keras.Model, whole: keras.Model, share: float, score: Any = "l2") -> keras.Model:
    """`model` on its way to `KEPT`: of n channels in `whole`, n * (kept / n) ** share are left."""
    fractions = {}
    for name, kept in KEPT.items():
        first, now = (each.get_layer(name).filters for each in (whole, model))
        fractions[name] = 1 - round(first * (kept / first) ** share) / now
    return prune_channels(model, fractions, score=score)


def mobilenet(rows: Split, weights: Path) -> dict[str, Any]:
    """Speed and accuracy of MobileNet after rounds of pruning."""
    train, validation, test = rows
    base = keras.applications.MobileNet((96, 96, 3), alpha=0.25, include_top=False, pooling="avg", weights=str(weights))
    whole = new_head(base, 3, seed=0)
    fine_tuned = [adapt_input(new_head(base, 3, seed=seed), (32, 32, 3)) for seed in range(TEACHERS)]
    for seed, model in enumerate(fine_tuned):
        for settings in (HEAD, WHOLE):
            history = fit(model, train, validation, replace(settings, seed=seed), augment=moved)
        print("whole", seed, history.validation_accuracy, flush=True)
    model, teachers = fine_tuned[0], Teachers(fine_tuned)
    smaller = model
    for number in range(1, ROUNDS + 1):
        smaller = thinned(smaller, whole, number / ROUNDS, taylor(smaller, train, seed=number))
        recalibrate(smaller, train[0], seed=number)
        settings = BETWEEN if number < ROUNDS else AFTER
        history = distil(smaller, teachers, train, validation, settings, WORD, augment=moved)
        print("round", number, smaller.count_params(), history.validation_accuracy, flush=True)
    thin = thinned(whole, whole, 1.0)
    whole.set_weights(model.get_weights())
    thin.set_weights(smaller.get_weights())
    whole_ms, thin_ms = minima_ms(float32(whole, thin), np.zeros((1, 96, 96, 3), np.float32), TURNS)
    served_ms, served_thin_ms = minima_ms(float32(model, smaller), test[0][:1], TURNS)
    before, after = accuracy(model, test), accuracy(smaller, test)
    return {
        "mobilenet_speedup": round(whole_ms / thin_ms, 2),
        "mobilenet_drop_points": round(100 * (before - after), 2),
        "mobilenet_served_speedup": round(served_ms / served_thin_ms, 2),
        "mobilenet_ms": round(whole_ms, 4),
        "mobilenet_pruned_ms": round(thin_ms, 4),
        "mobilenet_accuracy": round(before, 4),
        "mobilenet_pruned_accuracy": round(after, 4),
        "mobilenet_parameters": model.count_params(),
        "mobilenet_pruned_parameters": smaller.count_params(),
    }


def _means(prefix: str, found: dict[str, list[float]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, values in found.items():
        figures[f"{prefix}_{name}"] = round(float(np.mean(values)), 4)
        figures[f"{prefix}_{name}_by_seed"] = [round(value, 4) for value in values]
    return figures


def main() -> None:
    """Measures and writes the results."""
    data = folder("mnist.npz", "cifar_catdog.parquet", WEIGHTS)
    start = time.process_time()
    figures = lenet(mnist(data / "mnist.npz"))
    weights = data / WEIGHTS
    figures |= mobilenet(cats_and_dogs(data / "cifar_catdog.parquet"), weights)
    figures["cpu_s"] = round(time.process_time() - start)
    record(
        "channel_pruning",
        figures,
        ("tensorflow", "ai-edge-litert"),
        data="MNIST; CIFAR-10's cats, dogs and others (15,000 + 3,000 rows); MobileNet v1 0.25 of ImageNet",
        seeds={"lenet_5": list(SEEDS), "mobilenet": [0]},
        split="validation: the last 5,000 (MNIST) and 2,000 training rows; test rows read once for each network",
    )


if __name__ == "__main__":
    main()
