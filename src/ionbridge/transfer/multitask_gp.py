"""One Gaussian process over the rows of both domains (intrinsic coregionalisation).

The source rows themselves are needed; a Gaussian process on top of a source *model* is
`hierarchical_gp.py`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from scipy.optimize import minimize

from ionbridge.exceptions import ConvergenceError
from ionbridge.models import FloatArray, TargetSpace
from ionbridge.models.gaussian_process import column_moments, default_length_scale
from ionbridge.models.target_space import Space
from ionbridge.transfer.base import AbstractStrategy, Needs, TransferProblem

__all__ = ["MultiTaskGP"]


class MultiTaskGP(AbstractStrategy):
    """``cov[z_a(x), z_b(x')] = B_ab k(x, x') + 1[a = b = target] k_δ(x, x') + noise_a``.

    ``B = [[1, ρ], [ρ, ρ²]]``, Matérn-5/2 plus linear kernels k on the shared inputs and k_δ on
    all inputs, an offset for each domain. Hyper-parameters maximise the posterior jointly;
    leave-one-out over the target rows is in closed form.

    Parameters
    ----------
    space : working space of the outputs.
    max_source_rows : beyond this many source rows a random subset is used.
    random_state : seed of the subset.

    References
    ----------
    .. [1] Bonilla, Chai and Williams, Multi-task Gaussian Process Prediction, NIPS (2007), eq. 2.
    """

    needs: ClassVar[Needs] = "source data"
    supports_target_only_inputs: ClassVar[bool] = True

    def __init__(self, space: Space = "auto", max_source_rows: int = 200, random_state: int = 0):
        self.space = space
        self.max_source_rows = max_source_rows
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        rows = np.arange(len(problem.y_source))
        if len(rows) > self.max_source_rows:
            rng = np.random.default_rng(problem.random_state)
            rows = np.sort(rng.choice(len(rows), self.max_source_rows, replace=False))
        y_source, y_target = problem.y_source[rows], problem.y_target
        self.shared_ = problem.shared
        self.target_space_ = TargetSpace.from_outputs(y_target, self.space)
        X = np.zeros((len(rows) + len(y_target), problem.X_target.shape[1]))
        X[: len(rows), problem.shared] = problem.X_source[rows]
        X[len(rows) :] = problem.X_target
        self.center_, self.scale_ = column_moments(problem.X_target)
        if len(rows):
            self.center_[problem.shared], self.scale_[problem.shared] = column_moments(X[:, problem.shared])
            source_space = TargetSpace.from_outputs(
                y_source, "log" if self.target_space_.is_log and np.all(y_source > 0) else "linear"
            )
            if self.target_space_.is_log and source_space.is_log:
                self.target_space_ = TargetSpace(True, self.target_space_.center, source_space.scale)
            z_source = source_space.forward(y_source)
        else:
            z_source = y_source
        self.X_ = (X - self.center_) / self.scale_
        self.X_[: len(rows), ~problem.shared] = 0.0
        self.is_target_ = np.repeat([False, True], [len(rows), len(y_target)])
        z_target = self.target_space_.forward(y_target)
        z = np.concatenate([z_source, z_target])
        self.parameters_ = self._maximise(z)
        inverse = np.linalg.inv(self._kernel(self.parameters_, self.X_, self.is_target_, noise=True))
        alpha = inverse @ z
        own = np.flatnonzero(self.is_target_)
        self.alpha_, self.target_inverse_ = alpha, inverse[own]
        self.loo_weight_ = alpha[own] / inverse[own, own]
        self.fold_ = np.arange(len(y_target))
        self.out_of_fold_ = self.target_space_.inverse(z_target - self.loo_weight_)

    def _maximise(self, z: FloatArray) -> FloatArray:
        """Posterior mode of the log hyper-parameters, shape (2 n_features + 7,)."""
        d = self.X_.shape[1]
        length_scale = default_length_scale(d)
        linear = np.log(0.5) - 0.5 * np.log(d)
        #        length scales ×2          k amplitude, linear  δ amplitude, linear          noise s, t    ρ
        center = np.concatenate(
            [length_scale, length_scale, [0.0, linear, np.log(0.3), linear + np.log(0.5), -2.0, -2.0, 1.0]]
        )
        spread = np.concatenate([np.full(2 * d, 0.8), np.full(6, 1.0), [0.4]])
        at, sd = torch.from_numpy(center), torch.from_numpy(spread)
        data = torch.from_numpy(z)

        def objective(values: FloatArray) -> tuple[float, FloatArray]:
            p = torch.tensor(values, requires_grad=True)
            K = self._torch_kernel(p, self.X_, self.is_target_, self.X_, self.is_target_)
            noise = torch.where(torch.from_numpy(self.is_target_), torch.exp(2 * p[-2]), torch.exp(2 * p[-3]))
            L, failed = torch.linalg.cholesky_ex(K + torch.diag(noise + 1e-8))
            if int(failed):
                return np.inf, np.zeros_like(values)
            half = torch.linalg.solve_triangular(L, data[:, None], upper=False)
            loss = 0.5 * (half**2).sum() + torch.log(torch.diagonal(L)).sum()
            loss = loss + 0.5 * (((p - at) / sd) ** 2).sum()
            loss.backward()
            assert p.grad is not None
            return float(loss.detach()), p.grad.numpy()

        bounds = list(zip(center - 4 * spread, center + 4 * spread, strict=True))
        found = minimize(
            objective, center, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40}
        )
        if not np.isfinite(found.fun):
            raise ConvergenceError(
                "MultiTaskGP found no usable hyper-parameters; check for duplicate inputs."
            )
        return found.x

    def _torch_kernel(
        self, p: torch.Tensor, A: FloatArray, a_target: np.ndarray, B: FloatArray, b_target: np.ndarray
    ) -> torch.Tensor:
        d = A.shape[1]
        a, b = torch.from_numpy(A), torch.from_numpy(B)
        shared = torch.from_numpy(self.shared_)
        ta, tb = torch.from_numpy(a_target), torch.from_numpy(b_target)
        rho_a, rho_b = torch.where(ta, p[-1], 1.0), torch.where(tb, p[-1], 1.0)
        base = torch.exp(2 * p[2 * d]) * _matern(a[:, shared], b[:, shared], p[:d][shared])
        base = base + torch.exp(2 * p[2 * d + 1]) * (a[:, shared] @ b[:, shared].T)
        own = torch.exp(2 * p[2 * d + 2]) * _matern(a, b, p[d : 2 * d])
        own = own + torch.exp(2 * p[2 * d + 3]) * (a @ b.T) + _OFFSET_VARIANCE
        both = (ta[:, None] & tb[None, :]).double()
        neither = (~ta[:, None] & ~tb[None, :]).double()
        return rho_a[:, None] * rho_b[None, :] * base + both * own + neither * _OFFSET_VARIANCE

    def _kernel(self, p: FloatArray, X: FloatArray, is_target: np.ndarray, noise: bool = False) -> FloatArray:
        """Kernel of rows `X` against the training rows."""
        with torch.no_grad():
            K = self._torch_kernel(torch.from_numpy(p), X, is_target, self.X_, self.is_target_).numpy()
        if noise:
            K = K + np.diag(np.where(self.is_target_, np.exp(2 * p[-2]), np.exp(2 * p[-3])) + 1e-8)
        return K

    def _cross(self, X: FloatArray) -> FloatArray:
        X = (X - self.center_) / self.scale_
        return self._kernel(self.parameters_, X, np.ones(len(X), dtype=bool))

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.target_space_.inverse(self._cross(X) @ self.alpha_)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        k = self._cross(X)
        shift = (self.target_inverse_ @ k.T) * self.loo_weight_[:, None]
        return self.target_space_.inverse((k @ self.alpha_)[None, :] - shift)


_OFFSET_VARIANCE = 10.0


def _matern(a: torch.Tensor, b: torch.Tensor, log_length_scale: torch.Tensor) -> torch.Tensor:
    inverse = torch.exp(-log_length_scale)
    a, b = a * inverse, b * inverse
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
    r = torch.sqrt(5.0 * torch.clamp(squared, min=0.0) + 1e-12)
    return (1.0 + r + r * r / 3.0) * torch.exp(-r)
