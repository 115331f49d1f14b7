"""The final model, converted as it will be served: a LiteRT flatbuffer in a bundle of its own, without TensorFlow."""

from functools import partial
from typing import Any

from model_registry.reference import DataRef, ModelRef
from tasks import progress
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, derive, opened, parent, standing
from tasks.learning import target_solution
from tasks.methods.litert import LiteRunner
from tasks.serving_files import calibration_rows, write_serving_files
from tasks.stage import Job, stage_task
from tasks.tracking import stage_run


def convert_model(job: Job, key: str, model_ref: ModelRef, data: DataRef) -> ModelRef:
    """Converts the trained version and registers it with its bundle and its reference statistics.

    Where the recipe's mode loses more validation accuracy than allowed, the float32 conversion is served instead.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        model_ref: The trained version.
        data: The target data set; its training split gives the calibration set.
    """
    from tasks.methods.networks import store
    from tasks.methods.networks.predict import predict
    from tasks.methods.quantization.convert import convert as to_flatbuffer

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
        train, validation = rows.split("train"), rows.split("validation")
        before = float((predict(model, validation.x).argmax(axis=1) == validation.y).mean())
        mode, flatbuffer = config.mode, to_flatbuffer(model, config.mode, calibration_rows(job, train.x))
        probabilities = LiteRunner(flatbuffer).run(validation.x)
        after = float((probabilities.argmax(axis=1) == validation.y).mean())
        run.metrics({"validation_accuracy": after, "validation_accuracy_before": before, "size_bytes": len(flatbuffer)})
        if mode != "float32" and before - after > config.max_drop:
            run.tags({"bequest.outcome": f"{mode} undone: accuracy fell from {before:.4f} to {after:.4f}, float32 is served"})
            mode, flatbuffer = "float32", to_flatbuffer(model, "float32", None)
            probabilities = LiteRunner(flatbuffer).run(validation.x)
            after = float((probabilities.argmax(axis=1) == validation.y).mean())
        facts: dict[str, Any] = {
            "validation_accuracy": after,
            "validation_accuracy_before": before,
            "size_bytes": len(flatbuffer),
            "mode": mode,
        }

        progress.report("convert", version.label, 1, 1, f"{mode}, {len(flatbuffer) / 1024:.0f} KiB")
        return derive(
            job,
            run,
            key,
            model,
            operation="converted" if mode == "float32" else "quantized",
            parents=[parent(version)],
            solution=target_solution(job, rows),
            data=data,
            facts=facts,
            extras=partial(write_serving_files, job=job, rows=rows, flatbuffer=flatbuffer, probabilities=probabilities),
        )


@stage_task
def convert(job: Job, key: str, model_ref: ModelRef, data: DataRef) -> ModelRef:
    """Runs `convert_model` as a Prefect task."""
    return convert_model(job, key, model_ref, data)
