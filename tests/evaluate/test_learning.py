from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from matloop.core.errors import ConfigError, DataError
from matloop.core.jsonable import from_jsonable, to_jsonable
from matloop.evaluate.descriptors import rank_features
from matloop.evaluate.fidelity import fidelity_curve
from matloop.evaluate.gather import gather
from matloop.evaluate.learning import LearningStudy, learning_curve, study_learning
from matloop.evaluate.refits import error_of, growing
from matloop.problem.question import Target
from matloop.train.subject import Subject


def linear(n=300, width=10, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width))
    return X, X @ rng.normal(size=width) + noise * rng.normal(size=n)


def subject_of(made, *, depth="standard", task="regression", groups=120):
    one = made["development"](groups, task=task)
    fits = Changing(made["fits"](one))
    shown = np.array([f"row {i}" for i in range(len(one))])
    target = Target("y", "y", task, "GPa")
    return Subject(one, made["trained"](one), fits, target, shown, shown, 0, depth)


class Changing:
    """A pool whose fits see the altered rows."""

    workers = 1

    def __init__(self, inner):
        self.inner, self.tasks = inner, []

    def run(self, tasks, *, deadline=None, on_done=None):
        whole, results = self.inner.development, []
        for task in tasks:
            self.tasks.append(task)
            if task.change is not None:
                X = np.array(whole.table.X)
                X[:, list(task.change.without)] = 0.0
                self.inner.development = replace(whole, table=replace(whole.table, X=X))
            results += self.inner.run([task], deadline=deadline)
            self.inner.development = whole
        return results


def gathered_of(subject, plan):
    return gather(subject.development, subject.trained, subject.fits, plan=plan, seeds=(0,), deadline=math.inf)


def test_own_curve_agrees_with_scikit_learn_at_full_size():
    from sklearn.metrics import mean_absolute_error
    from sklearn.model_selection import PredefinedSplit, cross_val_predict

    from matloop.split.folds import make_folds

    X, y = linear()
    curve = learning_curve(Ridge(), X, y, n_folds=4)
    fold = make_folds(y, np.arange(300), n_folds=4, seed=0, task="regression")
    guess = cross_val_predict(Ridge(), X, y, cv=PredefinedSplit(fold))
    full = [one for one in curve.points if one.n_rows == 225]
    assert len(full) == 4
    for one in full:
        inside = fold == one.part
        assert one.score == pytest.approx(mean_absolute_error(y[inside], guess[inside]))


def test_noise_that_is_left_flattens_the_curve_and_a_hard_target_does_not():
    X, y = linear(600, 3)
    assert learning_curve(LinearRegression(), X, y).forecast().answer == "hardly"
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (600, 2))
    steep = learning_curve(ExtraTreesRegressor(20, random_state=0), X, np.sin(6 * X[:, 0]) * X[:, 1]).forecast()
    assert steep.gain > 0.15
    assert steep.answer == "more rows"


def test_scores_that_should_be_high_are_turned_into_errors():
    X, y = linear(200, 4, noise=0.3)
    curve = learning_curve(LogisticRegression(), X, (y > 0).astype(float), metric="roc_auc")
    assert curve.errors() == pytest.approx([1 - one.score for one in curve.points])
    assert (error_of("mae", 0.2), error_of("r2", 0.2)) == (0.2, 0.8)


def test_groups_stay_whole_and_larger_sets_hold_smaller_ones():
    groups, pool = np.repeat(np.arange(40), 3), np.arange(120)
    small, large = growing(pool, groups, 0.2, [1]), growing(pool, groups, 0.6, [1])
    assert set(small) < set(large)
    assert all(np.isin(np.flatnonzero(groups == g), small).all() for g in np.unique(groups[small]))


def test_a_curve_that_runs_out_of_time_keeps_what_it_has():
    X, y = linear(100)
    assert learning_curve(Ridge(), X, y, deadline=time.monotonic()).points == ()
    assert learning_curve(Ridge(), X, y, deadline=time.monotonic()).forecast(100).answer == "cannot tell"


@pytest.mark.parametrize("n", [10, 12])
def test_ten_rows_give_an_answer_that_claims_nothing(n):
    X, y = linear(n, 2)
    assert learning_curve(Ridge(), X, y).forecast().answer in ("cannot tell", "hardly", "out of reach")


