"""`StudyDesign`: everything that is decided before a study runs, as one frozen value.

Carrying it out is `runner.py`; the rows of each split are chosen in `splits.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

from ionbridge.exceptions import ConfigurationError

__all__ = ["BASELINES", "Size", "StudyDesign"]

Size = int | Literal["all"]

BASELINES = ("mean", "linear", "random_forest", "gradient_boosting", "gaussian_process", "network")


@dataclass(frozen=True)
class StudyDesign:
    """What is compared, on how many rows, how often.

    Parameters
    ----------
    output : quantity to predict.
    inputs : quantities to predict it from; those that the source lacks are used by the
        strategies that can.
    strategies : registered names; the verdict is about the first, so name it before you look.
    baselines : registered names of what never saw the source.
    target_sizes : numbers of target training rows, or ``"all"`` that are not test rows.
    source_sizes : numbers of source rows, or ``"all"``; more than one makes an ablation.
    n_splits : random splits of the target rows into training and test rows.
    n_seeds : repetitions of each split with another seed of the models.
    test_fraction, min_test_rows : size of the test set of every split.
    level : nominal coverage of the intervals.
    random_state : seed of everything.
    group : label column of the target; rows of one group never stand on both sides of a split.
    settings : arguments of strategies by name, for example ``{"network": {"n_members": 3}}``.

    Raises
    ------
    ConfigurationError
        Where a field is not valid.
    """

    output: str
    inputs: tuple[str, ...]
    strategies: tuple[str, ...] = ("auto",)
    baselines: tuple[str, ...] = BASELINES
    target_sizes: tuple[Size, ...] = (5, 10, 20, "all")
    source_sizes: tuple[Size, ...] = ("all",)
    n_splits: int = 20
    n_seeds: int = 1
    test_fraction: float = 0.3
    min_test_rows: int = 3
    level: float = 0.9
    random_state: int = 0
    group: str | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("inputs", "strategies", "baselines", "target_sizes", "source_sizes"):
            self._check_list(name)
        if self.output in self.inputs:
            raise ConfigurationError(f"'output' of StudyDesign, {self.output!r}, must not be among 'inputs'.")
        self._check_sizes("target_sizes", smallest=2)
        self._check_sizes("source_sizes", smallest=2)
        self._check_at_least("n_splits", 2)
        self._check_at_least("n_seeds", 1)
        self._check_at_least("min_test_rows", 2)
        self._check_at_least("random_state", 0)
        self._check_fraction("test_fraction")
        self._check_fraction("level")
        if both := set(self.strategies) & set(self.baselines):
            raise ConfigurationError(
                f"'strategies' and 'baselines' of StudyDesign must not share names; both have {sorted(both)}."
            )
        if unused := set(self.settings) - set(self.strategies) - set(self.baselines):
            raise ConfigurationError(
                f"'settings' of StudyDesign names {sorted(unused)}, which is neither a strategy nor a baseline of it."
            )

    def _check_list(self, name: str) -> None:
        value = getattr(self, name)
        if isinstance(value, str):
            raise ConfigurationError(f"'{name}' of StudyDesign must be a list; got the text {value!r}.")
        entries = tuple(value)
        if not entries and name != "baselines":
            raise ConfigurationError(f"'{name}' of StudyDesign must not be empty.")
        if len(set(entries)) < len(entries):
            raise ConfigurationError(
                f"'{name}' of StudyDesign must not repeat an entry; got {list(entries)}."
            )
        object.__setattr__(self, name, entries)

    def _check_sizes(self, name: str, smallest: int) -> None:
        for size in getattr(self, name):
            is_count = isinstance(size, int) and not isinstance(size, bool) and size >= smallest
            if size != "all" and not is_count:
                raise ConfigurationError(
                    f"'{name}' of StudyDesign must hold whole numbers of at least {smallest} or 'all'; got {size!r}."
                )

    def _check_at_least(self, name: str, smallest: int) -> None:
        value = getattr(self, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
            raise ConfigurationError(
                f"'{name}' of StudyDesign must be a whole number of at least {smallest}; got {value!r}."
            )

    def _check_fraction(self, name: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, float) or not 0 < value < 1:
            raise ConfigurationError(f"'{name}' of StudyDesign must lie between 0 and 1; got {value!r}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Strategies, then baselines."""
        return self.strategies + self.baselines

    @property
    def largest_source(self) -> str:
        """Largest entry of `source_sizes`, as text; "all" is larger than any number."""
        return str(max(self.source_sizes, key=lambda size: float("inf") if size == "all" else size))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        values = asdict(self)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises
        ------
        ConfigurationError
            If a key is unknown or a value is not valid.
        """
        known = [f.name for f in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise ConfigurationError(f"unknown keys {unknown} of a study design; known: {', '.join(known)}.")
        if missing := {"output", "inputs"} - set(values):
            raise ConfigurationError(f"a study design needs the keys {sorted(missing)}.")
        return cls(**values)
