"""`matloop features compare`: representations of a problem's rows pitted against each other on development rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matloop.core.arrays import FloatArray, IntArray
from matloop.core.errors import ConfigError, MatloopError
from matloop.core.files import write_text
from matloop.core.jsonable import to_jsonable
from matloop.core.progress import SILENT, Progress
from matloop.data.clean import clean
from matloop.data.collect import collect, from_frame
from matloop.data.dataset import Dataset
from matloop.evaluate.feature_comparison import Arm, compare_representations
from matloop.evaluate.feature_values import FeatureComparison
from matloop.pipeline.develop import develop, labelled_rows
from matloop.pipeline.folder import slug
from matloop.pipeline.steps import at_one_level
from matloop.problem.fault import did_you_mean, quoted
from matloop.problem.question import Input, InputKind, Problem, Target
from matloop.problem.toml import load_problem
from matloop.report.feature_page import write_comparison
from matloop.represent import FEATURIZERS
from matloop.represent.engine import describe
from matloop.represent.representation import plan_representation, represent
from matloop.represent.spec import Spec, canonical, options_of, read_spec, split
from matloop.represent.table import FeatureTable
from matloop.split.vault import seal
from matloop.train.values import Development

if TYPE_CHECKING:
    from pandas import DataFrame

AUTO = "auto"
MOST_ROWS = 1500
"""More development rows are compared on a part, drawn by whole groups: several repeats of the cross-validation tell
more representations apart than more rows in one."""
MOST_CURVES = 3
MATTER: tuple[InputKind, ...] = ("composition", "molecule", "structure")
DEFAULT_SETS: dict[InputKind, tuple[str, ...]] = {
    "composition": (AUTO, "fractions", "magpie", "deml", "matscholar", "megnet", "magpie,valence,ionic"),
    "molecule": (AUTO, "fractions", "rdkit", "maccs", "morgan", "rdkit,morgan"),
    "structure": (
        AUTO, "magpie", "density,global_symmetry", "magpie,density,global_symmetry", "rdf", "bond_statistics",
        "chebyshev", "sine_matrix",
    ),
}  # fmt: skip
"""What is compared where nothing is named."""


Columns = tuple[FloatArray, tuple[str, ...], tuple[str, ...], dict[int, str]]
"""Values, names, origins and reasons."""


@dataclass(frozen=True, slots=True)
class FeaturesCompared:
    """A finished comparison, and its page if one was written."""

    found: FeatureComparison
    page: Path | None = None

    def lines(self) -> Iterable[str]:
        """The same for a person: the answer, then a line per representation."""
        found = self.found
        yield f"{found.target}: {found.sentence}"
        width = max(len(arm.name) for arm in found.arms)
        head = "".join(f"  {model:>24}" for model in found.models)
        yield f"  {'representation':<{width}}  columns   ms/row{head}"
        for arm in found.arms:
            cells = ""
            for score in arm.scores:
                mark = " " if score.p_value >= 0.05 else "*"
                half = (score.mean.high - score.mean.low) / 2
                cells += f"  {f'{score.mean.value:.4g} ± {half:.2g}{mark}':>24}"
            yield f"  {arm.name:<{width}}  {arm.n_columns:>7,}  {1000 * arm.seconds_per_row:>7.3f}{cells}"
        yield f"  {found.metric}; ± is half of a 95 % interval; * worse than the best of its column by more than chance"
        yield f"  an answer that knows no input: {found.constant:.4g}"
        yield from (f"  {curve.sentence}" for curve in found.curves)
        yield from (f"  left out: {name}: {why}" for name, why in found.left_out)
        yield from (f"  {note}" for note in found.notes)
        if self.page is not None:
            yield f"page  {self.page}"

    def as_json(self) -> Any:
        """The same for a program."""
        return {**to_jsonable(self.found), "page": None if self.page is None else str(self.page)}


def compare_features(
    problem: Problem | Path | str,
    sets: Sequence[str] = (),
    *,
    cutoffs: Sequence[float] = (),
    target: str = "",
    input_name: str = "",
    models: Sequence[str] = (),
    minutes: float = 5.0,
    rows: int = MOST_ROWS,
    out: Path | str | None = None,
    data: DataFrame | None = None,
    folder: Path | str = "runs",
    progress: Progress = SILENT,
) -> FeaturesCompared:
    """Pit representations of one input against each other: same rows, same models, same folds, paired tests.

    The other inputs of the problem stand beside each. Only development rows are used; the vault of the problem's runs
    is sealed (if it is not yet) and stays closed.

    Parameters
    ----------
    problem : a problem file, or a `Problem`.
    sets : each one or several featurizers, separated by commas and with options: "magpie", "density,rdf(cutoff=8.0)",
        or "auto" (what a run takes by itself). Empty: usual ones of the input's kind.
    cutoffs : length scales in Angstrom; every set with a `cutoff` is also tried with each of these (three sets at
        most), which makes its curve.
    target : which target, where there are several; the first by default.
    input_name : which input is described in different ways; the first composition, molecule or structure by default.
    models : families; extra trees and a linear model by default.
    minutes : what it may cost; as many repeats of the cross-validation as there is time for, at most five.
    rows : development rows at most; more are compared on a part, drawn by whole groups.
    out : the page to write (.html).
    data : the table, where the problem has no file. folder : where runs are kept, and so the vault.

    Raises
    ------
    ConfigError, DataError, RunError, MissingExtra : what is wrong with problem, sets, data or folder.

    Examples
    --------
    >>> import matloop                                                                   # doctest: +SKIP
    >>> matloop.compare_features("gap.toml", ["magpie", "matscholar", "auto"]).found.level   # doctest: +SKIP
    ('magpie', 'auto')
    """
    begun = time.monotonic()
    base = None
    if not isinstance(problem, Problem):
        base = Path(problem).absolute().parent
        problem = load_problem(Path(problem))
    page = _page(out)
    if not minutes > 0:
        raise ConfigError(f"minutes is {minutes:g}; a number above 0 was expected.")
    if rows < 50:
        raise ConfigError(f"rows is {rows}; at least 50 are needed to tell representations apart.")
    asked = _target(problem, target)
    varied = _varied(problem, input_name)
    wanted = _wanted(sets or DEFAULT_SETS[varied.kind], varied, cutoffs)
    progress.step("reading")
    raw = collect(problem.data, base=base) if data is None else from_frame(data)
    cleaned = clean(raw, problem)
    sealed = seal(cleaned.dataset, problem, Path(folder) / slug(problem.name) / "vault")
    cleaned, sealed, _ = at_one_level(problem, cleaned, sealed)
    rest = _rest(sealed.dataset, problem, varied)
    whole = develop(sealed.dataset, rest, sealed.development, asked, problem)
    development, kept = _some(whole, rows, problem.protocol.seeds[0])
    dataset = sealed.dataset.take(labelled_rows(sealed.dataset, sealed.development, asked)[kept])
    progress.step("describing")
    deadline = begun + 60.0 * minutes
    arms, left_out = _arms(dataset, development.table, varied, wanted, begun + 30.0 * minutes, progress)
    progress.step("comparing")
    found = compare_representations(
        development, arms, target=asked.name, deadline=deadline, models=models, seed=problem.protocol.seeds[0],
        left_out=left_out, progress=progress,
    )  # fmt: skip
    if len(whole) > len(development):
        part = f"{len(development):,} of {len(whole):,} development rows were compared on, drawn by whole groups."
        found = replace(found, notes=(part, *found.notes))
    if page is not None:
        write_text(page, write_comparison(found, problem.name))
    return FeaturesCompared(found, page)


def sets_told(text: str) -> tuple[str, ...]:
    """Sets as they are typed: "magpie; magpie,valence; auto"."""
    parts, depth, begun = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == ";" and depth <= 0:
            parts.append(text[begun:place])
            begun = place + 1
    return tuple(part.strip() for part in (*parts, text[begun:]) if part.strip())


def cutoffs_told(text: str) -> tuple[float, ...]:
    """Cutoffs as they are typed: "3,4,5.5".

    Raises
    ------
    ConfigError : one is no number above 0.
    """
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(float(part))
        except ValueError:
            raise ConfigError(
                f"--cutoff {part!r} is no number. Write lengths in Angstrom, such as 3,4,5,6,8."
            ) from None
        if not 0 < found[-1] < 100:
            raise ConfigError(f"--cutoff {part}: a length above 0 and below 100 Angstrom was expected.")
    return tuple(sorted(dict.fromkeys(found)))


def _page(out: Path | str | None) -> Path | None:
    path = None if out is None else Path(out)
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{path}: the page is HTML. Give a name that ends in .html.")
    return path


def _target(problem: Problem, name: str) -> Target:
    names = [target.name for target in problem.targets]
    if name and name not in names:
        raise ConfigError(f"there is no target {quoted(name)}. {did_you_mean(name, names)}")
    return problem.target(name or names[0])


def _varied(problem: Problem, name: str) -> Input:
    """The input that is described in different ways."""
    matter = {entry.name: entry for entry in problem.inputs if entry.kind in MATTER}
    if name and name not in matter:
        raise ConfigError(f"no input of matter is called {quoted(name)}. {did_you_mean(name, list(matter))}")
    if not matter:
        raise ConfigError(
            "no input is a composition, a molecule or a structure, so there is one way only to describe the rows. For "
            "products of numbers compare two runs, with and without [features] polynomial = 2."
        )
    return matter[name] if name else next(iter(matter.values()))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A set to try: `texts` of featurizers, or none for `auto`; `asked` for by itself, or for a curve only."""

    name: str
    texts: tuple[str, ...]
    family: str = ""
    cutoff: float | None = None
    asked: bool = True


