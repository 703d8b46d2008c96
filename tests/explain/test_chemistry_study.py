"""The chemistry of a trained recipe: a planted law is told with sign and size, on noise nothing may be read."""

import math
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest

from matloop.core.elements import table as element_table
from matloop.core.jsonable import from_jsonable, to_jsonable
from matloop.data.dataset import Categories, Dataset, Numbers
from matloop.doubt.conformal import fit_doubt
from matloop.doubt.domain import fit_domain
from matloop.doubt.prediction import OutOfFold
from matloop.explain.charges import neutral
from matloop.explain.chemistry_study import study_chemistry
from matloop.explain.chemistry_values import ChemistryStudy
from matloop.explain.edits import amounts_of
from matloop.explain.explain import explain
from matloop.explain.values import failed
from matloop.matter.compositions import as_compositions
from matloop.models.family import Spec
from matloop.problem.question import Input, Target
from matloop.represent.representation import plan_representation, represent
from matloop.train.fits import Fits, FitTask
from matloop.train.model import Model
from matloop.train.recipe_model import RecipeModel
from matloop.train.subject import Subject
from matloop.train.values import Development, Recipe, Trained

RADIUS = np.nan_to_num(element_table("magpie").column("CovalentRadius"))


def formulas(n, seed=0):
    """Perovskites of mixed sites, and alloys."""
    rng = np.random.default_rng(seed)
    found = set()
    while len(found) < n // 2:
        a, x = rng.choice(["Ca", "Sr", "Ba"]), rng.choice(["O", "S"])
        b, c = rng.choice(["Mn", "Fe", "Co", "Ni"], 2, replace=False)
        k = rng.integers(1, 10) / 10
        found.add(f"{a}{b}{k:g}{c}{1 - k:.1f}{x}3")
    while len(found) < n:
        k = rng.dirichlet(np.ones(4)).round(2) + 0.01
        found.add(f"Fe{k[0]:.2f}Co{k[1]:.2f}Ni{k[2]:.2f}Mn{k[3]:.2f}")
    return rng.permutation(sorted(found)).tolist()


def law(compositions, temperature):
    """20 eV per atomic fraction of nickel, 0.1 eV per pm of the mean covalent radius, 2 meV per K."""
    dense = amounts_of(compositions)
    share = dense / dense.sum(axis=1, keepdims=True)
    return 20.0 * share[:, 28] + 0.1 * share @ RADIUS + 0.002 * temperature


@dataclass
class Planted:
    subject: Subject
    models: list
    existing: object
    dataset: Dataset
    representation: object
    model: Model

    def study(self, *, depth="standard", deadline=math.inf):
        return study_chemistry(
            replace(self.subject, depth=depth), self.models, self.existing, dataset=self.dataset,
            representation=self.representation, model=self.model, deadline=deadline,
        )  # fmt: skip


