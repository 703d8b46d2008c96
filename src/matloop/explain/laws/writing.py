"""Formulas as text, LaTeX, a Python function and MathML; all from the same tree."""

from __future__ import annotations

import html
import keyword
import math
import re
from collections.abc import Sequence
from fractions import Fraction

from matloop.explain.laws.expression import Node, used

_LEVEL = {"+": 1, "-": 1, "neg": 2, "*": 3, "/": 3, "^": 5}
_GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi",
    "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
)  # fmt: skip
_LETTERS = dict(zip(_GREEK, "αβγδεζηθκλμνξπρστφχψω", strict=True))
MINUS = "\u2212"


def _level(node: Node, values: Sequence[str]) -> int:
    if node.op == "c" and values[int(node.value)].startswith("-"):
        return 2
    if node.op == "#" and node.value < 0:
        return 2
    return _LEVEL.get(node.op, 9)


def plain_number(value: float) -> str:
    """`value` as short as it can be told exactly: `"3"`, `"0.25"`, `"1.38e-23"`."""
    if math.isfinite(value) and float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def text(node: Node, names: Sequence[str], values: Sequence[float]) -> str:
    """One line that people read: `2.5 * m * (v^2 + w^2)`; names with blanks stand in brackets."""
    shown = [plain_number(v) for v in values]
    labels = [name if re.fullmatch(r"[^\W\d]\w*", name) else f"[{name}]" for name in names]
    return _infix(node, labels, shown, "text")


def python(
    node: Node, names: Sequence[str], values: Sequence[float], *, units: Sequence[str], target: str, target_unit: str
) -> str:
    """Source text of a function `law(...)` of NumPy arrays, with units in its docstring."""
    places = used(node)
    labels = identifiers([names[i] for i in places])
    by_place = dict(zip(places, labels, strict=True))
    shown = [repr(float(v)) for v in values]
    body = _infix(node, [by_place.get(i, "") for i in range(len(names))], shown, "python")
    lines = [f"{by_place[i]}: {_quiet(names[i])}{f' ({_quiet(units[i])})' if units[i] else ''}" for i in places]
    unit = f" ({_quiet(target_unit)})" if target_unit else ""
    told = "".join(f"    {line}\n" for line in lines)
    return (
        f"import numpy as np\n\n\ndef law({', '.join(labels)}):\n"
        f'    """{_quiet(target) or "y"}{unit}, from\n\n{told}    """\n    return {body}\n'
    )


def _quiet(text: str) -> str:
    """A name that can stand in a docstring: one line, no quotes, no backslashes."""
    return " ".join(text.replace("\\", "/").replace('"', "'").split())


def identifiers(names: Sequence[str]) -> list[str]:
    """Python names for `names`: valid, unique, near to what was written."""
    found: list[str] = []
    for name in names:
        base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "v"
        if base[0].isdigit() or keyword.iskeyword(base) or base in ("np", "law"):
            base = f"v_{base}"
        label, n = base, 2
        while label in found:
            label, n = f"{base}_{n}", n + 1
        found.append(label)
    return found


def _infix(node: Node, labels: Sequence[str], values: Sequence[str], way: str) -> str:
    def inner(child: Node, least: int) -> str:
        said = _infix(child, labels, values, way)
        return f"({said})" if _level(child, values) < least else said

    op, args = node.op, node.args
    if op == "x":
        return labels[int(node.value)]
    if op == "c":
        return values[int(node.value)]
    if op == "#":
        return repr(node.value) if way == "python" else plain_number(node.value)
    if op == "neg":
        return f"-{inner(args[0], 3)}"
    if op in ("+", "-"):
        return _signed(inner(args[0], 1), op, inner(args[1], 1 if op == "+" else 2))
    if op in ("*", "/"):
        return f"{inner(args[0], 2 if way == 'text' else 3)} {op} {inner(args[1], 3 if op == '*' else 4)}"
    if op == "^":
        return _power_text(args, inner, way)
    head = f"np.{op}" if way == "python" else op
    if op in ("min", "max"):
        return f"{f'np.{op}imum' if way == 'python' else op}({inner(args[0], 0)}, {inner(args[1], 0)})"
    if op == "absdiff":
        head = "np.abs" if way == "python" else "abs"
        return f"{head}({inner(args[0], 1)} - {inner(args[1], 2)})"
    return f"{head}({inner(args[0], 0)})"


def _signed(a: str, op: str, b: str) -> str:
    if b.startswith("-"):  # a product or a number: sums stand in brackets after a minus
        return f"{a} {'-' if op == '+' else '+'} {b[1:]}"
    return f"{a} {op} {b}"


