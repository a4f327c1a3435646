"""Five kinds of artificial shift with the properties they are named for."""

import numpy as np
import pytest

from ionbridge.datasets.synthetic_shifts import INPUTS, OUTPUT, SHIFTS, make_shift, shuffled
from ionbridge.exceptions import ConfigurationError, IonBridgeError, UnknownNameError


def correlation_of_effects(kind: str, random_state: int) -> float:
    """Correlation between the linear effects on ln y in both domains."""
    pair = make_shift(kind, 400, random_state, n_source=400, n_test=1)
    slopes = []
    for table in (pair.source, pair.target):
        x = np.column_stack([np.ones(len(table)), table.values(INPUTS)])
        slopes.append(np.linalg.lstsq(x, np.log(table.column(OUTPUT)), rcond=None)[0][1:])
    return float(np.corrcoef(*slopes)[0, 1])


@pytest.mark.parametrize("kind", sorted(SHIFTS))
def test_sizes_positivity_and_seeds(kind):
    pair = make_shift(kind, 20, random_state=3)
    assert (len(pair.source), len(pair.target), len(pair.test)) == (235, 20, 500)
    assert min(pair.source.column(OUTPUT).min(), pair.test.column(OUTPUT).min()) > 0
    assert pair.target.domain.origin == "simulation"
    again = make_shift(kind, 20, random_state=3)
    assert again.target.frame.equals(pair.target.frame)
    assert not make_shift(kind, 20, random_state=4).target.frame.equals(pair.target.frame)


def test_other_sizes_keep_the_rest():
    small, large = make_shift("scale", 5, n_source=50), make_shift("scale", 40)
    assert small.test.frame.equals(large.test.frame)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("scale", 0.9, 1.0), ("coefficients", 0.4, 0.97), ("conflicting", -0.5, 0.75), ("unrelated", -0.6, 0.6)],
)
def test_effects_agree_as_the_kind_says(kind, low, high):
    assert low < np.mean([correlation_of_effects(kind, seed) for seed in range(12)]) < high


def test_only_one_kind_leaves_the_range_of_the_source():
    for kind in SHIFTS:
        pair = make_shift(kind, 200)
        outside = (np.abs(pair.target.values(INPUTS)) > 1).any(axis=1).mean()
        assert outside > 0.9 if kind == "outside_range" else outside == 0


def test_shuffled_keeps_the_values_and_loses_the_relation():
    source = make_shift("scale", 5).source
    mixed = shuffled(source, OUTPUT)
    assert sorted(mixed.column(OUTPUT)) == sorted(source.column(OUTPUT))
    assert mixed.values(INPUTS) == pytest.approx(source.values(INPUTS))
    assert abs(np.corrcoef(mixed.column(OUTPUT), source.column(OUTPUT))[0, 1]) < 0.3
    assert "shuffled" in mixed.provenance.source
    with pytest.raises(IonBridgeError):
        shuffled(source, "density")


def test_bad_arguments():
    with pytest.raises(UnknownNameError, match="unknown shift 'scales'; nearest known: scale"):
        make_shift("scales", 5)
    with pytest.raises(ConfigurationError, match="at least 1; got 0, 235, 500"):
        make_shift("scale", 0)
