"""Which columns of an unknown table are asked for, which may be seen, which are neither, and why."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.pipeline.columns import ElementColumns, Facts, element_columns
from matloop.problem.question import Task

_RESULT = re.compile(
    r"\b(target|label|output|response|y|property|prop|measured|exp|result|outcome|objective|loss|score|yield|gap|eg|strength|"
    r"modulus|hardness|hv|toughness|energy|formation|hull|tc|critical|conductivity|resistivity|mobility|seebeck|kappa|zt|"
    r"efficiency|pce|selectivity|conversion|activity|overpotential|degradation|stability|solubility|viscosity|melting|"
    r"glass|gfa|metal|metallic|impurity|product|difference|area|thermopower|elongation|ys|uts|magnetization|moment|"
    r"dielectric|refractive|delta e|delta|density|young|absorbance|roughness|permeability|sigma|pf)\b",
    re.I,
)
_STRONG = re.compile(r"^(target|label|y|output|response|property|prop|objective|outcome)$|\bmeasured\b|^target ", re.I)
_GIVEN = re.compile(
    r"\b(temp|temperature|time|conc|concentration|pressure|amount|content|ratio|flow|rate|speed|volume|equiv|equivalents|"
    r"thickness|loading|load|radius|year|number|count|degree|weight|mass|size|spacegroup|spg|dose|angle|position|ph|"
    r"solvent|base|ligand|catalyst|precursor|theta|width|length|height|descriptor|feature|mean|var|min|max|minimum|"
    r"maximum|avg|std|range|sum|cell|lattice|bond|fraction|test)\b",
    re.I,
)
_FORETOLD = re.compile(r"predict|calculat|\bcalc\b|estimat|simulated|model|\bfit(ted)?\b", re.I)
_SPLIT = re.compile(
    r"^(cv[_ ]?)?(folds?|splits?|subset|partition|set|train|test|is_?train|is_?test|train_?test.*)([_ ]?\d+)?$",
    re.I,
)
_ERROR = re.compile(r"(^|[\s_.(-])(err|error|std|stdev|sd|sigma|uncert\w*|unc|stderr)([\s_.)-]|$)|±", re.I)
_SOURCE = re.compile(
    r"\b(doi|refs?|references?|source|paper|article|citation|author|batch|lab|laboratory|publication|study|title)\b",
    re.I,
)
_GROUP = re.compile(r"^(group|groups|cluster|family|series)([_ ]?id)?$", re.I)
_TIME = re.compile(r"\b(date|year|timestamp|datetime)\b", re.I)
_WEIGHT = re.compile(r"^(sample_?)?weights?$", re.I)
_CLASS_NAME = re.compile(r"class|label|type|categor|phase|is[_ ]", re.I)

_GROUP_KINDS = ("id", "category", "number", "text")

MOST_CLASSES = 20
MOST_COMPARED = 40
MOST_MOLECULES = 50
_COPY = 0.995
_FEWEST = 0.05


@dataclass(frozen=True, slots=True)
class Guess:
    """What every column is for.

    targets : columns asked for. others : further candidates, the best first. inputs : columns that may be seen.
    elements : one column per element, if the table has them. left_out : {column: why it is not a feature}.
    group, sources : the column of groups ("" where nothing says so), and columns that may serve as such.
    errors : {target: column of its standard deviation}.
    """

    targets: tuple[Facts, ...]
    others: tuple[Facts, ...]
    inputs: tuple[Facts, ...]
    elements: ElementColumns | None
    left_out: dict[str, str]
    group: str
    sources: tuple[str, ...]
    errors: dict[str, str]


def guess(facts: Sequence[Facts], wanted: Sequence[str]) -> Guess:
    """The roles of columns; `wanted` are the targets that a person named, else the best candidate is taken."""
    by_name = {fact.name: fact for fact in facts}
    elements = element_columns([fact for fact in facts if fact.name not in wanted])
    amounts = set(elements.columns.values()) if elements else set()
    candidates = [fact for fact in facts if fact.name not in amounts and _may_be_asked(fact)]
    scores = {fact.name: result_score(fact, i, len(candidates)) for i, fact in enumerate(candidates)}
    ranked = sorted(candidates, key=lambda fact: -scores[fact.name])
    targets = tuple(by_name[name] for name in wanted) or tuple(ranked[:1])
    named = {fact.name for fact in targets}
    others = _other_results(ranked, named)
    results = {fact.name for fact in others}
    errors = {target.name: found for target in targets if (found := _error_column(target, facts))}
    left_out: dict[str, str] = {}
    inputs: list[Facts] = []
    for fact in facts:
        if fact.name in named or fact.name in amounts:
            continue
        if why := _why_not(fact, targets, results, set(errors.values())):
            left_out[fact.name] = why
        else:
            inputs.append(fact)
    inputs = _without_repetitions(_without_held(inputs, left_out), left_out)
    return Guess(
        targets, others, tuple(inputs), elements, left_out,
        group=next((f.name for f in facts if _GROUP.search(f.name) and f.kind in _GROUP_KINDS), ""),
        sources=tuple(f.name for f in facts if _may_group(f)),
        errors=errors,
    )  # fmt: skip


def _without_held(inputs: Sequence[Facts], left_out: dict[str, str]) -> list[Facts]:
    """The inputs without compositions that the structures beside them hold."""
    crystal = next((fact.name for fact in inputs if fact.kind == "structure"), "")
    for fact in inputs:
        if crystal and fact.kind == "composition":
            left_out[fact.name] = f'it is in "{crystal}"'
    return [fact for fact in inputs if fact.name not in left_out]


def _other_results(ranked: Sequence[Facts], named: set[str]) -> tuple[Facts, ...]:
    """Number columns that are called like results, or end like several of them: "m_n" beside "S_n" and "kappa_n"."""
    called = {f.name for f in ranked if f.kind != "category" and (name_score(f) >= 2.0 or f.name in named)}
    endings = Counter(_ending(name) for name in called)
    alike = {f.name for f in ranked if f.kind == "number" and endings[_ending(f.name)] >= 2 and _ending(f.name)}
    return tuple(fact for fact in ranked if fact.name in called | alike and fact.name not in named)


def _may_group(fact: Facts) -> bool:
    """Whether a column says where rows come from, and several come from one place."""
    return _SOURCE.search(_spaced(fact.name)) is not None and 1 < len(fact.words) < 0.9 * len(fact.texts)


def _ending(name: str) -> str:
    """What stands behind the last underscore, if it is one or two letters."""
    head, _, tail = name.rpartition("_")
    return tail if head and len(tail) <= 2 and tail.isalpha() else ""


def task_of(fact: Facts) -> Task:
    """Classification for truth values, words, and few whole numbers with the name of a class; else regression."""
    if fact.kind in ("truth", "category"):
        return "classification"
    distinct = len(np.unique(fact.numbers[np.isfinite(fact.numbers)]))
    if (
        fact.kind == "number"
        and fact.integers
        and (distinct == 2 or (distinct <= 10 and _CLASS_NAME.search(fact.name)))
    ):
        return "classification"
    return "regression"


def result_score(fact: Facts, place: int, n_candidates: int) -> float:
    """How much a column looks like what is asked for: by its name, its place among the candidates, its values."""
    score = name_score(fact)
    score += 1.5 if place == n_candidates - 1 else place / max(n_candidates, 1)
    score -= 2.0 * fact.missing
    if fact.kind == "category":
        score -= 2.5
    if fact.kind == "truth":
        score += 1.0
    if fact.kind == "number" and len(np.unique(fact.numbers)) < 10:
        score -= 1.0
    return score


def name_score(fact: Facts) -> float:
    """How much a column is called like a result."""
    name = _spaced(fact.short or fact.name)
    score = 5.0 * bool(_STRONG.search(name)) + 2.5 * bool(_RESULT.search(name))
    score -= 2.0 * bool(_GIVEN.search(name)) + 3.0 * bool(_FORETOLD.search(name))
    if _TIME.search(name) or _ERROR.search(name) or _SPLIT.search(fact.name.strip()) or _WEIGHT.search(name):
        score -= 8.0
    return score


def _spaced(name: str) -> str:
    """`"hse_gap"` as `"hse gap"`, `"bandGap"` as `"band Gap"`, so that words can be told apart."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[_\-./:]+", " ", name)).strip()