def test_features_that_matter_are_ranked_first_and_constant_ones_not_at_all():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    X[:, 4] = 1.0
    X[3, 0] = np.nan
    order = rank_features(X, 5 * X[:, 2] + X[:, 5])
    assert order[:2].tolist() == [2, 5]
    assert 4 not in order
    assert len(rank_features(np.ones((9, 3)), np.arange(9.0))) == 0


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_study_holds_out_further_folds_and_goes_through_json(made, plan, task):
    subject = subject_of(made, task=task)
    gathered = gathered_of(subject, plan)
    study = study_learning(subject, gathered)
    assert len({one.part for one in study.rows.points}) == 3
    assert max(one.n_rows for one in study.rows.points) == 192  # four of five folds of 240 rows
    assert study.ahead.now == 240
    assert study.descriptors is not None
    assert study.fidelity is None
    back = from_jsonable(LearningStudy, to_jsonable(study))
    assert back.ahead.sentence == study.ahead.sentence
    assert back.rows.points[0].n_rows == study.rows.points[0].n_rows


def test_few_descriptors_are_enough_where_few_are_used(made, plan):
    subject = subject_of(made, depth="thorough")
    study = study_learning(subject, gathered_of(subject, plan))
    # the target is made of two fractions and their product: see the fixture
    assert study.descriptors.enough <= 4
    assert study.descriptors.first[0] == "fraction Al"
    assert "descriptors are enough" in study.descriptors.sentence
    assert study.descriptors.points[-1].worse == 0.0


def test_descriptors_are_ranked_without_the_rows_that_judge_them(made, plan):
    subject = subject_of(made)
    study_learning(subject, gathered_of(subject, plan))
    for task in subject.fits.tasks:
        if task.change is not None:
            assert not set(task.train) & set(task.predict)
            fold = subject.trained.out_of_fold.fold
            assert len(set(fold[task.predict])) == 1
            assert fold[task.predict[0]] not in fold[task.train]


def test_quick_fits_nothing_and_no_time_says_so(made, plan):
    subject = subject_of(made, depth="quick")
    gathered = gathered_of(subject, plan)
    before = len(subject.fits.tasks)
    study = study_learning(subject, gathered)
    assert len(subject.fits.tasks) == before
    assert study.descriptors is None
    late = study_learning(replace(subject, depth="standard"), gathered, deadline=time.monotonic())
    assert any("time ran out" in note for note in late.notes)
    assert len(late.rows.points) == len(gathered.learning_curve)


def two_fidelities(offset=0.5, n=300, seed=0):
    """The same materials calculated (shifted, many) and measured (few); the flag is a column."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 3))
    y = np.sin(3 * X[:, 0]) + X[:, 1]
    few = np.arange(n) < 60
    rows = np.concatenate([X, X[few]])
    flag = np.repeat([0.0, 1.0], [n, 60])
    target = np.concatenate([y + offset, y[few] + 0.02 * rng.normal(size=60)])
    names = np.repeat(["calculated", "measured"], [n, 60])
    groups = np.concatenate([np.arange(n), np.flatnonzero(few)])
    return np.column_stack([rows, flag]), target, names, groups


def test_cheap_rows_help_where_they_tell_the_same_law():
    X, y, names, groups = two_fidelities()
    forest = ExtraTreesRegressor(40, random_state=0)
    found = fidelity_curve(forest, X, y, names, "measured", groups=groups)
    assert found.gain_low > 0
    assert "help" in found.sentence
    assert {one.n_cheap for one in found.points if one.share == 1.0} == {288}  # 12 held-out materials are taken out


def test_cheap_rows_of_another_law_do_harm():
    X, y, names, groups = two_fidelities()
    y = np.where(names == "calculated", -y, y)
    found = fidelity_curve(Ridge(), X[:, :3], y, names, "measured", groups=groups)
    assert found.gain_high < 0
    assert "harm" in found.sentence


def test_fidelities_that_are_not_there_are_named(made, plan):
    X, y, names, groups = two_fidelities()
    with pytest.raises(ConfigError, match="'calculated', 'measured'"):
        fidelity_curve(Ridge(), X, y, names, "guessed", groups=groups)
    with pytest.raises(DataError, match="at least 20"):
        fidelity_curve(Ridge(), X[:310], y[:310], names[:310], "measured")
    subject = subject_of(made)
    source = np.where(np.arange(240) % 2, "a", "b")
    study = study_learning(subject, gathered_of(subject, plan), fidelity=source, wanted="nothing")
    assert study.fidelity is None
    assert any("no row has fidelity" in note for note in study.notes)
    assert study_learning(subject, gathered_of(subject, plan), fidelity=source, wanted="a").fidelity is not None
