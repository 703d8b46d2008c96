"""Does the search for laws find laws that are there, a readable rule in real data, and none in noise?

    python benchmarks/laws.py [--data PATH] [--only NAME ...] [--part equations|rule|noise] [--save]

Equations: ten of the Feynman set (Udrescu & Tegmark, Sci. Adv. 6 (2020) eaay2631, doi:10.1126/sciadv.aay2631), chosen and
fixed before the first run: sums, quotients of sums, a distance, exponentials, a sine, up to nine inputs. Inputs are uniform
in the ranges of that set. 1,000 rows; noise of 5 % of the target's standard deviation; 20 further columns of uniform
random numbers with units drawn from those of the equation and a list of common ones. The search sees names that say
nothing, columns in random order, and units.

Recovered means both:
  1. equal up to constants: with its constants fitted again to noise-free values on new rows (ranges twice as wide) the
     found formula is the true one to 1e-6 of its size, none of its constants is zero, none of its inputs is a
     distractor; and sympy, given those constants as fractions, simplifies the ratio to the true formula to a number;
  2. right outside: as found, with the constants of the noisy rows, the median relative error on rows of which at least
     one relevant input lies outside its training range (ranges twice as wide) is at most 2.5 %, half the noise.

Rule: metal or not from composition (matbench_expt_is_metal, the five official folds), beside extra trees on the
same rows. Noise: targets that have nothing to do with the inputs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matloop.explain.laws import find_laws
from matloop.explain.laws.constants import fit
from matloop.explain.laws.expression import evaluate, from_program, used

ROWS, NOISE, DISTRACTORS = 1_000, 0.05, 20
COMMON = ("m", "s", "kg", "K", "A", "mol", "m/s", "N", "J", "Pa", "V", "1/s", "kg/m**3", "")
IDENTICAL, OUTSIDE = 1e-6, 0.025


@dataclass(frozen=True, slots=True)
class Equation:
    """name in the Feynman set, what it is, (input, unit, low, high), unit of y, and the truth for NumPy and sympy."""

    name: str
    what: str
    inputs: tuple[tuple[str, str, float, float], ...]
    unit: str
    truth: Callable[..., object]


def _root(v):
    return v**0.5 if isinstance(v, np.ndarray | float) else _sympy().sqrt(v)


def _sympy():
    import sympy

    return sympy


def _of(name: str, v):
    return getattr(np if isinstance(v, np.ndarray | float) else _sympy(), name)(v)


def _pi(v):
    return np.pi if isinstance(v, np.ndarray | float) else _sympy().pi


M, V, N1 = "m", "m/s", ""
EQUATIONS = (
    Equation("I.6.20", "Gaussian", (("theta", N1, 1, 3), ("sigma", N1, 1, 3)), N1,
             lambda t, s: _of("exp", -((t / s) ** 2) / 2) / (_root(2 * _pi(t)) * s)),
    Equation("I.8.14", "distance in the plane", (("x1", M, 1, 5), ("x2", M, 1, 5), ("y1", M, 1, 5), ("y2", M, 1, 5)), M,
             lambda a, b, c, d: _root((b - a) ** 2 + (d - c) ** 2)),
    Equation("I.9.18", "gravitation in space", (
        ("m1", "kg", 1, 2), ("m2", "kg", 1, 2), ("G", "m**3/(kg*s**2)", 1, 2), ("x1", M, 3, 4), ("x2", M, 1, 2),
        ("y1", M, 3, 4), ("y2", M, 1, 2), ("z1", M, 3, 4), ("z2", M, 1, 2)), "N",
        lambda m, n, g, a, b, c, d, e, f: g * m * n / ((b - a) ** 2 + (d - c) ** 2 + (f - e) ** 2)),
    Equation("I.12.11", "Lorentz force", (
        ("q", "coulomb", 1, 5), ("Ef", "V/m", 1, 5), ("B", "T", 1, 5), ("v", V, 1, 5), ("theta", "rad", 1, 5)), "N",
        lambda q, e, b, v, t: q * (e + b * v * _of("sin", t))),
    Equation("I.16.6", "relativistic sum of speeds", (("c", V, 1, 5), ("v", V, 1, 5), ("u", V, 1, 5)), V,
             lambda c, v, u: (u + v) / (1 + u * v / c**2)),
    Equation("I.18.4", "centre of mass", (
        ("m1", "kg", 1, 5), ("m2", "kg", 1, 5), ("r1", M, 1, 5), ("r2", M, 1, 5)), M,
        lambda m, n, a, b: (m * a + n * b) / (m + n)),
    Equation("I.24.6", "energy of an oscillator", (
        ("m", "kg", 1, 3), ("omega", "1/s", 1, 3), ("omega0", "1/s", 1, 3), ("x", M, 1, 3)), "J",
        lambda m, w, o, x: m * (w**2 + o**2) * x**2 / 4),
    Equation("I.27.6", "lens", (("d1", M, 1, 5), ("d2", M, 1, 5), ("n", N1, 1, 5)), M,
             lambda a, b, n: 1 / (1 / a + n / b)),
    Equation("I.40.1", "barometric formula", (
        ("n0", "1/m**3", 1, 5), ("m", "kg", 1, 5), ("x", M, 1, 5), ("T", "K", 1, 5), ("g", "m/s**2", 1, 5),
        ("kb", "J/K", 1, 5)), "1/m**3",
        lambda n, m, x, t, g, k: n * _of("exp", -m * g * x / (k * t))),
    Equation("III.4.32", "Bose-Einstein occupation", (
        ("h", "J*s", 1, 5), ("omega", "1/s", 1, 5), ("kb", "J/K", 1, 5), ("T", "K", 1, 5)), N1,
        lambda h, w, k, t: 1 / (_of("exp", h * w / (k * t)) - 1)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """One drawn table: X with distractors, noisy y, units, and where the equation's inputs are."""

    X: np.ndarray
    y: np.ndarray
    units: tuple[str, ...]
    places: tuple[int, ...]


def draw(equation: Equation, seed: int) -> Rows:
    """Rows of an equation with noise and distractors, columns in random order."""
    rng = np.random.default_rng([seed, EQUATIONS.index(equation)])
    real = np.column_stack([rng.uniform(low, high, ROWS) for _, _, low, high in equation.inputs])
    y = equation.truth(*real.T)
    y = y + rng.normal(0, NOISE * y.std(), ROWS)
    pool = (*(unit for _, unit, _, _ in equation.inputs), *COMMON)
    ends = np.sort(rng.uniform(0.5, 6.0, (DISTRACTORS, 2)), axis=1) + np.array([0.0, 0.5])
    noise = rng.uniform(ends[:, 0], ends[:, 1], (ROWS, DISTRACTORS))
    units = [unit for _, unit, _, _ in equation.inputs] + [pool[k] for k in rng.integers(0, len(pool), DISTRACTORS)]
    order = rng.permutation(len(units))
    places = tuple(int(np.flatnonzero(order == k)[0]) for k in range(len(equation.inputs)))
    return Rows(np.hstack([real, noise])[:, order], y, tuple(units[k] for k in order), places)
