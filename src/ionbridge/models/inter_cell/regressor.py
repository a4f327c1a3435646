"""`InterCellRegressor`: lives from a cell itself and from its differences to cells of known life.

Encoding is `representation.py`, the network `network.py`, the loss `loss.py`, references
`aggregation.py`; curves and tables of cycling data are made in the lifetime application.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError, ShapeError
from ionbridge.models.base import AbstractCrossFittedRegressor, FloatArray
from ionbridge.models.engine import TrainingSettings, train_stack
from ionbridge.models.engine.base import Float32Array
from ionbridge.models.engine.ensemble import draw_folds, group_rows
from ionbridge.models.engine.runtime import single_thread
from ionbridge.models.inter_cell.aggregation import (
    AGGREGATIONS,
    REFERENCE_CHOICES,
    aggregate,
    choose_references,
    reference_weights,
)
from ionbridge.models.inter_cell.loss import PairLoss
from ionbridge.models.inter_cell.network import (
    inter_cell_module,
    inter_outputs,
    intra_outputs,
    reference_codes,
)
from ionbridge.models.inter_cell.representation import CellEncoding

__all__ = ["InterCellRegressor", "ReferenceReport"]

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
CELLS_AT_ONCE = 64
SMALLEST_SCALE = 1e-3  # of log-lives: below this all lives are alike


@dataclass(frozen=True, eq=False)
class ReferenceReport:
    """Which known cells a prediction leaned on.

    Parameters
    ----------
    cells : shape (n_references,); rows of the training cells.
    answers : shape (n_cells, n_references) [y]; the prediction through each reference.
    weights : shape (n_cells, n_references); what each contributes, rows sum to one; for the
        median, the references whose answer is nearest to it share the weight.
    """

    cells: NDArray[np.int64]
    answers: FloatArray
    weights: FloatArray


class InterCellRegressor(AbstractCrossFittedRegressor):
    """Ensemble of inter-cell networks; the members of every fold are trained along with the final ones.

    The prediction is ``(1 - s) · intra + s · aggregate over references(life_ref + inter)``, all in
    logarithms [1]_. Beyond the published method, all pairs of training cells are used in every
    step, each cell is encoded once, the inter branch is odd in its two cells, and cells that had
    not failed yet count by the likelihood of having outlived their test.

    Parameters
    ----------
    n_hidden : width of the layers.
    base_cycle : place of the cycle that changes are counted from, for curves of shape (n_cells,
        n_channels, n_cycles, n_points); tables (n_cells, n_features) do not need it.
    compression : see `cell_features`.
    cell_shape : (n_channels, n_cycles, n_points) where cells come as flat rows, such as from a
        transfer strategy; None takes cells in the shape they have.
    n_components : longest encoded cell; never more than training cells in a fold less one.
    inter_share : weight of the inter branch in the loss, 0 to 1.
    prediction_share : its weight in predictions; ``"auto"`` takes the one with the smallest
        out-of-fold error.
    aggregation : ``"median"``, ``"mean"`` or ``"weighted"`` (by the out-of-fold error of each
        reference).
    n_references : references a prediction uses, all uncensored.
    reference_choice : ``"spread"`` covers the training cells, ``"similar"`` takes for every new
        cell the nearest half of those.
    residual_scale : expected spread of residuals for censored cells, in standard deviations of
        log-life.
    epochs, batch_size, learning_rate, weight_decay : see `TrainingSettings`; up to `batch_size`
        cells are all paired in one step.
    n_members, n_folds, random_state, device : as of `NetworkRegressor`.

    Attributes
    ----------
    encodings_ : one `CellEncoding` a group; group 0 is final, group f + 1 left out fold f.
    weights_ : shape (n_groups, n_members, n_parameters)
    cells_ : shape (n_groups, n_cells, n_components); encoded training cells.
    log_life_, is_censored_ : shape (n_cells,)
    life_mean_, life_scale_ : shape (n_groups,); of log-life.
    references_ : shape (n_groups, n_references); rows of the training cells.
    reference_weights_ : shape (n_cells,)
    share_ : weight of the inter branch in predictions.
    fold_ : shape (n_cells,); -1 for censored cells, whose residuals are not known.
    out_of_fold_ : see `AbstractCrossFittedRegressor`.
    out_of_fold_branches_ : shape (2, n_cells); log-life by the intra and the inter branch alone.

    References
    ----------
    .. [1] Zhang et al., Battery lifetime prediction across diverse ageing conditions with
       inter-cell deep learning, Nature Machine Intelligence 7 (2025) 270, eqs. 1 to 6.
       doi:10.1038/s42256-024-00972-x
    """

    def __init__(
        self,
        n_hidden: int = 32,
        *,
        base_cycle: int | None = None,
        compression: float | None = None,
        cell_shape: tuple[int, ...] | None = None,
        n_components: int = 32,
        inter_share: float = 0.5,
        prediction_share: float | Literal["auto"] = "auto",
        aggregation: str = "weighted",
        n_references: int = 64,
        reference_choice: str = "spread",
        residual_scale: float = 0.3,
        epochs: int = 400,
        batch_size: int = 48,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        n_members: int = 8,
        n_folds: int = 8,
        random_state: int | np.random.RandomState | None = 0,
        device: Literal["cpu", "cuda", "auto"] = "cpu",
    ) -> None:
        self.n_hidden = n_hidden
        self.base_cycle = base_cycle
        self.compression = compression
        self.cell_shape = cell_shape
        self.n_components = n_components
        self.inter_share = inter_share
        self.prediction_share = prediction_share
        self.aggregation = aggregation
        self.n_references = n_references
        self.reference_choice = reference_choice
        self.residual_scale = residual_scale
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.n_members = n_members
        self.n_folds = n_folds
        self.random_state = random_state
        self.device = device

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: NDArray[Any] | None = None,
        is_censored: ArrayLike | None = None,
    ) -> Self:
        """Fit to cells of known life, and to cells that are known to have lived at least so long.

        Parameters
        ----------
        X : shape (n_cells, n_features) or (n_cells, n_channels, n_cycles, n_points)
        y : shape (n_cells,); positive life [cycle], for a censored cell the length of its test.
        groups : shape (n_cells,); cells with the same label are left out together.
        is_censored : shape (n_cells,), bool; None where every cell has failed.

        Raises
        ------
        ShapeError, DataError, InsufficientDataError, ConfigurationError
        """
        self._check_settings()
        X, y, is_censored = self._check_rows(X, y, is_censored)
        self.cell_shape_ = np.array(X.shape[1:])
        self.n_features_in_ = int(np.prod(X.shape[1:]))
        self.log_life_, self.is_censored_ = np.log(y), is_censored
        seed = int(check_random_state(self.random_state).randint(2**31))
        fold = self._draw_folds(is_censored, seed, groups)
        rows = group_rows(fold)
        self._encode(X, rows)
        self._train(rows, seed)
        self._pick_references(rows, seed)
        self._judge(X, fold)
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict lives, shape (n_cells,) [y]."""
        return np.exp(self._mix(self._branches(self._check_inputs(X), 0)))

    def predict_folds(self, X: ArrayLike) -> FloatArray:
        """Predict by every leave-out ensemble, shape (n_folds, n_cells) [y]; row f belongs to fold f."""
        X = self._check_inputs(X)
        groups = range(1, len(self.encodings_))
        return np.exp(np.stack([self._mix(self._branches(X, g)) for g in groups]))

    def differences(self, X: ArrayLike, references: ArrayLike) -> FloatArray:
        """Predict log(life / life of the reference) by the inter branch, shape (n_cells, n_references).

        Parameters
        ----------
        X : cells as in `fit`.
        references : any other cells, which need not have been in the training.
        """
        encode = self.encodings_[0].encode
        known = encode(self._check_inputs(references))
        _, difference = self._compare(encode(self._check_inputs(X)), known, 0)
        return difference

    def report_references(self, X: ArrayLike) -> ReferenceReport:
        """Tell for every cell what each reference says and how much it counts."""
        X = self._check_inputs(X)
        z = self.encodings_[0].encode(X)
        _, answers = self._answers(z, 0)
        refs = self.references_[0]
        weights = np.tile(self.reference_weights_[refs], (len(z), 1))
        if self.aggregation == "median":
            distance = np.abs(answers - np.median(answers, axis=1, keepdims=True))
            weights = (distance <= np.partition(distance, 1, axis=1)[:, [1]]).astype(float)
        elif self.aggregation == "mean":
            weights = np.ones_like(answers)
        chosen = self._chosen(z, 0)
        weights = weights if chosen is None else weights * chosen
        return ReferenceReport(refs, np.exp(answers), weights / weights.sum(axis=1, keepdims=True))

    def _check_settings(self) -> None:
        if self.aggregation not in AGGREGATIONS:
            raise ConfigurationError(
                f"'aggregation' must be one of {AGGREGATIONS}; got {self.aggregation!r}."
            )
        if self.reference_choice not in REFERENCE_CHOICES:
            raise ConfigurationError(
                f"'reference_choice' must be one of {REFERENCE_CHOICES}; got {self.reference_choice!r}."
            )
        if self.prediction_share != "auto" and not 0.0 <= self.prediction_share <= 1.0:
            raise ConfigurationError(
                f"'prediction_share' must be 'auto' or lie between 0 and 1; got {self.prediction_share!r}."
            )
        for name in ("n_hidden", "n_components", "n_references", "batch_size", "n_members"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"'{name}' must be at least 1; got {getattr(self, name)}.")

    def _check_rows(
        self, X: ArrayLike, y: ArrayLike, is_censored: ArrayLike | None
    ) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        X, y = self._shaped(X), np.asarray(y, dtype=float)
        if X.ndim not in (2, 4) or y.shape != (len(X),):
            raise ShapeError(
                "'X' must have shape (n_cells, n_features) or (n_cells, n_channels, n_cycles, n_points) and 'y' "
                f"one life a cell; got {X.shape} and {y.shape}."
            )
        flags = np.zeros(len(y), dtype=bool) if is_censored is None else np.asarray(is_censored)
        if flags.dtype != bool or flags.shape != y.shape:
            raise ShapeError(
                f"'is_censored' must be boolean of shape {y.shape}; got {flags.dtype} of shape {flags.shape}."
            )
        if not np.isfinite(X).all() or not np.isfinite(y).all() or (y <= 0).any():
            bad = ~np.isfinite(X.reshape(len(X), -1)).all(axis=1) | ~(np.isfinite(y) & (y > 0))
            raise DataError(
                f"cell {int(np.flatnonzero(bad)[0])} has missing features or no positive life "
                f"({int(bad.sum())} such cells); repair or leave them out."
            )
        if (~flags).sum() < 2:
            raise InsufficientDataError(
                f"inter-cell learning needs at least 2 cells of known life; got {int((~flags).sum())}."
            )
        return X, y, flags

    def _shaped(self, X: ArrayLike) -> FloatArray:
        """Give flat rows the shape of a cell, where one is set."""
        X = np.asarray(X, dtype=float)
        if self.cell_shape is None or X.ndim != 2:
            return X
        if X.shape[1] != math.prod(self.cell_shape):
            raise ShapeError(
                f"rows of 'X' must have {math.prod(self.cell_shape)} values for cells of shape {self.cell_shape}; "
                f"got {X.shape[1]}."
            )
        return X.reshape(len(X), *self.cell_shape)

    def _check_inputs(self, X: ArrayLike) -> FloatArray:
        check_is_fitted(self, "weights_")
        X = self._shaped(X)
        if X.shape[1:] != tuple(self.cell_shape_):
            raise ShapeError(
                f"'X' must have shape (n_cells, {', '.join(map(str, self.cell_shape_))}) as in fit; got {X.shape}."
            )
        if not np.isfinite(X).all():
            row = int(np.argwhere(~np.isfinite(X))[0][0])
            raise DataError(f"cell {row} has missing features; repair its curves or leave it out.")
        return X

    def _draw_folds(
        self, is_censored: NDArray[np.bool_], seed: int, groups: NDArray[Any] | None
    ) -> NDArray[np.int64]:
        """Folds over the uncensored cells; the others are always learned from (-1)."""
        fold = np.full(len(is_censored), -1, dtype=np.int64)
        known = np.flatnonzero(~is_censored)
        if len(known) >= 3:
            fold[known] = draw_folds(
                len(known), self.n_folds, seed, None if groups is None else np.asarray(groups)[known]
            )
        return fold

    def _encode(self, X: FloatArray, groups: NDArray[np.bool_]) -> None:
        n_components = max(1, min(self.n_components, int(groups.sum(axis=1).min()) - 1, self.n_features_in_))
        self.encodings_ = tuple(
            CellEncoding.fit(
                X[rows],
                base_cycle=self.base_cycle if X.ndim == 4 else None,
                compression=self.compression,
                n_components=n_components,
            )
            for rows in groups
        )
        self.cells_ = np.stack([e.encode(X) for e in self.encodings_])
        known = ~self.is_censored_
        lives = [self.log_life_[rows & known] for rows in groups]
        self.life_mean_ = np.array([t.mean() for t in lives])
        self.life_scale_ = np.array([t.std() if t.std() > SMALLEST_SCALE else 1.0 for t in lives])

    def _train(self, groups: NDArray[np.bool_], seed: int) -> None:
        n_groups = len(groups)
        n_stack = n_groups * self.n_members
        scaled = (self.log_life_ - self.life_mean_[:, None]) / self.life_scale_[:, None]
        targets = np.stack([scaled, np.broadcast_to(self.is_censored_, scaled.shape)], axis=-1)
        n_rows = min(self.batch_size, int(groups.sum(axis=1).max()))
        trained = train_stack(
            inter_cell_module(self.cells_.shape[2], self.n_hidden, n_rows),
            np.repeat(self.cells_, self.n_members, axis=0),
            np.repeat(targets, self.n_members, axis=0),
            seeds=np.random.SeedSequence([5, seed]).generate_state(n_stack).tolist(),
            settings=self._settings(n_rows, int(groups.sum(axis=1).max())),
            learning_rate=self.learning_rate,
            train_mask=np.repeat(groups, self.n_members, axis=0),
        )
        self.weights_: Float32Array = trained.parameters.reshape(n_groups, self.n_members, -1)

    def _settings(self, n_rows: int, n_train: int) -> TrainingSettings:
        n_batches = math.ceil(n_train / n_rows)
        return TrainingSettings(
            epochs=max(1, self.epochs // n_batches),
            batch_size=n_rows,
            loss=PairLoss(self.inter_share, self.residual_scale, n_rows),
            schedule="cosine",
            weight_decay=self.weight_decay,
            device=self.device,
        )

    def _pick_references(self, groups: NDArray[np.bool_], seed: int) -> None:
        candidates = [np.flatnonzero(rows & ~self.is_censored_) for rows in groups]
        n_references = min(self.n_references, min(map(len, candidates)))
        self.references_ = np.stack(
            [
                choose_references(z, rows, n_references, seed)
                for z, rows in zip(self.cells_, candidates, strict=True)
            ]
        )

    def _judge(self, X: FloatArray, fold: NDArray[np.int64]) -> None:
        """Out-of-fold predictions, the weight of every reference and of the two branches."""
        n_cells = len(fold)
        self.reference_weights_ = np.full(n_cells, 1.0)
        self.fold_ = fold
        self.out_of_fold_ = np.full(n_cells, np.nan)
        self.out_of_fold_branches_ = np.full((2, n_cells), np.nan)
        self.share_ = 0.5 if self.prediction_share == "auto" else float(self.prediction_share)
        if fold.max() < 0:
            return
        residual = np.full((n_cells, n_cells), np.nan)
        for f in range(int(fold.max()) + 1):
            rows = np.flatnonzero(fold == f)
            _, answers = self._answers(self.encodings_[f + 1].encode(X[rows]), f + 1)
            residual[np.ix_(rows, self.references_[f + 1])] = answers - self.log_life_[rows, None]
        self.reference_weights_ = reference_weights(residual)
        for f in range(int(fold.max()) + 1):
            rows = fold == f
            self.out_of_fold_branches_[:, rows] = self._branches(X[rows], f + 1)
        known = fold >= 0
        if self.prediction_share == "auto":
            error = [
                np.mean((self._mix(self.out_of_fold_branches_, s) - self.log_life_)[known] ** 2)
                for s in SHARES
            ]
            self.share_ = SHARES[int(np.argmin(error))]
        self.out_of_fold_[known] = np.exp(self._mix(self.out_of_fold_branches_)[known])

    def _mix(self, branches: FloatArray, share: float | None = None) -> FloatArray:
        share = self.share_ if share is None else share
        return (1.0 - share) * branches[0] + share * branches[1]

    def _branches(self, X: FloatArray, group: int) -> FloatArray:
        """Log-life by the intra and the inter branch of one group, shape (2, n_cells)."""
        z = self.encodings_[group].encode(X)
        intra, answers = self._answers(z, group)
        weights = self.reference_weights_[self.references_[group]]
        return np.stack([intra, aggregate(answers, weights, self.aggregation, self._chosen(z, group))])

    def _chosen(self, z: FloatArray, group: int) -> NDArray[np.bool_] | None:
        if self.reference_choice == "spread":
            return None
        known = self.cells_[group][self.references_[group]]
        distance = ((z**2).sum(1)[:, None] - 2.0 * z @ known.T) + (known**2).sum(1)
        n_kept = max(1, math.ceil(known.shape[0] / 2))
        return distance <= np.partition(distance, n_kept - 1, axis=1)[:, [n_kept - 1]]

    def _answers(self, z: FloatArray, group: int) -> tuple[FloatArray, FloatArray]:
        """Log-life of encoded cells by the intra branch (n_cells,) and through each reference (n_cells, n_references)."""
        references = self.references_[group]
        own, difference = self._compare(z, self.cells_[group][references], group)
        return own, difference + self.log_life_[references]

    def _compare(self, z: FloatArray, z_known: FloatArray, group: int) -> tuple[FloatArray, FloatArray]:
        """Log-life by the intra branch (n_cells,), and its difference to known cells (n_cells, n_known)."""
        weights = self.weights_[group]
        module = inter_cell_module(self.cells_.shape[2], self.n_hidden, 1)
        blocks: dict[str, Any] = {n: torch.as_tensor(b) for n, b in module.split(weights).items()}
        intra, inter = [], []
        with torch.no_grad(), single_thread():
            known = torch.as_tensor(z_known, dtype=torch.float32)
            known_code, known_linear = reference_codes(blocks, known.expand(len(weights), -1, -1))
            for start in range(0, len(z), CELLS_AT_ONCE):
                cells = torch.as_tensor(z[start : start + CELLS_AT_ONCE], dtype=torch.float32)
                cells = cells.expand(len(weights), -1, -1)
                code, linear = reference_codes(blocks, cells)
                pairs = (code[:, :, None] - known_code[:, None]).flatten(1, 2)
                outputs = inter_outputs(blocks, pairs).view(len(weights), cells.shape[1], -1)
                inter.append((outputs + linear[:, :, None] - known_linear[:, None]).mean(0))
                intra.append(intra_outputs(blocks, cells).mean(0))
        mean, scale = self.life_mean_[group], self.life_scale_[group]
        if not len(z):
            return np.zeros(0), np.zeros((0, len(z_known)))
        own = torch.cat(intra).numpy().astype(float) * scale + mean
        return own, torch.cat(inter, dim=0).numpy().astype(float) * scale