def _wanted(sets: Sequence[str], varied: Input, cutoffs: Sequence[float]) -> list[_Wanted]:
    """The sets in their order, each once, then the points of curves."""
    found: dict[str, _Wanted] = {}
    curves = 0
    for text in sets:
        texts = () if text.strip() == AUTO else tuple(dict.fromkeys(canonical(one) for one in split(text)))
        if not texts and text.strip() != AUTO:
            raise ConfigError("a set names no featurizer. Write as in: magpie; magpie,valence; auto.")
        for one in texts:
            kind = getattr(FEATURIZERS.load(read_spec(one).name), "kind", "composition")
            if kind not in (varied.kind, "composition"):
                raise ConfigError(f"{quoted(one)} describes a {kind}, input {quoted(varied.name)} is a {varied.kind}.")
        name = ", ".join(texts) or AUTO
        found[name] = replace(found[name], asked=True) if name in found else _Wanted(name, texts)
        if cutoffs and any(_scaled(read_spec(one)) for one in texts) and curves < MOST_CURVES:
            curves += 1
            for cutoff in cutoffs:
                point = tuple(_with_cutoff(read_spec(one), cutoff) for one in texts)
                called = ", ".join(point)
                if called in found:  # the default is one of the points
                    found[called] = replace(found[called], family=name, cutoff=cutoff)
                else:
                    found[called] = _Wanted(called, point, name, cutoff, asked=False)
    if cutoffs and not curves:
        raise ConfigError("--cutoff: none of the sets has a cutoff. Name one that has, such as rdf, with --sets.")
    if sum(one.asked for one in found.values()) < 2 and not cutoffs:
        raise ConfigError('one set cannot be compared with itself. Name two or more, as in --sets "magpie;auto".')
    return list(found.values())


