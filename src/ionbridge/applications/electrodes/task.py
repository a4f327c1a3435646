"""`ElectrodeTask`: one named question of transfer between two sets of electrodes.

The tasks themselves are `measured_tasks.py` and `line_tasks.py`; looking one up is `tasks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ionbridge.datasets import Table
from ionbridge.exceptions import DataError

__all__ = ["ElectrodeTask"]


@dataclass(frozen=True)
class ElectrodeTask:
    """What is transferred from where to where, and what is known about the answer.

    Parameters
    ----------
    name : as in benchmark keys, such as ``line_nmc_density``.
    question : one sentence.
    source, target : the tables; the source may lack inputs, never the output.
    inputs : quantities to predict from; every one is a column of the target.
    output : quantity to predict.
    group : label column of the target whose rows never stand on both sides of a split; None where
        rows are independent, or where the published study split rows at random.
    citation : of the measured data or the published figures.
    assumptions : what must be believed for the question to make sense.
    published_mape : published error [%] by strategy name; single splits of data that is not public.
    strategies : the only strategies for which the question makes sense; empty for all.
    """

    name: str
    question: str
    source: Table
    target: Table
    inputs: tuple[str, ...]
    output: str
    group: str | None = None
    citation: str = ""
    assumptions: tuple[str, ...] = ()
    published_mape: Mapping[str, float] = field(default_factory=dict)
    strategies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wanted = [*self.inputs, self.output, *([self.group] if self.group else [])]
        missing = [name for name in wanted if name not in self.target.frame]
        if missing or self.output not in self.source.frame:
            raise DataError(
                f"task {self.name!r} needs the columns {wanted} in its target and {self.output!r} in its source; "
                f"missing in the target: {missing}."
            )

    @property
    def shared_inputs(self) -> tuple[str, ...]:
        """Inputs that the source has too."""
        return tuple(name for name in self.inputs if name in self.source.frame)
