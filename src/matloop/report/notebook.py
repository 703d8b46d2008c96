"""A run as a small card in a notebook: the verdict, the key numbers and where the full report is."""

from __future__ import annotations

from pathlib import Path

from matloop.report.record import RunRecord
from matloop.report.target_view import ANSWERS, key_numbers, verdict_text
from matloop.report.templating import environment

TONES = {"good": "#009e73", "bad": "#d55e00", "unsure": "#e69f00", "plain": "#808080"}


def html_card(record: RunRecord) -> str:
    """`record` in a few lines of HTML without scripts, for `_repr_html_`; fits light and dark notebooks."""
    parts = []
    for target in record.targets:
        tone, mark, headline = ANSWERS[target.evaluation.verdict.answer]
        text, keys = verdict_text(target.evaluation), key_numbers(target.evaluation)
        parts.append((target.name, TONES[tone], mark, headline, text, keys))
    page = str(Path(record.folder) / "report.html")
    return environment().get_template("card.html.j2").render(record=record, parts=parts, page=page)
