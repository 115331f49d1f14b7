"""The table of Deep Compression (Han et al., 2015, arXiv:1510.00149) again: LeNet-300-100 and Caffe's LeNet-5 on MNIST.

    BEQUEST_TRIAL_DATA=FOLDER make bench NAME=deep_compression

The folder holds `mnist.npz`. Each network is trained, pruned (magnitude, one threshold over all layers), trained on with its
zeros held, clustered (zero is one of the values), converted to a float32 flatbuffer and packed. The ratio is the paper's:
four bytes a parameter, over the bytes of the packed *file*, which is read back from disk, unpacked and run by LiteRT for
the error; that its answers are those of the flatbuffer before packing is checked on every test row.

5,000 training rows, other ones for each seed, validate: sparsities, epochs and rates were chosen on them with seed 0, and
they pick each step's epoch. The test rows are read once a seed, for the packed network and for the trained one beside it.
Pictures are shifted by up to two pixels while training, as the paper's were not; the paper's own references (1.64 % and
0.80 %) are what the error is held to, and `reference_error_pct` is that of our network before compression.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # before tasks: training takes about half the time

import _settings  # noqa: F401  (before numpy)
import numpy as np
from _record import record
from _trial_data import folder

from tasks.methods.backend import keras
from tasks.methods.clustering.cluster import cluster
from tasks.methods.clustering.kmeans import kmeans
from tasks.methods.coding.buffers import constants
from tasks.methods.coding.flatbuffer import coded_bytes, pack, unpack
from tasks.methods.litert import LiteRunner
from tasks.methods.networks.fit import FitSettings, fit, predict
from tasks.methods.pruning.gradual import prune
from tasks.methods.pruning.masks import Masks, kernels
from tasks.methods.quantization.convert import convert

SEEDS = (0, 1, 2)
VALIDATION_ROWS = 5000
BATCH = 128
RATE = 1e-3
SHIFT = 2  # pixels
BIASES = 16  # different values of each layer's bias


@dataclass(frozen=True)
class Trial:
    """One of the paper's networks, and how it is compressed.

    Attributes:
        build: A new network of that seed.
        shape: Of one row.
        sparsity: Over all kernels, by one threshold; or by layer, where that starves a small one.
        clusters: Different values of a kernel, by layer, zero among them.
        epochs: Of training, pruning, recovery and clustering.
        paper_error_pct: The paper's error before compression, which it kept.
        paper_ratio: What the paper reached.
    """

    build: Callable[[int], keras.Model]
    shape: tuple[int, ...]
    sparsity: float | dict[str, float]
    clusters: dict[str, int]
    epochs: tuple[int, int, int, int]
    paper_error_pct: float
    paper_ratio: float


def lenet_300_100(seed: int) -> keras.Model:
    """Three dense layers."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Dense(300, activation="relu", kernel_initializer="he_uniform", input_shape=(784,), name="ip1"),
            layers.Dense(100, activation="relu", kernel_initializer="he_uniform", name="ip2"),
            layers.Dense(10, activation="softmax", name="ip3"),
        ]
    )


def lenet_5(seed: int) -> keras.Model:
    """Caffe's: no activation behind the convolutions."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv2D(20, 5, kernel_initializer="he_uniform", input_shape=(28, 28, 1), name="conv1"),
            layers.MaxPooling2D(),
            layers.Conv2D(50, 5, kernel_initializer="he_uniform", name="conv2"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(500, activation="relu", kernel_initializer="he_uniform", name="ip1"),
            layers.Dense(10, activation="softmax", name="ip2"),
        ]
    )


TRIALS = {
    "lenet_300_100": Trial(lenet_300_100, (784,), 0.955, {"ip1": 9, "ip2": 9, "ip3": 17}, (20, 25, 35, 6), 1.64, 40.0),
    "lenet_5": Trial(
        lenet_5,
        (28, 28, 1),
        {"conv1": 0.4, "conv2": 0.88, "ip1": 0.983, "ip2": 0.75},
        {"conv1": 17, "conv2": 17, "ip1": 17, "ip2": 17},
        (8, 12, 14, 3),
        0.80,
        39.0,
    ),
}


def mnist() -> tuple[np.ndarray, ...]:
    """Pictures uint8 [n, 28, 28] and labels of the training rows, then of the test rows."""
    data = np.load(folder("mnist.npz") / "mnist.npz")
    return tuple(data[name] for name in ("x_train", "y_train", "x_test", "y_test"))


def shifted(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every picture moved by up to `SHIFT` pixels; what comes in is black."""
    side = 28 + 2 * SHIFT
    padded = np.zeros((len(x), side, side), np.float32)
    padded[:, SHIFT:-SHIFT, SHIFT:-SHIFT] = x.reshape(len(x), 28, 28)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (28, 28), axis=(1, 2))
    down, right = rng.integers(0, 2 * SHIFT + 1, (2, len(x)))
    return windows[np.arange(len(x)), down, right].reshape(x.shape)


