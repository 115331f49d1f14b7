"""The final model, converted as it will be served: a LiteRT flatbuffer in a bundle of its own, without TensorFlow."""

from functools import partial
from typing import Any

from model_registry.reference import DataRef, ModelRef
from tasks import progress
from tasks.conversions import Conversion, conversions
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, derive, opened, parent, standing
from tasks.learning import pairs, target_solution
from tasks.serving_files import calibration_rows, write_serving_files
from tasks.stage import Job, stage_task
from tasks.tracking import stage_run


def convert_model(job: Job, key: str, model_ref: ModelRef, data: DataRef) -> ModelRef:
    """Converts the trained version and registers it with its bundle and its reference statistics.

    Where the recipe's mode loses more validation accuracy than allowed, its remedies are tried in turn: training with the
    errors of int8, some layers in float32, all of them in float32.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        model_ref: The trained version.
        data: The target data set; its training split gives the calibration set.
    """
    from tasks.methods.networks import store
    from tasks.methods.networks.predict import predict

    version, folder, _ = opened(model_ref)
    made = standing(job, key)
    if made is not None:
        return made
    config, rows = job.recipe.compress.quantize, DataSet.open(data)
    progress.report("convert", version.label, 0, 1, config.mode)
    with stage_run(job.experiment_id, job.run_id, "convert", f"6 convert {version.label}") as run:
        run.inherits(version)
        run.params(config.model_dump(mode="json"))
        model = store.load(folder / KERAS_FILE)
        train, validation = pairs(rows)
        before = float((predict(model, validation[0]).argmax(axis=1) == validation[1]).mean())
        tried: list[Conversion] = []
        for way in conversions(job, model, train, validation, calibration_rows(job, train[0])):
            tried.append(way)
            if way.flatbuffer is not None and (way.how == "float32" or before - way.accuracy <= config.max_drop):
                break
        served = tried[-1]
        assert served.flatbuffer is not None  # float32 comes last, and is taken whatever it loses
        assert served.probabilities is not None
        run.metrics(
            {"validation_accuracy": served.accuracy, "validation_accuracy_before": before, "size_bytes": len(served.flatbuffer)}
        )
        if len(tried) > 1:
            given_up = "; ".join(_given_up(way, before) for way in tried[:-1])
            run.tags({"bequest.outcome": f"{given_up}. Served: {served.how}, accuracy {served.accuracy:.4f}"})
        facts: dict[str, Any] = {
            "validation_accuracy": served.accuracy,
            "validation_accuracy_before": before,
            "size_bytes": len(served.flatbuffer),
            "mode": served.how,
        }
        progress.report("convert", version.label, 1, 1, f"{served.how}, {len(served.flatbuffer) / 1024:.0f} KiB")
        files = partial(
            write_serving_files, job=job, rows=rows, flatbuffer=served.flatbuffer, probabilities=served.probabilities
        )
        return derive(
            job,
            run,
            key,
            served.model,
            operation="converted" if served.how == "float32" else "quantized",
            parents=[parent(version)],
            solution=target_solution(job, rows),
            data=data,
            facts=facts,
            extras=files,
        )


def _given_up(way: Conversion, before: float) -> str:
    if way.flatbuffer is None:
        return f"{way.how} can't be made: {way.trouble}"
    return f"{way.how} undone: accuracy fell from {before:.4f} to {way.accuracy:.4f}"


@stage_task
def convert(job: Job, key: str, model_ref: ModelRef, data: DataRef) -> ModelRef:
    """Runs `convert_model` as a Prefect task."""
    return convert_model(job, key, model_ref, data)
