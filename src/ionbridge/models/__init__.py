"""Predictors with uncertainty: batched networks, Gaussian processes, trees, conformal intervals."""

from ionbridge.models.applicability import ApplicabilityDomain
from ionbridge.models.base import AbstractCrossFittedRegressor, FloatArray, Prediction
from ionbridge.models.conformal import JackknifePlus, jackknife_plus_interval
from ionbridge.models.cross_fitted import CrossFitted, Forest
from ionbridge.models.gaussian_process import GaussianProcess
from ionbridge.models.kernel_machine import KernelMachine, KernelPrior, LeaveOutMachines
from ionbridge.models.output_space import OutputSpace
from ionbridge.models.state import State, from_state, to_state

__all__ = [
    "AbstractCrossFittedRegressor",
    "ApplicabilityDomain",
    "CrossFitted",
    "FloatArray",
    "Forest",
    "GaussianProcess",
    "JackknifePlus",
    "KernelMachine",
    "KernelPrior",
    "LeaveOutMachines",
    "OutputSpace",
    "Prediction",
    "State",
    "from_state",
    "jackknife_plus_interval",
    "to_state",
]
