"""Saved models: cards, weights without pickle, search and exchange."""

from ionbridge.library.card import Metric, ModelCard, card_of
from ionbridge.library.citing import Citation, cite
from ionbridge.library.library import ModelLibrary, default_root, pretrained_root

__all__ = [
    "Citation",
    "Metric",
    "ModelCard",
    "ModelLibrary",
    "card_of",
    "cite",
    "default_root",
    "pretrained_root",
]
