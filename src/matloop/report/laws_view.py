"""What the report says about laws, worked out before the template is filled; formulas are set in MathML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from matloop.explain.laws.expression import Node, from_program
from matloop.explain.laws.values import Law, LawSearch, LawStudy
from matloop.explain.laws.writing import mathml
from matloop.report.figures.figure import Figure
from matloop.report.figures.laws import law_figure
from matloop.report.words import number, percent, sentence, short, unit_text, with_unit

BADGES: Mapping[str, tuple[str, str]] = {
    "law": ("good", "law"),
    "trend": ("warn", "trend, no law"),
    "none": ("warn", "no law"),
    "not judged": ("warn", "not judged"),
}
LONG_NAME = 14
"""A longer name stands as a letter in the formula and is told below it."""


@dataclass(frozen=True, slots=True)
class LawLine:
    """One formula of the front in words: length, formula, errors."""

    length: str
    expression: str
    error: str
    train_error: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class LawsView:
    """The section on laws.

    formula : MathML, safe. where : letter in the formula (MathML), what it is, its unit. constants : value with doubt,
    unit, of those that were fitted. facts : label and value.
    """

    badge: tuple[str, str]
    verdict: str
    says: str
    formula: Markup | None
    where: tuple[tuple[Markup, str, str], ...]
    constants: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    latex: str
    python: str
    lines: tuple[LawLine, ...]
    figure: Figure | None
    notes: tuple[str, ...]


def laws_view(key: str, study: LawStudy | None) -> LawsView | None:
    """The view of a study; None without one, or where nothing was sought."""
    if study is None or study.search is None:
        return None
    found, law = study.search, study.search.best
    formula, where = _typeset(law) if law is not None else (None, ())
    return LawsView(
        badge=BADGES[found.finding],
        verdict=sentence(found.verdict),
        says=f"Says {short(law.classes[1], 40)} where" if law is not None and law.classes else "",
        formula=formula,
        where=where,
        constants=_constants(law) if law is not None else (),
        facts=tuple(_facts(study, found)),
        latex=law.latex if law is not None else "",
        python=law.python if law is not None else "",
        lines=tuple(_line(one, found) for one in found.front),
        figure=law_figure(f"{key}-laws-figure", study),
        notes=tuple(dict.fromkeys((*study.notes, *found.notes))),
    )


def _typeset(law: Law) -> tuple[Markup, tuple[tuple[Markup, str, str], ...]]:
    """The formula in MathML, and what its letters are."""
    names = [v.name for v in law.variables]
    letters = _letters(names)
    tree, values = from_program(law.program), [c.value for c in law.constants]
    target = law.target if len(law.target) <= LONG_NAME else "y"
    body = _condition(tree, letters, values) if law.classes else mathml(tree, letters, values, target=target)
    where = [
        (_letter(letter), v.name if letter != v.name else "", _unit(v.unit))
        for letter, v in zip(letters, law.variables, strict=True)
    ]
    if not law.classes:
        where.insert(0, (_letter(target), law.target if target != law.target else "", _unit(law.unit)))
    return Markup(body), tuple(where)


def _letter(name: str) -> Markup:
    return Markup(mathml(Node("x", (), 0), [name], []).replace(' display="block"', ""))


def _unit(unit: str) -> str:
    return unit_text(unit) or "no unit"


def _letters(names: Sequence[str]) -> list[str]:
    """Short names as they are, long ones as x1, x2, ..."""
    taken = {name for name in names if len(name) <= LONG_NAME}
    letters, n = [], 0
    for name in names:
        if name in taken:
            letters.append(name)
            continue
        n += 1
        while f"x{n}" in taken:
            n += 1
        letters.append(f"x{n}")
    return letters


def _condition(tree: Node, letters: Sequence[str], values: Sequence[float]) -> str:
    """A score as a condition: `descriptor > threshold`, joined by and, or."""
    return f'<math display="block"><mrow>{_joined(tree, letters, values)}</mrow></math>'


def _joined(tree: Node, letters: Sequence[str], values: Sequence[float]) -> str:
    if tree.op in ("min", "max"):
        inner = [_joined(child, letters, values) for child in tree.args]
        inner = [
            f"<mrow><mo>(</mo>{one}<mo>)</mo></mrow>" if child.op in ("min", "max") else one
            for one, child in zip(inner, tree.args, strict=True)
        ]
        return f"<mtext>\u2002{'and' if tree.op == 'min' else 'or'}\u2002</mtext>".join(inner)
    left, sign, right = tree, "&gt;", "<mn>0</mn>"
    if tree.op == "-" and tree.args[1].op == "c":
        left, right = tree.args[0], _bare(mathml(tree.args[1], letters, values))
    elif tree.op == "-" and tree.args[0].op == "c":
        left, sign, right = tree.args[1], "&lt;", _bare(mathml(tree.args[0], letters, values))
    return f"{_bare(mathml(left, letters, values))}<mo>{sign}</mo>{right}"


def _bare(text: str) -> str:
    return text.removeprefix('<math display="block"><mrow>').removesuffix("</mrow></math>")


def _constants(law: Law) -> tuple[tuple[str, str], ...]:
    """Fitted constants with their doubt and unit."""
    found = []
    for one in law.constants:
        doubt = f" ± {number(one.error, 2)}" if math.isfinite(one.error) and one.error > 0 else ""
        found.append((f"{number(one.value, 4)}{doubt}", unit_text(one.unit)))
    return tuple(found)


def _facts(study: LawStudy, found: LawSearch) -> list[tuple[str, str]]:
    classes = found.task == "classification"
    scale, unit = (100.0, "%") if classes else (1.0, unit_text(found.unit))

    def said(value: float) -> str:
        return with_unit(number(scale * value), unit)

    facts = []
    if math.isfinite(found.error):
        what = "Share wrong, rows held out" if classes else "RMSE, rows held out"
        facts.append((what, said(found.error)))
    if math.isfinite(study.model_error):
        facts.append(("The model on the same rows", said(study.model_error)))
    elif math.isfinite(found.black_box_error):
        facts.append(("Extra trees on the same rows", said(found.black_box_error)))
    if found.null:
        best = max(max(found.null), 0.0)
        facts.append(("Explained by chance (shuffled)", percent(best, 0)))
    if math.isfinite(found.same_form) and found.n_repeats:
        facts.append(("Found again", f"{round(found.same_form * found.n_repeats)} of {found.n_repeats} times"))
    if found.beyond is not None and found.best is not None:
        far = found.beyond
        facts.append(("Outside the range it was sought in", f"{said(far.error)}; extra trees {said(far.black_box)}"))
    return facts


def _line(law: Law, found: LawSearch) -> LawLine:
    classes = found.task == "classification"
    scale, unit = (100.0, "%") if classes else (1.0, unit_text(found.unit))
    chosen = found.best is not None and law.program == found.best.program
    errors = [with_unit(number(scale * e), unit) if math.isfinite(e) else "–" for e in (law.error, law.train_error)]
    return LawLine(str(law.complexity), law.expression, errors[0], errors[1], chosen)
