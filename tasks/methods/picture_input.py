"""How a network from outside wants its pixels; numpy alone.

bequest hands networks pictures in [0, 1]; most that were trained elsewhere want something else, such as x / 127.5 - 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_PIXEL_MAX = 255.0
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures in [0, 1]
_MEAN_PIXEL_BGR = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class PictureInput:
    """Channel c of the network's input is `pixel[order[c]] * scale[c] + offset[c]`, pixels being 0 to 255.

    Attributes:
        scale: One a channel, or one for all.
        offset: One a channel, or one for all.
        order: Which channel of an RGB picture stands where; empty: as they come.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    order: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what no picture can be fed by.

        Raises:
            ValueError: Lengths that don't agree, an order that is none, or numbers that are not finite.
        """
        counts = {len(part) for part in (self.scale, self.offset, self.order) if len(part) > 1}
        if not self.scale or not self.offset or len(counts) > 1:
            raise ValueError(
                "Invalid `scale`, `offset`. Expected one number each, or one a channel. "
                f"Received: scale={list(self.scale)}, offset={list(self.offset)}."
            )
        if self.order and sorted(self.order) != list(range(len(self.order))):
            raise ValueError(f"Invalid `order`. Expected every channel once. Received: order={list(self.order)}.")
        if not np.isfinite([*self.scale, *self.offset]).all() or 0.0 in self.scale:
            raise ValueError(
                "Invalid `scale`, `offset`. Expected finite numbers, and a scale other than 0. "
                f"Received: scale={list(self.scale)}, offset={list(self.offset)}."
            )

    @classmethod
    def of_mode(cls, mode: str) -> "PictureInput":
        """The three ways of `keras.applications.imagenet_utils.preprocess_input`.

        Args:
            mode: `tf`: x / 127.5 - 1. `torch`: x / 255, then less ImageNet's mean, over its deviation, by channel. `caffe`:
                BGR, less ImageNet's mean pixel.

        Raises:
            ValueError: Another mode.
        """
        if mode == "tf":
            return cls((1 / 127.5,), (-1.0,))
        if mode == "torch":
            scale = tuple(1 / (_PIXEL_MAX * each) for each in _DEVIATION)
            return cls(scale, tuple(-mean / each for mean, each in zip(_MEAN, _DEVIATION, strict=True)))
        if mode == "caffe":
            return cls((1.0,), tuple(-mean for mean in _MEAN_PIXEL_BGR), (2, 1, 0))
        raise ValueError(f"Invalid `mode`. Expected one of ['tf', 'caffe', 'torch']. Received: mode={mode!r}.")

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "PictureInput":
        """What `as_json` wrote."""
        return cls(tuple(plain["scale"]), tuple(plain["offset"]), tuple(plain["order"]))

    def as_json(self) -> dict[str, list[float] | list[int]]:
        """As plain data."""
        return {"scale": list(self.scale), "offset": list(self.offset), "order": list(self.order)}

    @property
    def channels(self) -> int | None:
        """Channels it is for; None where any number will do."""
        return next((len(part) for part in (self.scale, self.offset, self.order) if len(part) > 1), None)

    def from_unit(self) -> tuple[np.ndarray, np.ndarray]:
        """Scale and offset for pictures in [0, 1], as bequest prepares them: float64 [1] or [channels] each."""
        return np.asarray(self.scale) * _PIXEL_MAX, np.asarray(self.offset)

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Pictures in [0, 1], RGB or grey, as the network wants them.

        Args:
            x: [n, h, w, c].

        Returns:
            float32 [n, h, w, c].

        Raises:
            ValueError: Another number of channels.
        """
        if self.channels not in (None, x.shape[-1]):
            raise ValueError(f"Invalid `x`. Expected {self.channels} channels. Received: shape={list(x.shape)}.")
        scale, offset = self.from_unit()
        ordered = x[..., list(self.order)] if self.order else x
        fed: np.ndarray = (ordered * scale + offset).astype(np.float32)
        return fed

    def __str__(self) -> str:
        words = f"pixel * {_text(self.scale)} + {_text(self.offset)}"
        return f"{words}, channels {list(self.order)}" if self.order and self.order != (0, 1, 2) else words


def _text(numbers: Sequence[float]) -> str:
    texts = [f"{number:.6g}" for number in numbers]
    return texts[0] if len(set(texts)) == 1 else f"[{', '.join(texts)}]"
