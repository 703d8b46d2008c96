"""What is said about a biased set of rows: its name, the ratio of its error, the direction, the first sentence."""

from __future__ import annotations

from matloop.evaluate.bias_values import BiasFinding, BiasStudy, Errors, left_unexplained
from matloop.evaluate.words import number, percent, unit_text


def noun(kind: str, name: str) -> str:
    """What the rows of a set are called in a sentence."""
    if kind == "element":
        return f"compounds with {name}"
    if kind == "elements":
        return f"compounds of {name}" if name != "1 element" else "pure elements"
    if kind == "block":
        return f"compounds {name.replace('main group only', 'of main group elements only')}"
    if kind == "family":
        many = {"element": "pure elements", "metals only": "metals only", "mixed anions": "mixed-anion compounds",
                "organic": "organic compounds", "other": "compounds of no named family",
                "carbide, boride, silicide or germanide": "carbides, borides, silicides and germanides"}  # fmt: skip
        return many.get(name, f"{name}s")
    if kind == "class":
        return f"rows that are {name}"
    if kind == "domain":
        return "rows unlike the training rows"
    return f"{kind} {name}" if kind in ("measured", "predicted") else name


def finding_words(one: BiasFinding, errors: Errors) -> tuple[str, ...]:
    said, rows = [], f"{one.n_rows:,} rows"
    if one.size:
        what = "wrong" if errors.scale == "classes" else "error"
        text = f"{what} {number(one.ratio.value, 2)} times the rest" if one.ratio.value > 0 else "none is wrong"
        if errors.scale == "classes" and one.ratio.value > 0:
            text = f"wrong {number(one.ratio.value, 2)} times as often as the rest"
        said.append(f"{text}{_explained(one)} (adjusted p {_p(one.p_size)}, {rows})")
    if one.direction:
        said.append(f"{_shift(one, errors)} (adjusted p {_p(one.p_offset)}, {rows})")
    if not said:
        return ()
    return tuple(f"{noun(one.kind, one.name)}: {text}" for text in said)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _explained(one: BiasFinding) -> str:
    if one.kind in ("predicted", "measured") or left_unexplained(one) >= 0.5:
        return ""
    return f", {number(one.alike, 2)} times rows that are predicted alike"


def _shift(one: BiasFinding, errors: Errors) -> str:
    """The offset inside and outside, in words: what is called is their difference."""
    inside, outside = (_offset_words(value, errors) for value in (one.offset.value, one.offset_rest))
    if errors.scale == "classes":
        return f"the chance of {errors.positive} is {inside}, elsewhere {outside}"
    return f"predicted {inside}, elsewhere {outside}"


def _offset_words(value: float, errors: Errors) -> str:
    way = "high" if value > 0 else "low"
    if errors.scale == "classes":
        return f"{number(100 * abs(value), 2)} percentage points too {way}"
    if errors.scale == "log":
        return f"too {way} by a factor of {number(10.0 ** abs(value), 3)}"
    text, unit = number(abs(value), 2), unit_text(errors.unit)
    return f"{text} {unit} too {way}" if unit else f"too {way} by {text}"


def study_sentence(study: BiasStudy) -> str:
    if not study.findings:
        return "Whether the model errs more on some rows than on others cannot be told: there are too few rows."
    called = [one for one in study.called if not one.same_as]
    tested = f"{len(study.findings):,} sets of rows were compared"
    if not called:
        return (
            f"No bias was found: {tested}, and none differs from the rest by more than luck "
            f"(family-wise {percent(study.false_alarm)})."
        )
    # a chemist can act on a family of compounds, less on a range of values
    larger = [one for one in called if one.size == "larger"]
    named = [one for one in larger if one.kind not in ("measured", "predicted", "cluster")]
    worst = (named or larger or called)[0]
    more = f"; {len(called) - 1} more differ" if len(called) > 1 else ""
    first = worst.words[0]
    return f"{first[:1].upper()}{first[1:]}{more}. {tested[:1].upper()}{tested[1:]}, corrected for their number."
