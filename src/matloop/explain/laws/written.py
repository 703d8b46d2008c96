"""From a candidate of a search to a law that can be read, copied and kept."""

from __future__ import annotations

import math

import numpy as np

from matloop.explain.laws import writing
from matloop.explain.laws.candidates import Candidate
from matloop.explain.laws.carried import constant_units
from matloop.explain.laws.constants import readable
from matloop.explain.laws.dimensions import Quantities
from matloop.explain.laws.expression import Node, program, replaced, used, x
from matloop.explain.laws.values import Constant, Law, Variable


def law_of(
    one: Candidate, given: Quantities, *, classes: tuple[str, ...] = (), error: float = math.nan,
    refit_error: float = math.nan,
) -> Law:  # fmt: skip
    """`one` with its constants rounded to what is known of them, written in all ways."""
    values = readable(np.array(one.constants), np.array(one.errors)) if not classes else _threshold(one)
    places = used(one.node)
    node = replaced(one.node, {x(p): x(k) for k, p in enumerate(places)})
    variables = tuple(
        Variable(given.inputs[p].name, given.inputs[p].unit, p, given.inputs[p].scale, given.inputs[p].offset)
        for p in places
    )
    names, target = [v.name for v in variables], given.target
    units = [v.unit for v in variables]
    carried = constant_units(one.node, given) if not classes else ("",) * len(values)
    said = f"score, above 0: {classes[1]}" if classes else target.name
    return Law(
        expression=condition(node, names, values) if classes else writing.text(node, names, values),
        latex=writing.latex(node, names, values),
        python=writing.python(
            node, names, values, units=units, target=said, target_unit="" if classes else target.unit
        ),
        unit="" if classes else target.unit,
        program=program(node),
        constants=tuple(Constant(v, e, u) for v, e, u in zip(values, one.errors, carried, strict=True)),
        variables=variables,
        complexity=one.size,
        train_error=one.rmse if math.isfinite(one.rmse) else math.nan,
        error=error,
        refit_error=refit_error,
        target=target.name,
        classes=classes,
    )


def _threshold(one: Candidate) -> tuple[float, ...]:
    return tuple(float(f"{v:.5g}") for v in one.constants)


def condition(node: Node, names: list[str], values: tuple[float, ...]) -> str:
    """A score as the condition for the second class: `gap > 0.5`, `a > 1 and b < 2`."""
    if node.op in ("min", "max"):
        inner = [condition(child, names, values) for child in node.args]
        inner = [f"({one})" if child.op in ("min", "max") else one for one, child in zip(inner, node.args, strict=True)]
        return f" {'and' if node.op == 'min' else 'or'} ".join(inner)
    if node.op == "-" and node.args[1].op == "c":
        return f"{writing.text(node.args[0], names, values)} > {writing.plain_number(values[int(node.args[1].value)])}"
    if node.op == "-" and node.args[0].op == "c":
        return f"{writing.text(node.args[1], names, values)} < {writing.plain_number(values[int(node.args[0].value)])}"
    return f"{writing.text(node, names, values)} > 0"
