"""How an ancestor is pruned, as its section of the recipe says: what is asked of each layer, and the smaller network."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from model_registry.errors import InputError
from tasks import progress
from tasks.learning import Pair, note
from tasks.recipe.kinds import did_you_mean
from tasks.recipe.prune_schema import Prune
from tasks.stage import Job
from tasks.tracking import StageRun

Asked = float | dict[str, float]  # of all layers alike, or layer name -> its own, layers that are not named staying as they are
_SCANNED = 6  # sparsities that a scan tries in each layer
_ENOUGH = 0.005  # a network that comes this near to what is asked is left alone


def nothing_to_prune(config: Prune, model: Any, asked: Asked) -> str:
    """Why a network is left alone, or an empty text where it is not.

    Args:
        config: The recipe's section.
        model: The network.
        asked: What is asked of its layers.
    """
    from tasks.methods.pruning import masks
    from tasks.methods.pruning.m_by_n import m_by_n_mask

    if not (any(asked.values()) if isinstance(asked, dict) else asked):
        return f"no layer stands it within max_drop {config.max_drop}" if config.budget == "scan" else "nothing is asked of it"
    if config.pattern == "channels":
        return ""
    found = masks.sparsity(model)
    if config.pattern == "2:4":
        axes = masks.output_axes(model)
        kernels = {name: np.abs(kernel.numpy()) for name, kernel in masks.kernels(model).items()}
        done = all(not kernel[~m_by_n_mask(kernel, 2, 4, axes[name])].any() for name, kernel in kernels.items())
    elif isinstance(asked, dict):
        done = all(found[name] >= sparsity - _ENOUGH for name, sparsity in asked.items())
    else:
        done = masks.overall(model) >= asked - _ENOUGH
    return f"it is sparse already ({masks.overall(model):.3f})" if done else ""


def asked_of(job: Job, run: StageRun, model: Any, train: Pair, validation: Pair) -> Asked:
    """What is asked of each layer: the recipe's sparsity, those that it gives single layers, or those that a scan chooses.

    Args:
        job: The loop's run.
        run: The stage's MLflow run; a scan is logged there.
        model: The network.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.

    Raises:
        InputError: The recipe names a layer that the network does not have, or that cannot be pruned.
    """
    from tasks.methods.networks.graph import to_functional
    from tasks.methods.pruning.channels import prunable_layers
    from tasks.methods.pruning.masks import kernels

    config = job.recipe.compress.prune
    assert config is not None
    if config.budget == "scan":
        return _scanned(job, config, run, model, train, validation)
    if not config.layers:
        return config.sparsity
    if config.pattern != "channels":
        known = list(kernels(to_functional(model)))
        _require_known(config.layers, known)
        return {name: config.layers.get(name, config.sparsity) for name in known}
    groups = prunable_layers(model)
    _require_known(config.layers, [name for group in groups for name in group])
    asked: dict[str, float] = {}
    for group in groups:  # their channels go together: what is said of one is said of all
        own = next((config.layers[name] for name in group if name in config.layers), config.sparsity)
        asked |= {name: config.layers.get(name, own) for name in group}
    return asked


def pruned(job: Job, label: str, model: Any, asked: Asked, train: Pair, validation: Pair) -> Any:
    """The smaller network, recovered: with zeros among its weights, or with fewer channels.

    Args:
        job: The loop's run.
        label: What progress is reported of.
        model: The network; it is not changed.
        asked: What is asked of its layers.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.
    """
    from tasks.methods.networks.batch_statistics import recalibrate
    from tasks.methods.networks.fit import FitSettings, fit
    from tasks.methods.pruning.gradual import prune
    from tasks.methods.pruning.masks import Masks

    config = job.recipe.compress.prune
    assert config is not None

    def tell(epoch: int, logs: dict[str, float]) -> None:
        figure = f"sparsity {logs['sparsity']:.2f}" if "sparsity" in logs else note(logs)
        progress.report("compress", label, epoch, config.epochs, figure)

    batch_size, rate, seed = job.recipe.train.batch_size, config.learning_rate, job.recipe.seed
    if config.pattern == "channels":
        small = _without_channels(config, model, asked, train, seed)
        recalibrate(small, train[0], seed)
        settings = FitSettings(
            epochs=config.epochs, batch_size=batch_size, learning_rate=rate, seed=seed, patience=config.epochs
        )
        fit(small, train, validation, settings, masks=Masks.of(small), on_epoch=tell)
        return small
    return prune(
        model,
        asked,
        train,
        validation,
        config.epochs,
        batch_size,
        rate,
        seed,
        on_epoch=tell,
        criterion=config.criterion,
        budget="per_layer" if isinstance(asked, dict) else config.budget,
        schedule=config.schedule,
        m_by_n=(2, 4) if config.pattern == "2:4" else None,
    )


def _without_channels(config: Prune, model: Any, asked: Asked, train: Pair, seed: int) -> Any:
    from tasks.methods.pruning.channel_taylor import taylor
    from tasks.methods.pruning.channels import prune_channels, prune_channels_globally

    score = taylor(model, train, seed) if config.score == "taylor" else config.score or "l2"
    if config.budget == "global":
        return prune_channels_globally(model, config.sparsity, score=score)
    return prune_channels(model, asked, score=score)


def _scanned(job: Job, config: Prune, run: StageRun, model: Any, train: Pair, validation: Pair) -> dict[str, float]:
    """The largest sparsities up to the recipe's at which the network, pruned at once, loses no more than allowed."""
    from tasks.methods.pruning.sensitivity import OneShot, choose_sparsities, sensitivity_scan

    tried = [config.sparsity * step / _SCANNED for step in range(1, _SCANNED + 1)]
    accuracy = OneShot(model, *validation, config.criterion, train, job.recipe.seed)
    scan = sensitivity_scan(accuracy, tried)
    chosen = choose_sparsities(scan, config.max_drop, accuracy)
    run.json("scan.json", {name: {"accuracy": dict(points), "chosen": chosen[name]} for name, points in scan.items()})
    return chosen


def _require_known(layers: Mapping[str, float], known: Iterable[str]) -> None:
    known = list(known)
    for name in layers:
        if name not in known:
            raise InputError(
                f"compress.prune.layers: expected names of layers that can be pruned, of {known}. "
                f"Received: {name!r}.{did_you_mean(name, known)}"
            )
