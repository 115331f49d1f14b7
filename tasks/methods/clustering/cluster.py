"""Weight clustering: every kernel gets few different values, trained together (Han et al., arXiv:1510.00149, section 3)."""

import difflib
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.clustering.initial import initials
from tasks.methods.clustering.kmeans import kmeans
from tasks.methods.networks.best_epoch import OnEpoch, best_epoch
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.loop import Augment, Loop, reseed
from tasks.methods.networks.rows import Rows, checked
from tasks.methods.pruning.masks import Masks, kernels, overall
from tasks.methods.quiet import quiet


def cluster(
    model: keras.Model,
    num_clusters: int | Mapping[str, int],
    train: Rows,
    validation: Rows,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    preserve_sparsity: bool = True,
    init: str = "kmeans++",
    on_epoch: OnEpoch | None = None,
    augment: Augment | None = None,
) -> keras.Model:
    """A copy of `model` with at most `num_clusters` different values in each kernel, its centroids trained.

    Centroids start from k-means of the kernel. The state before training counts as epoch 0; of all, the one with the lowest
    validation loss is taken. Biases, BatchNormalization and kernels that are not clustered are trained along.

    Args:
        model: A trained classifier; it is not changed.
        num_clusters: Most different values of every kernel, zero among them; or layer name -> its own number, and other
            layers are not clustered. A kernel of no more weights than that stays as it is.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.
        epochs: Passes over the training rows.
        batch_size: Rows in a step.
        learning_rate: Adam's.
        seed: Seed of k-means++, the order of rows and dropout.
        preserve_sparsity: Zeros of every kernel stay zero, one centroid is zero; a weight may join it.
        init: A name of `initials`.
        on_epoch: Called after each epoch with its number, from 1, and loss, accuracy, validation_loss,
            validation_accuracy, learning_rate and sparsity.
        augment: Changes training rows anew in every epoch (see `fit`).

    Returns:
        A flat functional model without any clustering wrapper.

    Raises:
        ValueError: Settings or rows that do not fit, a layer that does not exist or has no kernel to cluster, or a loss
            that is not a number any more.
    """
    counts = _counts(model, num_clusters, 3 if preserve_sparsity else 2)
    if init not in initials.names():
        raise ValueError(f"Invalid `init`. Expected one of {initials.names()}. Received: init={init!r}.")
    if epochs < 1 or batch_size < 1:
        raise ValueError(
            f"Invalid `epochs` or `batch_size`. Expected at least 1. Received: epochs={epochs}, batch_size={batch_size}."
        )
    train, validation = checked("train", train, model), checked("validation", validation, model)
    result = to_functional(model)
    wrapped = _wrap(to_functional(model), counts, preserve_sparsity, init, seed)
    reseed(wrapped, seed)
    masks = Masks.of(wrapped) if preserve_sparsity else None  # of the kernels that are not wrapped

    def state() -> list[np.ndarray]:
        _take_weights(result, wrapped)
        found: list[np.ndarray] = result.get_weights()
        return found

    best = best_epoch(
        Loop(wrapped, keras.optimizers.Adam(learning_rate), batch_size, masks),
        train,
        validation,
        epochs,
        learning_rate,
        np.random.default_rng(seed),
        state,
        augment=augment,
        on_epoch=(lambda epoch, log: on_epoch(epoch, {**log, "sparsity": overall(result)})) if on_epoch else None,
    )
    result.set_weights(best)
    return result


def _counts(model: keras.Model, num_clusters: int | Mapping[str, int], least: int) -> dict[str, int]:
    known = kernels(to_functional(model))
    counts = dict(num_clusters) if isinstance(num_clusters, Mapping) else dict.fromkeys(known, num_clusters)
    for name, k in counts.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"Invalid `num_clusters`. Expected layers out of {list(known)}. Received: {name!r}.{hint}")
        if not least <= k <= 256:
            raise ValueError(f"Invalid `num_clusters`. Expected {least} to 256, zero counted. Received: {k} for {name!r}.")
    return {name: k for name, k in counts.items() if known[name].shape.num_elements() > k}


def _wrap(model: keras.Model, counts: Mapping[str, int], preserve_sparsity: bool, init: str, seed: int) -> keras.Model:
    """`model` with clustering wrappers around the kernels' layers, their centroids from k-means."""
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorflow_model_optimization.python.core.clustering.keras import cluster_config, cluster_wrapper
        from tensorflow_model_optimization.python.core.clustering.keras.experimental import cluster as experimental
    known = kernels(model)
    before = {name: kernel.numpy() for name, kernel in known.items()}

    def wrap(layer: Any) -> Any:
        if layer.name not in counts:
            return layer
        return experimental.cluster_weights(
            layer, counts[layer.name], cluster_config.CentroidInitialization.LINEAR, preserve_sparsity=preserve_sparsity
        )

    wrapped = keras.models.clone_model(model, clone_function=wrap)
    for layer in wrapped.layers:
        if not isinstance(layer, cluster_wrapper.ClusterWeights):
            continue
        kernel = before[layer.layer.name]
        found = kmeans(kernel, counts[layer.layer.name], init, seed, hold_zero=preserve_sparsity)
        for name, centroids in layer.cluster_centroids.items():
            centroids.assign(found[: centroids.shape[0]])
            if preserve_sparsity:  # tfmot's wrapper has read both off its own start
                layer.zero_idx[name] = tf.argmin(tf.abs(centroids), axis=-1)
                layer.sparsity_masks[name] = tf.constant(kernel != 0, tf.float32)
    return wrapped


def _take_weights(plain: keras.Model, wrapped: keras.Model) -> None:
    """Copies the weights of `wrapped` into `plain`, clustered kernels as their centroids."""
    for layer in wrapped.layers:
        inner = getattr(layer, "layer", layer)
        if not inner.weights and inner is layer:
            continue
        values = inner.get_weights()
        if inner is not layer:
            layer.update_clustered_weights_associations()
            for position, name in sorted(layer.position_original_weights.items()):
                values.insert(position, np.array(layer.get_weight_from_layer(name)))
        plain.get_layer(inner.name).set_weights(values)
