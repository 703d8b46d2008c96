"""Old campaigns, laboratories and fidelities: they help where they agree, and do little harm where they mislead."""

import inspect

import numpy as np
import pytest

from matloop.core.errors import ConfigError, DataError
from matloop.design.surrogates.coupling import Ladder, Similar, Truncated
from matloop.design.surrogates.evidence import Evidence, usual_prior
from matloop.design.surrogates.gp import make as make_gp
from matloop.design.surrogates.insight import loo
from matloop.design.surrogates.kernel import Form, part_of
from matloop.design.surrogates.measured import merged
from matloop.design.surrogates.multi_fidelity import knowledge_per_cost, next_fidelity
from matloop.design.surrogates.multi_fidelity import make as make_fidelity
from matloop.design.surrogates.multi_task import likeness, make, make_laboratories
from matloop.design.surrogates.registry import SURROGATES, make_surrogate
from matloop.testing.surrogate_contract import mixed_axes

AXES = mixed_axes(3, 0)


def law(X):
    return np.sin(7 * X[:, 0]) * np.cos(4 * X[:, 1]) + X[:, 1] ** 2 * X[:, 2]


def campaign(other, n=10, n_other=50, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.random((n + n_other, 3))
    y = np.where(np.arange(len(X)) < n, law(X), other(X)) + 0.05 * rng.standard_normal(len(X))
    return X, y, (np.arange(len(X)) >= n).astype(np.int64), rng.random((200, 3))


def off(belief, new):
    return float(np.sqrt(np.mean((belief.predict(new)[0] - law(new)) ** 2)))


@pytest.mark.parametrize("coupling", [Similar(3, 0.8, 0.5, -1.6), Ladder(3), Truncated(3)])
def test_gradient_with_tasks_is_that_of_finite_differences(coupling):
    X, y, _, _ = campaign(law, 8, 8)
    task = np.arange(16) % 3
    n_terms = len(coupling.matrices(coupling.start))
    form = Form((part_of(AXES, np.arange(3)),) * n_terms, tuple((q,) for q in range(n_terms)), AXES.categorical, 1.0)
    evidence = Evidence(form, coupling, merged(X, y, np.zeros(16), task)[0], usual_prior(form, coupling, 3), 3)
    logs = evidence.prior.mean + np.random.default_rng(0).normal(0, 0.4, len(evidence.prior.mean))
    _, slope = evidence(logs)
    other = [(evidence(logs + step)[0] - evidence(logs - step)[0]) / 2e-5 for step in 1e-5 * np.eye(len(logs))]
    assert slope == pytest.approx(np.array(other), rel=1e-5, abs=1e-5)


def test_ladder_is_a_chain_of_factors():
    # f2 = d2, f1 = 0.5 f2 + d1, f0 = 2 f1 + d0, errors of variance one: var f0 = 4 (0.25 + 1) + 1, cov(f0, f2) = 1
    together = Ladder(3).matrices(np.array([2.0, 0.5])).sum(axis=0)
    assert together == pytest.approx(np.array([[6.0, 2.5, 1.0], [2.5, 1.25, 0.5], [1.0, 0.5, 1.0]]))


@pytest.mark.parametrize("maker", [make, make_laboratories, make_fidelity])
def test_what_agrees_helps(maker):
    X, y, task, new = campaign(lambda Z: law(Z) + 2.0)
    alone = make_gp(AXES).fit(X[task == 0], y[task == 0], seed=0)
    belief = maker(AXES).fit(X, y, seed=0, task=task)
    assert off(belief, new) < 0.5 * off(alone, new)
    assert likeness(belief)[1] > 0.8


def test_the_usual_surrogate_learns_the_batch_effect_of_another_laboratory():
    X, y, task, new = campaign(lambda Z: law(Z) + 2.0)
    belief = make_surrogate("gp", AXES).fit(X, y, seed=0, task=task)
    assert off(belief, new) < 0.5 * off(make_gp(AXES).fit(X[task == 0], y[task == 0], seed=0), new)
    assert "other laboratories go with it" in belief.words
    alone = make_surrogate("gp", AXES).fit(X, y, seed=0)
    assert "laboratories" not in alone.words
    settings = inspect.signature(SURROGATES.load("gp")).parameters
    assert list(settings) == list(inspect.signature(make_gp).parameters)


def test_another_scale_and_a_part_of_its_own_still_help():
    X, y, task, new = campaign(lambda Z: 40.0 * law(Z) + 8.0 * np.sin(4 * Z[:, 2]) - 100.0)
    alone = make_gp(AXES).fit(X[task == 0], y[task == 0], seed=0)
    assert off(make(AXES).fit(X, y, seed=0, task=task), new) < 0.7 * off(alone, new)


@pytest.mark.parametrize("maker", [make, make_laboratories])
def test_what_misleads_is_left_out_and_the_words_say_so(maker):
    X, y, task, new = campaign(lambda Z: 10.0 - 1.5 * np.cos(9 * Z[:, 0]) * Z[:, 2], n=14)
    alone = make_gp(AXES).fit(X[task == 0], y[task == 0], seed=0)
    belief = maker(AXES).fit(X, y, seed=0, task=task)
    assert off(belief, new) < 1.1 * off(alone, new)
    assert "are left out" in belief.words


def test_old_campaigns_lead_before_there_are_own_rows_to_judge_them():
    X, y, task, new = campaign(lambda Z: law(Z) + 2.0, n=2)
    belief = make(AXES).fit(X, y, seed=0, task=task)
    order = np.corrcoef(belief.predict(new)[0], law(new))[0, 1]
    assert order > 0.9


def test_numbers_of_tasks_need_not_be_dense_for_campaigns():
    X, y, task, new = campaign(law, 6, 20)
    one = make(AXES).fit(X, y, seed=0, task=task).predict(new)
    other = make(AXES).fit(X, y, seed=0, task=7 * task).predict(new)
    assert np.array(one) == pytest.approx(np.array(other))


def test_left_out_rows_of_all_tasks_come_in_their_order_and_unit():
    X, y, task, _ = campaign(lambda Z: 40.0 * law(Z) + 100.0)
    mean, std = loo(make(AXES).fit(X, y, seed=0, task=task))
    assert np.corrcoef(mean[task == 1], y[task == 1])[0, 1] > 0.8
    assert std[task == 1].mean() > 5 * std[task == 0].mean()


@pytest.mark.parametrize("link", ["ladder", "separate"])
def test_cheap_simulations_help_and_are_recommended_while_they_teach_more_for_their_cost(link):
    X, y, task, new = campaign(lambda Z: 0.8 * law(Z) + 0.3 * Z[:, 0], n=8)
    alone = make_gp(AXES).fit(X[task == 0], y[task == 0], seed=0)
    belief = make_fidelity(AXES, link=link).fit(X, y, seed=0, task=task)
    assert off(belief, new) < 0.7 * off(alone, new)
    worth = knowledge_per_cost(belief, new, [1.0, 1.0])
    assert (worth >= 0).all()
    # at equal cost nothing is better than the truth; almost for nothing, the simulation is
    assert (next_fidelity(belief, new, [1.0, 1.0]) == 0).mean() > 0.9
    assert (next_fidelity(belief, new, [1.0, 1e-4]) == 1).mean() > 0.9


def test_knowledge_of_a_measurement_is_what_believing_takes_from_the_doubt():
    X, y, task, new = campaign(law, 8, 30)
    belief = make_fidelity(AXES).fit(X, y, seed=0, task=task)
    for member in belief.members[:2]:
        before, after = (b.predict(new[:1])[1][0] for b in (member, member.believing(new[:1], np.zeros(1))))
        # the value without noise: information = log(std before / std after)
        worth = knowledge_per_cost(member, new[:1], [1.0, 1.0])[0, 0]
        assert worth == pytest.approx(np.log(before / after), rel=1e-6)


def test_what_cannot_be_is_refused():
    X, y, task, new = campaign(law, 6, 20)
    with pytest.raises(DataError, match="fidelity 1"):
        make_fidelity(AXES).fit(X, y, seed=0, task=2 * task)
    belief = make_fidelity(AXES).fit(X, y, seed=0, task=task)
    with pytest.raises(ConfigError, match="2 fidelities need as many costs"):
        next_fidelity(belief, new, [1.0, 2.0, 3.0])
    with pytest.raises(ConfigError, match="ladder, separate"):
        make_fidelity(AXES, link="bridge")
    with pytest.raises(ConfigError, match="shape"):
        make(AXES, shape="box")
