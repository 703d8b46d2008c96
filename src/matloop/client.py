"""A client for `matloop serve`: rows in, typed values out; it waits and asks again where a server is busy or restarted.

>>> from matloop import Client
>>> with Client("http://127.0.0.1:8000") as client:                                # doctest: +SKIP
...     client.predict({"formula": "Bi2Te3"}).value
-204.4
"""

from __future__ import annotations

import html
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from matloop.core.errors import ConfigError, DataError, MatloopError, RunError
from matloop.core.optional import require

if TYPE_CHECKING:
    import pandas as pd

AGAIN = frozenset({429, 502, 503, 504})
"""Answers after which the same question may be asked again."""
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Value:
    """The prediction of one target for one row: see `matloop.doubt.prediction.Prediction`. value is a number in `unit`,
    or the name of a class, then proba holds the probability of each class, and may_be those that cannot be ruled out.
    """

    value: float | str
    low: float
    high: float
    std: float
    level: float
    unit: str
    in_domain: bool
    reason: str
    proba: Mapping[str, float] = field(default_factory=dict)
    may_be: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one row. request : its id, by which measured values may be told later. version : number in the
    registry, or the identity of the bundle."""

    request: str
    model: str
    version: str
    bundle: str
    predictions: Mapping[str, Value]

    @property
    def only(self) -> Value:
        """The prediction, where there is one target.

        Raises
        ------
        DataError : there are several.
        """
        if len(self.predictions) != 1:
            raise DataError(f"there are several targets: {', '.join(self.predictions)}. Take one from predictions.")
        return next(iter(self.predictions.values()))

    @property
    def value(self) -> float | str:
        """The value, where there is one target."""
        return self.only.value

    def lines(self) -> list[str]:
        """A line per target."""
        return [f"{name} = {_said(one)}" for name, one in self.predictions.items()]

    def _repr_html_(self) -> str:
        return "<br>".join(html.escape(line) for line in self.lines())


@dataclass(frozen=True, slots=True)
class AnsweredRows:
    """The answers to many rows, in their order. requests : the id of the request and the place in it, for each row.
    unreadable : {row, counted from 0: why there is no prediction}. predictions : {target: a value per row}."""

    model: str
    version: str
    bundle: str
    requests: tuple[tuple[str, int], ...]
    predictions: Mapping[str, tuple[Value, ...]]
    unreadable: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.requests)

    def frame(self) -> pd.DataFrame:
        """A row per row, columns as `matloop predict` writes them, and `request` ("id/row") to tell labels by."""
        pandas = require("pandas", extra="serve")
        found: dict[str, list[Any]] = {"request": [f"{request}/{row}" for request, row in self.requests]}
        for name, values in self.predictions.items():
            found[f"{name}_predicted"] = [one.value for one in values]
            if any(one.proba for one in values):
                classes = next(one.proba for one in values if one.proba)
                found[f"{name}_may_be"] = [" or ".join(one.may_be) for one in values]
                for word in classes:
                    found[f"{name}_proba_{word}"] = [one.proba.get(word, float("nan")) for one in values]
            else:
                found[f"{name}_low"] = [one.low for one in values]
                found[f"{name}_high"] = [one.high for one in values]
            found[f"{name}_std"] = [one.std for one in values]
            found[f"{name}_in_domain"] = [one.in_domain for one in values]
            found[f"{name}_reason"] = [one.reason for one in values]
        return pandas.DataFrame(found)

    def _repr_html_(self) -> str:
        return str(self.frame().head(20).to_html())


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that is served: its columns, the names of its targets, and all the server tells of it."""

    name: str
    version: str
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    question: str
    facts: Mapping[str, Any] = field(repr=False)


