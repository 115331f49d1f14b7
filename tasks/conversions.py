"""The ways in which the final model may be converted, the recipe's own first, then its remedies, float32 last."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks import progress
from tasks.learning import Pair, note
from tasks.methods.litert import LiteRunner
from tasks.stage import Job


@dataclass(frozen=True)
class Conversion:
    """One way, judged on the validation rows.

    Attributes:
        how: Its name, for people.
        model: The network that was converted: trained further where it learned the errors of int8.
        flatbuffer: What would be served; None where the network has a layer that can't be converted so.
        probabilities: What it says of the validation rows, float32 [n, classes].
        accuracy: A fraction in [0, 1].
        trouble: Why there is no flatbuffer.
    """

    how: str
    model: Any
    flatbuffer: bytes | None = None
    probabilities: np.ndarray | None = None
    accuracy: float = 0.0
    trouble: str = ""


def conversions(job: Job, model: Any, train: Pair, validation: Pair, calibration: np.ndarray) -> Iterator[Conversion]:
    """Converts a network, one way after another; take the first that loses little enough.

    Args:
        job: The loop's run.
        model: The trained network; it is not changed.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.
        calibration: Rows of the training split.
    """
    from tasks.methods.quantization.aware import qat
    from tasks.methods.quantization.convert import convert
    from tasks.methods.quantization.partial import layer_errors, partial_int8, worst_layers

    config = job.recipe.compress.quantize

    def aware() -> tuple[Any, bytes]:
        from tasks.methods.pruning.masks import Masks

        trained = qat(
            model,
            train,
            validation,
            config.aware_epochs,
            job.recipe.train.batch_size,
            job.recipe.train.learning_rate / 10,
            job.recipe.seed,
            preserve="sparsity" if len(Masks.of(model)) else "none",
            on_epoch=lambda epoch, logs: progress.report(
                "convert", "quantization-aware", epoch, config.aware_epochs, note(logs)
            ),
        )
        return trained.model, trained.flatbuffer

    def partly() -> tuple[Any, bytes]:
        errors = layer_errors(model, calibration)
        return model, partial_int8(model, calibration, worst_layers(errors, min(config.keep_float, len(errors))))

    ways: dict[str, Callable[[], tuple[Any, bytes]]] = {config.mode: lambda: (model, convert(model, config.mode, calibration))}
    if config.mode == "int8" and config.aware_epochs:
        ways["int8, quantization-aware"] = aware
    if config.mode == "int8" and config.keep_float:
        ways[f"int8, {config.keep_float} layers in float32"] = partly
    ways["float32"] = lambda: (model, convert(model, "float32"))
    x, y = validation
    for how, make in ways.items():
        try:
            made, flatbuffer = make()
        except ValueError as error:
            if how == "float32":
                raise
            yield Conversion(how, model, trouble=str(error))
            continue
        probabilities = LiteRunner(flatbuffer).run(x)
        yield Conversion(how, made, flatbuffer, probabilities, float((probabilities.argmax(axis=1) == y).mean()))
