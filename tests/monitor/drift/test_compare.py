import json

import numpy as np
import pytest

from matloop.monitor.drift import drift


@pytest.fixture(scope="module")
def tables(made, compounds):
    """A reference, rows like it, hotter rows, and rows of another chemistry."""
    rng, rows = np.random.default_rng(0), compounds(600, 0)

    def part(formulas, shift=0.0, **more):
        n = len(formulas)
        return made(
            formulas, {"T": 300 + shift + 20 * rng.normal(size=n)}, {"route": rng.choice(["a", "b"], n)}, **more
        )

    return {
        "reference": part(rows[:300]), "same": part(rows[300:500]), "hot": part(rows[300:500], 30.0),
        "halides": part([*rows[300:400], *compounds(100, 1, anions=("Cl", "Br"))]), "part": part,
    }  # fmt: skip


def about(found, subject):
    return next(one for one in found.findings if one.subject == subject)


def test_rows_like_the_reference_are_no_drift(tables):
    found = drift(tables["reference"], tables["same"])
    assert not found.alarm
    assert (found.n_reference, found.n_now) == (300, 200)


def test_a_hotter_furnace_is_said_with_its_size(tables):
    found = drift(tables["reference"], tables["hot"])
    one = about(found, "T")
    assert found.alarm
    assert one.severity == "alarm"
    assert one.figures["shift"] == pytest.approx(1.5, abs=0.3)
    assert "higher" in one.said
    assert [each.subject for each in found.findings if each.kind == "chemistry" and each.severity == "alarm"] == []


def test_new_elements_and_families_are_told_by_name(tables):
    found = drift(tables["reference"], tables["halides"])
    assert about(found, "new element Cl").severity == "alarm"
    assert "halide" in about(found, "families").said
    assert about(found, "all features together").figures["auc"] > 0.6


def test_a_certain_but_tiny_shift_is_a_note(made):
    rng = np.random.default_rng(1)
    reference, now = made((), {"T": rng.normal(size=2000)}), made((), {"T": 0.13 + rng.normal(size=20_000)})
    one = about(drift(reference, now), "T")
    assert one.figures["p_holm"] < 1e-3
    assert one.severity == "note"


def test_a_column_whose_median_stays_is_said_so(made):
    rng = np.random.default_rng(4)

    def rows(n, zeros):
        return made((), {"gap": np.where(rng.random(n) < zeros, 0.0, rng.random(n)), "T": rng.normal(size=n)})

    one = about(drift(rows(600, 0.9), rows(300, 0.6)), "gap")
    assert "the median stays at 0" in one.said


def test_correlated_features_are_one_finding(made):
    rng = np.random.default_rng(2)

    def rows(n, shift):
        T = rng.normal(size=n) + shift
        return {f"T{k}": T + 0.05 * rng.normal(size=n) for k in range(8)}

    from dataclasses import replace

    reference, now = made((), rows(300, 0.0)), made((), rows(150, 1.0))
    # as features made from one input, not as eight inputs
    reference, now = (replace(one, inputs={"T0": one.inputs["T0"]}) for one in (reference, now))
    found = drift(reference, now).findings
    assert next(one for one in found if one.subject == "T0").severity == "alarm"
    (features,) = [one for one in found if one.kind == "drift" and one.subject.startswith("T") and one.subject != "T0"]
    assert len(features.figures["along"]) == 6


def test_features_that_moved_apart_are_one_finding_with_the_leading_ones(tables):
    found = drift(tables["reference"], tables["halides"])
    one = about(found, "features")
    assert 2 <= len(one.figures["leading"]) <= 3
    assert one.severity == "alarm"
    assert sum(each.kind == "drift" and each.subject.startswith("fraction") for each in found.findings) == 0


def test_one_question_a_thousand_times_is_no_drift(tables, made, compounds):
    rows = compounds(600, 0)[300:340]
    found = drift(made(compounds(600, 0)[:300]), made([*rows, *[rows[0]] * 1000]))
    assert not found.alarm
    assert found.n_now == 40
    assert about(found, "repeated questions").figures == {"rows": 1040, "distinct": 40}


def test_a_word_that_is_asked_again_and_again_is_told_without_a_test(made):
    T, rng = np.arange(200.0), np.random.default_rng(6)
    route = rng.choice(["cast", "rolled"], 200)
    again = np.flatnonzero(route[100:] == "cast")[:5].repeat(40) + 100
    rows = np.concatenate([np.arange(100, 200), again])
    found = drift(made((), {"T": T[:100]}, {"route": route[:100]}), made((), {"T": T[rows]}, {"route": route[rows]}))
    one = about(found, "how often route is asked")
    assert one.severity == "note"
    assert one.figures["n"] == 300
    assert "cast" in one.said
    calm = drift(made((), {"T": T[:100]}, {"route": route[:100]}), made((), {"T": T[100:]}, {"route": route[100:]}))
    assert not [each for each in calm.findings if each.subject.startswith("how often")]


def test_whoever_looks_every_day_gets_a_warning_until_the_evidence_is_there(tables):
    few, many = tables["part"](tables["hot"].inputs["formula"][:4].tolist(), 30.0), tables["hot"]
    early = drift(tables["reference"], many, since_start=few)
    late = drift(tables["reference"], many, since_start=many)
    assert early.severity == "warning"
    assert late.alarm
    assert about(late, "since the beginning").severity == "alarm"


def test_more_rows_outside_the_domain_and_wider_intervals_are_told(tables, compounds):
    rows, rng = compounds(600, 0), np.random.default_rng(3)
    reference = tables["part"](rows[:300], outside=rng.random(300) < 0.05, width=rng.uniform(1, 2, 300))
    now = tables["part"](rows[300:500], outside=rng.random(200) < 0.4, width=rng.uniform(2, 4, 200))
    found = drift(reference, now)
    domain = next(one for one in found.findings if one.kind == "domain")
    width = next(one for one in found.findings if one.kind == "width")
    assert (domain.severity, width.severity) == ("alarm", "alarm")
    assert width.figures["ratio"] == pytest.approx(2.0, abs=0.2)


def test_too_few_rows_are_said(tables, made, compounds):
    found = drift(made(compounds(50, 0)), made(["NaCl", "NaCl", "KCl"]))
    assert "too few" in found.findings[0].said
    assert "too few" in found.lines()[0]


def test_the_same_rows_and_seed_give_the_same_result(tables):
    first, second = (drift(tables["reference"], tables["halides"], since_start=tables["halides"]) for _ in range(2))
    assert json.dumps(first.as_json()) == json.dumps(second.as_json())


def test_a_notebook_shows_it_without_running_what_is_in_a_word(made):
    T = {"T": np.arange(60.0)}
    reference, now = made((), T, {"route": ["a", "b"] * 30}), made((), T, {"route": ["<script>alert(1)</script>"] * 60})
    page = drift(reference, now)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