def _power_text(args: tuple[Node, ...], inner, way: str) -> str:  # type: ignore[no-untyped-def]
    base, exponent = args
    if exponent.op == "#" and exponent.value == 0.5:
        return f"{'np.' if way == 'python' else ''}sqrt({inner(base, 0)})"
    if way == "text":
        return f"{inner(base, 6)}^{_exponent(exponent, inner)}"
    third = exponent.value * 3 if exponent.op == "#" else 0.5
    if exponent.op == "#" and abs(third - round(third)) < 1e-9 and round(third) % 3:
        root = f"np.cbrt({inner(base, 0)})"
        return root if round(third) == 1 else f"{root} ** {round(third)}"
    raised = plain_number(exponent.value) if exponent.op == "#" and exponent.value >= 0 else inner(exponent, 6)
    return f"{inner(base, 6)} ** {raised}"


def _exponent(node: Node, inner) -> str:  # type: ignore[no-untyped-def]
    if node.op != "#":
        return str(inner(node, 6))
    if node.value.is_integer() and node.value >= 0:
        return str(int(node.value))
    return f"({Fraction(node.value).limit_denominator(12)})"


def latex(node: Node, names: Sequence[str], values: Sequence[float]) -> str:
    """LaTeX for a formula in maths mode."""
    shown = [_tex_number(v) for v in values]
    return _tex(node, [latex_name(name) for name in names], shown)


def latex_name(name: str) -> str:
    """`"theta_1"` as `\\theta_{1}`, `"m2"` as `m_{2}`; whole words upright."""
    found = re.fullmatch(r"([A-Za-z]+?)_?(\d*|_[A-Za-z0-9]+)", name)
    if found and (len(found[1]) == 1 or found[1] in _GREEK):
        head = f"\\{found[1]}" if found[1] in _GREEK and len(found[1]) > 1 else found[1]
        tail = found[2].lstrip("_")
        return f"{head}_{{{tail}}}" if tail else head
    escaped = re.sub(r"([#$%&_{}])", r"\\\1", name.replace("\\", "/")).replace("^", r"\hat{}").replace("~", " ")
    return rf"\mathrm{{{escaped.replace(' ', '~')}}}"


