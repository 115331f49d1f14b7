"""MMD: features of source and target rows are led to one distribution, as kernels of many widths see it (Long et al., 2015)."""

from collections.abc import Sequence
from typing import Any

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the kernels, times the mean squared distance


def mmd_distance(source: Any, target: Any, bandwidths: Sequence[Any]) -> Any:
    """E k(s, s') + E k(t, t') - 2 E k(s, t), k(a, b) = mean_u exp(-||a - b||^2 / bandwidth_u).

    The estimate without bias (Gretton et al., 2012, JMLR 13, lemma 6): no row is compared with itself. It may be negative.

    Args:
        source: Features, float32 [n, d].
        target: Likewise, float32 [m, d].
        bandwidths: Each > 0, in the squared unit of the features.

    Returns:
        float32 [], unitless; 0 where either has a single row.
    """
    from tasks.methods.backend import tf

    def pairs(a: Any, b: Any, *, same: bool) -> Any:
        distances = squared_distances(a, b)
        kernel = tf.add_n([tf.exp(-distances / bandwidth) for bandwidth in bandwidths]) / len(bandwidths)
        n, m = (tf.cast(tf.shape(each)[0], tf.float32) for each in (a, b))
        total = tf.reduce_sum(kernel)
        return (
            (total - tf.reduce_sum(tf.linalg.diag_part(kernel))) / tf.maximum(n * (n - 1.0), 1.0) if same else total / (n * m)
        )

    distance = pairs(source, source, same=True) + pairs(target, target, same=True) - 2.0 * pairs(source, target, same=False)
    return distance * tf.cast(tf.minimum(tf.shape(source)[0], tf.shape(target)[0]) > 1, tf.float32)


def squared_distances(a: Any, b: Any) -> Any:
    """||a_i - b_j||^2 of every pair.

    Args:
        a: float32 [n, d].
        b: float32 [m, d].

    Returns:
        float32 [n, m], >= 0.
    """
    from tasks.methods.backend import tf

    squares_a, squares_b = (tf.reduce_sum(tf.square(each), axis=1) for each in (a, b))
    found = squares_a[:, tf.newaxis] + squares_b[tf.newaxis] - 2.0 * tf.matmul(a, b, transpose_b=True)
    return tf.maximum(found, 0.0)  # what rounding leaves of a row's distance to itself


@objectives.register("mmd", reference="DAN, Long et al., 2015, arXiv:1502.02791, equations 1 and 4")
@objective(strength=0.1, rows="needed")
def mmd(start: Start, source: Source) -> Prepared:
    """CE + lambda MMD^2(features of source rows, features of target rows), of what the final classifier reads.

    Beside each batch of the target's rows passes one of the source's, through the same weights. Five Gaussian kernels count
    alike, of bandwidths a quarter to four times the mean squared distance of the step's rows, which is taken as given.

    Args:
        start: The heir.
        source: Its training rows are read, without their labels.

    Returns:
        The heir, with the recipe's stages and the penalty.
    """
    from tasks.methods.backend import tf
    from tasks.methods.transfer.alignment import aligned

    def distance(source: Any, target: Any) -> Any:
        both = tf.concat([source, target], axis=0)
        mean = tf.maximum(tf.reduce_mean(squared_distances(both, both)), 1e-12)
        return mmd_distance(source, target, [width * tf.stop_gradient(mean) for width in WIDTHS])

    return aligned(start, source, distance)
