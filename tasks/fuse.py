"""Stage 4, fuse: several heirs to one exportable model, or the single best heir where fusion gains nothing."""

import numpy as np

from model_registry.reference import DataRef, ModelRef
from tasks import progress
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, derive, opened, parent, standing
from tasks.learning import target_solution, validation_facts
from tasks.methods.fusion.combiners import combiners
from tasks.methods.metrics import metrics
from tasks.stage import Job, stage_task
from tasks.tracking import stage_run


def fuse_heirs(job: Job, key: str, heirs: list[ModelRef], data: DataRef) -> ModelRef:
    """Weights the heirs on validation and makes one flat network of those that count.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        heirs: Versions made on the target data, at least one.
        data: The target data set.

    Returns:
        The fused version; the best heir where the fused model does not gain `fuse.min_gain` of log loss over it.
    """
    from tasks.methods.networks import store
    from tasks.methods.networks.fuse import fuse_models
    from tasks.methods.networks.predict import predict

    config, rows = job.recipe.fuse, DataSet.open(data)
    found = [opened(heir) for heir in heirs]
    labels = [version.label for version, _, _ in found]
    made = standing(job, key)
    if made is not None:
        return made
    progress.report("fuse", ", ".join(labels), 0, 1)
    with stage_run(job.experiment_id, job.run_id, "fuse", f"4 fuse {len(heirs)} heirs") as run:
        run.inherits(*(version for version, _, _ in found))
        run.params(config.model_dump(mode="json") | {"heirs": labels})
        models = [store.load(folder / KERAS_FILE) for _, folder, _ in found]
        validation = rows.split("validation")
        probabilities = np.stack([predict(model, validation.x) for model in models])
        combiner = combiners.get(config.method)(probabilities, validation.y, job.recipe.seed)
        weights = combiner.shares
        log_loss = metrics.get("log_loss")
        alone = [log_loss(each, validation.y) for each in probabilities]
        best = int(np.argmin(alone))
        gain = alone[best] - log_loss(combiner(probabilities), validation.y)
        members = [
            {"version": label, "weight": round(float(weight), 6), "validation_log_loss": loss}
            for label, weight, loss in zip(labels, weights, alone, strict=True)
        ]
        run.json("members.json", members)
        run.metrics({"gain_log_loss": gain, **{f"weight_{n}": float(weight) for n, weight in enumerate(weights)}})
        if np.count_nonzero(weights) < 2 or gain <= config.min_gain:
            if len(heirs) > 1:
                run.tags({"bequest.outcome": f"{labels[best]} goes on alone: fusion gains {gain:.5f} of validation log loss"})
            progress.report("fuse", ", ".join(labels), 1, 1, f"{labels[best]} alone")
            return heirs[best]
        fused = fuse_models(models, combiner)
        facts = {**validation_facts(fused, rows), "gain_log_loss": gain, "members": members}
        run.metrics({name: value for name, value in facts.items() if isinstance(value, float)})
        progress.report("fuse", ", ".join(labels), 1, 1, f"gain {gain:.4f}")
        return derive(
            job,
            run,
            key,
            fused,
            operation="fused",
            parents=[parent(found[position][0]) for position in np.flatnonzero(weights)],
            solution=target_solution(job, rows, found[int(np.argmax(weights))][2].tuned),
            data=data,
            facts=facts,
        )


@stage_task
def fuse(job: Job, key: str, heirs: list[ModelRef], data: DataRef) -> ModelRef:
    """Runs `fuse_heirs` as a Prefect task."""
    return fuse_heirs(job, key, heirs, data)