def _tex_number(value: float) -> str:
    said = plain_number(value)
    if "e" not in said:
        return said
    mantissa, exponent = said.split("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}"


def _tex(node: Node, labels: Sequence[str], values: Sequence[str]) -> str:
    def inner(child: Node, least: int) -> str:
        said = _tex(child, labels, values)
        return rf"\left({said}\right)" if _level(child, values) < least else said

    op, args = node.op, node.args
    if op == "x":
        return labels[int(node.value)]
    if op == "c":
        return values[int(node.value)]
    if op == "#":
        return _tex_number(node.value)
    if op == "neg":
        return f"-{inner(args[0], 3)}"
    if op in ("+", "-"):
        return _signed(inner(args[0], 1), op, inner(args[1], 1 if op == "+" else 2))
    if op == "*":
        dot = r" \cdot " if args[1].op in ("#", "c") else r" \, "
        return f"{inner(args[0], 2)}{dot}{inner(args[1], 3)}"
    if op == "/":
        return rf"\frac{{{inner(args[0], 0)}}}{{{inner(args[1], 0)}}}"
    if op == "^":
        if args[1].op == "#" and args[1].value in (0.5, 1 / 3):
            root = "" if args[1].value == 0.5 else "[3]"
            return rf"\sqrt{root}{{{inner(args[0], 0)}}}"
        exponent = str(Fraction(args[1].value).limit_denominator(12)) if args[1].op == "#" else inner(args[1], 0)
        base = inner(args[0], 6)
        return (
            f"{base}^{{{exponent}}}"
            if not re.search(r"\^\{[^{}]*\}$", base)
            else rf"\left({base}\right)^{{{exponent}}}"
        )
    if op == "abs":
        return rf"\left|{inner(args[0], 0)}\right|"
    if op == "absdiff":
        return rf"\left|{inner(args[0], 1)} - {inner(args[1], 2)}\right|"
    if op in ("min", "max"):
        return rf"\{op}\left({inner(args[0], 0)}, {inner(args[1], 0)}\right)"
    if op == "exp":
        return rf"\exp\left({inner(args[0], 0)}\right)"
    name = {"log": r"\ln", "tanh": r"\tanh"}.get(op, f"\\{op}")
    return rf"{name}\left({inner(args[0], 0)}\right)"


def mathml(node: Node, names: Sequence[str], values: Sequence[float], *, target: str = "") -> str:
    """MathML that browsers set without a script; every name is escaped.

    With `target` the equation `target = ...`.
    """
    labels = [_ml_name(name) for name in names]
    shown = [_ml_number(v) for v in values]
    body = _ml(node, labels, shown, [plain_number(v) for v in values])
    head = f"{_ml_name(target)}<mo>=</mo>" if target else ""
    return f'<math display="block"><mrow>{head}{body}</mrow></math>'


def _ml_name(name: str) -> str:
    found = re.fullmatch(r"([A-Za-z]+?)_?(\d*|_[A-Za-z0-9]+)", name)
    if found and (len(found[1]) == 1 or found[1] in _GREEK):
        head, tail = f"<mi>{_LETTERS.get(found[1], found[1])}</mi>", found[2].lstrip("_")
        return f"<msub>{head}<mn>{html.escape(tail)}</mn></msub>" if tail else head
    return f'<mtext class="quantity">{html.escape(" ".join(name.split()))}</mtext>'


def _ml_number(value: float) -> str:
    said = plain_number(value)
    mantissa, _, exponent = said.partition("e")
    sign = f"<mo>{MINUS}</mo>" if mantissa.startswith("-") else ""
    digits = f"<mn>{mantissa.lstrip('-')}</mn>"
    if not exponent:
        return sign + digits
    power = str(int(exponent)).replace("-", MINUS)
    return f"{sign}{digits}<mo>·</mo><msup><mn>10</mn><mn>{power}</mn></msup>"


def _ml(node: Node, labels: Sequence[str], shown: Sequence[str], values: Sequence[str]) -> str:
    def inner(child: Node, least: int) -> str:
        said = _ml(child, labels, shown, values)
        return f"<mrow><mo>(</mo>{said}<mo>)</mo></mrow>" if _level(child, values) < least else said

    op, args = node.op, node.args
    if op == "x":
        return labels[int(node.value)]
    if op == "c":
        return shown[int(node.value)]
    if op == "#":
        return _ml_number(node.value)
    if op == "neg":
        return f"<mo>{MINUS}</mo>{inner(args[0], 3)}"
    if op in ("+", "-"):
        a, b = inner(args[0], 1), inner(args[1], 1 if op == "+" else 2)
        if b.startswith(f"<mo>{MINUS}</mo>"):
            return f"{a}{b}" if op == "+" else f"{a}<mo>+</mo>{b.removeprefix(f'<mo>{MINUS}</mo>')}"
        return f"{a}<mo>{'+' if op == '+' else MINUS}</mo>{b}"
    if op == "*":
        return f"{inner(args[0], 2)}<mo>·</mo>{inner(args[1], 3)}"
    if op == "/":
        above, minus = inner(args[0], 0), f"<mo>{MINUS}</mo>"
        sign = minus if above.startswith(minus) and args[0].op not in ("+", "-") else ""
        return f"{sign}<mfrac><mrow>{above.removeprefix(sign)}</mrow><mrow>{inner(args[1], 0)}</mrow></mfrac>"
    if op == "^":
        if args[1].op == "#" and args[1].value == 0.5:
            return f"<msqrt>{inner(args[0], 0)}</msqrt>"
        if args[1].op == "#":
            exponent = f"<mn>{str(Fraction(args[1].value).limit_denominator(12)).replace('-', MINUS)}</mn>"
        else:
            exponent = f"<mrow>{inner(args[1], 0)}</mrow>"
        return f"<msup><mrow>{inner(args[0], 6)}</mrow>{exponent}</msup>"
    if op == "abs":
        return f"<mrow><mo>|</mo>{inner(args[0], 0)}<mo>|</mo></mrow>"
    if op == "absdiff":
        return f"<mrow><mo>|</mo>{inner(args[0], 1)}<mo>{MINUS}</mo>{inner(args[1], 2)}<mo>|</mo></mrow>"
    if op in ("min", "max"):
        return f"<mi>{op}</mi><mrow><mo>(</mo>{inner(args[0], 0)}<mo>,</mo>{inner(args[1], 0)}<mo>)</mo></mrow>"
    if op == "exp":
        if args[0].op == "/":  # a fraction in an exponent would be too small to read
            top, bottom = args[0].args
            return f"<msup><mi>e</mi><mrow>{inner(top, 2)}<mo>/</mo>{inner(bottom, 4)}</mrow></msup>"
        return f"<msup><mi>e</mi><mrow>{inner(args[0], 0)}</mrow></msup>"
    name = "ln" if op == "log" else op
    return f"<mi>{name}</mi><mrow><mo>(</mo>{inner(args[0], 0)}<mo>)</mo></mrow>"
