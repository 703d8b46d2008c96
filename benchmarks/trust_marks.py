"""The marks of `trust.py`: what was aimed at, on which sets it was met, and how the dumbest method does on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Found = Mapping[str, Any]
SHORT = 27


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark: what was aimed at, what was found, whether it is met; sets that miss it; and the dumbest method's."""

    name: str
    aim: str
    found: str
    met: bool
    missed_by: tuple[str, ...] = ()
    dumbest: str = ""


def marks_of(sets: Sequence[Found]) -> tuple[Mark, ...]:
    """All marks over `sets`; marks on "eight of ten" ask for that share of the sets."""
    if not sets:
        return ()
    return (
        _each(sets, "coverage, random folds", "87-93 % on each", _at("intervals", "coverage"), 0.87, 0.93,
              _beside(sets, "intervals", "constant coverage", 0.87, 0.93, "one width")),
        _each(sets, "narrowest third covered", "85-95 % on each", _at("intervals", "narrowest"), 0.85, 0.95,
              _beside(sets, "intervals", "constant narrowest", 0.85, 0.95, "one width")),
        _each(sets, "widest third covered", "85-95 % on each", _at("intervals", "widest"), 0.85, 0.95,
              _beside(sets, "intervals", "constant widest", 0.85, 0.95, "one width")),
        _each(sets, "score below one width", "by 15 % or more on each", _at("intervals", "gain"), 0.15, 1.0,
              "one width: 0 % by definition"),
        _each(sets, "score below Palmer's forest", "on most", _at("intervals", "gain over palmer"), 0.0, 1.0,
              _beside(sets, "intervals", "constant over palmer", 0.0, 1.0, "one width"), most=0.5),
        _each(sets, "coverage, left-out clusters", "0.85-0.97 on eight of ten", _at("loco", "coverage"), 0.85, 0.97,
              _beside(sets, "loco", "constant coverage", 0.85, 0.97, "one width"), most=0.8),
        _median(sets, "AUROC, left-out clusters", "median 0.85 or more", 0.85),
        _each(sets, "flagged in random folds", "3-10 % on each", _at("domain", "flagged cv"), 0.03, 0.10,
              "no flag: 0 %"),
        _each(sets, "unflagged covered, left-out clusters", "87 % or more on eight of ten",
              _at("domain", "unflagged covered"), 0.87, 1.0,
              _beside(sets, "domain", "all covered", 0.87, 1.0, "no flag"), most=0.8),
        _each(sets, "widest fifth errs over the rest", "2 times or more on each", _at("intervals", "widest fifth"),
              2.0, np.inf, _beside(sets, "intervals", "palmer widest fifth", 2.0, np.inf, "Palmer's forest")),
        _better(sets),
    )  # fmt: skip


def _at(part: str, name: str) -> Callable[[Found], float]:
    return lambda one: float(one[part][name])


def _each(
    sets: Sequence[Found], name: str, aim: str, pick: Callable[[Found], float], low: float, high: float, dumbest: str,
    *, most: float = 1.0,
) -> Mark:  # fmt: skip
    """A mark that a share of the sets must meet (`most`; of 1.0 all)."""
    values = [pick(one) for one in sets]
    missed = tuple(str(one["set"]) for one, value in zip(sets, values, strict=True) if not low <= value <= high)
    met = len(sets) - len(missed)
    enough = met > most * len(sets) if most == 0.5 else met >= most * len(sets) - 1e-9
    found = f"{met} of {len(sets)}; {min(values):.3f} to {max(values):.3f}, median {np.median(values):.3f}"
    return Mark(name, aim, found, enough, missed, dumbest)


def _beside(sets: Sequence[Found], part: str, name: str, low: float, high: float, who: str) -> str:
    values = [float(one[part][name]) for one in sets]
    met = sum(low <= value <= high for value in values)
    return f"{who}: {met} of {len(sets)}; {min(values):.3f} to {max(values):.3f}"


