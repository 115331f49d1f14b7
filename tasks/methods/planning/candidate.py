"""One way to compress a network before it is converted: which steps, how far, in which order."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

ORDERS = ("channels first", "zeros first")
CHANNELS = (0.0, 0.25, 0.5, 0.65, 0.8, 0.9)
SPARSITIES = (0.0, 0.5, 0.7, 0.9)
CLUSTERS = (0, 16, 32)
LONGER = 4  # times the epochs


@dataclass(frozen=True)
class Candidate:
    """Settings of one attempt; 0 leaves a step out.

    Args:
        channels: Fraction of the channels that go.
        sparsity: Fraction of the weights that become zero.
        clusters: Different values of each kernel.
        distil: Whether the network as trained teaches the smaller one while it recovers.
        order: Whether channels go before weights, or after; clustering is always last, as other steps would undo it.
        longer: Whether each step trains `LONGER` times as long: for what has shown with less that it is worth it.
    """

    channels: float = 0.0
    sparsity: float = 0.0
    clusters: int = 0
    distil: bool = False
    order: Literal["channels first", "zeros first"] = "channels first"
    longer: bool = False

    @property
    def steps(self) -> tuple[tuple[str, float], ...]:
        """(step, how far), in order, those left out left out."""
        channels, zeros = ("channels", self.channels), ("sparsity", self.sparsity)
        first = (channels, zeros) if self.order == "channels first" else (zeros, channels)
        return tuple(step for step in (*first, ("clusters", float(self.clusters))) if step[1])

    @property
    def titles(self) -> tuple[str, ...]:
        """Its steps as people write them."""
        taught = ", taught" if self.distil else ""
        trained = ", trained longer" if self.longer else ""
        return tuple(f"{name} {amount:g}{taught if name == 'channels' else ''}{trained}" for name, amount in self.steps)

    def normal(self) -> "Candidate":
        """The same attempt without settings that have nothing to act on, so that none is tried twice."""
        return Candidate(
            self.channels,
            self.sparsity,
            self.clusters,
            distil=self.distil and self.channels > 0,
            order=self.order if self.channels and self.sparsity else "channels first",
            longer=self.longer and bool(self.steps),
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data, for the journal of a search."""
        return asdict(self)
