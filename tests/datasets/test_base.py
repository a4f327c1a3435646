"""Domain, Provenance, Quantity and Problem survive JSON."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from ionbridge.datasets import Domain, Problem, Provenance, TableError
from ionbridge.quantities import Quantity

texts = st.text(max_size=20)


@given(
    st.builds(
        Domain,
        texts,
        texts,
        texts,
        texts,
        texts,
        st.sampled_from(["experiment", "simulation", "literature", "unknown"]),
    )
)
def test_domain_round_trips_through_json(domain: Domain):
    assert Domain.from_dict(json.loads(json.dumps(domain.to_dict()))) == domain


@given(st.builds(Provenance, texts, texts, texts, texts, texts, st.lists(texts, max_size=3).map(tuple)))
def test_provenance_round_trips_through_json(provenance: Provenance):
    assert Provenance.from_dict(json.loads(json.dumps(provenance.to_dict()))) == provenance


limits = st.one_of(st.none(), st.floats(-1e6, 0))


@given(
    st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True), limits, st.booleans(), st.lists(texts, max_size=3)
)
def test_quantity_round_trips_through_json(name: str, low: float | None, positive: bool, aliases: list[str]):
    item = Quantity(name, "um", "Text.", low=low, high=1.0, positive=positive, aliases=tuple(aliases))
    loaded = json.loads(json.dumps(asdict(item)))
    assert Quantity(**{**loaded, "aliases": tuple(loaded["aliases"])}) == item


def test_problem_is_json_ready_and_reads_well():
    problem = Problem("error", "a.csv", "a number", "Correct it.", 7, "Gap [µm]", "'x'")
    assert str(problem) == "error: a.csv, row 7, column 'Gap [µm]': found 'x'; expected a number. Correct it."
    assert Problem(**json.loads(json.dumps(problem.to_dict()))) == problem


def test_the_message_is_capped_but_the_problems_are_not():
    problems = [Problem("error", "a.csv", "a number", "Correct it.", row) for row in range(2, 52)]
    error = TableError([Problem("warning", "a.csv", "variety", "Check."), *problems])
    assert str(error).startswith("50 errors and 1 warning in a.csv:\n  error: a.csv, row 2")
    assert str(error).count("\n") == 21
    assert str(error).endswith("... and 31 more.")
    assert len(error.problems) == 51


def test_the_error_crosses_processes():
    error = TableError([Problem("error", "a.csv", "a number", "Correct it.", 3)])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems
