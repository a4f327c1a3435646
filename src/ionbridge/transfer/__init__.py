"""Transfer strategies: how source knowledge reaches the target."""

from ionbridge.transfer.adapted import FittedSource, adapt_model
from ionbridge.transfer.base import SOURCE, TARGET, AbstractStrategy, TransferProblem, fit_many
from ionbridge.transfer.model import TransferModel
from ionbridge.transfer.registry import make_strategy, strategy_names

__all__ = [
    "SOURCE",
    "TARGET",
    "AbstractStrategy",
    "FittedSource",
    "TransferModel",
    "TransferProblem",
    "adapt_model",
    "fit_many",
    "make_strategy",
    "strategy_names",
]
