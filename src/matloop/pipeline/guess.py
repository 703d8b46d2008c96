"""Which columns of an unknown table are asked for, which may be seen, which are neither, and why."""

from __future__ import annotations

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
    ranked = sorted(
        (fact for fact in facts if fact.name not in amounts and _may_be_asked(fact)),
        key=lambda fact: -result_score(fact, facts),
    )
    targets = tuple(by_name[name] for name in wanted) or tuple(ranked[:1])
    named = {fact.name for fact in targets}
    others = _other_results(ranked, named)
    left_out: dict[str, str] = {}
    inputs: list[Facts] = []
    for fact in facts:
        if fact.name in named or fact.name in amounts:
            continue
        if why := _why_not(fact, facts, targets, {other.name for other in others}):
            left_out[fact.name] = why
        else:
            inputs.append(fact)
    _drop_repetitions(inputs, left_out)
    return Guess(
        targets, others, tuple(inputs), elements, left_out,
        group=next((f.name for f in facts if _GROUP.search(f.name) and f.kind in _GROUP_KINDS), ""),
        sources=tuple(f.name for f in facts if _may_group(f)),
        errors={target.name: found for target in targets if (found := _error_column(target, facts))},
    )  # fmt: skip


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


def result_score(fact: Facts, facts: Sequence[Facts]) -> float:
    """How much a column looks like what is asked for: by its name, its place, its values."""
    score = name_score(fact)
    candidates = [f.name for f in facts if _may_be_asked(f) and not _SPLIT.search(f.name.strip())]
    place = candidates.index(fact.name) if fact.name in candidates else -1
    score += 1.5 if place == len(candidates) - 1 else place / max(len(candidates), 1)
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
    if fact.kind == "category":
        return len(fact.words) <= MOST_CLASSES
    return fact.kind in ("number", "truth")


def _why_not(fact: Facts, facts: Sequence[Facts], targets: Sequence[Facts], others: set[str]) -> str:
    """Why a column is not a feature; empty where it is one."""
    name = fact.name.strip()
    plain = {
        "empty": "it has no values",
        "constant": f'it is "{fact.words[0] if fact.words else ""}" in every row',
        "date": "a date",
        "molecule": "molecules (SMILES) are not supported in this release, and there are too many for a category",
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
    if fact.kind in plain and not as_category(fact):
        return plain[fact.kind]
    if _WEIGHT.search(name):
        return "it looks like a weight of rows (write it under [roles] weight if so)"
    if _TIME.search(_spaced(name)) and fact.kind == "number":
        return "a year or date says when a row was made, not what it is"
    if fact.name in others:
        return "it looks like another result, not known beforehand"
    if any(fact.name == _error_column(target, facts) for target in targets):
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


def _drop_repetitions(inputs: list[Facts], left_out: dict[str, str]) -> None:
    """Take out word columns that say the same as others: joined from two, or the same words under other names."""
    words = [fact for fact in inputs if fact.kind in ("category", "composition", "truth")]
    words += [fact for fact in inputs if fact.kind == "molecule"]
    for fact in words:
        pair = next(
            (
                (a, b)
                for a in words
                for b in words
                if len({a.name, b.name, fact.name}) == 3 and _in(inputs, fact) and _joined(fact, a, b)
            ),
            None,
        )
        if pair:
            inputs[:] = [entry for entry in inputs if entry.name != fact.name]
            left_out[fact.name] = f'it repeats "{pair[0].name}" and "{pair[1].name}"'
    for place, fact in enumerate(words):
        for before in words[:place]:
            repeats = _in(inputs, fact) and _in(inputs, before) and fact.kind in ("category", "molecule")
            if repeats and _same_words(fact, before):
                inputs[:] = [entry for entry in inputs if entry.name != fact.name]
                left_out[fact.name] = f'it says the same as "{before.name}"'


def _in(inputs: Sequence[Facts], fact: Facts) -> bool:
    return any(entry.name == fact.name for entry in inputs)


def _joined(fact: Facts, a: Facts, b: Facts) -> bool:
    if not len(fact.texts):
        return False
    return bool(
        fact.texts[0].startswith(a.texts[0])
        and all(
            re.sub(r"[-_/ ]", "", whole) == re.sub(r"[-_/ ]", "", first + second)
            for whole, first, second in zip(fact.texts, a.texts, b.texts, strict=True)
        )
    )


def _same_words(a: Facts, b: Facts) -> bool:
    if len(a.words) != len(b.words):
        return False
    pairs = set(zip(a.texts.tolist(), b.texts.tolist(), strict=True))
    return len(pairs) == len(set(a.texts.tolist())) == len(set(b.texts.tolist()))
