"""What goes in and comes out, for the description of the interface (OpenAPI)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from matloop.core.optional import require

if TYPE_CHECKING:
    from pydantic import BaseModel, ConfigDict, Field
else:
    _pydantic = require("pydantic", extra="serve")
    BaseModel, ConfigDict, Field = _pydantic.BaseModel, _pydantic.ConfigDict, _pydantic.Field

Value = str | float | bool | dict[str, Any] | None
"""A formula, a CIF text, a structure as JSON, a SMILES, a number, a word, or nothing."""


class One(BaseModel):
    """One row."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"inputs": {"formula": "Fe2O3"}}]})

    inputs: dict[str, Value] = Field(description="Values by the names of the model's columns or inputs.")
    id: str | None = Field(None, max_length=200, description="What you call the row; labels may be told by it.")


class Rows(BaseModel):
    """Many rows, as objects."""

    model_config = ConfigDict(extra="forbid")

    rows: list[dict[str, Value]] = Field(min_length=1)
    ids: list[str] | None = Field(None, description="What you call the rows, one text each.")


class Columns(BaseModel):
    """Many rows, as columns of the same length; quicker for large batches."""

    model_config = ConfigDict(extra="forbid")

    columns: dict[str, list[Value]] = Field(min_length=1)
    ids: list[str] | None = Field(None, description="What you call the rows, one text each.")


class Predicted(BaseModel):
    """The prediction of one target for one row."""

    unit: str
    level: float = Field(description="Of the interval from low to high: 0.9 covers 90 % of such rows.")
    classes: list[str] = Field(description="Of a classification; empty for a number.")
    value: float | str | None = Field(description="A number in the unit, or the name of a class.")
    low: float | None
    high: float | None
    std: float | None
    in_domain: bool = Field(description="Whether the row is like those that the model learnt from.")
    reason: str = Field(description="Why it is not; empty where it is.")
    proba: dict[str, float | None] | None = None
    may_be: list[str] | None = Field(None, description="Classes that cannot be ruled out.")


class Answer(BaseModel):
    """The answer to one row."""

    request_id: str
    model: str
    version: str
    bundle: str
    id: str | None = None
    predictions: dict[str, Predicted]


class PredictedMany(BaseModel):
    """The predictions of one target, an entry per row."""

    unit: str
    level: float
    classes: list[str]
    value: list[float | str | None]
    low: list[float | None]
    high: list[float | None]
    std: list[float | None]
    in_domain: list[bool]
    reason: list[str]
    proba: list[dict[str, float | None] | None] | None = None
    may_be: list[list[str]] | None = None


class Answers(BaseModel):
    """The answers to many rows. A row that could not be read is null everywhere and stands in `unreadable`."""

    request_id: str
    model: str
    version: str
    bundle: str
    n: int
    ids: list[str] | None = None
    predictions: dict[str, PredictedMany]
    unreadable: dict[str, str] = Field(description="{row, counted from 0: why there is no prediction}")


class Error(BaseModel):
    """Why a request was not answered."""

    status: int
    title: str
    detail: str
    request_id: str


class Problem(BaseModel):
    """A refusal."""

    error: Error


class InputFacts(BaseModel):
    """An input of a model."""

    name: str
    kind: str
    columns: list[str]
    unit: str
    value: str
    order: list[str]


class TargetFacts(BaseModel):
    """A target of a model."""

    name: str
    unit: str
    classes: list[str]


class ModelFacts(BaseModel):
    """What is known of a model."""

    name: str
    version: str
    number: int
    stage: str
    bundle: str
    question: str
    run_id: str
    matloop: str
    trained_on: str
    n_rows: int
    data_sha256: str
    inputs: list[InputFacts]
    targets: list[TargetFacts]
    evidence: dict[str, dict[str, str]]
    citations: list[str]


class ModelList(BaseModel):
    """All models that are served; the first one of a name is what the name alone means."""

    models: list[ModelFacts]


class Health(BaseModel):
    """Whether the server lives, or is ready."""

    status: Literal["ok", "ready", "not ready"]


class Change(BaseModel):
    """What a reload or unload did."""

    loaded: list[str]
    gone: list[str]
    kept: dict[str, str]


class Labels(BaseModel):
    """Measured values. Columns named as targets hold them; `by` says how each finds its answer: "request" (column
    `request` with `row`, or "id/row"), "id" (column `id`: what you called the row) or "inputs" (all input columns)."""

    model_config = ConfigDict(extra="forbid")

    by: Literal["request", "id", "inputs"] = "request"
    columns: dict[str, list[str | float | None]] = Field(min_length=1)


class Told(BaseModel):
    """What became of told labels."""

    lines: list[str]