def _scaled(spec: Spec) -> bool:
    return "cutoff" in options_of(FEATURIZERS.load(spec.name))


def _with_cutoff(spec: Spec, cutoff: float) -> str:
    """The featurizer with another cutoff, where it has one; always written out, so that points have like names."""
    if not _scaled(spec):
        return spec.text
    options = {**dict(spec.options), "cutoff": float(cutoff)}
    return canonical(Spec(spec.name, tuple(sorted(options.items()))).text)


def _rest(dataset: Dataset, problem: Problem, varied: Input) -> FeatureTable:
    """The features of all other inputs; without columns where there are none."""
    others = [entry for entry in problem.inputs if entry.name != varied.name]
    if not others:
        return FeatureTable(np.zeros((len(dataset), 0)), (), (), {}, {})
    return represent(dataset, plan_representation(dataset, others, polynomial=problem.features.polynomial))


def _some(development: Development, most: int, seed: int) -> tuple[Development, IntArray]:
    """The development, or whole groups of it with at most `most` rows; and which of its rows these are."""
    if len(development) <= most:
        return development, np.arange(len(development))
    rng = np.random.default_rng(seed)
    _, group, size = np.unique(development.groups, return_inverse=True, return_counts=True)
    turn = rng.permutation(len(size))
    kept = turn[np.cumsum(size[turn]) <= most]
    if len(kept) < 2 * len(np.unique(development.fold)):  # a few large groups cannot be made fewer
        return development, np.arange(len(development))
    chosen = np.flatnonzero(np.isin(group, kept))
    part = replace(
        development, table=development.table.take(chosen), y=development.y[chosen], errors=development.errors[chosen],
        weights=development.weights[chosen], groups=development.groups[chosen], fold=development.fold[chosen],
        unlabelled=None,
    )  # fmt: skip
    return part, chosen


