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
from ionbridge.models import FloatArray, OutputSpace
from ionbridge.models.folds import assign_folds
from ionbridge.models.gaussian_process import column_moments, default_length_scale
from ionbridge.models.output_space import Space
from ionbridge.transfer.base import AbstractStrategy, Needs, TransferProblem

__all__ = ["MultiTaskGP"]


class MultiTaskGP(AbstractStrategy):
    """``cov[z_a(x), z_b(x')] = B_ab k(x, x') + 1[a = b = target] k_δ(x, x') + noise_a``.

    ``B = [[1, ρ], [ρ, ρ²]]``, Matérn-5/2 plus linear kernels k on the shared inputs and k_δ on
    all inputs, an offset for each domain. Hyper-parameters maximise the posterior jointly, once
    with all rows and from there for each of five folds of the target rows.

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

    def __init__(self, space: Space = "auto", max_source_rows: int = 80, random_state: int = 0):
        self.space = space
        self.max_source_rows = max_source_rows
        self.random_state = random_state

    def _fit(self, problem: TransferProblem) -> None:
        rows = np.arange(len(problem.y_source))
        if len(rows) > self.max_source_rows:
            rng = np.random.default_rng(problem.random_state)
            rows = np.sort(rng.choice(len(rows), self.max_source_rows, replace=False))
        self.shared_ = problem.shared
        self.is_target_ = np.repeat([False, True], [len(rows), len(problem.y_target)])
        self._fit_inputs(problem, rows)
        z = self._fit_outputs(problem.y_source[rows], problem.y_target)
        everything = np.ones(len(z), dtype=bool)
        self.parameters_ = self._maximise(z, everything, None, 30)
        self.alpha_ = self._solve(self.parameters_, z, everything)
        self.fold_ = assign_folds(len(problem.y_target), _N_FOLDS, problem.random_state, problem.groups)
        z_out = np.empty(len(self.fold_))
        folds = []
        for f in range(self.fold_.max() + 1):
            kept = np.ones(len(z), dtype=bool)
            kept[self.is_target_] = self.fold_ != f
            parameters = self._maximise(z, kept, self.parameters_, 5)
            alpha = self._solve(parameters, z, kept)
            z_out[self.fold_ == f] = self._cross(problem.X_target[self.fold_ == f], parameters) @ alpha
            folds.append((parameters, alpha))
        self.fold_parameters_ = np.stack([p for p, _ in folds])
        self.fold_alpha_ = np.stack([a for _, a in folds])
        self.out_of_fold_ = self.output_space_.inverse(z_out)

    def _fit_inputs(self, problem: TransferProblem, rows: np.ndarray) -> None:
        """Stack and standardise the inputs; columns the source lacks are zero in its rows."""
        X = np.zeros((len(self.is_target_), problem.X_target.shape[1]))
        X[: len(rows), problem.shared] = problem.X_source[rows]
        X[len(rows) :] = problem.X_target
        self.center_, self.scale_ = column_moments(problem.X_target)
        if len(rows):
            self.center_[problem.shared], self.scale_[problem.shared] = column_moments(X[:, problem.shared])
        self.X_ = (X - self.center_) / self.scale_
        self.X_[: len(rows), ~problem.shared] = 0.0

    def _fit_outputs(self, y_source: FloatArray, y_target: FloatArray) -> FloatArray:
        """Choose the working spaces; return both domains' outputs in them, shape (n_rows,)."""
        space = OutputSpace.from_outputs(y_target, self.space)
        z_source = y_source
        if len(y_source):
            is_log = space.is_log and bool(np.all(y_source > 0))
            source_space = OutputSpace.from_outputs(y_source, "log" if is_log else "linear")
            if is_log:
                space = OutputSpace(True, space.center, source_space.scale)
            z_source = source_space.forward(y_source)
        self.output_space_ = space
        return np.concatenate([z_source, space.forward(y_target)])

    def _maximise(
        self, z: FloatArray, kept: np.ndarray, start: FloatArray | None, max_steps: int
    ) -> FloatArray:
        """Posterior mode of the log hyper-parameters on the rows `kept`, shape (2 n_features + 7,)."""
        d = self.X_.shape[1]
        length_scale = default_length_scale(d)
        linear = np.log(0.5) - 0.5 * np.log(d)
        # length scales of k and of δ; k: amplitude, linear; δ: amplitude, linear; noises; ρ
        center = np.concatenate(
            [length_scale, length_scale, [0.0, linear, np.log(0.3), linear + np.log(0.5), -2.0, -2.0, 1.0]]
        )
        spread = np.concatenate([np.full(2 * d, 0.8), np.full(6, 1.0), [0.4]])
        at, sd = torch.from_numpy(center), torch.from_numpy(spread)
        X, is_target, data = self.X_[kept], self.is_target_[kept], torch.from_numpy(z[kept])

        def objective(values: FloatArray) -> tuple[float, FloatArray]:
            p = torch.tensor(values, requires_grad=True)
            K = self._torch_kernel(p, X, is_target, X, is_target)
            noise = torch.where(torch.from_numpy(is_target), torch.exp(2 * p[-2]), torch.exp(2 * p[-3]))
            L, failed = torch.linalg.cholesky_ex(K + torch.diag(noise + 1e-8))
            if int(failed):
                return np.inf, np.zeros_like(values)
            half = torch.linalg.solve_triangular(L, data[:, None], upper=False)
            loss = 0.5 * (half**2).sum() + torch.log(torch.diagonal(L)).sum()
            loss = loss + 0.5 * (((p - at) / sd) ** 2).sum()
            (gradient,) = torch.autograd.grad(loss, p)
            return float(loss.detach()), gradient.numpy()

        found = minimize(
            objective,
            center if start is None else start,
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(center - 4 * spread, center + 4 * spread, strict=True)),
            options={"maxiter": max_steps},
        )
        if not np.isfinite(found.fun):
            raise ConvergenceError(
                "MultiTaskGP found no usable hyper-parameters; check for duplicate inputs."
            )
        return found.x

    def _solve(self, p: FloatArray, z: FloatArray, kept: np.ndarray) -> FloatArray:
        """Weights of the training rows, shape (n_rows,); zero where a row is not `kept`."""
        K = self._kernel(p, self.X_[kept], self.is_target_[kept])[:, kept]
        noise = np.where(self.is_target_[kept], np.exp(2 * p[-2]), np.exp(2 * p[-3]))
        alpha = np.zeros(len(z))
        alpha[kept] = np.linalg.solve(K + np.diag(noise + 1e-8), z[kept])
        return alpha

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

    def _kernel(self, p: FloatArray, X: FloatArray, is_target: np.ndarray) -> FloatArray:
        """Kernel of standardised rows `X` against all training rows."""
        with torch.no_grad():
            return self._torch_kernel(torch.from_numpy(p), X, is_target, self.X_, self.is_target_).numpy()

    def _cross(self, X: FloatArray, p: FloatArray) -> FloatArray:
        X = (X - self.center_) / self.scale_
        return self._kernel(p, X, np.ones(len(X), dtype=bool))

    def _predict(self, X: FloatArray) -> FloatArray:
        return self.output_space_.inverse(self._cross(X, self.parameters_) @ self.alpha_)

    def _predict_folds(self, X: FloatArray) -> FloatArray:
        z = [
            self._cross(X, p) @ alpha
            for p, alpha in zip(self.fold_parameters_, self.fold_alpha_, strict=True)
        ]
        return self.output_space_.inverse(np.stack(z))


_N_FOLDS = 5
_OFFSET_VARIANCE = 10.0


def _matern(a: torch.Tensor, b: torch.Tensor, log_length_scale: torch.Tensor) -> torch.Tensor:
    inverse = torch.exp(-log_length_scale)
    a, b = a * inverse, b * inverse
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
    r = torch.sqrt(5.0 * torch.clamp(squared, min=0.0) + 1e-12)
    return (1.0 + r + r * r / 3.0) * torch.exp(-r)
