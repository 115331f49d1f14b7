"""Arithmetic coding of a matrix with few different values, most of them zero: where the zeros are, then what the rest is.

Pruned and clustered weights have such matrices (Han et al., arXiv:1510.00149). Their positions cost more than their values,
and they are not spread evenly: whole rows and columns die. So the chance of a nonzero is modelled as the density of its row
(sent ahead, in a few steps) times the share of its column in the rows before (known to the decoder as well). The coder is
constriction's range coder; every probability is computed by sums, products and quotients of integers in float64, which
give the same bits on every machine.
"""

from typing import Any

import constriction
import numpy as np

_CODER = constriction.stream.queue
_MODEL = constriction.stream.model
_BITS = _MODEL.Bernoulli(perfect=False)

# A count as one byte: 2^(step / 8), by a table of integers, as powers of two differ in their last bit between machines.
_EIGHTHS = np.array([128, 140, 152, 166, 181, 197, 215, 235], np.int64)
_STEPS = 192
LEVELS = _EIGHTHS[np.arange(_STEPS) % 8] << (np.arange(_STEPS) // 8)
_PRIOR = 0.4  # nonzeros that every column is taken to have had before the first row


def weigh(counts: np.ndarray) -> np.ndarray:
    """Counts as steps of `LEVELS`, uint8; 0 stands for none.

    Args:
        counts: int [k], none negative.
    """
    steps = np.searchsorted(LEVELS, np.asarray(counts, np.int64) * 128, side="right")
    return np.where(counts > 0, np.clip(steps, 1, _STEPS), 0).astype(np.uint8)


def shares(weights: np.ndarray) -> np.ndarray:
    """What `weigh` gave, as probabilities: float64 [k], sum 1."""
    values = np.where(weights > 0, LEVELS[np.maximum(weights, 1).astype(np.int64) - 1], 0).astype(np.float64)
    total: np.ndarray = values / values.sum()
    return total


def densities(mask: np.ndarray) -> np.ndarray:
    """Steps of each row's count of nonzeros, uint8 [rows]: what the decoder is told ahead of `encode_mask`."""
    return weigh(mask.sum(axis=1))


def encode_mask(encoder: Any, mask: np.ndarray, steps: np.ndarray) -> None:
    """Writes where the nonzeros are.

    Args:
        encoder: A `RangeEncoder`.
        mask: bool [rows, columns], True: not zero.
        steps: From `densities(mask)`.
    """
    columns = _Columns(mask.shape[1])
    for row in np.flatnonzero(steps):
        encoder.encode(mask[row].astype(np.int32), _BITS, columns.chances(steps[row]))
        columns.saw(mask[row])


def decode_mask(decoder: Any, columns: int, steps: np.ndarray) -> np.ndarray:
    """Reads what `encode_mask` wrote.

    Args:
        decoder: A `RangeDecoder`.
        columns: Columns of the mask.
        steps: As the encoder had them.

    Returns:
        bool [rows, columns].
    """
    mask = np.zeros((len(steps), columns), bool)
    known = _Columns(columns)
    for row in np.flatnonzero(steps):
        mask[row] = decoder.decode(_BITS, known.chances(steps[row])).astype(bool)
        known.saw(mask[row])
    return mask


class _Columns:
    """How often each column was nonzero in the rows before; its neighbours count a little, as pixels do."""

    def __init__(self, columns: int) -> None:
        self._counts = np.zeros(columns, np.int64)
        self._total = 0

    def chances(self, step: int) -> np.ndarray:
        """P(nonzero) of every column in a row of that density, float64 [columns]."""
        beside = np.zeros(len(self._counts), np.int64)
        beside[1:] += self._counts[:-1]
        beside[:-1] += self._counts[1:]
        seen = (4 * self._counts + beside) / 6.0
        share = (seen + _PRIOR) / (self._total / len(self._counts) + _PRIOR)
        expected = LEVELS[int(step) - 1] / 128.0
        chance: np.ndarray = np.clip(share * (expected / len(self._counts)), 1e-4, 1 - 1e-4)
        return chance

    def saw(self, row: np.ndarray) -> None:
        """Counts a row."""
        self._counts += row
        self._total += int(row.sum())


def encoder() -> Any:
    """A new range encoder."""
    return _CODER.RangeEncoder()


def decoder(words: np.ndarray) -> Any:
    """A range decoder over what an encoder's `get_compressed` gave, uint32 [n]."""
    return _CODER.RangeDecoder(words)


def categorical(weights: np.ndarray) -> Any:
    """The model of symbols 0..k-1 with the chances that `weigh` kept."""
    return _MODEL.Categorical(shares(weights), perfect=False)
