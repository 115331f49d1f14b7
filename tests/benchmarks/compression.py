"""What each way to compress costs and gives, and what full int8 loses, on the networks that the shipped recipes train.

    make bench NAME=compression

Every shipped recipe is run on a fresh workspace with three seeds; the network its stage `train` ends with is the reference.

- `int8`: accuracy of the full-integer flatbuffer, calibrated as the recipe does it, against the float32 flatbuffer, on the
  test split; how many times smaller and faster it is. No remedies are used.
- `methods`: for `digits` and `breast_cancer`, each method alone with settings stated in the table: processor seconds, bytes
  of the flatbuffer and packed, milliseconds, accuracy of the flatbuffer on validation and test, all against the float32
  flatbuffer of the reference.

Latencies are one row's on one thread; the flatbuffers take turns and the minimum of each counts. The test split is read
once for each flatbuffer, and nothing is chosen by it.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import _settings  # noqa: F401  (before numpy)
import numpy as np
from _flatbuffers import accuracy
from _record import record
from _shipped import NAMES, by_seed, trained

SEEDS = (0, 1, 2)
EPOCHS, BATCH, RATE = 12, 32, 1e-3
TURNS = 2000
TABLED = ("digits", "breast_cancer")


def ways(model: Any, rows: Any, calibration: np.ndarray, seed: int) -> dict[str, Callable[[], bytes]]:
    """Each method alone: its settings -> what makes its flatbuffer."""
    from tasks.methods.clustering.cluster import cluster
    from tasks.methods.distillation.control import distil_with_control
    from tasks.methods.distillation.distil import DistilSettings
    from tasks.methods.distillation.teachers import Teachers
    from tasks.methods.networks.batch_statistics import recalibrate
    from tasks.methods.networks.fit import FitSettings, fit
    from tasks.methods.pruning.channels import prune_channels
    from tasks.methods.pruning.criteria import criteria
    from tasks.methods.pruning.gradual import prune
    from tasks.methods.pruning.masks import Masks
    from tasks.methods.quantization.aware import qat
    from tasks.methods.quantization.convert import convert
    from tasks.methods.quantization.modes import modes
    from tasks.methods.quantization.partial import layer_errors, partial_int8, worst_layers
    from tasks.methods.quantization.power_of_two import power_of_two

    train, validation = ((split.x, split.y) for split in map(rows.split, ("train", "validation")))
    settings = FitSettings(epochs=EPOCHS, batch_size=BATCH, learning_rate=RATE, patience=EPOCHS, seed=seed)
    common = (train, validation, EPOCHS, BATCH, RATE, seed)

    def float32(small: Any) -> bytes:
        return convert(small, "float32")

    def pruned(**chosen: Any) -> bytes:
        return float32(prune(model, 0.7, *common, **chosen))

    def channels(fraction: float, taught: bool = False) -> bytes:
        small = prune_channels(model, fraction)
        recalibrate(small, train[0], seed)
        masks = Masks.of(small)
        if taught:
            distil_with_control(small, Teachers([model]), train, validation, settings, DistilSettings(), masks=masks)
        else:
            fit(small, train, validation, settings, masks=masks)
        return float32(small)

    def both() -> bytes:
        sparse = prune(model, 0.5, *common)
        return qat(cluster(sparse, 16, *common), *common[:2], EPOCHS, BATCH, RATE / 10, seed, preserve="both").flatbuffer

    found: dict[str, Callable[[], bytes]] = {
        f"convert {mode}": partial(convert, model, mode, calibration) for mode in modes.names()
    }
    found["convert int8, 1 layer in float32"] = lambda: partial_int8(
        model, calibration, worst_layers(layer_errors(model, calibration), 1)
    )
    found["int8, quantization-aware"] = lambda: qat(model, *common[:2], EPOCHS, BATCH, RATE / 10, seed).flatbuffer
    found |= {f"prune 0.7, {each}": partial(pruned, criterion=each) for each in criteria.names()}
    found["prune 0.7, global"] = partial(pruned, budget="global")
    found["prune 2:4"] = lambda: float32(prune(model, 0.5, *common, m_by_n=(2, 4)))
    found |= {f"channels {each:g}": partial(channels, each) for each in (0.5, 0.75)}
    found["channels 0.75, taught"] = partial(channels, 0.75, taught=True)
    found["cluster 16"] = lambda: float32(cluster(model, 16, *common))
    found["power of two, 8 bits"] = lambda: float32(power_of_two(model, 8))
    found["prune 0.5, cluster 16, int8 keeping both (PCQAT)"] = both
    return found


def one_seed(seed: int) -> dict[str, Any]:
    """All figures of one seed."""
    from tasks.methods.coding.flatbuffer import pack
    from tasks.methods.litert import minima_ms
    from tasks.methods.quantization.convert import convert

    int8, table = {}, {}
    for name, model, rows, calibration in trained(seed):
        print(name, seed, file=sys.stderr, flush=True)
        test, validation = rows.split("test"), rows.split("validation")
        whole, integer = convert(model, "float32"), convert(model, "int8", calibration)
        before, after = accuracy(whole, test), accuracy(integer, test)
        float_ms, int8_ms = minima_ms([whole, integer], test.x[:1], TURNS)
        int8[name] = {
            "float_accuracy": before,
            "int8_accuracy": after,
            "drop_points": 100 * (before - after),
            "times_smaller": len(whole) / len(integer),
            "times_faster": float_ms / int8_ms,
            "test_rows": len(test.y),
        }
        if name not in TABLED:
            continue
        lines: dict[str, dict[str, float]] = {}
        for title, make in ways(model, rows, calibration, seed).items():
            start = time.process_time()
            try:
                made = make()
            except ValueError as error:
                print(f"{name}: {title} can't be made: {error}", file=sys.stderr, flush=True)
                continue
            spent = time.process_time() - start
            whole_ms, made_ms = minima_ms([whole, made], test.x[:1], TURNS)
            lines[title] = {
                "cpu_s": spent,
                "times_smaller": len(whole) / len(made),
                "times_smaller_packed": len(whole) / len(pack(made)),
                "times_faster": whole_ms / made_ms,
                "validation_drop_points": 100 * (accuracy(whole, validation) - accuracy(made, validation)),
                "test_drop_points": 100 * (before - accuracy(made, test)),
            }
        table[name] = lines
    return {"int8": int8, "methods": table}


def mean(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean over seeds of every figure, at whatever depth."""
    return {
        key: mean([each[key] for each in found if key in each])
        if isinstance(value, dict)
        else round(float(np.mean([each[key] for each in found if key in each])), 3)
        for key, value in found[0].items()
    }


def main() -> None:
    """Measures and writes the results."""
    found = by_seed(str(Path(__file__)), SEEDS, one_seed)
    figures = mean(found)
    for name in NAMES:
        figures["int8"][name]["drop_points_by_seed"] = [round(each["int8"][name]["drop_points"], 3) for each in found]
    figures["int8_worst_drop_points"] = max(figures["int8"][name]["drop_points"] for name in NAMES)
    record(
        "compression",
        figures,
        ("tensorflow", "tensorflow-model-optimization", "ai-edge-litert", "ai-edge-quantizer"),
        data="scikit-learn digits and breast cancer, as the shipped recipes take them",
        seeds=list(SEEDS),
        split="as the recipes split; networks and settings were chosen on train and validation, test read once",
        epochs=EPOCHS,
    )


if __name__ == "__main__":
    main()