def compress(trial: Trial, seed: int, train: Any, validation: Any) -> tuple[keras.Model, keras.Model]:
    """The network as trained, and as compressed."""
    training, pruning, recovery, clustering = trial.epochs
    model = trial.build(seed)
    dense = FitSettings(training, BATCH, learning_rate=RATE, schedule="cosine", patience=training, seed=seed)
    fit(model, train, validation, dense, augment=shifted)
    budget = "per_layer" if isinstance(trial.sparsity, dict) else "global"
    small = prune(model, trial.sparsity, train, validation, pruning, BATCH, RATE, seed, budget=budget, augment=shifted)
    cooling = FitSettings(recovery, BATCH, learning_rate=RATE, schedule="cosine", patience=recovery, seed=seed + 100)
    fit(small, train, validation, cooling, augment=shifted, masks=Masks.of(small))
    small = cluster(small, trial.clusters, train, validation, clustering, BATCH, 0.3 * RATE, seed, augment=shifted)
    for layer in small.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            values = kmeans(bias, BIASES, "kmeans++", seed, hold_zero=False)
            layer.set_weights([kernel, values[np.abs(bias[:, np.newaxis] - values).argmin(axis=1)]])
    return model, small


def table(model: keras.Model, flatbuffer: bytes) -> list[dict[str, Any]]:
    """A line for each layer, as in the paper's tables 4 and 5."""
    sizes = coded_bytes(flatbuffer)
    by_size = {(each.stop - each.start) // 4: sizes[each.name] for each in constants(flatbuffer)}
    lines = []
    for name, kernel in kernels(model).items():
        values = kernel.numpy()
        lines.append(
            {
                "layer": name,
                "weights": values.size,
                "kept_pct": round(100 * float(np.mean(values != 0)), 2),
                "values": len(np.unique(values)),
                "bytes": by_size[values.size],
                "compressed_to_pct": round(100 * by_size[values.size] / (4 * values.size), 2),
            }
        )
    return lines


def one_seed(trial: Trial, seed: int, data: tuple[np.ndarray, ...], place: Path) -> dict[str, Any]:
    """Trains, compresses, writes the file, reads it back; then the test rows are read."""
    start = time.process_time()
    known, labels, unseen, answers = data
    x = (known / np.float32(255)).reshape(-1, *trial.shape)
    order = np.random.default_rng(seed).permutation(len(x))
    y = labels.astype(np.int64)
    held, kept = order[:VALIDATION_ROWS], order[VALIDATION_ROWS:]
    validation = x[held], y[held]
    trained, small = compress(trial, seed, (x[kept], y[kept]), validation)
    flatbuffer = convert(small, "float32")
    file = place / f"{seed}.packed"
    file.write_bytes(pack(flatbuffer))
    back = unpack(file.read_bytes())
    runner, test = LiteRunner(back), (unseen / np.float32(255)).reshape(-1, *trial.shape)
    found = runner.run(test)
    if back != flatbuffer or not np.array_equal(found, LiteRunner(flatbuffer).run(test)):
        sys.exit("the file does not give the flatbuffer back")

    def error_pct(probabilities: np.ndarray, right: np.ndarray) -> float:
        return round(100 * float((probabilities.argmax(axis=1) != right).mean()), 3)

    return {
        "seed": seed,
        "file_bytes": file.stat().st_size,
        "ratio": 4 * trained.count_params() / file.stat().st_size,
        "error_pct": error_pct(found, answers),
        "reference_error_pct": error_pct(predict(trained, test), answers),
        "validation_error_pct": error_pct(runner.run(validation[0]), validation[1]),
        "reference_validation_error_pct": error_pct(predict(trained, validation[0]), validation[1]),
        "cpu_s": round(time.process_time() - start, 1),
        "layers": table(small, flatbuffer),
    }


def main() -> None:
    """Measures both networks and writes the results."""
    data = mnist()
    figures: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        for name, trial in TRIALS.items():
            found = []
            for seed in SEEDS:
                found.append(one_seed(trial, seed, data, Path(place)))
                print(name, {key: value for key, value in found[-1].items() if key != "layers"}, flush=True)
            for key in ("ratio", "error_pct", "reference_error_pct", "validation_error_pct", "file_bytes", "cpu_s"):
                figures[f"{name}_{key}"] = round(float(np.mean([each[key] for each in found])), 3)
                figures[f"{name}_{key}_by_seed"] = [round(float(each[key]), 3) for each in found]
            figures[f"{name}_paper"] = {"ratio": trial.paper_ratio, "reference_error_pct": trial.paper_error_pct}
            tables[name] = {f"seed {each['seed']}": each["layers"] for each in found}
    record(
        "deep_compression",
        figures,
        ("tensorflow", "tensorflow-model-optimization", "ai-edge-litert", "constriction"),
        data="MNIST: 55,000 training, 5,000 validation and 10,000 test rows",
        seeds=list(SEEDS),
        split="validation rows are drawn from the training rows by each seed; the test rows are read once a seed",
        layers=tables,
    )


if __name__ == "__main__":
    main()
