"""What every grower looks like: a network and rows in, several networks and what combines them out.

Names and references need no TensorFlow, as recipes are checked without it: growers import it when they are called.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tasks.methods.fusion.combiners.base import Combiner
from tasks.methods.registry import Methods

if TYPE_CHECKING:
    from tasks.methods.backend import keras
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.networks.loop import Augment
    from tasks.methods.networks.rows import Rows


@dataclass(frozen=True)
class Grown:
    """What was grown.

    Attributes:
        models: Flat functional models, at least one.
        combiner: What combines them, in this order; `fuse_models` makes one network of both.
    """

    models: "list[keras.Model]"
    combiner: Combiner


class Grow(Protocol):
    """Makes an ensemble."""

    def __call__(
        self,
        start: "keras.Model",
        train: "Rows",
        validation: "Rows",
        settings: "FitSettings",
        count: int,
        seed: int,
        augment: "Augment | None" = None,
    ) -> Grown:
        """Grows members.

        Args:
            start: A classifier with one input and a softmax; it is not changed. A network that was trained on these very rows
                already has little left to learn, and its members will be much alike.
            train: x float32 [n, ...] and y, class indices [n].
            validation: Likewise; decides when members stop, as in `fit`.
            settings: How to train; each method says what `epochs` counts. `seed` is replaced.
            count: Members, at least 1.
            seed: Seed of everything random.
            augment: Changes training rows anew in every epoch (see `fit`).

        Returns:
            The members and what combines them.

        Raises:
            ValueError: A count below 1; else as for `fit`.
        """


growers: Methods[Grow] = Methods("grower")


def seeds(seed: int, count: int) -> list[int]:
    """A seed for each member.

    Raises:
        ValueError: A count below 1.
    """
    if count < 1:
        raise ValueError(f"Invalid `count`. Expected at least 1 member. Received: count={count}.")
    return [int(each) for each in np.random.SeedSequence(seed).generate_state(count)]


def copy_of(model: "keras.Model", position: int) -> "keras.Model":
    """A flat copy, weights and all, named after its place in the ensemble."""
    from tasks.methods.backend import keras
    from tasks.methods.networks.graph import to_functional

    copied = to_functional(model)
    return keras.Model(copied.inputs, copied.outputs, name=f"member_{position}")
