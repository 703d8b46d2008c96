"""The section on the columns that a model chose: how often each would be chosen again."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.evaluate.selection_study import SelectionStudy
from matloop.models.select.stability import Stability
from matloop.report import words
from matloop.report.figures.figure import Figure, Variant, axis, numbers, safe

FIGURE_ROWS = 25
METHODS = {
    "telling": "what each tells about the target by itself (correlation ratio)",
    "variance": "how much each varies over its range",
    "pearson": "one column per cluster of linearly correlated ones, the most correlated with the target first",
    "spearman": "one column per cluster of rank-correlated ones, the most correlated with the target first",
    "mrmr": "information about the target less the information about columns kept already (mRMR)",
    "redundancy": "information about the target over that about columns kept already (as MODNet)",
    "forest": "how much a random forest splits on each",
    "l1": "the order in which the lasso takes them",
    "forward": "the largest fall of the error of a linear fit, step by step",
}


@dataclass(frozen=True, slots=True)
class StabilityRow:
    """Stability over one kind of resampling, in words."""

    over: str
    sets: str
    value: str
    interval: str
    word: str


@dataclass(frozen=True, slots=True)
class SelectionView:
    """The section; `how` says by what columns were chosen."""

    sentence: str
    how: str
    rows: tuple[StabilityRow, ...]
    figure: Figure | None
    columns: tuple[tuple[str, str, str], ...]
    counts: str
    notes: tuple[str, ...]


def selection_view(key: str, study: SelectionStudy | None) -> SelectionView | None:
    """The section of `study`; `key` makes its anchors unique. None where no model chose columns."""
    if study is None:
        return None
    rows = [_row("folds of the search, which share most rows", study.folds)]
    if study.halves is not None:
        rows.append(_row("random halves of the rows", study.halves))
    return SelectionView(
        sentence=study.sentence, how=METHODS.get(study.method, study.method), rows=tuple(rows),
        figure=_figure(f"{key}-selection-frequency", study),
        columns=tuple((one.name, words.percent(one.folds, 0), words.percent(one.halves, 0)) for one in study.columns),
        counts=f"{words.counted(study.always, 'column')} chosen every time, {words.count(study.never)} never.",
        notes=study.notes,
    )  # fmt: skip


def _row(over: str, found: Stability) -> StabilityRow:
    return StabilityRow(
        over, words.count(found.n_sets), words.fixed(found.value, 2),
        f"{words.fixed(found.low, 2)} to {words.fixed(found.high, 2)}", found.words,
    )  # fmt: skip


def _figure(key: str, study: SelectionStudy) -> Figure | None:
    shown = study.columns[:FIGURE_ROWS]
    if len(shown) < 2:
        return None
    over = "halves of the rows" if study.halves is not None else "folds"
    bars = {
        "type": "bar", "orientation": "h", "x": numbers([100 * one.halves for one in shown]),
        "y": list(range(len(shown))), "marker": {"color": "@blue"}, "showlegend": False,
        "hovertemplate": "%{x:.0f} %<extra></extra>",
    }  # fmt: skip
    ticks = {
        "tickvals": list(range(len(shown))), "ticktext": [safe(one.name, 40) for one in shown],
        "range": [len(shown) - 0.4, -0.6],
    }  # fmt: skip
    layout = {
        "xaxis": axis(f"chosen in so many of the {over} (%)", range=[0, 100]),
        "yaxis": {"title": {"text": ""}, "showgrid": False, **ticks},
    }
    said = "; ".join(f"{one.name} {100 * one.halves:.0f} %" for one in shown)
    caption = f"The {len(shown)} most frequent of {study.n_columns:,} columns."
    variant = Variant("all", (bars,), layout, f"How often each column was chosen: {said}", caption)
    return Figure(key, "How often a column is chosen", (variant,), 130 + 20 * len(shown), wide=True)
