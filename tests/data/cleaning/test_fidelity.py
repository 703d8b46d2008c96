"""Levels of theory shifted to one another, or as columns: planted shifts, honest errors, what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from matloop.core.errors import DataError
from matloop.data.clean import clean
from matloop.data.cleaning.fidelity import correct, fit_shift, judged_by
from matloop.data.collect import from_frame
from matloop.problem.question import Cleaning, Input, Problem, Source, Target

METALS = ("Li", "Na", "K", "Mg", "Ca", "Ba", "Zn", "Cd", "Al", "Ga")
OTHERS = ("F", "Cl", "Br", "O", "S", "Se")
FORMULAS = [f"{m}{x}" for m in METALS for x in OTHERS]


def table(n_both, *, noise=0.05, slope=1.3, seed=0):
    """PBE values of 60 materials, and for the first ones experiment = slope PBE + 0.5."""
    rng = np.random.default_rng(seed)
    pbe = rng.uniform(0.5, 6.0, len(FORMULAS))
    low = pd.DataFrame({"formula": FORMULAS, "gap": pbe, "xc": "PBE"})
    truth = slope * pbe + 0.5 + noise * rng.normal(size=len(pbe))
    high = pd.DataFrame({"formula": FORMULAS, "gap": truth, "xc": "experiment"}).iloc[:n_both]
    return pd.concat([low, high], ignore_index=True), truth


def problem(*inputs, mixed="correct", **more):
    return Problem(
        "levels", Source("table.csv"), (Input("formula", "composition", "formula"), *inputs),
        (Target("gap", "gap", "eV"),), cleaning=Cleaning(method="xc", mixed=mixed, level="experiment"), **more,
    )  # fmt: skip


def prepared(frame, asked, share=0.8):
    cleaned = clean(from_frame(frame.astype(object)), asked)
    groups = np.unique(cleaned.dataset.groups)
    kept = np.random.default_rng(1).permutation(groups)[: int(share * len(groups))]
    development = np.flatnonzero(np.isin(cleaned.dataset.groups, kept))
    labelled = {"gap": np.isfinite(cleaned.dataset.targets["gap"].values)}
    sealed = np.setdiff1d(np.arange(len(cleaned.dataset)), development)
    return cleaned, development, labelled, cleaned.dataset.unlabelled(sealed)


def test_values_are_shifted_to_the_truth_and_carry_the_error_of_the_shift():
    frame, truth = table(40)
    asked = problem()
    cleaned, development, labelled, dataset = prepared(frame, asked)
    found = correct(dataset, development, cleaned.levels, asked, labelled)
    labels = found.dataset.targets["gap"]
    rows = development[(cleaned.levels[development] == "PBE") & np.isfinite(labels.values[development])]
    place = [cleaned.dataset.source_rows[i][0] - 1 for i in rows.tolist()]
    assert len(rows) > 5
    assert labels.values[rows] == pytest.approx(truth[place], abs=0.25)
    assert 0.03 < np.median(labels.errors[rows]) < 0.09  # planted: 0.05
    shifted = {one.row for one in found.repairs if one.new}
    assert shifted == {row + 1 for row in place}
    assert "standard error" in found.notes[0]


def test_a_material_with_both_counts_once():
    frame, _ = table(60)
    asked = problem()
    cleaned, development, labelled, dataset = prepared(frame, asked)
    labels = correct(dataset, development, cleaned.levels, asked, labelled).dataset.targets["gap"]
    low = development[cleaned.levels[development] == "PBE"]
    assert np.isnan(labels.values[low]).all()


def test_sealed_labels_do_not_move_the_shift_and_only_one_level_is_judged():
    frame, _ = table(40)
    asked = problem()
    cleaned, development, labelled, _ = prepared(frame, asked)
    sealed = np.setdiff1d(np.arange(len(cleaned.dataset)), development)
    whole = cleaned.dataset.targets["gap"]
    spoilt = whole.values.copy()
    spoilt[sealed] = 99.0
    other = replace(cleaned.dataset, targets={"gap": replace(whole, values=spoilt)})
    one, two = (correct(each, development, cleaned.levels, asked, labelled) for each in (cleaned.dataset, other))
    assert one.notes == two.notes
    assert one.repairs == two.repairs
    judged = judged_by({"gap": whole.take(sealed)}, cleaned.levels[sealed], one.to)["gap"]
    assert set(cleaned.levels[sealed][np.isfinite(judged.values)]) == {"experiment"}


def test_the_error_is_out_of_fold_and_a_line_is_taken_only_where_it_helps():
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 5, 200)
    plain = fit_shift("PBE", "HSE06", x, x + 1.0 + 0.2 * rng.normal(size=200))
    assert (plain.slope, round(plain.intercept, 1)) == (1.0, 1.0)
    assert plain.error == pytest.approx(0.2, rel=0.15)
    assert plain.before == pytest.approx(np.hypot(1.0, 0.2), rel=0.1)
    assert fit_shift("PBE", "HSE06", x, 1.4 * x).slope == pytest.approx(1.4)


def test_a_few_wrong_values_do_not_move_the_shift():
    x = np.linspace(0, 5, 40)
    y = x + 0.7
    y[:4] = 50.0
    assert fit_shift("PBE", "HSE06", x, y).intercept == pytest.approx(0.7)


def test_too_few_pairs_are_refused():
    frame, _ = table(60)
    few = frame.drop(index=frame.index[:50])  # PBE of ten materials, some of them sealed
    asked = problem()
    cleaned, development, labelled, dataset = prepared(few, asked)
    with pytest.raises(DataError, match="at least 10 are needed"):
        correct(dataset, development, cleaned.levels, asked, labelled)


def test_other_levels_as_columns_beside():
    frame, _ = table(40)
    asked = problem(Input("gap (PBE)", "number", "gap (PBE)", unit="eV"), mixed="columns")
    cleaned = clean(from_frame(frame.astype(object)), asked)
    assert len(cleaned.dataset) == 40
    low = {row["formula"]: row["gap"] for _, row in frame[frame.xc == "PBE"].iterrows()}
    formulas = cleaned.dataset.inputs["formula"].formulas
    assert cleaned.dataset.inputs["gap (PBE)"].values == pytest.approx([low[str(one)] for one in formulas])
    assert len(cleaned.removed) == 60


def test_columns_that_no_input_names_are_refused_with_the_lines_to_write():
    frame, _ = table(40)
    with pytest.raises(DataError, match=r'"gap \(PBE\)" = \{ kind = "number" \}'):
        clean(from_frame(frame.astype(object)), problem(mixed="columns"))
