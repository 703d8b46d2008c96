"""A run as a small card in a notebook: the verdict, the key numbers and where the full report is."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup, escape

from matloop.report.record import RunRecord
from matloop.report.target_view import ANSWERS, key_numbers
from matloop.report.words import short

# currentColor and translucent greys: the card fits whatever theme the notebook has
_CARD = "border:1px solid rgba(128,128,128,.35);border-radius:8px;padding:.8em 1em;max-width:52em;font-family:inherit;line-height:1.45"
_TONES = {"good": "#009e73", "bad": "#d55e00", "unsure": "#e69f00", "plain": "#808080"}


def html_card(record: RunRecord) -> str:
    """`record` in a few lines of HTML without scripts, for `_repr_html_`; all text from data is escaped."""
    parts = [Markup('<div style="{}"><div style="font-weight:600">{}</div>').format(_CARD, short(record.problem.name, 120))]
    parts += [_target(record, place) for place in range(len(record.targets))]
    page = Path(record.folder) / "report.html"
    parts.append(Markup('<div style="opacity:.75;font-size:.9em;margin-top:.5em">Full report: <a href="{}">{}</a></div></div>').format(page, page))
    return str(Markup("").join(parts))


def _target(record: RunRecord, place: int) -> Markup:
    found = record.targets[place].evaluation
    verdict = found.verdict
    tone, mark, headline = ANSWERS[verdict.answer]
    name = Markup("<b>{}</b> ").format(short(found.target, 60)) if len(record.targets) > 1 else Markup("")
    warnings = Markup("").join(
        Markup('<div style="font-weight:600">Do not trust this model unchecked. <span style="font-weight:400">{}</span></div>').format(short(w, 300))
        for w in verdict.warnings
    )
    numbers = Markup("").join(
        Markup('<td style="text-align:left;padding:.1em 1.6em .1em 0;vertical-align:top"><span style="opacity:.7;font-size:.85em">{}</span><br><b>{}</b><br><span style="opacity:.7;font-size:.85em">{}</span></td>').format(key.label, key.value, short(key.below, 60))
        for key in key_numbers(found)
    )  # fmt: skip
    answer = Markup('{}<span style="font-weight:600">{} {}.</span> {}').format(name, mark, headline, short(verdict.sentence, 300))
    look = f"border-left:4px solid {_TONES[tone]};padding-left:.8em;margin-top:.6em"
    return Markup('<div style="{}">{}<div>{}</div><table style="border:0;background:none;margin-top:.3em"><tr>{}</tr></table></div>').format(look, warnings, escape(answer), numbers)
