import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.monitor.drift import follow
from matloop.monitor.drift.findings import about_followed


@pytest.fixture(scope="module")
def process(made, compounds):
    rng = np.random.default_rng(0)
    rows = compounds(700, 0)

    def part(first, last, shift=0.0, formulas=rows):
        n = last - first
        return made(
            formulas[first:last], {"T": shift + rng.normal(size=n)}, {"route": rng.choice(["cast", "rolled"], n)}
        )

    return part


def test_rows_like_the_reference_raise_no_alarm(process):
    found = follow(process(0, 300), process(300, 700))
    assert not found.alarm
    assert found.n == 400


def test_a_drift_is_found_after_it_began_and_named(process, made, compounds):
    rng = np.random.default_rng(1)
    rows = compounds(700, 0)
    now = made(
        rows[300:700], {"T": np.where(np.arange(400) < 150, 0.0, 1.0) + rng.normal(size=400)},
        {"route": rng.choice(["cast", "rolled"], 400)},
    )  # fmt: skip
    found = follow(process(0, 300), now)
    assert 150 < found.at < 260
    assert found.request == f"r{found.at}/0"
    assert found.time == found.at
    assert found.streams[0].name == "T"


def test_looking_later_does_not_change_what_was_found(process):
    from dataclasses import replace

    reference, now = process(0, 300), process(300, 700)
    first = replace(
        now, X=now.X[:200], inputs={name: values[:200] for name, values in now.inputs.items()},
        elements=now.elements[:200], time=now.time[:200], readable=now.readable[:200], request=now.request[:200],
    )  # fmt: skip
    np.testing.assert_allclose(follow(reference, now).log10[:200], follow(reference, first).log10)


def test_a_question_asked_again_and_again_is_no_evidence(made, compounds):
    rows = compounds(320, 5)
    reference = made(rows[:300])
    assert follow(reference, made([rows[310]] * 500)).n == 1
    assert not follow(reference, made([rows[310]] * 500)).alarm


def test_new_chemistry_is_found_by_rare_elements_or_distance(made, compounds):
    reference = made(compounds(300, 6))
    now = made([*compounds(50, 7), *compounds(60, 8, anions=("Cl", "Br"))])
    found = follow(reference, now)
    assert found.alarm
    assert {"how usual its rarest element is", "distance to the nearest training rows"} & {
        one.name for one in found.streams[:3]
    }


def test_rows_of_another_model_and_impossible_levels_are_refused(made):
    with pytest.raises(DataError, match="answered them"):
        follow(made(["NaCl"]), made((), {"T": [1.0]}))
    with pytest.raises(ConfigError, match="alpha"):
        follow(made(["NaCl"]), made(["NaCl"]), alpha=0.0)


def test_no_rows_are_no_evidence(made, compounds):
    found = follow(made(compounds(5, 0)), made(compounds(3, 1)))
    assert found.n == 0
    assert not found.alarm


def test_sorted_traffic_is_told_to_be_shown_by_its_order(made):
    rng = np.random.default_rng(4)
    values = rng.normal(size=700)
    reference, now = made((), {"T": values[:300]}), made((), {"T": np.sort(values[300:])})
    found = follow(reference, now)
    assert found.alarm
    assert found.by_order
    assert found.sorted_by == ("T", pytest.approx(1.0))
    (one,) = about_followed(found)
    assert "in random order the same questions show no drift" in one.said
    assert "Input 'T' rises with time (rank correlation 1" in one.said


def test_a_lasting_drift_is_not_put_down_to_the_order(made):
    rng = np.random.default_rng(5)
    found = follow(made((), {"T": rng.normal(size=300)}), made((), {"T": 1.0 + rng.normal(size=200)}))
    assert found.alarm
    assert not found.by_order
    assert found.sorted_by[0] == ""
    assert "order" not in about_followed(found)[0].said
