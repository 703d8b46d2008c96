"""From a dataset to a feature table: what was chosen per input, and applying it to any rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from matloop.core import units
from matloop.core.arrays import FloatArray, frozen
from matloop.core.element_csv import element_table_text, parse_element_table
from matloop.core.errors import ConfigError, DataError
from matloop.data.dataset import Categories, Column, Dataset, Numbers
from matloop.data.windows import window_names
from matloop.matter.compositions import Compositions
from matloop.matter.molecules import Molecules, shown_molecule, to_compositions
from matloop.matter.structures import Structures
from matloop.matter.structures import to_compositions as structure_atoms
from matloop.problem.question import Input, InputKind
from matloop.represent import FEATURIZERS
from matloop.represent.auto import AUTO, chosen
from matloop.represent.cache import Cache
from matloop.represent.engine import describe
from matloop.represent.featurizer import CompositionFeaturizer, batches
from matloop.represent.molecular.coulomb import Bags, bags_for
from matloop.represent.molecular.featurizer import MoleculeFeaturizer
from matloop.represent.molecular.geometry import MOST_ATOMS
from matloop.represent.spec import Spec, canonical, made, read_spec
from matloop.represent.structural.featurizer import StructureFeaturizer
from matloop.represent.table import FeatureTable

FRACTIONS = "fractions"
_KINDS: dict[str, type] = {
    "composition": Compositions,
    "structure": Structures,
    "molecule": Molecules,
    "number": Numbers,
    "category": Categories,
}


@dataclass(frozen=True, slots=True)
class InputFeatures:
    """How one input is described.

    featurizers : names in FEATURIZERS, with options as `represent.spec` writes them (compositions, structures,
        molecules).
    words : the vocabulary of a category, sorted; or from low to high where it is `ordered`.
    unit : of a number.
    prefix : put before each column name; empty when this is the only composition or molecule.
    tables : element tables of one's own that the featurizers name: (path as written, content of the CSV).
    atoms, bags : columns of features that grow with the molecule (Coulomb spectrum, bag of bonds), set by the data that
        were planned for.
    """

    name: str
    kind: InputKind
    featurizers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    unit: str = ""
    prefix: str = ""
    atoms: int = 0
    bags: Bags = ()
    ordered: bool = False
    tables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Representation:
    """How rows become features: the inputs in their order, then products of number inputs, each as the names of its
    factors. JSON by `core.jsonable`."""

    inputs: tuple[InputFeatures, ...] = field(default_factory=tuple)
    products: tuple[tuple[str, ...], ...] = ()

    @property
    def units(self) -> dict[str, str]:
        """Units of the columns that have one: number inputs, their products, and features as their featurizers say."""
        known = {given.name: given.unit for given in self.inputs if given.unit}
        made = {
            product_name(factors): units.product(*((known.get(factor, ""), 1) for factor in factors))
            for factors in self.products
        }
        described = {
            given.prefix + column: unit
            for given in self.inputs
            for name in given.featurizers
            for column, unit in _featurizer(name, given).units().items()
        }
        return described | known | {name: unit for name, unit in made.items() if unit}

    @property
    def citations(self) -> tuple[str, ...]:
        """What to cite, each once."""
        found = [c for i in self.inputs for name in i.featurizers for c in _featurizer(name, i).citations()]
        return tuple(dict.fromkeys(found))


def plan_representation(
    dataset: Dataset, inputs: Sequence[Input], *, polynomial: int = 1, folder: str = ""
) -> Representation:
    """Choose featurizers and name the words of categories.

    Only words of unsealed rows should be in `dataset` when that matters; words carry no labels.

    Parameters
    ----------
    inputs : as in the problem; an empty `features` means "auto" (`represent.auto`): what suits the kind and the number
        of rows. Element fractions are always made.
    polynomial : highest degree of products of number inputs; 1 for none.
    folder : where else than in the working folder element tables of one's own are looked for, `elements(table=...)`.
        Their content is kept: what is fitted does not depend on the files.

    Raises
    ------
    ConfigError : an unknown featurizer, or one for molecules where there is none.
    DataError : an input that the dataset does not hold, an element table that cannot be read.
    """
    several = sum(i.kind in ("composition", "structure", "molecule") for i in inputs) > 1
    planned = []
    for given in inputs:
        column = _column(dataset, given.name, given.kind)
        prefix = f"{given.name}: " if several else ""
        if isinstance(column, Compositions):
            planned.append(InputFeatures(given.name, given.kind, _chosen(given, len(column)), prefix=prefix))
        elif isinstance(column, Structures):
            texts = [planned_text(name, column) for name in _chosen(given, len(column))]
            planned.append(InputFeatures(given.name, given.kind, tuple(texts), prefix=prefix))
        elif isinstance(column, Molecules):
            planned.append(_molecule_plan(given, column, prefix))
        elif isinstance(column, Categories):
            words = given.order or tuple(sorted(set(column.values.tolist()) - {""}))
            planned.append(InputFeatures(given.name, given.kind, words=words, ordered=bool(given.order)))
        elif isinstance(column, Numbers):
            planned.append(InputFeatures(given.name, given.kind, unit=column.unit))
            planned += [
                _windowed(dataset, name) for name in (window_names(given.name, given.window) if given.window else ())
            ]
    planned = [replace(given, tables=_own_tables(given.featurizers, folder)) for given in planned]
    powers = {entry.name: entry.degree for entry in inputs if entry.kind == "number"}
    representation = Representation(tuple(planned), products_of(powers, polynomial))
    _named(representation)
    return representation


def _windowed(dataset: Dataset, name: str) -> InputFeatures:
    column = _column(dataset, name, "number")
    return InputFeatures(name, "number", unit=column.unit if isinstance(column, Numbers) else "")


def products_of(powers: Mapping[str, int], degree: int) -> tuple[tuple[str, ...], ...]:
    """Products of two or more factors: all up to `degree`, and powers of single names; low degrees first.

    Examples
    --------
    >>> products_of({"T": 1, "p": 3}, 2)
    (('T', 'T'), ('T', 'p'), ('p', 'p'), ('p', 'p', 'p'))
    """
    names = list(powers)
    found = [factors for d in range(2, degree + 1) for factors in combinations_with_replacement(names, d)]
    found += [(name,) * d for name, most in powers.items() for d in range(2, most + 1)]
    return tuple(sorted(dict.fromkeys(found), key=lambda factors: (len(factors), [names.index(f) for f in factors])))


def product_name(factors: Sequence[str]) -> str:
    """What a product is called.

    Examples
    --------
    >>> product_name(["T", "T", "p"])
    'T^2 * p'
    """
    counts = Counter(factors)
    return " * ".join(name if count == 1 else f"{name}^{count}" for name, count in counts.items())


def _molecule_plan(given: Input, column: Molecules, prefix: str) -> InputFeatures:
    names = _chosen(given, len(column))
    largest = int(np.clip(column.sizes.max(initial=1), 1, MOST_ATOMS)) if "coulomb_matrix" in names else 0
    bags = bags_for(to_compositions(column)) if "bag_of_bonds" in names else ()
    return InputFeatures(given.name, given.kind, names, prefix=prefix, atoms=largest, bags=bags)


def _chosen(given: Input, n_rows: int) -> tuple[str, ...]:
    wanted, _ = chosen(given.features or (AUTO,), given.kind, n_rows)
    names = tuple(dict.fromkeys(canonical(name) for name in wanted))
    for name in names:
        kind = getattr(FEATURIZERS.load(read_spec(name).name), "kind", "composition")
        if kind != given.kind and kind != "composition":
            raise ConfigError(f"input {given.name!r}: {name!r} describes a {kind}, this is a {given.kind}.")
    return names if FRACTIONS in names else (*names, FRACTIONS)


def _own_tables(featurizers: Sequence[str], folder: str) -> tuple[tuple[str, str], ...]:
    """The element tables that featurizers name, and what is in them."""
    paths = [path for text in featurizers if (path := _table_of(text))]
    places = [path if not folder or Path(path).is_file() else str(Path(folder) / path) for path in paths]
    return tuple((path, element_table_text(place)) for path, place in zip(paths, places, strict=True))


def _table_of(text: str) -> str:
    """The path of the element table that a featurizer names; "" where it names none."""
    path = dict(read_spec(text).options).get("table", "") if "table" in text else ""
    return path if isinstance(path, str) else ""


def planned_text(text: str, column: Structures) -> str:
    """`text` with what the featurizer takes from the data that are planned for (numbers of columns, species), where the
    text does not say so itself."""
    spec = read_spec(text)
    planned = getattr(FEATURIZERS.load(spec.name), "planned", None)
    if planned is None:
        return spec.text
    return Spec(spec.name, tuple(sorted({**planned(column, **dict(spec.options)), **dict(spec.options)}.items()))).text


@dataclass(frozen=True, slots=True)
class Effort:
    """What describing structures may take: processes, seconds of a row in one featurizer, and where slow features are
    kept. The values do not depend on it, but for rows that take longer."""

    workers: int = 1
    seconds_per_row: float | None = None
    cache: Cache | None = None


IN_PROCESS = Effort()


def represent(dataset: Dataset, representation: Representation, effort: Effort = IN_PROCESS) -> FeatureTable:
    """Describe every row. Nothing is learnt: the same row gives the same features in any dataset.

    Returns
    -------
    a table of one row per row of `dataset`. Where a composition is unreadable, a word unknown or a featurizer met its
    limit, values are NaN (or as the featurizer says) and `reasons` says why.

    Raises
    ------
    DataError : an input is missing, or holds another kind.
    """
    names, origins = _named(representation)
    X = np.full((len(dataset), len(names)), np.nan)
    reasons: dict[int, list[str]] = {}
    vocabularies: dict[str, tuple[str, ...]] = {}
    at = 0
    for given in representation.inputs:
        column = _column(dataset, given.name, given.kind)
        width = 0
        for block, found in _blocks(column, given, effort):
            X[:, at + width : at + width + block.shape[1]] = block
            width += block.shape[1]
            for row, why in found.items():
                reasons.setdefault(row, []).append(f"{given.name}: {why}")
        if given.kind == "category" and not given.ordered:
            vocabularies[names[at]] = given.words
        at += width
    for column_at, factors in enumerate(representation.products, start=at):
        X[:, column_at] = X[:, [names.index(factor) for factor in factors]].prod(axis=1)
    joined = {row: "; ".join(dict.fromkeys(whys)) for row, whys in sorted(reasons.items())}
    return FeatureTable(frozen(X), names, origins, vocabularies, joined)


def _column(dataset: Dataset, name: str, kind: InputKind) -> Column:
    if name not in dataset.inputs:
        raise DataError(
            f"input {name!r} is missing. The data have: {', '.join(map(repr, dataset.inputs)) or 'no inputs'}."
        )
    column = dataset.inputs[name]
    if not isinstance(column, _KINDS[kind]):
        raise DataError(f"input {name!r} holds {type(column).__name__.lower()}, but a {kind} is asked for.")
    return column


def _blocks(column: Column, given: InputFeatures, effort: Effort) -> Iterator[tuple[FloatArray, dict[int, str]]]:
    """Columns of one input, block by block, with the reasons of rows."""
    if isinstance(column, Compositions):
        yield from _composition_blocks(column, given)
    elif isinstance(column, Structures):
        yield from _structure_blocks(column, given, effort)
    elif isinstance(column, Molecules):
        yield from _molecule_blocks(column, given)
    elif isinstance(column, Numbers):
        yield column.values[:, None], {}
    else:
        yield _codes(column, given)


def _composition_blocks(column: Compositions, given: InputFeatures) -> Iterator[tuple[FloatArray, dict[int, str]]]:
    empty = np.flatnonzero(np.diff(column.offsets) == 0).tolist()
    reasons = {row: f"{str(column.formulas[row])!r} could not be read as a composition" for row in empty}
    groups = tuple(batches(column))
    for name in given.featurizers:
        featurizer = _featurizer(name, given)
        if not isinstance(featurizer, CompositionFeaturizer):
            yield featurizer.transform(column), reasons
            continue
        plain = type(featurizer).transform is CompositionFeaturizer.transform  # not somebody's own way
        X = featurizer.describe_groups(column, groups) if plain else featurizer.transform(column)
        yield X, {**featurizer.limits_of(column, X), **reasons}


def _structure_blocks(
    column: Structures, given: InputFeatures, effort: Effort
) -> Iterator[tuple[FloatArray, dict[int, str]]]:
    """Features of structures, with one neighbour list for all of them, and those of compositions from their atoms."""
    unread = dict.fromkeys(np.flatnonzero(column.sizes == 0).tolist(), "the structure could not be read")
    plain = [name for name in given.featurizers if not _table_of(name)]
    found = describe(plain, column, workers=effort.workers, seconds_per_row=effort.seconds_per_row, cache=effort.cache)
    reasons = {**found.by_row, **unread}
    for name in given.featurizers:
        if name in plain:
            yield found.X[:, [origin == name for origin in found.origins]], reasons
        else:
            own, atoms = _featurizer(name, given), structure_atoms(column)
            yield own.transform(atoms), own.limits(atoms) if isinstance(own, CompositionFeaturizer) else {}


def _molecule_blocks(column: Molecules, given: InputFeatures) -> Iterator[tuple[FloatArray, dict[int, str]]]:
    """Molecular features, and those of compositions from the atoms of each molecule."""
    empty = np.flatnonzero(np.diff(column.offsets) == 0).tolist()
    unread = {row: f"{shown_molecule(str(column.texts[row]))!r} could not be read as a molecule" for row in empty}
    atoms = to_compositions(column)
    for name in given.featurizers:
        featurizer = _featurizer(name, given)
        if isinstance(featurizer, MoleculeFeaturizer):
            block, reasons = featurizer.described(column)
            yield block, {**{row: f"{name}: {why}" for row, why in reasons.items()}, **unread}
        elif isinstance(featurizer, CompositionFeaturizer):
            yield featurizer.transform(atoms), {**featurizer.limits(atoms), **unread}


def _codes(column: Categories, given: InputFeatures) -> tuple[FloatArray, dict[int, str]]:
    """Place of each word in the vocabulary; NaN and a reason for a word that is not in it."""
    words = np.array(given.words or ("",))
    order = np.argsort(words, kind="stable")  # of words from low to high; sorted ones stay
    codes = order[np.minimum(np.searchsorted(words[order], column.values), len(words) - 1)]
    seen = (words[codes] == column.values) & (column.values != "")
    unseen = np.flatnonzero(~seen & (column.values != "")).tolist()
    reasons = {row: f"{str(column.values[row])!r} was never seen in training" for row in unseen}
    return np.where(seen, codes, np.nan)[:, None], reasons


def _featurizer(name: str, given: InputFeatures) -> CompositionFeaturizer | StructureFeaturizer | MoleculeFeaturizer:
    if path := _table_of(name):
        return _with_table(name, path, dict(given.tables)[path])
    return _made(name, given.atoms if name == "coulomb_matrix" else 0, given.bags if name == "bag_of_bonds" else ())


@lru_cache(maxsize=16)
def _with_table(text: str, path: str, content: str) -> CompositionFeaturizer:
    """Element statistics from a table whose content was kept, whatever became of its file."""
    options = dict(read_spec(text).options)
    own = {"table": parse_element_table(content, path), "name": options.get("name") or Path(path).name.split(".")[0]}
    found: CompositionFeaturizer = FEATURIZERS.load(read_spec(text).name)(**{**options, **own})
    return found


@lru_cache(maxsize=64)
def _made(text: str, atoms: int, bags: Bags) -> CompositionFeaturizer | StructureFeaturizer | MoleculeFeaturizer:
    if not atoms and not bags:
        found: CompositionFeaturizer | StructureFeaturizer | MoleculeFeaturizer = made(text)
        return found
    options: dict[str, object] = {"atoms": atoms} if atoms else {"bags": bags}
    sized: MoleculeFeaturizer = FEATURIZERS.load(text)(**options)
    return sized


@lru_cache(maxsize=64)
def _named(representation: Representation) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and origins of all columns.

    Raises
    ------
    ConfigError : two columns would have one name.
    """
    names: list[str] = []
    origins: list[str] = []
    for given in representation.inputs:
        if given.kind in ("number", "category"):
            names.append(given.name)
            origins.append(f"{given.name}:{'ordinal' if given.ordered else given.kind}")
        for featurizer in given.featurizers:
            columns = [given.prefix + str(name) for name in _featurizer(featurizer, given).get_feature_names_out()]
            names += columns
            origins += [f"{given.name}:{featurizer}"] * len(columns)
    names += [product_name(factors) for factors in representation.products]
    origins += [f"{product_name(factors)}:product" for factors in representation.products]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ConfigError(f"two features would both be called {twice[0]!r}. Give the input another name.")
    return tuple(names), tuple(origins)