def as_category(fact: Facts) -> bool:
    """Whether a column of molecules has so few of them that their names can be told apart as a category."""
    return fact.kind == "molecule" and len(fact.words) <= MOST_MOLECULES and len(fact.words) <= 0.5 * len(fact.texts)


def _may_be_asked(fact: Facts) -> bool:
    if _SPLIT.search(fact.name.strip()):
        return False
    if fact.kind == "category":
        return len(fact.words) <= MOST_CLASSES
    return fact.kind in ("number", "truth")


def _why_not(fact: Facts, targets: Sequence[Facts], results: set[str], errors: set[str]) -> str:
    """Why a column is not a feature; empty where it is one. `results`, `errors`: names of columns of that sort."""
    name = fact.name.strip()
    plain = {
        "empty": "it has no values",
        "constant": f'it is "{fact.words[0] if fact.words else ""}" in every row',
        "date": "a date",
        "text": "free text",
    }
    if _SPLIT.search(name):
        return "it divides the rows into folds"
    if _GROUP.search(name):
        return "it names groups of rows"
    if _SOURCE.search(_spaced(name)):
        return "it says where a row comes from"
    if fact.kind == "id":
        return "it only tells rows apart (an identifier)"
    if fact.kind in plain:
        return plain[fact.kind]
    if _WEIGHT.search(name):
        return "it looks like a weight of rows (write it under [roles] weight if so)"
    if _TIME.search(_spaced(name)) and fact.kind == "number":
        return "a year or date says when a row was made, not what it is"
    if fact.name in results:
        return "it looks like another result, not known beforehand"
    if fact.name in errors:
        return "it is the error of the target"
    if _FORETOLD.search(_spaced(name)) and fact.kind == "number":
        return "it looks like a prediction or calculation of a result"
    for target in targets:
        if _copies(fact, target):
            return f'it follows the target "{target.name}" almost exactly'
    if fact.missing > 1 - _FEWEST:
        return f"only {1 - fact.missing:.1%} of the rows have it"
    return ""


