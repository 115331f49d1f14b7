"""Deep CORAL: features of source and target rows are led to the same covariance (Sun & Saenko, 2016)."""

from typing import Any

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives


def coral_distance(source: Any, target: Any) -> Any:
    """||C_S - C_T||_F^2 / (4 d^2), C = (X - mean)^T (X - mean) / (n - 1).

    Args:
        source: Features, float32 [n, d].
        target: Likewise, float32 [m, d].

    Returns:
        float32 [], in the fourth power of the features' unit; 0 where either has a single row, which has no covariance.
    """
    from tasks.methods.backend import tf

    def rows(x: Any) -> Any:
        return tf.cast(tf.shape(x)[0], tf.float32)

    def covariance(x: Any) -> Any:
        centred = x - tf.reduce_mean(x, axis=0, keepdims=True)
        return tf.matmul(centred, centred, transpose_a=True) / tf.maximum(rows(x) - 1.0, 1.0)

    size = tf.cast(tf.shape(source)[1], tf.float32)
    distance = tf.reduce_sum(tf.math.squared_difference(covariance(source), covariance(target))) / (4.0 * size**2)
    enough = tf.minimum(rows(source), rows(target)) > 1.0
    return distance * tf.cast(enough, tf.float32)


@objectives.register("coral", reference="Deep CORAL, Sun & Saenko, 2016, arXiv:1607.01719, equations 1 to 4")
@objective(strength=0.1, rows="needed")
def coral(start: Start, source: Source) -> Prepared:
    """CE + lambda ||C_S - C_T||_F^2 / (4 d^2 v^2), of what the final classifier reads.

    Beside each batch of the target's rows passes one of the source's, through the same weights. v is the mean variance of the
    step's features, taken as given, which the paper has not: so lambda means the same whatever their scale.

    Args:
        start: The heir.
        source: Its training rows are read, without their labels.

    Returns:
        The heir, with the recipe's stages and the penalty.
    """
    from tasks.methods.backend import tf
    from tasks.methods.transfer.alignment import aligned

    def distance(source: Any, target: Any) -> Any:
        variance = tf.reduce_mean(tf.math.reduce_variance(tf.concat([source, target], axis=0), axis=0))
        spread = tf.sqrt(tf.maximum(tf.stop_gradient(variance), 1e-12))
        return coral_distance(source / spread, target / spread)

    return aligned(start, source, distance)
