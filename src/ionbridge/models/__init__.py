"""Predictors with uncertainty: batched networks, Gaussian processes, trees, conformal intervals."""

from ionbridge.models.base import AbstractCrossFittedRegressor, FloatArray, Prediction

__all__ = ["AbstractCrossFittedRegressor", "FloatArray", "Prediction"]
