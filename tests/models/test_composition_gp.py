"""The kernel of compositions: alike elements are near, unseen ones are doubted, other columns count beside."""

from __future__ import annotations

import numpy as np
import pytest

from matloop.core.errors import BundleError, ConfigError
from matloop.models import FAMILIES
from matloop.models.composition_gp import likeness_axes
from matloop.models.kernels import CompositionKernel, read_kernel
from matloop.represent.fractions import FractionsFeaturizer
from matloop.represent.table import Columns

NAMES = tuple(FractionsFeaturizer().get_feature_names_out().tolist())
COLUMNS = Columns((*NAMES, "T"), ("formula:fractions",) * len(NAMES) + ("T:number",), {})
HALIDES = [a + b for a in ("Li", "Na", "K", "Rb") for b in ("F", "Cl", "I")]


def rows(formulas, temperature=0.0):
    X = FractionsFeaturizer().fit_transform(formulas)
    return np.column_stack([X, np.broadcast_to(temperature, len(X))])


def model(**settings):
    return FAMILIES.load("composition_gp").build(settings, COLUMNS, "regression", 0, "auto", 0)


def test_likeness_is_one_with_itself_and_larger_inside_a_group():
    axes = likeness_axes(("Cl", "Br", "Na"), 0.5)
    S = axes @ axes.T
    np.testing.assert_allclose(np.diag(S), 1.0, atol=1e-6)
    assert S[0, 1] > 2.0 * S[0, 2]


def test_bromides_are_told_from_chlorides_and_iodides():
    y = np.array([{"F": 4.0, "Cl": 3.0, "I": 2.0}[f[-1] if f[-1] in "FI" else "Cl"] for f in HALIDES])
    fitted = model().fit(rows(HALIDES), y)
    told = fitted.predict(rows(["LiBr", "NaBr", "KBr"]))
    assert ((told > 1.9) & (told < 3.1)).all()
    near, far = (fitted.uncertainty(rows(f)).epistemic.mean() for f in (["LiBr", "NaBr"], ["W2C", "Pt3Os"]))
    assert far > 1.5 * near


def test_columns_beside_the_composition_count():
    temperature = np.tile([0.0, 1.0, 2.0], 12)
    X = rows(np.repeat(HALIDES, 3).tolist(), temperature)
    fitted = model().fit(X, 3.0 * temperature + X[:, NAMES.index("fraction F")])
    hot, cold = (fitted.predict(rows(HALIDES, t)) for t in (2.0, 0.0))
    assert (hot - cold).mean() == pytest.approx(6.0, abs=0.5)


def test_kernel_is_a_kernel_and_comes_back():
    kernel = model().fit(rows(HALIDES, np.arange(12.0)), np.arange(12.0)).predictor_.kernel
    rng = np.random.default_rng(0)
    A = rng.dirichlet(np.ones(kernel.n_columns), 30)
    K = kernel(A, A)
    assert np.linalg.eigvalsh(K).min() > -1e-9
    np.testing.assert_allclose(np.diag(K), kernel.diagonal(A))
    np.testing.assert_array_equal(read_kernel(kernel.to_arrays())(A, A[:3]), kernel(A, A[:3]))
    with pytest.raises(BundleError, match="composition kernel"):
        CompositionKernel.from_arrays(kernel.to_arrays() | {"rest": kernel.rest + 1})


def test_principal_components_are_no_elements():
    with pytest.raises(ConfigError, match="pca"):
        model(pca=5).fit(rows(HALIDES), np.arange(12.0))
