"""Explanations can be drawn, whatever their values, without touching pyplot."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from ionbridge.exceptions import ConfigurationError
from ionbridge.quantities.base import Quantity
from ionbridge.studies.explanation import Explanation
from ionbridge.studies.explanation_plots import plot_force, plot_importance, plot_swarm

INPUTS = (
    Quantity("roll_gap", "um", "gap"),
    Quantity("solid_content", "1", "share"),
    Quantity("comma_gap", "um", "gap"),
)
DENSITY = Quantity("density", "g/cm**3", "density")


def explanation(values: np.ndarray, inputs: tuple[Quantity, ...] = INPUTS, label: str = "nmc") -> Explanation:
    X = np.random.default_rng(0).normal(size=values.shape)
    return Explanation(values, np.full(len(values), 2.0), X, X, inputs, DENSITY, "exact", label)


VALUES = {
    "mixed": np.random.default_rng(0).normal(size=(20, 3)),
    "one row": np.array([[0.1, -0.2, 0.3]]),
    "all raise": np.array([[0.1, 0.2, 0.3]]),
    "nothing": np.zeros((3, 3)),
}


def texts(figure) -> str:
    axes = figure.axes[0]
    ticks = [label.get_text() for label in (*axes.get_yticklabels(), *axes.get_xticklabels())]
    return "\n".join([t.get_text() for t in axes.texts] + ticks + [axes.get_xlabel()])


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_every_plot_can_be_written(values, tmp_path):
    found = explanation(values)
    for name, figure in {
        "force.png": plot_force(found),
        "swarm.svg": plot_swarm(found),
        "importance.png": plot_importance(found, found),
    }.items():
        figure.savefig(tmp_path / name, dpi=30)
        assert (tmp_path / name).stat().st_size > 1000


def test_names_values_and_units_are_on_the_force_plot():
    found = explanation(VALUES["one row"])
    shown = texts(plot_force(found))
    assert f"roll gap = {found.X[0, 0]:.4g} µm  (+0.1)".replace("-", "−") in shown
    assert "prediction\n2.2" in shown
    assert "density [g/cm" in shown
    assert "(−0.2)" in shown


def test_the_swarm_lists_inputs_with_units_the_most_important_on_top():
    axes = plot_swarm(explanation(VALUES["one row"])).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["roll gap [µm]", "solid content [-]", "comma gap [µm]"]


def test_an_input_that_the_source_lacks_is_said():
    source = explanation(VALUES["one row"][:, :2], INPUTS[:2], "graphite")
    shown = texts(plot_importance(source, explanation(VALUES["one row"])))
    assert "not in this domain" in shown


def test_a_row_that_does_not_exist_is_named():
    with pytest.raises(ConfigurationError, match="'row' must be below 20"):
        plot_force(explanation(VALUES["mixed"]), 20)


def test_no_global_figure_is_made():
    plot_swarm(explanation(VALUES["mixed"]))
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
