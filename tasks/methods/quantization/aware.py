"""Quantization-aware training: the network learns with the errors of int8 (Jacob et al., arXiv:1712.05877, section 3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.best_epoch import OnEpoch, best_epoch
from tasks.methods.networks.fold import fold_batch_normalization, foldable
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.loop import Loop, reseed
from tasks.methods.networks.rows import Rows, checked
from tasks.methods.pruning.masks import kernels
from tasks.methods.quantization.annotate import annotated
from tasks.methods.quantization.kept import MAX_VALUES, PRESERVE, current
from tasks.methods.quantization.lite import to_flatbuffer
from tasks.methods.quantization.weights_of import layer_weights, weight_types

_CALIBRATION_ROWS = 256


@dataclass(frozen=True)
class QuantizationAware:
    """What training gave.

    Attributes:
        model: A flat functional model with the trained float weights, without any wrapper and without dropout; what was folded
            is gone.
        flatbuffer: The int8 LiteRT model: integer arithmetic, float32 in and out, a free batch dimension. Its ranges were
            learned; converting `model` again would lose them.
    """

    model: keras.Model
    flatbuffer: bytes


def qat(
    model: keras.Model,
    train: Rows,
    validation: Rows,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    preserve: str = "none",
    on_epoch: OnEpoch | None = None,
) -> QuantizationAware:
    """Fine-tunes a copy of `model` with emulated int8 arithmetic, and converts it.

    Ranges of activations start from what a sample of training rows gives. The state before training counts as epoch 0; of
    all, the one with the lowest validation loss under emulation is taken. Layers without weights that int8 has no form for
    (Rescaling, say) are computed in float32. Dropout is left out. A BatchNormalization behind a Dense layer or a bias, and
    where clusters are kept behind any kernel, is folded into it first.

    Args:
        model: A trained classifier; it is not changed.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.
        epochs: Passes over the training rows.
        batch_size: Rows in a step.
        learning_rate: Adam's; a tenth of what trained the network is a good start.
        seed: Seed of the order of rows.
        preserve: `none`; `sparsity`: zeros of Dense and Conv2D kernels stay; `clusters`: no kernel gets more different
            values than it has, if these are at most 255; `both`: zeros and clusters. For clusters, a convolution has one
            scale instead of one for each filter.
        on_epoch: Called after each epoch with its number, from 1, and loss, accuracy, validation_loss,
            validation_accuracy and learning_rate.

    Returns:
        The trained network, as Keras model and as flatbuffer.

    Raises:
        ValueError: Settings or rows that do not fit, a layer with weights that tfmot cannot quantize, a loss that is not a
            number any more, weights that stay float, or zeros or clusters that did not last (before a Concatenate; clusters
            before a BatchNormalization, which would scale each channel's own way: cluster the folded network).
    """
    if preserve not in PRESERVE:
        raise ValueError(f"Invalid `preserve`. Expected one of {list(PRESERVE)}. Received: preserve={preserve!r}.")
    if epochs < 1 or batch_size < 1:
        raise ValueError(
            f"Invalid `epochs` or `batch_size`. Expected at least 1. Received: epochs={epochs}, batch_size={batch_size}."
        )
    train, validation = checked("train", train, model), checked("validation", validation, model)
    model = _folded(model, preserve)
    rng = np.random.default_rng(seed)
    wrapped = annotated(model, preserve, train[0][rng.permutation(len(train[0]))[:_CALIBRATION_ROWS]])
    reseed(wrapped, seed)
    best = best_epoch(
        Loop(wrapped, keras.optimizers.Adam(learning_rate), batch_size, None),
        train,
        validation,
        epochs,
        learning_rate,
        rng,
        wrapped.get_weights,
        on_epoch=on_epoch,
    )
    wrapped.set_weights(best)
    flatbuffer = to_flatbuffer(wrapped, "int8", _quantize)
    _require_integers(flatbuffer)
    _require_kept(model, flatbuffer, preserve)
    return QuantizationAware(_plain(model, wrapped), flatbuffer)


def _quantize(converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]  # ranges come with the graph: nothing to calibrate


def _folded(model: keras.Model, preserve: str) -> keras.Model:
    """The network without the BatchNormalizations that tfmot can't quantize.

    Raises:
        ValueError: That would multiply clusters which are to be kept.
    """
    flat = to_functional(model)
    if preserve not in ("clusters", "both"):  # a convolution's is trained along; tfmot wants it without a bias
        into = [
            name for name in foldable(flat) if (layer := flat.get_layer(name)).use_bias or type(layer) is keras.layers.Dense
        ]
        return fold_batch_normalization(flat, into)
    folded = fold_batch_normalization(flat)
    before, after = ({name: _values(kernel) for name, kernel in kernels(each).items()} for each in (flat, folded))
    lost = [name for name, values in before.items() if values <= MAX_VALUES and after[name] > values]
    if lost:
        raise ValueError(
            "Invalid `model`. Expected clusters in kernels without a BatchNormalization behind them: folded, it scales each "
            "channel its own way, so that clusters multiply. Fold first (fold_batch_normalization), then cluster. "
            f"Received: clusters in {lost}."
        )
    return folded


def _values(kernel: Any) -> int:
    return len(np.unique(kernel.numpy()))


def _plain(model: keras.Model, wrapped: keras.Model) -> keras.Model:
    """A copy of `model` with the weights of `wrapped`."""
    plain = to_functional(model)
    known = {layer.name: layer for layer in plain.layers}
    for layer in wrapped.layers:
        inner = getattr(layer, "layer", layer)
        if inner.name not in known:  # what tfmot added: the quantization of the input
            continue
        values = dict(_variables(layer))
        for variable in known[inner.name].weights:
            variable.assign(values[_short(variable)])
    return plain


def _variables(layer: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of what a layer, or the layer inside a wrapper, holds."""
    for variable in layer.weights:
        yield _short(variable), variable
    for variable, _, of_quantizer in getattr(layer, "_weight_vars", []):
        yield _short(variable), current(variable, of_quantizer)


def _short(variable: Any) -> str:
    name: str = variable.name.split("/")[-1]
    return name


def _require_integers(flatbuffer: bytes) -> None:
    """Refuses a flatbuffer in which a kernel is computed in float32."""
    floats = [name for name, kind in weight_types(flatbuffer).items() if kind == "float32"]
    if floats:
        raise ValueError(
            f"Invalid `model`. Expected weights that the converter can hold as integers. Received: float32 weights {floats}."
        )


def _require_kept(model: keras.Model, flatbuffer: bytes, preserve: str) -> None:
    """Refuses a flatbuffer whose kernels have fewer zeros or more values than those of `model`, where they were to be kept."""
    before = {name: kernel.numpy() for name, kernel in kernels(model).items()}
    lost = []
    for name, kernel in layer_weights(flatbuffer, before).items():
        values = len(np.unique(before[name]))
        fewer_zeros = (kernel == 0).sum() < (before[name] == 0).sum()
        more_values = values <= MAX_VALUES and len(np.unique(kernel)) > values
        if (preserve in ("sparsity", "both") and fewer_zeros) or (preserve in ("clusters", "both") and more_values):
            lost.append(name)
    if lost:
        raise ValueError(
            "Invalid `preserve`. Expected zeros and clusters that last into the flatbuffer; those of a layer that feeds a "
            f"Concatenate do not. Received: preserve={preserve!r}, and lost in {lost}."
        )