def make(folder, *, family="ridge", noise=False, classes=(), settings=(), n=360):
    rng = np.random.default_rng(0)
    compositions = as_compositions(formulas(n))
    temperature = rng.choice([300.0, 600.0, 900.0], n)
    y = law(compositions, temperature) + rng.normal(0, 0.1, n)
    y = rng.permutation(y) if noise else y
    if classes:
        y = (y > np.median(y)).astype(float)
    ids = np.array([f"r{i}" for i in range(n)])
    inputs = {"formula": compositions, "T": Numbers(temperature, "K"), "route": Categories(np.array(["cast"] * n))}
    dataset = Dataset(
        ids, inputs, {}, ids, np.ones(n), np.full(n, np.nan), tuple((i,) for i in range(n))
    )  # fmt: skip
    given = [Input("formula", "composition"), Input("T", "number"), Input("route", "category")]
    representation = plan_representation(dataset, given)
    table = represent(dataset, representation)
    fold = rng.permutation(n) % 4
    task, metric = ("classification", "roc_auc") if classes else ("regression", "mae")
    development = Development(
        table, y, np.full(n, np.nan), np.ones(n), np.arange(n), fold, task, classes, metric=metric,
        unit="" if classes else "eV",
    )  # fmt: skip
    fits = Fits(development, folder=folder, workers=1)
    recipe = Recipe((Spec(family, dict(settings)),))
    folds, every = [np.flatnonzero(fold == k) for k in range(4)], np.arange(n)
    tasks = [FitTask(recipe, np.setdiff1d(every, rows), rows, 0, keep=True) for rows in folds]
    results = fits.run([*tasks, FitTask(recipe, every, every[:2], 0, keep=True)])
    oof = OutOfFold(np.zeros(n), np.zeros(n), np.zeros((n, len(classes))), fold)
    for rows, result in zip(folds, results, strict=False):
        oof.value[rows], oof.spread[rows], oof.proba[rows] = result.value, result.spread, result.proba
    doubt = fit_doubt(oof, table.X, y, groups=np.arange(n), task=task, classes=classes, seed=0)
    domain = fit_domain(table, y, np.arange(n), seed=0, method="relative_distance")
    model = Model(
        "gap", task, "" if classes else "eV", classes, table.columns(), RecipeModel.from_arrays(results[-1].model),
        doubt, domain,
    )  # fmt: skip
    models = [(RecipeModel.from_arrays(r.model), rows) for r, rows in zip(results[:3], folds[:3], strict=True)]
    subject = Subject(
        development, Trained(recipe, (), oof, metric), fits, Target("gap", "gap", "eV", task), ids,
        compositions.formulas, 0, "standard",
    )  # fmt: skip
    existing = explain(development, models, metric=metric, seed=0, deadline=time.monotonic() + 5)
    return Planted(subject, models, existing, dataset, representation, model)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return make(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def told(planted):
    return planted.study()


def test_planted_exchanges_come_out_with_sign_and_size(planted, told):
    assert not failed(told.exchange_checks)
    assert {check.name for check in told.exchange_checks} >= {"stable", "destroyed by shuffled labels"}
    found = {(one.old, one.new): one for one in told.exchanges}
    compositions = planted.dataset.inputs["formula"]
    dense = amounts_of(compositions)
    for (old, new), one in found.items():
        z = {"Mn": 25, "Fe": 26, "Co": 27, "Ni": 28, "O": 8, "S": 16, "Ca": 20, "Sr": 38, "Ba": 56, "Mg": 12}
        share = (dense / dense.sum(axis=1, keepdims=True))[:, z[old]]
        slope = 20.0 * ((new == "Ni") - (old == "Ni") * 1.0) + 0.1 * (RADIUS[z[new]] - RADIUS[z[old]])
        # the mean over rows that stay inside: between what rows of the smallest and the largest share would give
        ends = sorted(slope * np.quantile(share[share > 0], [0.0, 1.0]))
        assert ends[0] - 0.15 <= one.value <= ends[1] + 0.15, (old, new)
    nickel = next(one for one in told.exchanges if "Ni" in (one.old, one.new))
    assert nickel.sure


def test_planted_effects_have_the_right_order_and_sign(told):
    effects = {one.symbol: one for one in told.effects}
    assert told.effects[0].symbol == "Ni"
    assert effects["Ni"].value == pytest.approx(0.2, rel=0.25)
    assert effects["Ni"].low < effects["Ni"].value < effects["Ni"].high
    assert effects["Ni"].sure
    assert not failed(told.effect_checks)


def test_pairs_of_real_rows_are_counted(told):
    paired = [one for one in told.exchanges if one.n_pairs]
    for one in paired:
        assert math.isfinite(one.measured)
    assert all(math.isnan(one.measured) for one in told.exchanges if not one.n_pairs)


def test_counterfactuals_of_rows_hold_when_asked_again(planted, told):
    changed = [(case, one) for case in told.cases if case.found for one in case.found.altered]
    assert changed
    for case, one in changed:
        formula = one.shown.split(", ")[0]
        made, start = as_compositions([formula]), as_compositions([case.shown])
        assert not neutral(start)[0] or neutral(made)[0]
        temperature = float(one.shown.split("T ")[1].split(",")[0])
        assert 300.0 <= temperature <= 900.0
        row = int(case.id[1:])
        estimator = next(model for model, rows in planted.models if row in rows)
        inputs = {"formula": made, "T": Numbers(np.array([temperature]), "K"), "route": Categories(np.array(["cast"]))}
        changed_row = replace(planted.dataset.take(np.array([row])), inputs=inputs)
        again = estimator.predict(represent(changed_row, planted.representation).X)[0]
        assert one.value == pytest.approx(again, abs=0.02)  # shown amounts are rounded
        assert one.supported == (one.change_low > 0 or one.change_high < 0)


def test_cases_say_what_they_lean_on(told):
    assert [case.why for case in told.cases][:2] == ["worst prediction", "badly predicted"]
    for case in told.cases:
        weights = [one.weight for one in case.evidence.leaned]
        assert weights == sorted(weights, reverse=True)
        assert case.id not in {one.id for one in (*case.evidence.leaned, *case.evidence.near)}
        distances = [one.distance for one in case.evidence.near]
        assert distances == sorted(distances)
        assert case.evidence.said[0].startswith("it leans on")


def test_prototypes_lie_in_their_band(planted, told):
    y = planted.subject.development.y
    third = np.quantile(y, [1 / 3, 2 / 3])
    bands = {one.band: one.measured for one in told.prototypes}
    assert set(bands) == {"low", "middle", "high", "odd"}
    assert bands["low"] <= third[0] < bands["middle"] <= third[1] < bands["high"]
    assert sum(one.share for one in told.prototypes if one.band == "low") == pytest.approx(1.0)


def test_on_noise_nothing_may_be_read(tmp_path):
    noise = make(tmp_path, noise=True, family="lightgbm", settings=(("rounds", 60),), n=240)
    found = noise.study()
    assert failed(found.effect_checks)
    assert failed(found.exchange_checks)
    assert "the model knows something" in [check.name for check in failed(found.effect_checks)]
    noise.subject.fits.close()


def test_classes_are_told_by_the_positive_one(tmp_path):
    made = make(tmp_path, classes=("metal", "insulator"), family="extra_trees", settings=(("n_trees", 40),), n=240)
    found = made.study()
    assert found.output == "probability of 'insulator'"
    assert found.effects[0].symbol == "Ni"
    assert {one.band for one in found.prototypes} == {"metal", "insulator", "odd"}
    assert all(math.isnan(case.low) for case in found.cases)
    made.subject.fits.close()


def test_depth_deadline_and_missing_parts(planted):
    assert planted.study(depth="quick").effects == ()
    late = planted.study(deadline=time.monotonic() - 1)
    assert late.effects == ()
    assert "time ran out" in late.notes[0]
    inputs = {"T": planted.dataset.inputs["T"]}
    process = replace(planted, dataset=replace(planted.dataset, inputs=inputs),
                      representation=plan_representation(replace(planted.dataset, inputs=inputs),
                                                         [Input("T", "number")]))  # fmt: skip
    assert process.study() is None
    nobody = replace(planted, models=[])
    assert "no fold model" in nobody.study().notes[0]


def test_same_seed_same_study_and_json(planted, told):
    assert to_jsonable(planted.study()) == to_jsonable(told)
    assert to_jsonable(from_jsonable(ChemistryStudy, to_jsonable(told))) == to_jsonable(told)
    planted.subject.fits.close()