def _median(sets: Sequence[Found], name: str, aim: str, low: float) -> Mark:
    own, plain = ([float(one["domain"][key]) for one in sets] for key in ("auroc", "auroc plain"))
    found = f"{np.median(own):.3f}; {min(own):.3f} to {max(own):.3f}"
    missed = tuple(str(one["set"]) for one, value in zip(sets, own, strict=True) if value < low)
    beside = f"5 neighbours: {np.median(plain):.3f}; {min(plain):.3f} to {max(plain):.3f}"
    return Mark(name, aim, found, float(np.median(own)) >= low, missed, beside)


def _better(sets: Sequence[Found]) -> Mark:
    """A statement rather than a mark: sets on whose new clusters a dumb method is as good, called so."""
    worse = tuple(f"{one['set']} ({', '.join(one['loco']['worse than'])})" for one in sets if one["loco"]["worse than"])
    found = f"{len(sets) - len(worse)} of {len(sets)} better than all"
    return Mark("error on new clusters beside dumb methods", "printed and called so", found, True, worse)


def print_table(sets: Sequence[Found]) -> None:
    """One line per set and part."""
    if not sets:
        return
    print(
        f"\n{'random folds':{SHORT}}{'rows':>6}{'MAE':>9}{'cover':>7}{'narrow':>7}{'wide':>7}{'gain':>7}{'/Palmer':>8}"
        f"{'fifth':>7} | {'const':>6}{'narrow':>7}{'wide':>7}{'Palmer':>7}{'fifth':>7} | {'sealed':>7}{'flags':>7}"
    )
    for one in sets:
        i, s = one["intervals"], one["sealed"]
        print(
            f"{_name(one):{SHORT}}{one['rows']:6}{i['mae']:9.4g}"
            + _row(i, ("coverage", "narrowest", "widest", "gain"))
            + f"{i['gain over palmer']:8.3f}{i['widest fifth']:7.2f} | "
            + _row(i, ("constant coverage", "constant narrowest", "constant widest", "palmer coverage"))
            + f"{i['palmer widest fifth']:7.2f} | {s['coverage']:7.3f}{s['flagged']:7.3f}"
        )
    print(
        f"\n{'left-out clusters':{SHORT}}{'MAE':>9}{'1-NN':>9}{'mixture':>9}{'/random':>8}{'cover':>7}{'short':>7}"
        f"{'lowest':>7}{'const':>7} | {'AUROC':>6}{'5-NN':>7}{'flag cv':>8}{'flag new':>9}{'5-NN':>7}"
        f"{'in cov':>7}{'out cov':>8}{'out/in':>7}  worse than"
    )
    for one in sets:
        loco, d = one["loco"], one["domain"]
        mixture = loco.get("rule of mixtures", float("nan"))
        print(
            f"{_name(one):{SHORT}}{loco['mae']:9.4g}{loco['nearest neighbour']:9.4g}{mixture:9.4g}"
            f"{loco['error over random']:8.2f}"
            + _row(loco, ("coverage", "shortfall", "lowest cluster", "constant coverage"))
            + f" | {d['auroc']:6.3f}{d['auroc plain']:7.3f}{d['flagged cv']:8.3f}{d['flagged loco']:9.3f}"
            + f"{d['found plain']:7.3f}{d['unflagged covered']:7.3f}{d['flagged covered']:8.3f}{d['error ratio']:7.2f}"
            + f"  {', '.join(loco['worse than'])}"
        )


def _row(numbers: Found, names: Sequence[str]) -> str:
    return "".join(f"{numbers[name]:7.3f}" for name in names)


def _name(one: Found) -> str:
    name = str(one["set"]).replace("crabnet_", "").replace("matbench_", "mb_").replace("aflow_ael_", "ael_")
    return name[: SHORT - 2] + ("*" if one["tuned"] else "")


def print_marks(marks: Sequence[Mark]) -> None:
    """Each mark, met or missed."""
    for mark in marks:
        print(f"\n{'met   ' if mark.met else 'MISSED'}  {mark.name}: {mark.aim}\n        found {mark.found}")
        if mark.dumbest:
            print(f"        beside {mark.dumbest}")
        if mark.missed_by:
            print(f"        not on {', '.join(mark.missed_by)}")
