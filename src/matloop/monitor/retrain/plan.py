"""The plan of a retraining home: which model, where new labels come from, when to train anew, how it must win."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from matloop.core.errors import ConfigError
from matloop.problem.fault import Fault, places, said
from matloop.problem.toml import _built, _pairs, _scalar, _table, _unknown_keys, _value, faulty

Promote = Literal["ask", "automatically"]
Same = Literal["replicate", "correction"]
TABLES = ("problem", "runs", "champion", "store", "promote", "labels", "when", "judge")


@dataclass(frozen=True, slots=True)
class NewLabels:
    """Where new labels come from; paths from the home folder.

    tables : files, or patterns of files such as "results/*.csv", with the input and target columns of the problem; they
    are read anew each time, and what was taken before is known again. log : a prediction log whose answers were
    labelled. time : the column of the moment of measurement (empty: that of the problem's roles, else the order of the
    rows). same : what a row with the inputs of an earlier one is, another measurement of it or a correction of it; a
    row with the id of an earlier one is always a correction. dataset : "STORE#NAME"; rows that join also become a new
    version of it (empty: they stay in the home alone).
    """

    tables: tuple[str, ...] = ()
    log: str = ""
    time: str = ""
    same: Same = "replicate"
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class When:
    """What calls for training anew; any one of them does.

    labels : so many new labelled rows (0: their number alone never does). days : so many days since the model was
    trained or last tried (0: never by the calendar). drift, decay : an alarm of the monitoring over `labels.log`.
    """

    labels: int = 50
    days: float = 0.0
    drift: bool = True
    decay: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """How the challenger must win.

    later : share of the new groups, the newest by time, that are held out of training to compare on. least : groups of
    later rows below which nothing is promoted. alpha : chance of promoting a challenger that is no better, per round.
    margin : how much worse, relative to the champion, it may look on one set of rows while it wins on the other.
    family : groups that a chemical family needs before it is judged by itself.
    """

    later: float = 0.3
    least: int = 20
    alpha: float = 0.05
    margin: float = 0.05
    family: int = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """A retraining home in one value; paths from the home folder.

    problem : the problem file. champion : the folder of a bundle, or with `store` the name of a model in its registry.
    runs : the folder of `matloop run -o` in which the champion was made; its vault is shared. promote : "automatically"
    when the challenger has won, or "ask" and wait for `matloop retrain promote`.
    """

    problem: str
    champion: str
    runs: str
    store: str = ""
    promote: Promote = "ask"
    labels: NewLabels = NewLabels()
    when: When = When()
    judge: Rules = Rules()


def parse_plan(text: str, file: str = "retrain.toml") -> Plan:
    """The plan in a TOML text.

    Raises
    ------
    ConfigError : not TOML, or not a plan; the message tells every fault with its line.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not TOML ({error}). Mend that line.") from error
    faults: list[Fault] = []
    _unknown_keys(document, TABLES, (), faults)
    plain = {name: _plain(document, name, faults) for name in ("problem", "champion", "runs")}
    plan = Plan(
        **plain,
        store=_value(str, document.get("store", ""), ("store",), faults) or "",
        promote=_value(Promote, document.get("promote", "ask"), ("promote",), faults) or "ask",
        labels=_part(NewLabels, document, "labels", faults),
        when=_part(When, document, "when", faults),
        judge=_part(Rules, document, "judge", faults),
    )
    faults += _contradictions(plan)
    if faults:
        raise ConfigError(faulty(file, said(tuple(faults), file, places(text))))
    return plan


def write_plan(plan: Plan) -> str:
    """The plan as TOML, with what each part means."""
    lines = ["# How this model is kept up to date: matloop retrain run HOME. Paths start from this folder."]
    lines += [f"{f.name} = {_scalar(getattr(plan, f.name))}" for f in fields(Plan) if f.name not in _PARTS
              and (f.name != "store" or plan.store)]  # fmt: skip
    for name, meaning in _PARTS.items():
        part = getattr(plan, name)
        pairs = _pairs(part, always=[f.name for f in fields(part)])
        lines += ["", f"# {meaning}", f"[{name}]", *(f"{key} = {_scalar(value)}" for key, value in pairs.items())]
    return "\n".join(lines) + "\n"


_PARTS: Mapping[str, str] = {
    "labels": "where new labels come from",
    "when": "what calls for training anew; any one of them does",
    "judge": "how the challenger must win: on rows later in time and on the vault",
}


def _plain(document: Mapping[str, Any], name: str, faults: list[Fault]) -> str:
    if not document.get(name):
        faults.append(Fault((name,), f'is missing; write for example: {name} = "{_EXAMPLES[name]}"'))
        return ""
    return _value(str, document[name], (name,), faults) or ""


_EXAMPLES = {"problem": "problem.toml", "champion": "runs/steels/1f3a/bundle", "runs": "runs"}


def _part(kind: type, document: Mapping[str, Any], name: str, faults: list[Fault]) -> Any:
    return _built(kind, _table(document, name, faults), (name,), faults) or kind()


def _contradictions(plan: Plan) -> list[Fault]:
    faults = []
    if not plan.labels.tables and not plan.labels.log:
        todo = 'no source of new labels. Write tables = ["results.csv"], or log = "answers" for a prediction log.'
        faults.append(Fault(("labels",), todo))
    place, _, name = plan.labels.dataset.rpartition("#")
    checks = (
        (
            ("labels", "dataset"),
            not plan.labels.dataset or bool(place and name and "@" not in name),
            "is a store and the name of a dataset, such as lab.db#hardness",
        ),
        (("judge", "later"), 0.0 < plan.judge.later < 1.0, "is a share between 0 and 1"),
        (("judge", "alpha"), 0.0 < plan.judge.alpha < 0.5, "is a chance between 0 and 0.5"),
        (("judge", "margin"), 0.0 <= plan.judge.margin < 1.0, "is a share from 0 on"),
        (("judge", "least"), plan.judge.least >= 5, "is 5 or more: fewer groups say nothing"),
        (("judge", "family"), plan.judge.family >= 5, "is 5 or more: fewer groups say nothing"),
        (("when", "labels"), plan.when.labels >= 0, "is a number of rows"),
        (("when", "days"), plan.when.days >= 0.0, "is a number of days"),
    )
    faults += [Fault(path, f"{what}; found {_found(plan, path)}.") for path, good, what in checks if not good]
    when = plan.when
    if not (when.labels or when.days or ((when.drift or when.decay) and plan.labels.log)):
        todo = "nothing would ever call for training. Write labels = 50, or days = 30, or give [labels] log."
        faults.append(Fault(("when",), todo))
    return faults


def _found(plan: Plan, path: tuple[str, str]) -> object:
    return getattr(getattr(plan, path[0]), path[1])
