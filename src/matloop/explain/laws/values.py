"""Laws as frozen values: what was found, how sure it is, and what chance would have found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matloop.core.arrays import FloatArray
from matloop.core.errors import DataError
from matloop.explain.laws.expression import evaluate, from_program

Finding = Literal["law", "trend", "none", "not judged"]
"""law: clearly better than chance and explains at least half; trend: clearly better than chance only."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of a law: value as printed, one standard deviation (NaN: unknown), unit (empty: a pure number)."""

    value: float
    error: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A column that a law was sought over: its name, the unit the law takes it in (`value * scale + offset`), its
    place in X, and whether the law uses it."""

    name: str
    unit: str
    place: int
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Law:
    """One formula.

    expression, latex, python : the formula with its constants; python is the source text of a function.
    program : the formula in postfix words: "x2" is `variables[2]`, "c0" `constants[0]`, "#2.0" a number.
    target, unit : what it gives. classes : of a rule, the word for score <= 0 and the word for score > 0.
    complexity : what there is to read: variables, constants, numbers, operators.
    train_error : on the rows it was found on.
    error : out of fold, of the best law of this length or shorter that the same search finds without those rows; of
        the chosen law, of those that it chooses.
    refit_error : out of fold, of this very formula, only its constants fitted without those rows. All three: root mean
        square error in the target's unit, or one minus balanced accuracy.
    """

    expression: str
    latex: str
    python: str
    unit: str
    program: tuple[str, ...]
    constants: tuple[Constant, ...]
    variables: tuple[Variable, ...]
    complexity: int
    train_error: float
    error: float = float("nan")
    refit_error: float = float("nan")
    target: str = "y"
    classes: tuple[str, ...] = ()

    def predict(self, X: FloatArray) -> FloatArray:
        """The law's values for rows in the units that were given to the search.

        Parameters
        ----------
        X : shape (n_rows, n_columns), the columns of the search in their order.

        Returns
        -------
        shape (n_rows,): values in `unit`, or of a rule the score, above zero for the second class.

        Raises
        ------
        DataError : X has too few columns.
        """
        rows = np.asarray(X, dtype=np.float64)
        most = max((v.place for v in self.variables), default=-1)
        if rows.ndim != 2 or rows.shape[1] <= most:
            raise DataError(
                f"the law was found over {most + 1} columns or more, but got an array of shape {rows.shape}. "
                "Give the same columns in the same order."
            )
        columns = [rows[:, v.place] * v.scale + v.offset for v in self.variables]
        taken = np.column_stack(columns) if columns else np.zeros((len(rows), 0))
        return evaluate(from_program(self.program), taken, [c.value for c in self.constants])


@dataclass(frozen=True, slots=True)
class Beyond:
    """The search done on inner rows only, judged on the outer ones: `how` says which those are.

    error : of the law; constant, black_box : of the mean and of extra trees, fitted on the same inner rows.
    """

    how: str
    n_inner: int
    n_outer: int
    error: float
    constant: float
    black_box: float


@dataclass(frozen=True, slots=True)
class LawSearch:
    """What a search for laws found and what it is worth.

    front : the Pareto front of length and error, shortest first. best : the law that stands, or None.
    explained : out of fold, the share of the squared spread (of classes: of one half, the error of guessing) that the
        whole procedure explains, search and choice repeated without the rows that are predicted; low, high : 95 %
        interval. null : the same for shuffled targets, one number per shuffle.
    error, constant_error, black_box_error : out of fold on the same rows: the procedure, the mean, extra trees.
    same_form : share of the repeated searches that found the same formula as `best` (up to constants).
    n_terms : descriptors that were compared with the target in the search on all rows.
    """

    target: str
    unit: str
    task: Literal["regression", "classification"]
    finding: Finding
    verdict: str
    front: tuple[Law, ...]
    best: Law | None
    explained: float
    low: float
    high: float
    null: tuple[float, ...]
    error: float
    constant_error: float
    black_box_error: float
    same_form: float
    n_repeats: int
    beyond: Beyond | None
    n_rows: int
    n_inputs: int
    n_terms: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LawStudy:
    """A law beside the chosen model.

    search : None where nothing could be sought (`notes` say why). primary : the features it was sought over.
    model : the recipe's label. model_error : of its out-of-fold predictions on the very rows of the law's.
    """

    search: LawSearch | None
    primary: tuple[str, ...]
    model: str
    model_error: float
    notes: tuple[str, ...] = ()
