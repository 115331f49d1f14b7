"""How much a channel matters: one file a score, each read off the weights that make the channel."""

from tasks.methods.pruning.channel_scores.base import Score, scores
from tasks.methods.registry import import_siblings

import_siblings(__name__, list(__path__))

__all__ = ["Score", "scores"]
