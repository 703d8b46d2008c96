"""The measure and its limit: found on regions left out, kept where there is no better, sane where there is little."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from matloop.core.errors import ConfigError
from matloop.doubt.domain import fit_domain
from matloop.doubt.domains.choice import CANDIDATES, USUAL, auroc, choose, limit_of, random_parts, regions
from matloop.represent.table import FeatureTable


def islands(n=600, width=3, seed=0):
    rng = np.random.default_rng(seed)
    place = np.arange(n) % 6
    return rng.normal(0.0, 4.0, (6, width))[place] + rng.normal(0.0, 0.3, (n, width)), place


def table(X):
    names = tuple(f"x{i}" for i in range(X.shape[1]))
    return FeatureTable(X, names, ("f:magpie",) * len(names), {}, {})


def test_auroc_is_that_of_scikit_learn_with_ties():
    rng = np.random.default_rng(0)
    usual, foreign = rng.integers(0, 8, 60).astype(float), rng.integers(2, 10, 40).astype(float)
    truth = np.r_[np.zeros(60), np.ones(40)]
    assert auroc(usual, foreign) == pytest.approx(roc_auc_score(truth, np.r_[usual, foreign]), abs=1e-12)
    assert np.isnan(auroc(usual, np.zeros(0)))


def test_regions_are_the_islands_and_keep_groups_whole():
    X, place = islands()
    found = regions(X.astype(np.float32), np.arange(600), 6, 0)
    assert len(set(zip(found, place, strict=True))) == 6
    groups = np.arange(600) // 2  # pairs straddle islands
    for part in (regions(X.astype(np.float32), groups, 6, 0), random_parts(groups, 4, 0)):
        assert all(len(set(part[groups == g])) == 1 for g in range(300))


def test_a_measure_that_is_much_better_is_chosen_and_one_that_is_not_is_not():
    X, _ = islands()
    found = choose(X, np.arange(600), seed=0)
    assert found.tried == CANDIDATES
    assert found.name == USUAL
    assert max(found.auroc) > 0.95
    assert choose(X, np.arange(600), seed=0) == found
    both = choose(X, np.arange(600), seed=0, candidates=("ranges", "nearest_neighbours"))
    assert both.name == "nearest_neighbours"


@pytest.mark.parametrize(
    ("X", "groups"),
    [
        (np.ones((200, 3)), np.arange(200)),
        (islands(40)[0], np.arange(40)),
        (islands(200)[0], np.zeros(200, dtype=int)),
        (islands(200)[0], np.minimum(np.arange(200), 3)),
    ],
    ids=["constant", "few rows", "one group", "a group of nearly all"],
)
def test_where_nothing_can_be_compared_the_usual_measure_is_taken_and_works(X, groups):
    assert choose(X, groups, seed=0).name == USUAL
    found = fit_domain(table(X), X[:, 0], groups, seed=0)
    assert found.threshold > 0
    assert found.judge(table(X))[0].mean() > 0.8


def test_the_limit_flags_a_wanted_share_of_usual_rows_and_as_many_foreign_ones_as_it_can():
    rng = np.random.default_rng(0)
    usual, foreign = rng.exponential(1.0, 20_000), 3.0 + rng.exponential(1.0, 5_000)
    none = np.zeros(20_000, dtype=bool), np.zeros(5_000, dtype=bool)
    found = limit_of(usual, foreign, *none)
    assert found.flagged == pytest.approx(0.05, abs=0.002)  # exp(-3): no foreign row is below 3
    assert found.value == pytest.approx(3.0, abs=0.05)
    assert found.flagged_left_out > 0.97
    hard = np.arange(20_000) % 20 == 0  # other checks flag 5 % already
    assert 0.06 < limit_of(usual, foreign, hard, none[1]).flagged < 0.08
    assert np.isnan(limit_of(usual, np.zeros(0), none[0], none[1][:0]).flagged_left_out)


def test_every_measure_can_be_asked_for_by_name_and_gives_its_reason():
    X, place = islands()
    train = table(X[place != 0])
    for name in CANDIDATES:
        found = fit_domain(train, X[place != 0, 0], np.arange(500), seed=0, method=name)
        inside, reason = found.judge(table(np.full((1, 3), 40.0)))
        assert not inside[0]
        assert "times the limit), most unusual: x" in str(reason[0])
        assert type(found).from_arrays(found.to_arrays()).limit == found.limit
    with pytest.raises(ConfigError, match="no 'magic'"):
        fit_domain(train, X[place != 0, 0], np.arange(500), seed=0, method="magic")


def test_how_it_was_found_is_said_in_words():
    X, _ = islands()
    found = fit_domain(table(X), X[:, 0], np.arange(600), seed=0)
    assert found.how.startswith("relative distance, one of 7 measures compared on left-out regions (AUROC ")
    assert "of held-out rows like the training rows and 100 % of rows of left-out regions" in found.how
    assert fit_domain(table(X), X[:, 0], np.zeros(600), seed=0).how == "relative distance"
