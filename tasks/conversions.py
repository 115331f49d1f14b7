"""The ways in which the final model may be converted, the recipe's own first, then its remedies, float32 last."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks import progress
from tasks.learning import Pair, note
from tasks.stage import Job

if TYPE_CHECKING:
    from tasks.methods.planning.served import Served

Make = Callable[[], tuple[Any, bytes]]  # the network that is converted, and its flatbuffer


@dataclass(frozen=True)
class Conversion:
    """One way, judged on the validation rows.

    Attributes:
        how: Its name, for people.
        model: The network that was converted: changed where its weights were put on a grid, or learned the errors of int8.
        served: What would be served; None where the network has a layer that can't be converted so.
        trouble: Why nothing would.
    """

    how: str
    model: Any
    served: "Served | None" = None
    trouble: str = ""


def conversions(
    job: Job, model: Any, train: Pair, validation: Pair, calibration: np.ndarray, whole: "Served"
) -> Iterator[Conversion]:
    """Converts a network, one way after another; take the first that loses little enough.

    Args:
        job: The loop's run.
        model: The network; it is not changed.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.
        calibration: Rows of the training split.
        whole: The network in float32, the last resort.
    """
    from tasks.methods.planning.served import Served

    for how, make in _ways(job, model, train, validation, calibration).items():
        try:
            made, flatbuffer = make()
        except ValueError as error:
            yield Conversion(how, model, trouble=str(error))
            continue
        yield Conversion(how, made, Served.of(flatbuffer, validation))
    yield Conversion("float32", model, whole)


def _ways(job: Job, model: Any, train: Pair, validation: Pair, calibration: np.ndarray) -> dict[str, Make]:
    """Name -> how to convert, without plain float32."""
    from tasks.methods.networks.fold import fold_batch_normalization
    from tasks.methods.quantization.aware import qat
    from tasks.methods.quantization.convert import convert
    from tasks.methods.quantization.kept import found_in
    from tasks.methods.quantization.partial import layer_errors, partial_int8, worst_layers
    from tasks.methods.quantization.power_of_two import power_of_two

    config = job.recipe.compress.quantize

    def on_the_grid(bits: int) -> tuple[Any, bytes]:
        found = power_of_two(fold_batch_normalization(model), bits)  # folded later, weights would leave the grid
        return found, convert(found, config.mode)

    def aware() -> tuple[Any, bytes]:
        trained = qat(
            model,
            train,
            validation,
            config.aware_epochs,
            job.recipe.train.batch_size,
            job.recipe.train.learning_rate / 10,
            job.recipe.seed,
            preserve=found_in(model),
            on_epoch=lambda epoch, logs: progress.report(
                "convert", "quantization-aware", epoch, config.aware_epochs, note(logs)
            ),
        )
        return trained.model, trained.flatbuffer

    def partly() -> tuple[Any, bytes]:
        errors = layer_errors(model, calibration)
        return model, partial_int8(model, calibration, worst_layers(errors, min(config.keep_float, len(errors))))

    ways: dict[str, Make] = {}
    if bits := config.power_of_two_bits:
        ways[f"{config.mode}, weights in {bits} bits on a power-of-two grid"] = lambda: on_the_grid(bits)
    if config.mode != "float32":
        ways[config.mode] = lambda: (model, convert(model, config.mode, calibration))
    if config.mode == "int8" and config.aware_epochs:
        ways["int8, quantization-aware"] = aware
    if config.mode == "int8" and config.keep_float:
        ways[f"int8, {config.keep_float} layers in float32"] = partly
    return ways
