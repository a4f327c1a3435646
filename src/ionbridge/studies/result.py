"""`StudyResult`: what a study found, as tidy tables that are saved as CSV and JSON.

Producing it is `runner.py`; judging it is `verdict.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from ionbridge.exceptions import DataError
from ionbridge.studies.design import StudyDesign
from ionbridge.studies.metrics import METRICS

if TYPE_CHECKING:
    from ionbridge.studies.verdict import Verdict

__all__ = ["EXCLUSION_COLUMNS", "PREDICTION_COLUMNS", "TRIAL_COLUMNS", "StudyResult", "json_ready"]

_KEYS = ("strategy", "size", "source_size")
TRIAL_COLUMNS = (
    *_KEYS,
    *("role", "n_train", "n_test", "n_source", "split", "seed"),
    *METRICS,
    "seconds",
)
PREDICTION_COLUMNS = (*_KEYS, "split", "seed", "row", "observed", "mean", "lower", "upper")
EXCLUSION_COLUMNS = (*_KEYS, "kind", "reason")
_TEXT = dict.fromkeys((*_KEYS, "role", "kind", "reason"), str)


@dataclass(frozen=True)
class StudyResult:
    """Every trial of a study.

    Parameters
    ----------
    design : what was decided beforehand.
    trials : one row a fit, with its metrics (`studies.metrics.evaluate`), the numbers of rows and
        the CPU ``seconds`` of fitting and predicting. ``role`` is strategy or baseline; ``size``
        is an entry of `design.target_sizes` as text; ``source_size`` is ``none`` for what never
        saw the source.
    predictions : one row a test row of a trial, in the unit of the output; ``row`` counts in the
        target table from 0.
    exclusions : what could not be run: ``kind`` is "not applicable" or "failed", with the reason.
    facts : unit, domains, hashes of the data, package versions, notes, seconds of source models.
    """

    design: StudyDesign
    trials: pd.DataFrame
    predictions: pd.DataFrame
    exclusions: pd.DataFrame
    facts: Mapping[str, Any]

    @property
    def unit(self) -> str:
        """Unit of the output, as printed."""
        return str(self.facts["unit"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know about the data and the run."""
        return tuple(self.facts["notes"])

    @property
    def size_labels(self) -> list[str]:
        """Target sizes that were run, as text, smallest first."""
        return list(self.trials.sort_values("n_train", kind="stable")["size"].unique())

    @property
    def metric(self) -> str:
        """Metric to judge and to draw by: ``mape``, or ``mae`` where an observed value is zero."""
        has_none = self.trials["mape"].isna() & self.trials["mae"].notna()
        return "mae" if has_none.any() else "mape"

    def of_largest_source(self, table: pd.DataFrame) -> pd.DataFrame:
        """Take the rows of `trials`, `predictions` or `summary` that use the largest source, or none."""
        return table[table["source_size"].isin([self.design.largest_source, "none"])]

    def summary(self) -> pd.DataFrame:
        """Mean metrics of each strategy and size over all splits and seeds.

        Returns
        -------
        one row a strategy, target size and source size: means of the metrics, ``mape_std`` over
        the splits, ``n_trials`` and mean ``seconds`` a fit.
        """
        keys = ["strategy", "role", "size", "source_size"]
        groups = self.trials.groupby(keys, sort=False)
        table = groups[["n_train", "n_source", *METRICS, "seconds"]].mean()
        by_split = self.trials.groupby([*keys, "split"], sort=False)["mape"].mean()
        position = list(table.columns).index("mape") + 1
        table.insert(position, "mape_std", by_split.groupby(keys, sort=False).std())
        table["n_trials"] = groups.size()
        return table.reset_index()

    def coverage(self) -> float:
        """Fraction of test rows inside their interval, pooled over the strategies (not the baselines)."""
        names = list(self.design.strategies)
        rows = self.predictions[self.predictions["strategy"].isin(names)]
        return float(((rows["lower"] <= rows["observed"]) & (rows["observed"] <= rows["upper"])).mean())

    def verdict(self, strategy: str | None = None) -> Verdict:
        """Judge a strategy, the first of the design where none is named, against the baselines."""
        from ionbridge.studies.verdict import judge

        return judge(self, strategy)

    def to_dict(self) -> dict[str, Any]:
        """Return design, facts, summary, exclusions and verdict as a JSON-ready dictionary."""
        from ionbridge.studies.verdict import can_judge

        verdict = self.verdict().to_dict() if can_judge(self) else None
        return json_ready(
            {
                "design": self.design.to_dict(),
                "facts": dict(self.facts),
                "verdict": verdict,
                "summary": self.summary().to_dict("records"),
                "exclusions": self.exclusions.to_dict("records"),
            }
        )

    def save(self, folder: str | Path) -> Path:
        """Write ``study.json``, ``trials.csv``, ``predictions.csv`` and ``exclusions.csv``."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("trials", "predictions", "exclusions"):
            getattr(self, name).to_csv(folder / f"{name}.csv", index=False)
        (folder / "study.json").write_text(json.dumps(self.to_dict(), indent=1), encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If a file is missing or is not of this format.
        """
        folder = Path(folder)
        try:
            stored = json.loads((folder / "study.json").read_text(encoding="utf-8"))
            tables = {
                name: pd.read_csv(folder / f"{name}.csv", dtype=_TEXT, keep_default_na=False, na_values=[""])
                for name in ("trials", "predictions", "exclusions")
            }
            return cls(design=StudyDesign.from_dict(stored["design"]), facts=stored["facts"], **tables)
        except (OSError, KeyError, json.JSONDecodeError, pd.errors.ParserError) as error:
            raise DataError(f"{folder} does not hold a complete saved study: {error}") from error


def json_ready(value: Any) -> Any:
    """Replace what JSON does not know: numpy scalars by plain ones, NaN and infinity by None."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(entry) for entry in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
