"""Batch effects: planted ones are found with their size, none where there is none, and confounded ones are told."""

import numpy as np
import pytest
from scipy import stats

from matloop.data.measurements.permuted import adjusted_share, holm, level_test
from matloop.data.measurements.study import study_measurements
from matloop.data.measurements.values import Factor, Measured
from matloop.matter.compositions import from_formulas


def factor(codes, part="batch", column=""):
    return Factor(column or part, part, codes, tuple("ABCDEFGH"[: codes.max() + 1]))


def table(seed, *, n=100, shift=0.0, shared=False, by_family=False, drift=0.0):
    """Materials of four families with a bent property; four batches, three instruments, two operators, a day."""
    rng = np.random.default_rng(seed)
    X = rng.dirichlet(np.full(5, 0.4), n)
    family = X.argmax(axis=1)
    sample = np.repeat(np.arange(n), 2) if shared else np.arange(n)
    m = len(sample)
    batch = family[sample] % 4 if by_family else rng.integers(4, size=m)
    truth = 3 * np.sin(4 * X[:, 0]) + 0.7 * family + 0.4 * rng.normal(size=n)
    seconds = rng.uniform(0, 3.15e7, m)
    y = truth[sample] + 0.3 * rng.standard_t(5, size=m) + shift * np.array([0.0, 1.0, 0.0, -1.0])[batch]
    y = y + drift * seconds / (365.25 * 86_400)
    others = [factor(rng.integers(3, size=m), "instrument"), factor(rng.integers(2, size=m), "operator")]
    return y, Measured((factor(batch), *others), sample, seconds, 1), X[sample]


def test_a_planted_shift_is_found_with_its_size_by_shared_samples():
    found = study_measurements(*table(1, shift=0.8, shared=True))
    batch = found.effects[0]
    assert (batch.verdict, batch.by) == ("shift", "replicates")
    for one, true in zip(batch.shifts, [0.0, 0.8, 0.0, -0.8], strict=True):
        assert one.low < true < one.high
        assert one.high - one.low < 0.5
    assert [one.verdict for one in found.effects[1:]] == ["none seen", "none seen"]
    assert 'group = "batch"' in batch.advice


def test_a_large_shift_is_found_without_shared_samples():
    found = study_measurements(*table(2, shift=3.0))
    assert (found.effects[0].verdict, found.effects[0].by) == ("shift", "materials")
    assert found.effects[0].share > 0.2


def test_batches_that_hold_other_materials_cannot_be_told_apart():
    rng = np.random.default_rng(0)
    formulas = [f"Fe{i}O{i + 1}" for i in range(1, 31)] + [f"Ni{i}S{i + 2}" for i in range(1, 31)]
    batch = np.repeat([0, 1], 30)
    compositions = from_formulas(formulas)[0]
    y = rng.normal(size=60) + 5.0 * batch
    found = study_measurements(y, Measured((factor(batch),), np.arange(60), np.full(60, np.nan)),
                               rng.normal(size=(60, 2)), compositions=compositions)  # fmt: skip
    one = found.effects[0]
    assert one.verdict == "confounded"
    assert "cannot be told apart" in one.said
    assert "A holds only materials with O, Fe, the others none" in one.said
    assert "measure some samples" in one.advice


def test_drift_is_found_with_its_rate_and_its_instrument():
    y, measured, X = table(4, n=300)
    on_a = measured.factors[1].codes == 0
    y = y + np.where(on_a, 4.0 * measured.seconds / (365.25 * 86_400), 0.0)
    found = study_measurements(y, measured, X)
    assert [one.verdict for one in found.drifts] == ["shift", "none seen", "none seen"]
    assert found.drifts[0].low < 4.0 < found.drifts[0].high


@pytest.mark.parametrize("kind", ["materials", "shared", "families"])
def test_false_alarms_are_as_rare_as_promised(kind):
    """Any column or instrument of a table without an effect: 5 % of the tables (200 tables: 9, 9, 9 alarms)."""
    alarms = 0
    for seed in range(15):
        y, measured, X = table(seed, n=40, shared=kind == "shared", by_family=kind == "families")
        found = study_measurements(y, measured, X, seed=seed)
        alarms += any(one.verdict == "shift" for one in (*found.effects, *found.drifts))
    assert alarms <= stats.binom.ppf(0.999, 15, 0.05)


def test_a_control_sample_measured_in_each_batch_tells_the_shift():
    rng = np.random.default_rng(3)
    batch = np.repeat([0, 1, 2], 20)
    sample = np.arange(60)
    sample[::2] = 1_000 + np.tile(np.arange(10), 3)  # ten controls in every batch
    y = rng.normal(size=2_000)[sample] * 5 + np.array([0.0, 1.0, 2.0])[batch] + 0.1 * rng.normal(size=60)
    found = study_measurements(y, Measured((factor(batch),), sample, np.full(60, np.nan)), np.zeros((60, 0)))
    assert found.effects[0].n_sets == 10
    assert [round(one.value) for one in found.effects[0].shifts] == [-1, 0, 1]


def test_repeated_readings_in_one_batch_do_not_count_as_samples():
    rng = np.random.default_rng(5)
    true = np.repeat(rng.normal(size=12), 50)  # twelve samples, fifty readings each
    batch = np.repeat(rng.permutation(np.repeat([0, 1], 6)), 50)
    y = true + 1e-3 * rng.normal(size=600)
    measured = Measured((factor(batch),), np.repeat(np.arange(12), 50), np.full(600, np.nan))
    assert study_measurements(y, measured, np.zeros((600, 0))).effects[0].p_value > 1e-2


def test_the_shares_agree_with_the_textbook():
    """Omega squared of three groups by hand: means 2, 4, 6; SSB 24, SSW 6, MSW 1: (24 - 2) / (30 + 1)."""
    values = np.array([1.0, 2, 3, 3, 4, 5, 5, 6, 7])
    assert adjusted_share(values, np.repeat([0, 1, 2], 3), 3) == pytest.approx((24 - 2) / 31)


def test_the_permutation_agrees_with_the_f_test_where_noise_is_normal():
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(4), 25)
    y = rng.normal(size=100) + 0.35 * codes
    p = level_test(y - y.mean(), codes, 4, draws=4_999)
    assert p == pytest.approx(stats.f_oneway(*[y[codes == k] for k in range(4)]).pvalue, abs=0.01)


def test_holm_as_in_the_paper():
    assert holm([0.01, 0.04, float("nan"), 0.03]) == pytest.approx([0.03, 0.06, float("nan"), 0.06], nan_ok=True)


@pytest.mark.parametrize("codes", [np.zeros(30, int), np.arange(30), np.full(30, -1)])
def test_what_cannot_be_compared_is_said(codes):
    one = Factor("batch", "batch", codes, tuple(map(str, range(30))))
    found = study_measurements(np.arange(30.0), Measured((one,), np.arange(30), np.full(30, np.nan)), np.zeros((30, 0)))
    assert found.effects[0].verdict == "not tested"
    assert found.effects[0].said


def test_hidden_labels_are_not_looked_at_and_the_order_of_rows_does_not_matter():
    y, measured, X = table(6, shift=1.0, shared=True)
    hidden = y.copy()
    hidden[::5] = np.nan
    first = study_measurements(hidden, measured, X)
    assert first.n_rows == int(np.isfinite(hidden).sum())
    again = study_measurements(hidden, measured, X)
    assert first == again