class Client:
    """Asks a server of models.

    Parameters
    ----------
    url : its address. key : of scope run (`matloop data serve-key`); the environment variable MATLOOP_KEY by default.
    patience : seconds in all that one question may wait for a server that is busy, full or restarted. batch : rows that
        are sent at once; more are split. timeout : seconds for one answer. transport : of httpx, for tests and proxies.
    """

    def __init__(
        self, url: str, *, key: str = "", patience: float = 60.0, batch: int = 1000, timeout: float = 60.0,
        transport: Any = None,
    ) -> None:  # fmt: skip
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"{url!r} is no address. Write http://127.0.0.1:8000")
        if batch < 1:
            raise ConfigError(f"batch = {batch}: at least one row.")
        self.url, self.patience, self.batch = url.rstrip("/"), patience, batch
        key = key or os.environ.get("MATLOOP_KEY", "")
        self._httpx = require("httpx", extra="serve")
        headers = {"Content-Type": "application/json", "User-Agent": "matloop"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._http = self._httpx.Client(
            base_url=self.url, headers=headers, timeout=timeout, transport=transport, follow_redirects=False
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def models(self) -> tuple[ServedModel, ...]:
        """What is served, in the order of the server; the first of a name is what the name alone means.

        Raises
        ------
        RunError : the server cannot be reached. ConfigError : the key is not good for it.
        """
        told = self._ask("GET", "/v1/models")["models"]
        return tuple(
            ServedModel(
                one["name"], one["version"], tuple(name for entry in one["inputs"] for name in entry["columns"]),
                tuple(entry["name"] for entry in one["targets"]), one["question"], one,
            )
            for one in told
        )  # fmt: skip

    def card(self, model: str = "") -> str:
        """The model card (Markdown)."""
        return str(self._text("GET", f"/v1/models/{self._named(model)}/card"))

    def predict(self, inputs: Mapping[str, Any], *, model: str = "", id: str = "") -> Answer:
        """The prediction for one row.

        Parameters
        ----------
        inputs : values by the names of the model's inputs or columns. model : NAME or NAME@VERSION; may be left out
            where one model is served. id : what you call the row.

        Raises
        ------
        DataError : the row cannot be read; the message is the server's reason. ConfigError : no such model, or the key
            is not good for it. RunError : there was no answer within `patience`.
        """
        body = {"inputs": {name: plain(value) for name, value in inputs.items()}} | ({"id": id} if id else {})
        told = self._ask("POST", f"/v1/models/{self._named(model)}/predict", body)
        values = {name: _value(one, one) for name, one in told["predictions"].items()}
        return Answer(told["request_id"], told["model"], told["version"], told["bundle"], values)

    def predict_many(self, rows: Any, *, model: str = "", ids: Sequence[str] = ()) -> AnsweredRows:
        """The predictions for many rows; rows that cannot be read come back as NaN with a reason.

        Parameters
        ----------
        rows : a pandas DataFrame, {column: values}, or a sequence of mappings; columns of a table that the model does
            not take are left out. ids : what you call the rows.

        Raises
        ------
        DataError : nothing in it is an input of the model, or the columns have different lengths. ConfigError, RunError
            : as for `predict`. Nothing is returned unless all batches were answered by one version of the model.
        """
        served = self._model(model)
        columns = _columns(rows, served)
        n = len(next(iter(columns.values())))
        if ids and len(ids) != n:
            raise DataError(f"{len(ids):,} ids for {n:,} rows.")
        place = f"/v1/models/{quote(f'{served.name}@{served.version}', safe='@')}/predict/batch"
        told = [self._ask("POST", place, body) for body in _batches(columns, list(ids), n, self.batch)]
        return _joined(served, told)

    def label(self, columns: Mapping[str, Sequence[Any]], *, by: str = "request") -> list[str]:
        """Tell measured values: columns named as the targets, and `request` (as in `AnsweredRows.frame`), `id`, or all
        inputs, as `by` says. Returns what became of them, in words.

        Raises
        ------
        DataError : they cannot be used. ConfigError : the server keeps no log, or the key is not good for it.
        """
        body = {"by": by, "columns": {name: [plain(one) for one in values] for name, values in columns.items()}}
        return list(self._ask("POST", "/v1/labels", body)["lines"])

    # ---- asking ----

    def _named(self, model: str) -> str:
        return quote(model, safe="@") if model else quote(self._model("").name, safe="@")

    def _model(self, name: str) -> ServedModel:
        known = self.models()
        if not name:
            names = dict.fromkeys(one.name for one in known)
            if len(names) != 1:
                raise ConfigError(f'several models are served: {", ".join(names)}. Say model = "{known[0].name}".'
                                  if known else "the server serves no model.")  # fmt: skip
            return known[0]
        plain_name, _, version = name.partition("@")
        if not version:
            found = next((one for one in known if one.name == plain_name), None)
        else:
            told = self._ask("GET", f"/v1/models/{quote(name, safe='@')}")
            found = next((one for one in known if one.facts == told), None)
        if found is None:
            raise ConfigError(f"{self.url} serves no model {name!r}, only {', '.join(one.name for one in known)}.")
        return found

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self._text(method, path, body))

    def _text(self, method: str, path: str, body: Any = None) -> str:
        """One answer; waits as long as the server says, or longer each time, and asks again."""
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        until, attempt = time.monotonic() + self.patience, 0
        while True:
            wait, error = FIRST_WAIT_S * 2**attempt, None
            try:
                found = self._http.request(method, path, content=content)
                if found.status_code < 300:
                    return str(found.text)
                error = _error(found, self.url)
                if found.status_code not in AGAIN:
                    raise error
                wait = _after(found.headers.get("retry-after"), wait)
            except self._httpx.TransportError as failed:
                error = RunError(f"{self.url} cannot be reached ({type(failed).__name__}: {failed}).")
            wait = min(wait, LONGEST_WAIT_S) * (1 + 0.2 * ((os.getpid() * 0.618 + attempt * 0.382) % 1))
            if time.monotonic() + wait > until:
                raise error
            time.sleep(wait)
            attempt = min(attempt + 1, 10)


def plain(value: Any) -> Any:
    """A value as JSON knows it: numbers of NumPy and pandas as plain ones, what is missing as None, structures (with
    `as_dict`) as objects.

    Raises
    ------
    DataError : it is none of these, or not finite.
    """
    if value is None or isinstance(value, str | bool | dict):
        return value
    if hasattr(value, "as_dict"):
        return value.as_dict()
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if value != value:
            return None
        if value in (float("inf"), float("-inf")):
            raise DataError("an infinite number cannot be asked.")
        return value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    raise DataError(f"{type(value).__name__} cannot be asked: give texts, numbers or None.")


def _columns(rows: Any, served: ServedModel) -> dict[str, list[Any]]:
    """Columns that the model takes, of equal lengths."""
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        told: Mapping[str, Sequence[Any]] = {str(name): rows[name].tolist() for name in rows.columns}
    elif isinstance(rows, Mapping):
        told = rows
    else:
        listed = list(rows)
        names = dict.fromkeys(name for row in listed for name in row)
        told = {name: [row.get(name) for row in listed] for name in names}
    own = set(served.columns)
    own |= {entry["name"] for entry in served.facts["inputs"] if len(entry["columns"]) == 1
            and entry["columns"][0] not in told}  # fmt: skip
    found = {name: [plain(one) for one in values] for name, values in told.items() if name in own}
    lengths = {len(values) for values in found.values()}
    if not found or lengths == {0}:
        raise DataError(f"there is nothing to ask: {served.name} takes {', '.join(served.columns)}.")
    if len(lengths) > 1:
        raise DataError(f"the columns have different lengths: {sorted(lengths)}.")
    return found


def _batches(columns: Mapping[str, list[Any]], ids: list[str], n: int, size: int) -> Iterator[dict[str, Any]]:
    for start in range(0, n, size):
        part = slice(start, start + size)
        body: dict[str, Any] = {"columns": {name: values[part] for name, values in columns.items()}}
        yield body | ({"ids": ids[part]} if ids else {})


def _joined(served: ServedModel, told: list[Any]) -> AnsweredRows:
    requests: list[tuple[str, int]] = []
    predictions: dict[str, list[Value]] = {name: [] for name in served.targets}
    unreadable: dict[int, str] = {}
    for one in told:
        start = len(requests)
        unreadable |= {start + int(row): why for row, why in one["unreadable"].items()}
        requests += [(one["request_id"], row) for row in range(one["n"])]
        for name, columns in one["predictions"].items():
            listed = {key: values for key, values in columns.items() if key not in ("unit", "level", "classes")}
            predictions[name] += [
                _value(columns, {key: values[row] for key, values in listed.items()}) for row in range(one["n"])
            ]
    return AnsweredRows(
        served.name, served.version, told[0]["bundle"], tuple(requests),
        {name: tuple(values) for name, values in predictions.items()}, unreadable,
    )  # fmt: skip


def _value(about: Mapping[str, Any], row: Mapping[str, Any]) -> Value:
    value = row["value"]
    proba = {name: _number(share) for name, share in (row.get("proba") or {}).items()}
    return Value(
        value if isinstance(value, str) else _number(value), _number(row["low"]), _number(row["high"]),
        _number(row["std"]), about["level"], about["unit"], row["in_domain"], row["reason"], proba,
        tuple(row.get("may_be") or ()),
    )  # fmt: skip


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _said(one: Value) -> str:
    if isinstance(one.value, str):
        said = f"{one.value} ({one.proba.get(one.value, float('nan')):.0%})"
    else:
        said = f"{one.value:.6g} ({one.level:.0%} between {one.low:.6g} and {one.high:.6g}) {one.unit}".rstrip()
    return said if one.in_domain else f"{said}; outside the domain: {one.reason}"


def _after(said: str | None, otherwise: float) -> float:
    try:
        return max(float(said), 0.0) if said is not None else otherwise
    except ValueError:
        return otherwise


def _error(found: Any, url: str) -> MatloopError:
    """What a refusal means here."""
    try:
        detail = str(found.json()["error"]["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"{url} answered {found.status_code}; is it a server of matloop?"
    if found.status_code in (401, 403, 404, 409, 421):
        return ConfigError(detail)
    if found.status_code in (400, 413, 415, 422):
        return DataError(detail)
    return RunError(detail)
