"""Transfer strategies: how source knowledge reaches the target."""

from ionbridge.transfer.base import SOURCE, TARGET, AbstractStrategy, TransferProblem, fit_many

__all__ = ["SOURCE", "TARGET", "AbstractStrategy", "TransferProblem", "fit_many"]
