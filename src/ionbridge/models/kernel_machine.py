"""Exact Gaussian regression with a fixed kernel structure, in the working space.

Hyper-parameters, solution and leave-one-out in closed form; units, standardisation and the
estimator interface belong to the callers (`gaussian_process.py`, `transfer/`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

from ionbridge.exceptions import ConvergenceError
from ionbridge.execution import one_thread
from ionbridge.models.base import FloatArray
from ionbridge.models.folds import assign_folds

__all__ = ["KernelMachine", "KernelPrior", "LeaveOutMachines"]

_SQRT5 = np.sqrt(5.0)


@dataclass(frozen=True)
class KernelPrior:
    """Normal priors on the logarithms of the hyper-parameters; all spreads in natural log units.

    The kernel is ``amplitude² Matérn-5/2(x / length_scale) + linear² x·x' + basis V basis' + noise² I``.

    Parameters
    ----------
    log_length_scale : shape (n_features,); centre for standardised inputs.
    log_length_scale_sd : scalar or shape (n_features,).
    log_amplitude, log_amplitude_sd, log_noise, log_noise_sd, log_linear, log_linear_sd : scalars;
        an amplitude or linear centre of None leaves the term out of the kernel.
    """

    log_length_scale: FloatArray
    log_length_scale_sd: float = 0.8
    log_amplitude: float | None = 0.0
    log_amplitude_sd: float = 1.0
    log_noise: float = -1.5
    log_noise_sd: float = 1.0
    log_linear: float | None = None
    log_linear_sd: float = 1.0


@dataclass(frozen=True)
class KernelMachine:
    """A fitted Gaussian process; all values in the working space.

    Parameters
    ----------
    X : shape (n_rows, n_features), standardised.
    basis : shape (n_rows, n_basis); columns with independent normal coefficients.
    basis_variance : shape (n_basis,); prior variances of these coefficients.
    length_scale : shape (n_features,)
    amplitude, linear, noise : standard deviations of the three terms; zero where left out.
    hyper : shape (n_hyper,); logarithms of the hyper-parameters as they were searched.
    inverse : shape (n_rows, n_rows); inverse of the kernel matrix.
    alpha : shape (n_rows,); `inverse` times the residuals from the prior mean.
    """

    X: FloatArray
    basis: FloatArray
    basis_variance: FloatArray
    length_scale: FloatArray
    amplitude: float
    linear: float
    noise: float
    hyper: FloatArray
    inverse: FloatArray
    alpha: FloatArray

    @classmethod
    def fit(
        cls,
        X: FloatArray,
        residual: FloatArray,
        basis: FloatArray,
        basis_variance: FloatArray,
        prior: KernelPrior,
        max_hyper_rows: int = 300,
        random_state: int = 0,
        start: FloatArray | None = None,
    ) -> KernelMachine:
        """Maximise the posterior of the hyper-parameters, then solve exactly.

        Parameters
        ----------
        X : shape (n_rows, n_features), standardised inputs of the Matérn and linear terms.
        residual : shape (n_rows,); outputs minus the prior mean.
        basis : shape (n_rows, n_basis)
        basis_variance : shape (n_basis,)
        prior : priors, and which terms there are.
        max_hyper_rows : hyper-parameters are found on at most this many rows, drawn at random.
        start : shape (n_hyper,); where the search begins; None begins at the prior.

        Raises
        ------
        ConvergenceError
            If no usable kernel matrix was found.

        References
        ----------
        .. [1] Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eqs. 5.8-5.12.
        """
        rows = np.arange(len(X))
        if len(X) > max_hyper_rows:
            rows = np.sort(np.random.default_rng(random_state).choice(len(X), max_hyper_rows, replace=False))
        objective = _Objective(X[rows], residual[rows], basis[rows], basis_variance, prior)
        found = minimize(
            objective,
            objective.center if start is None else start,
            jac=True,
            method="L-BFGS-B",
            bounds=objective.bounds,
            options={"maxiter": 60 if start is None else _MAX_REFIT_STEPS, "ftol": 1e-6},
        )
        if not np.isfinite(found.fun):
            raise ConvergenceError(
                "the Gaussian process found no usable hyper-parameters; check the inputs for duplicate columns or extreme values."
            )
        length_scale, amplitude, linear, noise = objective.unpack(found.x)
        K = _kernel(X, X, basis, basis, basis_variance, length_scale, amplitude, linear)
        K[np.diag_indices_from(K)] += noise**2 + 1e-9
        inverse = cho_solve((cholesky(K, lower=True), True), np.eye(len(X)))
        return cls(
            X,
            basis,
            basis_variance,
            length_scale,
            amplitude,
            linear,
            noise,
            found.x,
            inverse,
            inverse @ residual,
        )

    def cross(self, X: FloatArray, basis: FloatArray) -> FloatArray:
        """Kernel between new rows and training rows, shape (n_new_rows, n_rows)."""
        return _kernel(
            X,
            self.X,
            basis,
            self.basis,
            self.basis_variance,
            self.length_scale,
            self.amplitude,
            self.linear,
        )

    def predict(self, X: FloatArray, basis: FloatArray) -> FloatArray:
        """Posterior mean of the residual at new rows, shape (n_new_rows,)."""
        said = np.empty(len(X))
        for start in range(0, len(X), _BLOCK):  # blocks of the kernel stay in the cache
            rows = slice(start, start + _BLOCK)
            said[rows] = self.cross(X[rows], basis[rows]) @ self.alpha
        return said

    def leave_out(self, residual: FloatArray, fold: np.ndarray) -> FloatArray:
        """Prediction of each training residual without the rows of its fold, in closed form.

        Parameters
        ----------
        residual : shape (n_rows,)
        fold : shape (n_rows,); one fold a row for leave-one-out.

        References
        ----------
        .. [1] Rasmussen and Williams (2006), eq. 5.12, for blocks of rows.
        """
        return residual - self._withdrawn(fold)

    def predict_leave_out(self, X: FloatArray, basis: FloatArray, fold: np.ndarray) -> FloatArray:
        """Predict new rows without the rows of each fold, shape (n_folds, n_new_rows)."""
        k = self.cross(X, basis)
        shift = (self.inverse @ k.T) * self._withdrawn(fold)[:, None]
        without = np.zeros((int(fold.max()) + 1, len(X)))
        np.add.at(without, fold, shift)
        return (k @ self.alpha)[None, :] - without

    def _withdrawn(self, fold: np.ndarray) -> FloatArray:
        """Solve the block of `inverse` of each fold for its part of `alpha`, shape (n_rows,)."""
        if len(np.unique(fold)) == len(fold):
            return self.alpha / np.diag(self.inverse)
        out = np.empty_like(self.alpha)
        for f in np.unique(fold):
            rows = fold == f
            out[rows] = np.linalg.solve(self.inverse[np.ix_(rows, rows)], self.alpha[rows])
        return out


def _distance(A: FloatArray, B: FloatArray) -> FloatArray:
    """Euclidean distances, shape (n_a, n_b)."""
    squared = (A**2).sum(1)[:, None] + (B**2).sum(1)[None, :] - 2.0 * A @ B.T
    return np.sqrt(np.maximum(squared, 0.0))


def _matern(r: FloatArray) -> FloatArray:
    a = _SQRT5 * r
    return (1.0 + a + a * a / 3.0) * np.exp(-a)


def _kernel(
    A: FloatArray,
    B: FloatArray,
    basis_a: FloatArray,
    basis_b: FloatArray,
    basis_variance: FloatArray,
    length_scale: FloatArray,
    amplitude: float,
    linear: float,
) -> FloatArray:
    K = (basis_a * basis_variance) @ basis_b.T
    if amplitude > 0:
        K = K + amplitude**2 * _matern(_distance(A / length_scale, B / length_scale))
    if linear > 0:
        K = K + linear**2 * (A @ B.T)
    return K


class _Objective:
    """Negative log posterior of the hyper-parameters and its gradient.

    Parameter order: log length scales (if a Matérn term), log amplitude, log linear, log noise.
    """

    def __init__(
        self,
        X: FloatArray,
        residual: FloatArray,
        basis: FloatArray,
        basis_variance: FloatArray,
        prior: KernelPrior,
    ):
        self.residual, self.n_features = residual, X.shape[1]
        self.has_matern, self.has_linear = prior.log_amplitude is not None, prior.log_linear is not None
        self.fixed = (basis * basis_variance) @ basis.T
        self.gram = X @ X.T
        self.squared = (X[:, None, :] - X[None, :, :]) ** 2 if self.has_matern else np.zeros((0, 0, 0))
        center: list[float] = []
        spread: list[float] = []
        if prior.log_amplitude is not None:
            center += [*np.broadcast_to(prior.log_length_scale, (self.n_features,)), prior.log_amplitude]
            spread += [
                *np.broadcast_to(prior.log_length_scale_sd, (self.n_features,)),
                prior.log_amplitude_sd,
            ]
        if prior.log_linear is not None:
            center.append(prior.log_linear)
            spread.append(prior.log_linear_sd)
        self.center = np.array([*center, prior.log_noise])
        self.spread = np.array([*spread, prior.log_noise_sd])
        self.bounds = [(c - 5 * s, c + 5 * s) for c, s in zip(self.center, self.spread, strict=True)]

    def unpack(self, p: FloatArray) -> tuple[FloatArray, float, float, float]:
        values = np.exp(p)
        d = self.n_features
        length_scale = values[:d] if self.has_matern else np.ones(d)
        amplitude = float(values[d]) if self.has_matern else 0.0
        linear = float(values[-2]) if self.has_linear else 0.0
        return length_scale, amplitude, linear, float(values[-1])

    def __call__(self, p: FloatArray) -> tuple[float, FloatArray]:
        length_scale, amplitude, linear, noise = self.unpack(p)
        n = len(self.residual)
        K = self.fixed + linear**2 * self.gram
        if self.has_matern:
            a = _SQRT5 * np.sqrt(self.squared @ (1.0 / length_scale**2))
            decay = np.exp(-a)
            matern = amplitude**2 * (1.0 + a + a * a / 3.0) * decay
            K = K + matern
        K[np.diag_indices(n)] += noise**2 + 1e-9
        try:
            L = cholesky(K, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(p)
        inverse = cho_solve((L, True), np.eye(n), check_finite=False)
        alpha = inverse @ self.residual
        value = 0.5 * self.residual @ alpha + np.log(np.diag(L)).sum()
        Q = inverse - np.outer(alpha, alpha)  # gradient of the likelihood: 0.5 tr(Q dK)
        gradient = []
        if self.has_matern:
            # dk/dlog l_j = amplitude² (5/3)(1 + a) exp(-a) squared_j / l_j²
            weight = Q * (amplitude**2 * (5.0 / 3.0) * (1.0 + a) * decay)
            gradient += list(0.5 * np.tensordot(weight, self.squared, axes=2) / length_scale**2)
            gradient.append(float((Q * matern).sum()))
        if self.has_linear:
            gradient.append(float(linear**2 * (Q * self.gram).sum()))
        gradient.append(float(noise**2 * np.trace(Q)))
        offset = (p - self.center) / self.spread
        return float(value + 0.5 * offset @ offset), np.array(gradient) + offset / self.spread


@dataclass(frozen=True)
class LeaveOutMachines:
    """A machine with its leave-out predictions: refitted folds for few rows, closed form for many.

    With few rows the hyper-parameters themselves depend on every row, and closed-form
    leave-one-out, which keeps them, is too optimistic. So up to `_MAX_REFIT_ROWS` rows the search is
    repeated without each of ten folds, starting from the hyper-parameters of all rows.

    Parameters
    ----------
    machine : fitted to all rows.
    folds : one machine a fold, or empty where the closed form is used.
    fold : shape (n_rows,); fold of each row.
    out_of_fold : shape (n_rows,); out-of-sample predictions of the residual.
    """

    machine: KernelMachine
    folds: tuple[KernelMachine, ...]
    fold: np.ndarray
    out_of_fold: FloatArray

    @classmethod
    def fit(
        cls,
        X: FloatArray,
        residual: FloatArray,
        basis: FloatArray,
        basis_variance: FloatArray,
        prior: KernelPrior,
        random_state: int = 0,
        groups: np.ndarray | None = None,
    ) -> LeaveOutMachines:
        """Fit to all rows and to each split.

        Parameters
        ----------
        groups : shape (n_rows,); rows of one group are left out together.
        others : as in `KernelMachine.fit`.
        """
        with one_thread():
            return cls._fit(X, residual, basis, basis_variance, prior, random_state, groups)

    @classmethod
    def _fit(
        cls,
        X: FloatArray,
        residual: FloatArray,
        basis: FloatArray,
        basis_variance: FloatArray,
        prior: KernelPrior,
        random_state: int,
        groups: np.ndarray | None,
    ) -> LeaveOutMachines:
        machine = KernelMachine.fit(X, residual, basis, basis_variance, prior, random_state=random_state)
        n_rows = len(X)
        if n_rows > _MAX_REFIT_ROWS:
            fold = assign_folds(n_rows, n_rows, random_state, groups)
            return cls(machine, (), fold, machine.leave_out(residual, fold))
        fold = assign_folds(n_rows, _N_REFIT_FOLDS, random_state, groups)
        out_of_fold = np.empty(n_rows)
        folds = []
        for f in range(fold.max() + 1):
            kept = fold != f
            part = KernelMachine.fit(
                X[kept], residual[kept], basis[kept], basis_variance, prior, start=machine.hyper
            )
            out_of_fold[~kept] = part.predict(X[~kept], basis[~kept])
            folds.append(part)
        return cls(machine, tuple(folds), fold, out_of_fold)

    def predict_folds(self, X: FloatArray, basis: FloatArray) -> FloatArray:
        """Predict new rows by each leave-out machine, shape (n_folds, n_new_rows)."""
        if not self.folds:
            return self.machine.predict_leave_out(X, basis, self.fold)
        return np.stack([part.predict(X, basis) for part in self.folds])


_MAX_REFIT_ROWS, _N_REFIT_FOLDS, _MAX_REFIT_STEPS = 80, 10, 8
_BLOCK = 512
