"""The best linear head on frozen features: logistic regression, solved rather than trained."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from tasks.methods.backend import keras
from tasks.methods.networks.graph import backbone
from tasks.methods.networks.predict import predict
from tasks.methods.networks.rows import Rows, checked
from tasks.methods.networks.surgery import new_head
from tasks.methods.pruning.masks import Masks

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)  # of ||v||^2 / 2, tried from the strictest on
_STEPS = 200


def solve_head(learned: Rows, judged: Rows, classes: int, *, keep: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias that minimise CE(softmax(features @ v + b)) + l2/2 ||v||^2, by L-BFGS (Liu & Nocedal, 1989).

    The features are standardised while it is solved, so that l2 weighs all alike. Of `PENALTIES` the one with the lowest
    cross-entropy on the judged rows is taken.

    Args:
        learned: Features [n, d] and class indices [n] to solve on.
        judged: Likewise, to choose l2 on.
        classes: Number of classes k.
        keep: bool [d, k]; False holds a weight at zero. All are kept where None.

    Returns:
        float32 [d, k] and float32 [k].
    """
    (x, y), (judged_x, judged_y) = ((np.asarray(part[0], np.float64), np.asarray(part[1])) for part in (learned, judged))
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread[spread == 0] = 1.0  # a feature that never moves: dead, or pruned away
    x, judged_x = (x - mean) / spread, (judged_x - mean) / spread
    open_ = np.ones((x.shape[1], classes)) if keep is None else keep.astype(np.float64)
    hot = np.eye(classes)[y]

    def value(flat: np.ndarray, l2: float) -> tuple[float, np.ndarray]:
        kernel, bias = flat[:-classes].reshape(open_.shape), flat[-classes:]
        logits = x @ kernel + bias
        totals = logsumexp(logits, axis=1, keepdims=True)
        error = (np.exp(logits - totals) - hot) / len(x)
        loss = float((totals[:, 0] - logits[np.arange(len(y)), y]).mean() + l2 / 2 * np.square(kernel).sum())
        return loss, np.concatenate([((x.T @ error + l2 * kernel) * open_).ravel(), error.sum(axis=0)])

    best, lowest, flat = np.zeros(open_.size + classes), np.inf, np.zeros(open_.size + classes)
    for l2 in PENALTIES:
        flat = minimize(value, flat, args=(l2,), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
        logits = judged_x @ flat[:-classes].reshape(open_.shape) + flat[-classes:]
        loss = float((logsumexp(logits, axis=1) - logits[np.arange(len(judged_y)), judged_y]).mean())
        if loss < lowest:
            best, lowest = flat.copy(), loss
    kernel = best[:-classes].reshape(open_.shape) / spread[:, np.newaxis]
    return kernel.astype(np.float32), (best[-classes:] - mean @ kernel).astype(np.float32)


def probed(model: keras.Model, train: Rows, validation: Rows, seed: int, *, features: np.ndarray | None = None) -> keras.Model:
    """The network under its best linear head; no other weight changes, and the head's zeros stay.

    Args:
        model: A classifier; changed in place where it ends in one Dense layer with a softmax.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise; chooses the penalty.
        seed: Of the new head, where one has to be made.
        features: What the backbone makes of the training rows, float [n, d], where that is known.

    Returns:
        `model`, or its backbone under a new head where it ends otherwise, as a fused network does.
    """
    train, validation = checked("train", train, model), checked("validation", validation, model)
    classes, last = int(model.outputs[0].shape[-1]), model.layers[-1]
    base = backbone(model, copy=False)  # once: a network is compiled the first time that it predicts
    learned = predict(base, train[0]) if features is None else features, train[1]
    judged = predict(base, validation[0]), validation[1]
    if not _is_linear_head(last, learned[0].shape[1]):
        model = new_head(model, classes, seed)
        last = model.layers[-1]
    keep = Masks.of(model).keep.get(last.name)
    kernel, bias = solve_head(learned, judged, classes, keep=keep)
    last.set_weights([kernel, bias])
    return model


def _is_linear_head(layer: keras.layers.Layer, width: int) -> bool:
    is_softmax = type(layer) is keras.layers.Dense and layer.activation is keras.activations.softmax
    return is_softmax and layer.use_bias and tuple(layer.kernel.shape[:1]) == (width,)