def _arms(
    dataset: Dataset, rest: FeatureTable, varied: Input, wanted: Sequence[_Wanted], deadline: float, progress: Progress
) -> tuple[list[Arm], list[tuple[str, str]]]:
    """Every set made, its cost measured; what fails or would come after the deadline is left out with the reason."""
    arms, left_out = list[Arm](), list[tuple[str, str]]()
    for number, one in enumerate(wanted):
        progress.tell(one.name, number / len(wanted))
        if arms and time.monotonic() > deadline:
            left_out.append((one.name, "half of the minutes were used up by describing the sets before it"))
            continue
        try:
            (X, names, origins, reasons), took = _timed(dataset, varied, one)
        except MatloopError as error:
            left_out.append((one.name, " ".join(str(error).split())[:300]))
            continue
        table = FeatureTable(
            np.column_stack([X, rest.X]), (*names, *rest.names), (*origins, *rest.origins), rest.vocabularies, reasons
        )
        arms.append(Arm(one.name, table, took, one.family, one.cutoff, one.asked))
    return arms, left_out


def _timed(dataset: Dataset, varied: Input, one: _Wanted) -> tuple[Columns, float]:
    """Values, names, origins and reasons of one set, and the seconds per row: the least over three parts of the rows.

    Other work on the machine makes a part slower; the same rows again would be faster, as much is remembered.
    """
    make = _maker(dataset, varied, one)
    make(dataset.take(np.arange(min(2, len(dataset)))))  # libraries and tables are loaded once
    blocks, seconds, reasons = list[FloatArray](), list[float](), dict[int, str]()
    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    for rows in np.array_split(np.arange(len(dataset)), 3):
        part = dataset.take(rows)
        begun = time.perf_counter()
        block, names, origins, whys = make(part)
        seconds.append((time.perf_counter() - begun) / max(len(rows), 1))
        blocks.append(block)
        reasons |= {int(rows[row]): why for row, why in whys.items()}
    return (np.vstack(blocks), names, origins, reasons), min(seconds)


def _maker(dataset: Dataset, varied: Input, one: _Wanted) -> Callable[[Dataset], Columns]:
    """How rows are described by a set; columns that depend on the data are planned for all rows at once."""
    if one.texts:

        def described(part: Dataset) -> Columns:
            found = describe(one.texts, part.inputs[varied.name])
            return found.X, found.names, tuple(f"{varied.name}:{origin}" for origin in found.origins), found.by_row

        return described
    plan = plan_representation(dataset, [replace(varied, features=())])

    def represented(part: Dataset) -> Columns:
        table = represent(part, plan)
        return table.X, table.names, table.origins, dict(table.reasons)

    return represented
