"""Screening from files: ranking, chances, flags, verdict, proposals, the closed loop, report and command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ionbridge.exceptions import ConfigurationError, DataError, InsufficientDataError

pytest.importorskip("pymatgen", reason="needs the extra 'materials'")

from ionbridge.applications.screening.entries import (
    EntrySet,
    formula_entry,
    read_candidates,
    read_known,
)
from ionbridge.applications.screening.loop import close_loop, engine_for, subject_of
from ionbridge.applications.screening.report import write_screening_report
from ionbridge.applications.screening.screen import Goal, screen, screen_files
from ionbridge.applications.screening.screening_model import ScreeningModel
from ionbridge.datasets.structures import Structure, parse_formula
from ionbridge.transfer.auto import Auto
from ionbridge.transfer.baselines import TargetOnly
from ionbridge.transfer.pooled import Pooled

from ..physics.materials.stand_ins import Volume, layered

METALS = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu")
GOAL = Goal("average_voltage", 3.0, below=False)
QUICK = Auto(members={"pooled": Pooled(n_trees=10), "linear": TargetOnly("linear")})


def _voltage(text: str, ion: str) -> float:
    """A made-up rule: later metals and phosphates lie higher, sodium lower."""
    amounts = parse_formula(text).amounts
    metal = next(m for m in METALS if m in amounts)
    return 1.5 + 0.25 * METALS.index(metal) + 0.6 * ("P" in amounts) - 0.3 * (ion == "Na")


def _family(ion: str) -> EntrySet:
    texts = (
        [f"{ion}{m}O2" for m in METALS]
        + [f"{ion}{m}PO4" for m in METALS]
        + [f"{ion}2{m}SiO4" for m in METALS]
    )
    entries = tuple(formula_entry(text, text, ion) for text in texts)
    return EntrySet(entries, (), {t: _voltage(t, ion) for t in texts}, ion)


@pytest.fixture(scope="module")
def screened() -> tuple[object, dict[str, float]]:
    """Sodium candidates, a third of them known, lithium as source."""
    target, source = _family("Na"), _family("Li")
    assert target.values is not None
    known = {name: target.values[name] for name in target.names[::3]}
    return screen(target, known, GOAL, source, strategy=QUICK, n_next=4), dict(target.values)


def test_ranking_finds_the_hits(screened: tuple[object, dict[str, float]]) -> None:
    result, truth = screened
    table = result.table  # type: ignore[attr-defined]
    unknown = table[table["known"].isna()]
    assert list(table["rank"]) == list(range(1, len(table) + 1))
    best = [truth[name] for name in unknown["name"].head(4)]
    rest = [truth[name] for name in unknown["name"].tail(4)]
    assert np.mean(best) > np.mean(rest) + 0.5
    assert unknown["probability"].is_monotonic_decreasing
    assert unknown["probability"].between(0, 1, inclusive="neither").all()
    assert (table["lower"] <= table["value"] + 1e-9).all()
    error = np.abs(unknown["value"] - [truth[name] for name in unknown["name"]])
    assert error.mean() < 0.35


def test_known_values_are_shown_as_they_are(screened: tuple[object, dict[str, float]]) -> None:
    table = screened[0].table  # type: ignore[attr-defined]
    known = table[table["known"].notna()]
    assert (known["value"] == known["known"]).all()
    assert set(known["probability"]) <= {0.0, 1.0}


def test_proposals_are_unknown_and_distinct(screened: tuple[object, dict[str, float]]) -> None:
    result = screened[0]
    names = result.next_names  # type: ignore[attr-defined]
    assert len(set(names)) == 4
    assert not set(names) & set(result.known)  # type: ignore[attr-defined]
    assert result.next_table["utility"].iloc[0] == result.next_table["utility"].max()  # type: ignore[attr-defined]


def test_verdict_says_what_the_source_did(screened: tuple[object, dict[str, float]]) -> None:
    verdict = screened[0].model.verdict_  # type: ignore[attr-defined]
    assert verdict.value in ("helps", "no difference")
    assert verdict.error <= verdict.target_only_error * 1.1
    assert "each predicted without its host" in verdict.sentence


def test_a_shuffled_source_does_not_look_helpful() -> None:
    target, source = _family("Na"), _family("Li")
    assert target.values is not None
    assert source.values is not None
    shuffled = dict(
        zip(source.names, np.random.default_rng(0).permutation(list(source.values.values())), strict=True)
    )
    known = {name: target.values[name] for name in target.names[::2]}
    result = screen(target, known, GOAL, EntrySet(source.entries, (), shuffled, "shuffled"), strategy=QUICK)
    assert result.model.verdict_.value != "helps"


def test_unseen_ions_and_elements_are_flagged() -> None:
    target, source = _family("Na"), _family("Li")
    odd = formula_entry("KOsO4", "KOsO4", "K")
    result = screen(EntrySet((*target.entries, odd)), {}, GOAL, source)
    row = result.table[result.table["name"] == "KOsO4"].iloc[0]
    assert not row["in_domain"]
    assert "ion K is not among the training rows" in row["reasons"]
    assert "Os" in row["reasons"]
    assert not result.model.uses_target_
    assert result.model.verdict_.value == "cannot tell"
    assert any("those of the source alone" in note for note in result.notes)


def test_too_little_to_learn_from_is_said() -> None:
    target = _family("Na")
    with pytest.raises(InsufficientDataError, match="5 known materials are needed without a source; got 2"):
        screen(target, {name: 3.0 for name in target.names[:2]}, GOAL)
    with pytest.raises(ConfigurationError, match="'level' must lie between 0 and 1"):
        ScreeningModel(level=1.5).fit(None)


def test_model_survives_the_library(screened: tuple[object, dict[str, float]], tmp_path: Path) -> None:
    from ionbridge.library import ModelLibrary

    result = screened[0]
    library = ModelLibrary(tmp_path)
    card = library.save(result.model, "sodium-voltage", verdict=result.model.verdict_.sentence)  # type: ignore[attr-defined]
    loaded = library.load("sodium-voltage")
    table = result.features  # type: ignore[attr-defined]
    np.testing.assert_allclose(loaded.predict(table).prediction.mean, result.prediction.mean)  # type: ignore[attr-defined]
    assert loaded.verdict_ == result.model.verdict_  # type: ignore[attr-defined]
    assert card.n_rows == {"target": 8, "source": 24}
    assert card.target is not None


FORMULAS = "name,formula,ion\na,NaFeO2,Na\nb,LiFePo4,Li\nc,FeO,Na\nd,Na2MnSiO4,Na\na,NaCoO2,Na\ne,NaXx2,Na\n"


def test_bad_formulas_cost_their_own_row_only(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(FORMULAS)
    read = read_candidates(tmp_path / "f.csv", ion=None)
    assert read.names == ("a", "b", "d") or read.names == ("a", "d")
    said = " ".join(str(p) for p in read.problems)
    assert "row 4" in said
    assert "holds no Na" in said
    assert "'Xx' is not an element" in said
    assert "a repeated name" in said


def _cif(structure: Structure, path: Path) -> None:
    structure.to_pymatgen().to(filename=str(path))


def _folder(folder: Path) -> Path:
    """Two good crystals, and one of each kind of bad one."""
    folder.mkdir()
    _cif(layered(), folder / "good.cif")
    _cif(layered(2.9), folder / "better.cif")
    _cif(layered(ion="Na"), folder / "sodium.cif")
    (folder / "broken.cif").write_text("data_broken\n_cell_length_a 3\n")
    text = (folder / "good.cif").read_text().splitlines()
    spoilt = [line.rsplit(None, 1)[0] + " 0.5" if line.split()[:1] == ["Li"] else line for line in text]
    (folder / "partial.cif").write_text("\n".join(spoilt))
    _cif(layered(a=0.6), folder / "overlap.cif")
    return folder


def test_bad_crystals_are_named_and_lose_nothing(tmp_path: Path) -> None:
    read = read_candidates(_folder(tmp_path / "c"), ion="Li")
    assert read.names == ("better", "good")
    said = {p.file: str(p) for p in read.problems if p.severity == "error"}
    assert set(said) == {"broken.cif", "overlap.cif", "partial.cif", "sodium.cif"}
    assert "partially occupied" in said["partial.cif"]
    assert "mobile ion Li" in said["sodium.cif"]
    assert "Å apart" in said["overlap.cif"]
    assert read.entries[0].group == "Co1 O2"
    assert read.entries[0].formula == "LiCoO2"
    assert len(read.entries[0].features) > 150


@pytest.mark.parametrize(
    ("ion", "match"),
    [
        pytest.param(None, "name it with --ion", id="no ion"),
        pytest.param("Fe", "'ion' must be one of Li, Na", id="no moving ion"),
    ],
)
def test_the_ion_must_be_named(tmp_path: Path, ion: str | None, match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        read_candidates(tmp_path, ion=ion)


def test_known_values_convert_units_and_name_bad_cells(tmp_path: Path) -> None:
    file = tmp_path / "known.csv"
    file.write_text("name,barrier [meV]\na,250\nb,many\nc,\n")
    values, _, problems = read_known(file, "migration_barrier")
    assert values == {"a": pytest.approx(0.25)}
    assert [p.row for p in problems] == [3]
    file.write_text("name,colour\na,red\n")
    with pytest.raises(DataError, match=r"needs a column of migration_barrier \[eV\]"):
        read_known(file, "migration_barrier")


def test_unknown_names_are_matched_to_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("formula\n" + "\n".join(f"Na{m}PO4" for m in METALS) + "\n")
    known = (
        "formula,voltage_V\n"
        + "".join(f"Na{m}PO4,{3 + 0.1 * i}\n" for i, m in enumerate(METALS[:6]))
        + "NaNiPO,3\n"
    )
    (tmp_path / "k.csv").write_text(known.replace("voltage_V", "average_voltage_V"))
    result = screen_files(tmp_path / "f.csv", GOAL, tmp_path / "k.csv", strategy=QUICK)
    assert len(result.known) == 6
    assert any("Did you mean NaNiPO4" in str(p) for p in result.problems)


def test_engines_are_chosen_by_quantity() -> None:
    assert engine_for("chgnet", GOAL, "Li").name == "chgnet_voltage"
    with pytest.raises(ConfigurationError, match="computes migration_barrier, not average_voltage"):
        engine_for("bond-valence", GOAL, "Li")
    entry = formula_entry("NaFeO2", "NaFeO2", "Na")
    with pytest.raises(DataError, match="needs its crystal"):
        subject_of(entry, engine_for("chgnet", GOAL, "Na"))


@pytest.fixture(scope="module")
def crystals(tmp_path_factory: pytest.TempPathFactory) -> EntrySet:
    """Ten layered crystals of different size; one that every engine refuses."""
    folder = tmp_path_factory.mktemp("crystals")
    for i in range(10):
        _cif(layered(2.7 + 0.03 * i, 14.0 + 0.1 * i), folder / f"c{i}.cif")
    _cif(layered(2.75, 14.6), folder / "bad.cif")
    return read_candidates(folder, ion="Li")


def test_closed_loop_learns_and_survives_failures(crystals: EntrySet, tmp_path: Path) -> None:
    by_name = {e.name: e for e in crystals.entries}
    known = {f"c{i}": by_name[f"c{i}"].structure.volume for i in range(0, 10, 2)}  # type: ignore[union-attr]
    goal = Goal("cell_volume", 300.0, below=False)
    settings = {
        "engine": Volume(),
        "n_runs": 6,
        "batch": 2,
        "rescale": False,
        "cache": tmp_path,
        "strategy": QUICK,
    }
    result, rounds = close_loop(crystals, known, goal, **settings)  # type: ignore[arg-type]
    assert [len(turn.names) for turn in rounds] == [2, 2, 2]
    assert sum(len(turn.values) for turn in rounds) == 5
    failures = {name: reason for turn in rounds for name, reason in turn.failures.items()}
    assert failures == {"bad": "DataError: this one is bad"}
    assert len(result.known) == 10
    again, rounds_again = close_loop(crystals, known, goal, **settings)  # type: ignore[arg-type]
    assert sum(turn.n_cached for turn in rounds_again) == 5
    assert again.known == result.known


def test_engine_values_are_rescaled_by_what_both_know(crystals: EntrySet, tmp_path: Path) -> None:
    by_name = {e.name: e for e in crystals.entries}
    known = {f"c{i}": 2.0 * by_name[f"c{i}"].structure.volume for i in range(6)}  # type: ignore[union-attr]
    goal = Goal("cell_volume", 600.0, below=False)
    result, rounds = close_loop(
        crystals, known, goal, engine=Volume(), n_runs=2, cache=tmp_path, strategy=QUICK
    )
    assert rounds[0].calibration.source == "overlap"
    assert rounds[0].calibration.factor == pytest.approx(2.0)
    new = set(result.known) - set(known)
    assert all(result.known[n] == pytest.approx(2 * by_name[n].structure.volume) for n in new)  # type: ignore[union-attr]


def test_report_is_self_contained(screened: tuple[object, dict[str, float]], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra 'report'")
    page = write_screening_report(screened[0], tmp_path / "r")  # type: ignore[arg-type]
    html = page.read_text(encoding="utf-8")
    assert "average voltage &gt; 3 V" in html
    assert html.count("data:image/svg+xml;base64") == 4
    assert "http://" not in html.replace("http://www.w3.org", "")
    figures = sorted(p.name for p in (page.parent / "figures").iterdir())
    assert "ranking.png" in figures
    assert "map.svg" in figures
    outcome = json.loads((page.parent / "outcome.json").read_text())
    assert len(outcome["candidates"]) == 24
    assert (
        (page.parent / "ranking.csv").read_text().splitlines()[0].startswith("rank,name,formula,ion,value_V")
    )
