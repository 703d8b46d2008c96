"""Formulas: what is written in each way has the value that the tree has."""

import contextlib
import json
import runpy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matloop.core.errors import DataError
from matloop.explain.laws.expression import Node, c, complexity, evaluate, from_program, number, power, program, x
from matloop.explain.laws.forms import Form, assemble, product, simplified
from matloop.explain.laws.writing import identifiers, latex, mathml, python, text

NAMES = ("m", "r_1", "mean radius")
VALUES = (2.5, -0.125)
LEAVES = st.sampled_from([x(0), x(1), x(2), c(0), c(1), number(3.0), number(-2.0)])


def nodes(children):
    binary = st.builds(
        lambda op, a, b: Node(op, (a, b)), st.sampled_from(["+", "-", "*", "/", "absdiff"]), children, children
    )
    unary = st.builds(
        lambda op, a: Node(op, (a,)), st.sampled_from(["sin", "cos", "exp", "neg", "abs", "tanh"]), children
    )
    powers = st.builds(power, children, st.sampled_from([2.0, 0.5, 3.0, 1 / 3, -1.0]))
    return binary | unary | powers


TREES = st.recursive(LEAVES, nodes, max_leaves=8)


def rows(n=7):
    return np.random.default_rng(0).uniform(0.5, 2.0, (n, 3))


def same(a, b):
    known = np.isfinite(a) & np.isfinite(b) & (np.abs(a) < 1e12)
    np.testing.assert_allclose(a[known], b[known], rtol=1e-7, atol=1e-9)
    return known


@settings(deadline=None, max_examples=150)
@given(TREES)
def test_python_text_gives_the_value_of_the_tree(tmp_path_factory, tree):
    place = tmp_path_factory.mktemp("law") / "law.py"
    place.write_text(python(tree, NAMES, VALUES, units=("kg", "m", ""), target="E", target_unit="J"), encoding="utf-8")
    law = runpy.run_path(str(place))["law"]
    columns = {"m": 0, "r_1": 1, "mean_radius": 2}
    X = rows()
    inputs = {
        name: X[:, k] for name, k in columns.items() if name in law.__code__.co_varnames[: law.__code__.co_argcount]
    }
    with np.errstate(all="ignore"), contextlib.suppress(ZeroDivisionError):  # only numbers: 1 / (3 - 3)
        same(np.broadcast_to(np.real_if_close(law(**inputs)), len(X)).astype(float), evaluate(tree, X, VALUES))


@settings(deadline=None, max_examples=300)
@given(TREES)
def test_a_simplified_tree_has_the_same_value_and_is_not_longer(tree):
    short = simplified(tree)
    same(evaluate(short, rows(), VALUES), evaluate(tree, rows(), VALUES))
    assert complexity(short) <= complexity(tree)


@settings(deadline=None)
@given(TREES)
def test_a_program_survives_json(tree):
    assert from_program(json.loads(json.dumps(program(tree)))) == tree


@settings(deadline=None, max_examples=60)
@given(TREES)
def test_sympy_reads_the_text_as_the_tree(tree):
    sympy = pytest.importorskip("sympy")
    said = text(tree, ("a", "b", "d"), VALUES).replace("^", "**").replace("abs(", "Abs(")
    symbols = sympy.symbols("a b d", real=True)
    X = rows(3)
    formula = sympy.sympify(said, locals=dict(zip("abd", symbols, strict=True)))
    found = []
    for row in X:
        value = complex(sympy.N(formula.subs(dict(zip(symbols, row.tolist(), strict=True)))))
        found.append(value.real if abs(value.imag) < 1e-9 else np.nan)
    same(np.array(found), evaluate(tree, X, VALUES))


def test_a_law_reads_as_physics_is_written():
    tree = assemble(Form(({x(0): 6, x(1): 12},), 6))
    assert text(tree, ("m", "v"), [0.5]) == "0.5 * m * v^2"
    assert latex(tree, ("m", "v"), [0.5]) == r"0.5 \, m \, v^{2}"
    gauss = Node("exp", (Node("neg", (power(x(0), 2.0),)),))
    assert text(gauss, ("theta",), []) == "exp(-theta^2)"
    assert latex(gauss, ("theta",), []) == r"\exp\left(-\theta^{2}\right)"


def test_common_factors_stand_outside_a_sum():
    terms = ({x(0): -6, x(1): 12}, {x(0): -6, x(2): 12})
    said = text(assemble(Form(terms, -6)), ("G", "a", "b"), [1.5, 2.0])
    assert said == "G / (1.5 * a^2 + 2 * b^2)"


def test_roots_of_products_stand_outside():
    assert text(product({x(0): 3, x(1): -3}), ("E", "rho"), []) == "sqrt(E / rho)"


def test_names_from_strangers_do_no_harm():
    hostile = '"""\nimport os<script>'
    said = python(x(0), [hostile], [], units=[""], target=hostile, target_unit="")
    compile(said, "law", "exec")
    assert "\nimport os" not in said
    assert "<script>" not in mathml(x(0), [hostile], [], target=hostile)
    assert identifiers(["a b", "a-b", "1x", "lambda", "np"]) == ["a_b", "a_b_2", "v_1x", "v_lambda", "v_np"]


@pytest.mark.parametrize("words", [("+",), ("x0", "x1"), ("x0", "import"), ()])
def test_a_damaged_program_is_refused(words):
    with pytest.raises(DataError, match="program"):
        from_program(words)
