"""Planted truths: replicates, duplicates, bends, redundant pairs, clusters, imbalance, gaps."""

from dataclasses import replace

import numpy as np
import pytest

from matloop.data.cleaning.levels import mentioned_level
from matloop.matter.compositions import from_formulas
from matloop.profile.five import profile_table
from matloop.profile.five_values import Field, TableRead
from matloop.profile.relations import correlations, holm
from matloop.profile.replicates import class_noise, replicate_noise

NONE = np.zeros(0, dtype=np.int64)
ANSCOMBE_X = [10.0, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
ANSCOMBE = {  # Anscombe, Am. Stat. 27 (1973) 17, table 1
    "line": [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68],
    "bend": [9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74],
    "few rows": [7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73],
}


def numbers(name, values, part="input"):
    values = np.asarray(values, dtype=float)
    gap = np.isnan(values)
    return Field(name, part, "", values, NONE, (), gap, np.zeros(len(values), bool))


def words(name, values, part="input"):
    found, codes = np.unique(values, return_inverse=True)
    none = np.zeros(len(values), bool)
    return Field(name, part, "", np.zeros(0), codes, tuple(map(str, found)), none, none)


def table(*fields, **more):
    n = len(fields[0].missing)
    plain = TableRead(
        "planted", fields, None, np.full(n, ""), "", np.arange(n), np.arange(n), np.full(n, np.nan), np.ones(n, bool),
        None, NONE, np.array([f"row {i}" for i in range(n)]),
    )  # fmt: skip
    return replace(plain, **more)


def finding(found, name):
    return next(one for _, findings in found.vs for one in findings if one.name == name)


def kinds(x, y):
    pair = correlations([numbers("x", x), numbers("y", y)], np.arange(len(x)))[2][0]
    return [one.kind for one in pair.warnings]


def test_planted_noise_is_found_and_its_interval_covers():
    rng = np.random.default_rng(0)
    keys = np.repeat(np.arange(300), 3)
    found = replicate_noise(5.0 * rng.normal(size=300)[keys] + 0.7 * rng.normal(size=900), keys)
    assert found.sd.low < 0.7 < found.sd.high
    assert found.sd.value == pytest.approx(0.7, rel=0.08)
    assert found.mae.value == pytest.approx(0.7 * np.sqrt(2 / np.pi), rel=0.08)
    assert found.ceiling == pytest.approx(1 - 0.49 / 25.49, abs=0.01)


def test_copies_are_no_measurements():
    found = replicate_noise(np.array([1.0, 1, 2, 2, 3, 5]), np.array([0, 0, 1, 1, 2, 2]))
    assert (found.sets, found.copies) == (1, 2)
    assert found.sd.value == pytest.approx(np.sqrt(2))


def test_classes_of_replicates_that_disagree():
    found = class_noise(np.array([0, 0, 0, 1, 1, 1, 0]), np.array([0, 0, 1, 1, 2, 2, 3]))
    assert found.disagree.value == pytest.approx(1 / 3)
    assert found.floor == pytest.approx(1 / 6)


def test_anscombe_quartet_has_one_coefficient_and_its_warnings():
    rows = np.arange(33) % 11
    rng = np.random.default_rng(1)
    for name, y in ANSCOMBE.items():
        r = np.corrcoef(ANSCOMBE_X, y)[0, 1]
        assert r == pytest.approx(0.816, abs=0.001)
        if name != "few rows":
            jitter = 1e-3 * rng.normal(size=33)
            assert kinds(np.array(ANSCOMBE_X)[rows] + jitter, np.array(y)[rows]) == [name] * (name == "bend")
    assert kinds([*ANSCOMBE_X, 7.5], [*ANSCOMBE["few rows"], 6.6]) == ["few rows"]  # 12 rows are the fewest


def test_a_turning_relation_is_seen_though_both_coefficients_miss_it():
    x = np.linspace(-1, 1, 400)
    y = x**2 + 0.05 * np.random.default_rng(2).normal(size=400)
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.1
    assert kinds(x, y) == ["bend"]


def test_two_clouds_are_told_from_a_line():
    rng = np.random.default_rng(3)
    side = np.repeat([0.0, 8.0], 100)
    assert kinds(side + rng.normal(size=200), side + rng.normal(size=200)) == ["two clusters"]
    x = rng.normal(size=400)
    assert kinds(x, x + rng.normal(size=400)) == []


def test_pearson_and_spearman_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(4)
    x = rng.normal(size=60)
    y = np.exp(x) + rng.normal(size=60)
    y[::7] = np.nan
    pair = correlations([numbers("x", x), numbers("y", y)], np.arange(60))[2][0]
    kept = np.isfinite(y)
    assert pair.pearson.value == pytest.approx(stats.pearsonr(x[kept], y[kept])[0])
    assert pair.p_pearson == pytest.approx(stats.pearsonr(x[kept], y[kept])[1])
    assert pair.spearman.value == pytest.approx(stats.spearmanr(x[kept], y[kept])[0])


def test_pure_noise_has_no_certain_relation():
    rng = np.random.default_rng(5)
    found = profile_table(table(*(numbers(f"x{k}", rng.normal(size=200)) for k in range(15))))
    assert min(one.p_spearman for one in found.relations) > 0.01
    assert not found.warnings


def test_redundant_pairs_and_words_fixed_by_others():
    rng = np.random.default_rng(6)
    x, group = rng.normal(size=100), rng.integers(1, 9, size=100)
    system = np.array(["cubic", "cubic", "hexagonal", "hexagonal", "trigonal", "trigonal", "mono", "mono", "mono"])
    found = profile_table(
        table(numbers("K", x + 300), numbers("C", x + 26.85), numbers("spg", group), words("system", system[group]))
    )
    assert [(one.first, one.second, one.how) for one in found.redundant] == [
        ("K", "C", "linear"),
        ("spg", "system", "determined"),
    ]


def test_imbalance_is_said():
    found = profile_table(table(words("metal", ["yes"] * 95 + ["no"] * 5, "target"), numbers("x", np.arange(100.0))))
    assert found.classes == {"metal": {"yes": 95, "no": 5}}
    balance = finding(found, "class balance, metal")
    assert (balance.value, balance.level) == (19.0, "bad")


def test_duplicates_polymorphs_and_elements_are_counted():
    formulas = ["TiO2", "TiO2", "Ti2O4", "SiC", "NaCl", "NaCl"]
    found = profile_table(
        table(
            numbers("y", [1, 2, 3, 4, 5, 5], "target"), compositions=from_formulas(formulas)[0],
            phase=np.array(["136", "141", "141", "216", "225", "225"]), phase_from="space group",
            row_keys=np.array([0, 1, 2, 3, 4, 4]), input_keys=np.array([0, 1, 1, 2, 3, 3]),
        )
    )  # fmt: skip
    assert finding(found, "exact duplicates").value == 1
    assert finding(found, "rows with equal inputs").value == 2
    assert finding(found, "polymorphs").value == 1
    assert finding(found, "compositions").value == 3
    assert found.elements == {"C": 1, "O": 3, "Na": 2, "Si": 1, "Cl": 2, "Ti": 3}


def test_suspicious_values_are_listed_by_row():
    values = np.random.default_rng(7).normal(200.0, 5.0, size=300)
    values[[10, 20]] = -999.0, 201_000.0
    column = profile_table(table(numbers("T", values))).columns[0]
    assert column.suspicious == {
        "a number that often stands for no value": (11,),
        "a thousand times off the others: perhaps a slip of unit": (21,),
    }


def test_gaps_that_follow_the_target_are_found():
    rng = np.random.default_rng(8)
    y = rng.normal(size=300)
    x, z = rng.normal(size=300), rng.normal(size=300)
    x[y > 0.8], z[rng.random(300) < 0.2] = np.nan, np.nan
    found = profile_table(table(numbers("y", y, "target"), numbers("x", x), numbers("z", z)))
    assert finding(found, "gaps that follow the target").shown == "x (higher y where empty)"


def test_drift_and_pace_need_dates():
    rng = np.random.default_rng(9)
    days = np.sort(rng.uniform(0, 1000, size=200))
    y = numbers("y", rng.normal(size=200) + (days > 500), "target")
    found = profile_table(table(y, seconds=86400 * days))
    assert finding(found, "drift").value == 1
    assert finding(found, "rows per year").value == pytest.approx(200 / (np.ptp(days) / 365.25))
    assert finding(profile_table(table(y)), "growth").shown == "no dates"


def test_labels_that_are_sealed_change_nothing():
    rng = np.random.default_rng(10)
    y, x = rng.normal(size=100), rng.normal(size=100)
    labels = np.arange(100) < 60
    other = np.where(labels, y, 1e6)
    seen = [
        profile_table(table(numbers("y", np.where(labels, one, np.nan), "target"), numbers("x", x), labels=labels))
        for one in (y, other)
    ]
    assert seen[0].columns == seen[1].columns
    assert seen[0].relations == seen[1].relations


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize(("word", "level"), [("GGA+U", "PBE+U"), ("r2SCAN", "r2SCAN"), ("PBEsol", "PBEsol"), ("A", "")])
def test_levels(word, level):
    assert mentioned_level(word) == level
