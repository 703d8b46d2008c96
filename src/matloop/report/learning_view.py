"""The section on what would lower the error, worked out in words before the template is filled."""

from __future__ import annotations

from dataclasses import dataclass

from matloop.evaluate.learning import LearningStudy
from matloop.report.figures.figure import Figure
from matloop.report.figures.learning_extrapolation import descriptor_figure, fidelity_figure, forecast_figure


@dataclass(frozen=True, slots=True)
class LearningView:
    """`lead` answers how many more rows are needed; `further` are the other curves' answers; `first` descriptors."""

    lead: str
    further: tuple[str, ...]
    first: tuple[str, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


def learning_view(key: str, study: LearningStudy | None, unit: str) -> LearningView | None:
    """The section of `study`; `key` makes its anchors unique. None where there is none."""
    if study is None:
        return None
    cut, cheap = study.descriptors, study.fidelity
    figures = [
        forecast_figure(f"{key}-forecast", study.rows, study.ahead, unit),
        descriptor_figure(f"{key}-descriptors", cut, unit) if cut else None,
        fidelity_figure(f"{key}-fidelity", cheap, unit) if cheap else None,
    ]
    return LearningView(
        lead=study.ahead.sentence,
        further=tuple(one.sentence for one in (cut, cheap) if one is not None),
        first=cut.first if cut else (),
        figures=tuple(figure for figure in figures if figure is not None),
        notes=study.notes,
    )
