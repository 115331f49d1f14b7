"""What sparsity is asked of each layer, and whether it can be."""

import difflib
from collections.abc import Iterable, Mapping

from tasks.methods.pruning.prune_mask import fraction


def layer_targets(sparsity: float | Mapping[str, float], layers: Iterable[str]) -> dict[str, float]:
    """Layer name -> the sparsity asked of it.

    Args:
        sparsity: One for all layers, or one a layer, [0, 1); layers that are not named stay as they are.
        layers: The layers that can be pruned.

    Raises:
        ValueError: A sparsity that is no fraction, or a layer that does not exist or cannot be pruned.
    """
    known = list(layers)
    if not isinstance(sparsity, Mapping):
        return dict.fromkeys(known, fraction(sparsity))
    for name, value in sparsity.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"Invalid `sparsity`. Expected names of layers that can be pruned, of {known}. Received: {name!r}.{hint}"
            )
        fraction(value, f"sparsity[{name!r}]")
    return {name: sparsity.get(name, 0.0) for name in known}