def _copies(fact: Facts, target: Facts) -> bool:
    if fact.kind not in ("number", "truth") or target.kind != "number":
        return False
    both = np.isfinite(fact.numbers) & np.isfinite(target.numbers)
    if both.sum() < 10 or len(np.unique(fact.numbers[both])) < 10:
        return False
    return abs(_correlation(_ranks(fact.numbers[both]), _ranks(target.numbers[both]))) > _COPY


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks with ties at their middle."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2.0)[inverse].astype(float)


def _correlation(a: FloatArray, b: FloatArray) -> float:
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _error_column(target: Facts, facts: Sequence[Facts]) -> str:
    """The column whose name is the target's with a word for its error."""
    short = _spaced(target.short or target.name).lower()
    for fact in facts:
        name = _spaced(fact.short or fact.name).lower()
        if (
            fact.kind == "number"
            and fact.name != target.name
            and short in name
            and _ERROR.search(name.replace(short, " "))
        ):
            return fact.name
    return ""


def _without_repetitions(inputs: Sequence[Facts], left_out: dict[str, str]) -> list[Facts]:
    """The inputs without word columns that say the same as others: joined from two, or the same under other names."""
    words = [fact for fact in inputs if fact.kind in ("category", "composition", "truth")]
    words += [fact for fact in inputs if fact.kind == "molecule"]
    for fact in words[:MOST_COMPARED]:
        parts = [other for other in words[:MOST_COMPARED] if other is not fact and other.name not in left_out]
        for first, second in itertools.permutations([part for part in parts if _within(part, fact)], 2):
            if _joined(fact, first, second):
                left_out[fact.name] = f'it repeats "{first.name}" and "{second.name}"'
                break
    seen: dict[bytes, str] = {}
    for fact in words:
        pattern = _pattern(fact)
        if pattern in seen and fact.kind in ("category", "molecule") and fact.name not in left_out:
            left_out[fact.name] = f'it says the same as "{seen[pattern]}"'
        seen.setdefault(pattern, fact.name)
    return [fact for fact in inputs if fact.name not in left_out]


def _within(part: Facts, whole: Facts) -> bool:
    return bool(part.texts[0]) and part.texts[0] in whole.texts[0]


def _joined(whole: Facts, first: Facts, second: Facts) -> bool:
    return all(
        re.sub(r"[-_/ ]", "", text) == re.sub(r"[-_/ ]", "", a + b)
        for text, a, b in zip(whole.texts, first.texts, second.texts, strict=True)
    )


def _pattern(fact: Facts) -> bytes:
    """Which rows have the same word, whatever the words are: numbers in the order of first appearance."""
    _, first, inverse = np.unique(fact.texts, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int32)[inverse].tobytes()
