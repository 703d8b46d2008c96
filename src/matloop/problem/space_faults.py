"""What contradicts itself in a space, told before anything is opened."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from matloop.core.errors import ConfigError
from matloop.problem.condition import read_condition
from matloop.problem.fault import Fault, did_you_mean, quoted, said
from matloop.problem.space import (
    Categorical,
    Component,
    Continuous,
    Expression,
    Integer,
    Linear,
    Mixture,
    Ordinal,
    Parameter,
    Space,
    When,
)

RESERVED = ("constraints", "candidates", "without", "elements")
"""Keys of `[space]` that are no parameters."""
_FITS = 1e-6  # share of a step by which a bound may be off it
_NUMBERS = "continuous, integer or ordinal parameters, and components of mixtures"


def faults(space: Space) -> tuple[str, ...]:
    """Every contradiction of a space, a sentence each; empty where there is none."""
    return said(located(space))


def located(space: Space) -> tuple[Fault, ...]:
    """Every contradiction with the parameter and key where it stands."""
    if not space.parameters and not space.candidates:
        return (Fault(("space",), "there is nothing to vary. Name parameters, or a table of candidates."),)
    found = [*_names(space.parameters)]
    for parameter in space.parameters:
        own = _of_table(parameter) if space.candidates else _parameter(parameter)
        found += [Fault(("space", parameter.name, *([key] if key else [])), why) for key, why in own]
    if not found:
        found += _whens(space)
    if not found:
        found += [Fault(("space", "constraints"), why) for why in _constraints(space)]
    return tuple(found)


def names_of(parameters: Sequence[Parameter]) -> list[str]:
    """Columns of the points of a space: components for mixtures."""
    return [
        name
        for one in parameters
        for name in ([part.name for part in one.components] if isinstance(one, Mixture) else [one.name])
    ]


def words_of(parameters: Sequence[Parameter]) -> dict[str, Sequence[str] | None]:
    """What conditions may speak of: {name: its words, None for numbers}."""
    words: dict[str, Sequence[str] | None] = dict.fromkeys(names_of(parameters))
    words.update({one.name: one.values for one in parameters if isinstance(one, Categorical)})
    return words


# ---- names ----


def _names(parameters: Sequence[Parameter]) -> Iterable[Fault]:
    columns = names_of(parameters)
    for name in [*(one.name for one in parameters), *columns]:
        if not name.strip() or name != name.strip() or any(sign in name for sign in "`\n\r"):
            yield Fault(("space", name), "a name needs a letter or a sign, and no backtick, line end or outer space.")
    for name in sorted({one.name for one in parameters} & set(RESERVED)):
        yield Fault(("space", name), "the name has a meaning of its own here; choose another one.")
    owners: dict[str, list[str]] = {}
    for one in parameters:
        for name in names_of((one,)):
            owners.setdefault(name, []).append(one.name)
    for name, found in owners.items():
        if len(found) > 1:
            where = " and ".join(
                f"in the mixture {quoted(owner)}" if owner != name else "as a parameter"
                for owner in dict.fromkeys(found)
            )
            twice = "twice" if len(set(found)) == 1 else "for several things"
            yield Fault(("space", found[-1]), f"the name {quoted(name)} is used {twice}: {where}. Give each its own.")
    mixtures = {one.name for one in parameters if isinstance(one, Mixture)}
    for name, count in Counter(one.name for one in parameters).items():
        if count > 1 and name in mixtures:
            yield Fault(("space", name), f"{count} parameters are called so; give each its own name.")
        elif name in mixtures and name in columns:
            yield Fault(("space", name), "a component is called like its mixture or another one; rename one of them.")


# ---- parameters ----

_Said = Iterable[tuple[str, str]]


def _parameter(one: Parameter) -> _Said:
    checks: dict[type, Callable[..., _Said]] = {
        Continuous: _continuous, Integer: _integer, Ordinal: _ordinal, Categorical: _categorical, Mixture: _mixture,
    }  # fmt: skip
    return checks[type(one)](one)


def _of_table(one: Parameter) -> _Said:
    """Ranges and words come from the table; what else is said must fit together."""
    if isinstance(one, Categorical):
        yield from _descriptions(one)
    if isinstance(one, Mixture) and len(one.components) < 2:
        yield "components", f"{len(one.components)} component; a mixture has two or more."
    if getattr(one, "when", None) is not None:
        yield "when", "the rows of a table of candidates say what exists; leave the cell empty there instead."


def _range(low: float, high: float) -> _Said:
    for key, value in (("low", low), ("high", high)):
        if not math.isfinite(value):
            yield key, f"found {value}; a finite number is needed."
    if math.isfinite(low) and math.isfinite(high) and low >= high:
        advice = "Swap them" if low > high else "Give it room, or leave the parameter out: it does not vary"
        yield "low", f"low = {low:g} is not below high = {high:g}. {advice}."


def _continuous(one: Continuous) -> _Said:
    bad = list(_range(one.low, one.high))
    yield from bad
    if one.scale not in ("linear", "log"):
        yield "scale", f'found {quoted(one.scale)}. Known: "linear", "log".'
    if bad:
        return
    if one.scale == "log" and one.low <= 0:
        yield "low", f"low = {one.low:g} has no logarithm. Begin above zero, or use the linear scale."
    if not math.isfinite(one.step) or one.step < 0:
        yield "step", f"found {one.step:g}; a step is above zero (0: any value)."
    elif one.step > 0:
        steps = (one.high - one.low) / one.step
        if steps < 1 - _FITS:
            yield "step", f"the step {one.step:g} is larger than the range from {one.low:g} to {one.high:g}."
        elif abs(steps - round(steps)) > _FITS * max(steps, 1):
            last = one.low + math.floor(steps) * one.step
            yield (
                "step",
                (
                    f"steps of {one.step:g} from {one.low:g} do not reach {one.high:g}. "
                    f"Write high = {last:.12g} or {last + one.step:.12g}, or another step."
                ),
            )


def _integer(one: Integer) -> _Said:
    for key, value in (("low", one.low), ("high", one.high)):
        if value != int(value):
            yield key, f"found {value:g}; a whole number is needed."
    yield from _range(one.low, one.high)


def _ordinal(one: Ordinal) -> _Said:
    if len(one.values) < 2:
        yield "values", f"{len(one.values)} values; two or more are needed."
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in one.values):
        yield "values", "values are finite numbers. For words use a categorical parameter."
    elif any(b <= a for a, b in zip(one.values, one.values[1:], strict=False)):
        yield "values", "values are given from low to high, each once."


def _categorical(one: Categorical) -> _Said:
    if len(one.values) < 2:
        yield "values", f"{len(one.values)} values; two or more are needed."
    if any(not isinstance(word, str) or not word.strip() for word in one.values):
        yield "values", "each value is a word that is not empty."
    for word, count in Counter(map(str, one.values)).items():
        if count > 1:
            yield "values", f"{quoted(word)} is given {count} times."
    yield from _descriptions(one)


def _descriptions(one: Categorical) -> _Said:
    if one.features and not one.kind:
        yield "features", 'they describe matter: say which by matter = "molecule", "composition" or "structure".'
    if one.kind and one.kind not in ("composition", "structure", "molecule"):
        yield "matter", f"found {quoted(one.kind)}. {did_you_mean(one.kind, ['composition', 'structure', 'molecule'])}"
    if one.descriptors and one.kind:
        yield "descriptors", "descriptors and matter are both given; keep one."
    if not one.descriptors:
        return
    if lost := [word for word in one.values if word not in one.descriptors]:
        yield "descriptors", f"there are none for {', '.join(map(quoted, lost[:5]))}."
    for word in one.descriptors:
        if one.values and word not in one.values:
            yield "descriptors", f"{quoted(word)} is none of the values. {did_you_mean(word, list(one.values))}"
    lengths = {len(numbers) for numbers in one.descriptors.values()}
    if len(lengths) > 1 or lengths == {0}:
        yield "descriptors", f"they have {' and '.join(map(str, sorted(lengths)))} numbers; all need equally many."
    if not all(math.isfinite(number) for numbers in one.descriptors.values() for number in numbers):
        yield "descriptors", "descriptors are finite numbers."


# ---- mixtures ----


def _mixture(one: Mixture) -> _Said:
    parts, n = one.components, len(one.components)
    if n < 2:
        yield "components", f"{n} component; a mixture has two or more."
        return
    if one.features and not one.as_composition:
        yield "features", "they describe compositions: write as_composition = true."
    bad = [why for part in parts for why in _component(part)]
    yield from (("components", why) for why in bad)
    most = n if one.at_most is None else one.at_most
    forced = [part for part in parts if part.low > 0]
    if not 1 <= one.at_least <= n:
        yield "at_least", f"found {one.at_least}; from 1 to {n} of the {n} components can be present."
    elif not 1 <= most <= n:
        yield "at_most", f"found {most}; from 1 to {n} of the {n} components can be present."
    elif one.at_least > most:
        yield "at_least", f"at least {one.at_least} and at most {most} components contradict each other."
    elif len(forced) > most:
        names = ", ".join(part.name for part in forced)
        yield "at_most", f"{len(forced)} components are always there (low > 0: {names}), but at most {most} may be."
    elif not bad:
        yield from _sums(one, most)
    yield from _mixture_step(one)


def _component(part: Component) -> Iterable[str]:
    if not (0 <= part.low <= 1 and 0 < part.high <= 1):
        yield f"{part.name}: fractions lie from 0 to 1, found {part.low:g} to {part.high:g}{_percent(part)}."
    elif part.low > part.high:
        yield f"{part.name}: low = {part.low:g} is above high = {part.high:g}. Swap them."
    elif not 0 <= part.least <= part.high:
        yield f"{part.name}: least = {part.least:g} does not lie from 0 to high = {part.high:g}."


def _percent(part: Component) -> str:
    return "; percent are divided by 100" if part.high > 1 else ""


def _sums(one: Mixture, most: int) -> _Said:
    """Whether bounds can sum to one at all."""
    forced = [part for part in one.components if part.low > 0]
    free = [part for part in one.components if part.low <= 0]
    least = sum(max(part.low, part.least) for part in forced)
    if least > 1 + _FITS:
        said_sum = " + ".join(f"{part.name} {max(part.low, part.least):g}" for part in forced)
        yield "components", f"the least amounts sum to {least:.6g}, more than one ({said_sum}). Lower some."
        return
    extra = sorted((part.high for part in free), reverse=True)[: most - len(forced)]
    highest = sum(part.high for part in forced) + sum(extra)
    if highest < 1 - _FITS:
        which = "all components" if most == len(one.components) else f"the {most} with the highest amounts"
        yield "components", f"the highest amounts of {which} sum to {highest:.6g}, less than one. Raise some."
    smallest = sorted(max(part.least, one.step) for part in free)[: max(one.at_least - len(forced), 0)]
    if least + sum(smallest) > 1 + _FITS:
        total = least + sum(smallest)
        yield "at_least", f"{one.at_least} components need {total:.6g} at least, more than one. Ask for fewer."


def _mixture_step(one: Mixture) -> _Said:
    if one.step == 0:
        return
    if not 0 < one.step <= 0.5:
        yield "step", f"found {one.step:g}; a step lies above 0 and up to 0.5 (0: any amount)."
        return
    steps = 1 / one.step
    if abs(steps - round(steps)) > _FITS * steps:
        yield "step", f"steps of {one.step:g} do not add up to one. Write 0.05, 0.02, 0.01 or 1 divided by a number."
        return
    for part in one.components:
        for key, value in (("low", part.low), ("high", part.high), ("least", part.least)):
            at = value / one.step
            if abs(at - round(at)) > 1e-4:
                down, up = math.floor(at) * one.step, math.ceil(at) * one.step
                yield (
                    "components",
                    (
                        f"{part.name}: {key} = {value:g} is no multiple of the step {one.step:g}. "
                        f"Write {down:.6g} or {up:.6g}."
                    ),
                )


# ---- conditional parameters ----


def _whens(space: Space) -> Iterable[Fault]:
    by_name = {one.name: one for one in space.parameters}
    parents: dict[str, str] = {}
    for one in space.parameters:
        when: When | None = getattr(one, "when", None)
        if when is None:
            continue
        parents[one.name] = when.parameter
        for why in _when(one.name, when, by_name):
            yield Fault(("space", one.name, "when"), why)
    for name in parents:
        chain = [name]
        while (parent := parents.get(chain[-1])) is not None and parent not in chain:
            chain.append(parent)
        if parent is not None and parent == name:
            circle = " -> ".join([*chain, name])
            yield Fault(("space", name, "when"), f"it hangs on itself ({circle}). Break the circle.")


def _when(name: str, when: When, by_name: dict[str, Parameter]) -> Iterable[str]:
    parent = by_name.get(when.parameter)
    if parent is None:
        choices = [one.name for one in by_name.values() if isinstance(one, Categorical | Ordinal | Integer)]
        yield f"there is no parameter {quoted(when.parameter)}. {did_you_mean(when.parameter, choices)}"
        return
    if isinstance(parent, Continuous | Mixture):
        yield (
            f"{quoted(parent.name)} is {'a mixture' if isinstance(parent, Mixture) else 'continuous'}; a parameter "
            "can hang on a categorical, an ordinal or an integer one."
        )
        return
    if not when.values:
        yield f"no values of {quoted(parent.name)} are named."
    for value in when.values:
        if isinstance(parent, Integer):
            if not (isinstance(value, int | float) and parent.low <= value <= parent.high and value == int(value)):
                yield f"{quoted(parent.name)} is never {value}; it goes from {parent.low} to {parent.high}."
        elif value not in parent.values:
            known = list(map(str, parent.values))
            yield f"{quoted(parent.name)} is never {quoted(value)}. {did_you_mean(str(value), known)}"


# ---- constraints ----


def _constraints(space: Space) -> Iterable[str]:
    """Faults of constraints; those over a table of unnamed columns wait until it is read."""
    if space.candidates and not space.parameters:
        return
    words = words_of(space.parameters)
    if space.candidates:  # its words stand in the table
        words = {name: known or None for name, known in words.items()}
        if any(isinstance(one, Categorical) and not one.values for one in space.parameters):
            return
    for one in space.constraints:
        if isinstance(one, Linear):
            yield from _linear(one, words)
        elif isinstance(one, Expression):
            try:
                read_condition(one.text, words)
            except ConfigError as error:
                yield str(error)


def _linear(one: Linear, words: dict[str, Sequence[str] | None]) -> Iterable[str]:
    for name, weight in one.coefficients.items():
        if name not in words:
            yield f"a linear constraint names {quoted(name)}, which is no parameter. {did_you_mean(name, list(words))}"
        elif words[name] is not None:
            yield f"a linear constraint names {quoted(name)}, which is a word; linear ones are over {_NUMBERS}."
        if not math.isfinite(weight):
            yield f"a linear constraint has the coefficient {weight} for {quoted(name)}."
    if not any(one.coefficients.values()):
        yield "a linear constraint has no coefficient other than zero."
    if one.bound not in ("<=", ">=", "="):
        yield f'a linear constraint has the bound {quoted(one.bound)}. Known: "<=", ">=", "=".'
    if not math.isfinite(one.limit):
        yield f"a linear constraint has the limit {one.limit}; a finite number is needed."
