"""The final model, converted as it will be served: a LiteRT flatbuffer in a bundle of its own, without TensorFlow."""

from functools import partial
from typing import TYPE_CHECKING, Any

from model_registry.errors import InputError
from model_registry.reference import DataRef, ModelRef
from model_registry.versions import Operation
from tasks import progress
from tasks.clustering import clustered
from tasks.conversions import Conversion, conversions
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, derive, opened, parent, standing
from tasks.learning import pairs, target_solution
from tasks.recipe.compress_schema import Quantize
from tasks.serving_files import calibration_rows, write_serving_files
from tasks.stage import Job, stage_task
from tasks.tracking import stage_run

if TYPE_CHECKING:
    from tasks.methods.planning.served import Change


def convert_model(job: Job, key: str, model_ref: ModelRef, data: DataRef) -> ModelRef:
    """Converts the trained version and registers it with its bundle and its reference statistics.

    Its weights are clustered first where the recipe says so. Where the recipe's mode then loses more validation accuracy than
    allowed against float32, its remedies are tried in turn: training with the errors of int8, some layers in float32, all of
    them in float32. What is compared are flatbuffers throughout.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        model_ref: The trained version.
        data: The target data set; its training split gives the calibration set.

    Raises:
        InputError: LiteRT can't convert the network in the mode that the recipe chose.
    """
    from tasks.methods.networks import store
    from tasks.methods.planning.served import Change, first_served

    version, folder, incoming = opened(model_ref)
    made = standing(job, key)
    if made is not None:
        return made
    config, rows = job.recipe.compress.quantize, DataSet.open(data)
    progress.report("convert", version.label, 0, 1, config.mode)
    with stage_run(job.experiment_id, job.run_id, "convert", f"6 convert {version.label}") as run:
        run.inherits(version)
        run.params(config.model_dump(mode="json"))
        trained = store.load(folder / KERAS_FILE)
        train, validation = pairs(rows)
        calibration = calibration_rows(job, train[0])
        before = first_served(trained, ["float32"], calibration, validation)[1]
        model, figures, undone = clustered(job, version.label, trained, rows, calibration)
        whole = before if model is trained else first_served(model, ["float32"], calibration, validation)[1]
        tried: list[tuple[Conversion, Change | None]] = []
        for way in conversions(job, model, train, validation, calibration, whole):
            change = Change(whole, way.served, job.recipe.seed) if way.served else None
            tried.append((way, change))
            if change and (way.how == "float32" or change.keeps_within(config.max_drop)):
                break
        way = tried[-1][0]
        assert way.served is not None  # float32 comes last, and is taken whatever it loses
        given_up = [undone] * bool(undone) + [_given_up(config, *each) for each in tried[:-1]]
        result = Change(before, way.served, job.recipe.seed)
        if given_up:
            run.tags({"bequest.outcome": f"{'; '.join(given_up)}. Served: {way.how}, accuracy {way.served.accuracy:.4f}"})
        run.metrics(result.facts | figures)
        progress.report("convert", version.label, 1, 1, f"{way.how}, {way.served.size_bytes / 1024:.0f} KiB")
        return derive(
            job,
            run,
            key,
            way.model,
            operation=_operation(way, figures),
            parents=[parent(version)],
            solution=target_solution(job, rows, incoming.tuned),
            data=data,
            facts=result.facts | (figures if "clusters" in figures else {}) | {"mode": way.how},
            extras=partial(
                write_serving_files,
                job=job,
                rows=rows,
                flatbuffer=way.served.flatbuffer,
                probabilities=way.served.probabilities,
            ),
        )


def _given_up(config: Quantize, way: Conversion, change: "Change | None") -> str:
    """Why a way was not taken.

    Raises:
        InputError: The network has no form in the mode that the recipe chose; the default mode is nobody's choice.
    """
    if change is not None:
        return f"{way.how} undone: {change}, allowed {config.max_drop}"
    if way.how == config.mode != Quantize().mode:
        raise InputError(
            f"compress.quantize.mode: expected a mode that LiteRT has for all layers of this network. Received: {config.mode}, "
            f"and it can't be made: {way.trouble}"
        )
    return f"{way.how} can't be made: {way.trouble}"


def _operation(way: Conversion, figures: dict[str, Any]) -> Operation:
    if way.how != "float32":
        return "quantized"
    return "clustered" if "clusters" in figures else "converted"


@stage_task
def convert(job: Job, key: str, model_ref: ModelRef, data: DataRef) -> ModelRef:
    """Runs `convert_model` as a Prefect task."""
    return convert_model(job, key, model_ref, data)
