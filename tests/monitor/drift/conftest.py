import numpy as np
import pytest

from matloop.data.dataset import Categories, Dataset, Numbers
from matloop.deploy.reference import elements_of, plain_inputs
from matloop.doubt.prediction import Prediction
from matloop.matter.compositions import from_formulas
from matloop.monitor.contract import Seen
from matloop.problem.question import Input
from matloop.represent.representation import plan_representation, represent

METALS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Al")


def oxides(n: int, seed: int, *, anions: tuple[str, ...] = ("O", "S")) -> list[str]:
    """Random ternary compounds of two metals and an anion."""
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < n:
        a, b = rng.choice(METALS, size=2, replace=False)
        i, j, k = rng.integers(1, 7, size=3)
        found[f"{a}{i}{b}{j}{rng.choice(anions)}{k}"] = None
    return list(found)


def seen_of(formulas=(), numbers=None, words=None, *, outside=None, width=None, start=0.0) -> Seen:
    """Rows as the log would give them, described by element fractions."""
    numbers, words = numbers or {}, words or {}
    n = len(formulas) or len(next(iter((numbers | words).values())))
    columns = {"formula": from_formulas(list(formulas))[0]} if len(formulas) else {}
    columns |= {name: Numbers(np.asarray(values, dtype=float)) for name, values in numbers.items()}
    columns |= {name: Categories(np.asarray(values, dtype=np.str_)) for name, values in words.items()}
    inputs = [Input("formula", "composition", features=("fractions",))] if len(formulas) else []
    inputs += [Input(name, "number") for name in numbers] + [Input(name, "category") for name in words]
    ids = np.array([f"r{k}/0" for k in range(n)])
    dataset = Dataset(ids, columns, {}, ids, np.ones(n), np.full(n, np.nan), tuple((k + 1,) for k in range(n)))
    table = represent(dataset, plan_representation(dataset, inputs))
    half = np.full(n, 1.0) if width is None else 0.5 * np.asarray(width)
    value = np.nan_to_num(table.X[:, 0])
    inside = np.ones(n, dtype=bool) if outside is None else ~np.asarray(outside)
    said = Prediction(value, value - half, value + half, half, np.zeros((n, 0)), inside, np.full(n, "", dtype="<U60"))
    return Seen(
        table.X,
        table.names,
        plain_inputs(dataset),
        elements_of(dataset),
        {"gap": said},
        start + np.arange(n, dtype=float),
        np.full(n, 1.0),
        np.ones(n, dtype=bool),
        {},
        ids,
        ("formula",) if len(formulas) else (),
    )


@pytest.fixture(scope="session")
def made():
    return seen_of


@pytest.fixture(scope="session")
def compounds():
    return oxides
