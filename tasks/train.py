"""Stage 5, train: the fused model is optimised on the target, with a small search judged on validation."""

import time
from typing import TYPE_CHECKING, Any

import optuna

from model_registry.reference import DataRef, ModelRef
from model_registry.versions import Parent, get
from tasks import progress
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, derive, opened, parent, standing
from tasks.distil import distilled
from tasks.learning import augmenter, curves, note, pairs, target_solution, validation_facts
from tasks.methods import plots
from tasks.stage import Job, stage_task
from tasks.teachers import teachers
from tasks.tracking import StageRun, stage_run

if TYPE_CHECKING:
    from tasks.methods.networks.fit import FitSettings

TUNED = ("learning_rate", "batch_size")  # what the search varies, and hands down


def optimise(job: Job, key: str, model_ref: ModelRef, data: DataRef, taught_by: list[ModelRef]) -> ModelRef:
    """Searches learning rate and batch size, keeps the best weights on validation, and registers the result.

    The incoming weights compete too: where no trial improves on them, they are kept. Zeros stay zero. Where there are
    teachers, the best settings are tried once more with them.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        model_ref: The fused version, or the single best heir.
        data: The target data set.
        taught_by: The versions that teach; [] where the recipe names none.

    Raises:
        InputError: A teacher can't take the target's rows, or tells other classes apart.
    """
    from tasks.methods.networks import store

    version, folder, solution = opened(model_ref)
    made = standing(job, key)
    if made is not None:
        return made
    config, rows = job.recipe.train, DataSet.open(data)
    with stage_run(job.experiment_id, job.run_id, "train", f"5 train {version.label}") as run:
        run.inherits(version)
        run.reads(rows.card, context="training")
        run.params(
            {f"search.{name}": value for name, value in config.search.model_dump().items()}
            | config.model_dump(mode="json", exclude={"search"})
        )
        model = store.load(folder / KERAS_FILE)
        masters, networks = teachers(job, taught_by, rows)  # before anything is trained: a wrong one is told at once
        incoming, start = model.get_weights(), validation_facts(model, rows)
        best = _search(job, run, model, rows, start["validation_log_loss"], solution.tuned or {})
        if masters:
            model.set_weights(incoming)
            settings = _settings(job, best["learning_rate"], best["batch_size"])
            history = distilled(job, run, model, networks, rows, settings, best["loss"])
            if history:
                best |= {"weights": model.get_weights(), "history": history}
            else:
                masters = []
        model.set_weights(best["weights"])
        facts = {
            **validation_facts(model, rows),
            "validation_accuracy_before": start["validation_accuracy"],
            "learning_rate": best["learning_rate"],
            "batch_size": best["batch_size"],
            "improved": best["history"] is not None,
        }
        run.metrics({name: value for name, value in facts.items() if isinstance(value, float)})
        if best["history"] is not None:
            run.history(curves(best["history"]))
            run.picture("history.png", plots.history_png(curves(best["history"])))
        retrained = job.trigger.get("parent")
        return derive(
            job,
            run,
            key,
            model,
            operation="retrained" if retrained else "distilled" if masters else "trained",
            parents=[*_parents(retrained, parent(version)), *(parent(each, role="teacher") for each in masters)],
            solution=target_solution(
                job, rows, {name: best[name] for name in TUNED} if best["history"] is not None else solution.tuned
            ),
            data=data,
            facts=facts,
        )


def _parents(retrained: str | None, heir: Parent) -> list[Parent]:
    """A retrained version names the production version whose solution it inherits first, then the heir it continues."""
    if retrained is None:
        return [heir]
    name, _, number = retrained.rpartition("/")
    return [parent(get(name, int(number)), role="solution"), heir]


def _search(job: Job, run: StageRun, model: Any, rows: DataSet, loss_before: float, tuned: dict[str, Any]) -> dict[str, Any]:
    """The best weights found, with their settings; the incoming ones where nothing improves on them.

    The recipe's own settings are tried first, then what the family was tuned to.
    """
    from tasks.methods.networks.fit import fit
    from tasks.methods.pruning.masks import Masks

    config, space = job.recipe.train, job.recipe.train.search
    incoming, keep = model.get_weights(), Masks.of(model)
    best: dict[str, Any] = {
        "loss": loss_before,
        "weights": incoming,
        "history": None,
        "learning_rate": config.learning_rate,
        "batch_size": config.batch_size,
    }
    trials: list[dict[str, Any]] = []
    rounds = max(1, space.trials)

    def attempt(learning_rate: float, batch_size: int) -> float:
        number = len(trials) + 1
        progress.report("train", f"trial {number} of {rounds}", 0, config.epochs)
        model.set_weights(incoming)
        settings = _settings(job, learning_rate, batch_size)
        try:
            history = fit(
                model,
                *pairs(rows),
                settings,
                augment=augmenter(job, rows),
                masks=keep,
                on_epoch=lambda epoch, logs: progress.report(
                    "train", f"trial {number} of {rounds}", epoch, config.epochs, note(logs)
                ),
            )
        except ValueError as error:  # one diverging trial is no reason to give up: the others, and the incoming weights, stand
            trials.append({"learning_rate": learning_rate, "batch_size": batch_size, "diverged": str(error)})
            return float("inf")
        loss = history.best_validation_loss
        trials.append({"learning_rate": learning_rate, "batch_size": batch_size, "validation_loss": loss})
        if loss < best["loss"]:
            best.update(
                loss=loss, weights=model.get_weights(), history=history, learning_rate=learning_rate, batch_size=batch_size
            )
        return loss

    if space.trials == 0:
        attempt(config.learning_rate, config.batch_size)
    else:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=job.recipe.seed))
        own = {name: getattr(config, name) for name in TUNED}
        choices = sorted({*space.batch_size, config.batch_size})
        for settings in (own, own | tuned):
            inside = settings | {"learning_rate": _inside(settings["learning_rate"], space.learning_rate)}
            if inside["batch_size"] in choices:
                study.enqueue_trial(inside, skip_if_exists=True)
        deadline = time.monotonic() + space.timeout_s
        for _ in range(space.trials):
            trial = study.ask()
            rate = trial.suggest_float("learning_rate", *space.learning_rate, log=True)
            study.tell(trial, attempt(rate, int(trial.suggest_categorical("batch_size", choices))))
            if time.monotonic() >= deadline:
                break
    run.json("search.json", trials)
    return best


def _settings(job: Job, learning_rate: float, batch_size: int) -> "FitSettings":
    from tasks.methods.networks.fit import FitSettings

    config = job.recipe.train
    return FitSettings(
        epochs=config.epochs,
        batch_size=batch_size,
        optimizer=config.optimizer,
        learning_rate=learning_rate,
        schedule=config.schedule,
        patience=config.patience,
        class_weight=config.class_weight,
        seed=job.recipe.seed,
    )


def _inside(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])


@stage_task
def train(job: Job, key: str, model_ref: ModelRef, data: DataRef, taught_by: list[ModelRef]) -> ModelRef:
    """Runs `optimise` as a Prefect task."""
    return optimise(job, key, model_ref, data, taught_by)
