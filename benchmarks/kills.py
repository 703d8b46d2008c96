"""Campaigns whose processes are killed at random: is a result ever lost, a suggestion repeated, a state changed?

    python benchmarks/kills.py --campaigns 200 --kills 1000

Each campaign is used by two people at once. Each of them is a process that asks, and tells what it measured; `kill -9`
hits it after a random time, somewhere between opening the log and syncing it. What had been acknowledged before the
kill is remembered outside. Processes are forked from one that has everything imported, so that most of the time goes
into the work itself.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from matloop.campaign.campaign import Campaign
from matloop.campaign.state import State, replay
from matloop.problem.campaign import CampaignProblem, Chosen, Measured, Plan
from matloop.problem.space import Categorical, Continuous, Integer, Space


def problem(seed: int) -> CampaignProblem:
    """A cheap strategy over a mixed space; what is measured follows from the settings, so that a mix-up is seen."""
    space = Space((Continuous("x", 0.0, 1.0), Integer("k", 1, 9), Categorical("word", ("a", "b", "c"))))
    plan = Plan(batch=3, strategy=Chosen("random"), seed=seed)
    return CampaignProblem("kills", ("maximise y",), (Measured("y", "y"),), space, plan=plan)


def truth(point: dict[str, Any]) -> float:
    """What an experiment gives."""
    return float(point["x"]) * 100 + float(point["k"]) + len(str(point["word"]))


def work(folder: Path, told: Path, seed: int) -> None:
    """Ask and tell for ever, as a process that will be killed; what is acknowledged is appended to `told`."""
    rng = random.Random(seed)
    with told.open("a", buffering=1) as acknowledged:
        campaign = Campaign.open(folder)
        while True:
            pending = campaign.state.pending  # once: the other worker tells meanwhile
            if not pending or rng.random() < 0.4:
                asked = campaign.ask(rng.randint(1, 3))
                acknowledged.write(json.dumps({"asked": [[s.id, dict(s.point)] for s in asked.suggestions]}) + "\n")
                continue
            one = rng.choice(pending)
            rows = [{"id": one.id, "y": truth(dict(one.point))}]
            campaign.tell(pd.DataFrame(rows))
            acknowledged.write(json.dumps({"told": [[row["id"], row["y"]] for row in rows]}) + "\n")


def killed(folder: Path, told: Path, seed: int, seconds: tuple[float, float]) -> None:
    """Two workers at once, each killed after its own random time."""
    rng = random.Random(seed)
    children = []
    for k in range(2):
        child = os.fork()
        if child == 0:
            try:
                work(folder, told.with_suffix(f".{seed}-{k}"), seed * 2 + k)
            except Exception:
                traceback.print_exc()
                raise
            finally:
                os._exit(1)
        children.append(child)
    for child in children:
        time.sleep(rng.uniform(*seconds))
        os.kill(child, signal.SIGKILL)
    for child in children:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"a worker ended by itself with status {status}"


def judged(folder: Path, told: Path) -> Counter[str]:
    """What was lost, repeated or changed in a campaign."""
    campaign = Campaign.open(folder)
    state = campaign.state
    found: Counter[str] = Counter(events=state.events, results=len(state.results), suggestions=len(state.suggestions))
    found["different after replay"] += state != replay(campaign._home.log.events())
    answered = state.answered
    for path in sorted(told.parent.glob(f"{told.stem}.*")):
        for line in path.read_text().splitlines():
            event = json.loads(line) if line.endswith("}") else {}
            found["acknowledged"] += len(event.get("told", ())) + len(event.get("asked", ()))
            for name, value in event.get("told", ()):
                found["lost results"] += name not in answered or answered[name].values["y"] != value
            for name, point in event.get("asked", ()):
                found["lost suggestions"] += name not in state.suggestions or state.suggestions[name].point != point
    found["mixed up"] += sum(abs(r.values["y"] - truth(dict(r.point))) > 1e-9 for r in state.results.values())
    found["repeated suggestions"] += repeated(state)
    return found


def repeated(state: State) -> int:
    """Suggestions of a point that was suggested before."""
    points = [json.dumps(dict(s.point), sort_keys=True) for s in state.suggestions.values()]
    return len(points) - len(set(points))


def torture(
    n_campaigns: int, n_kills: int, *, seconds: tuple[float, float] = (0.0, 0.25), seed: int = 0
) -> Counter[str]:
    """`n_kills` kills over `n_campaigns` campaigns, and what came of it."""
    home = Path(tempfile.mkdtemp(prefix="kills-"))
    found: Counter[str] = Counter()
    try:
        per_campaign = max(n_kills // n_campaigns, 2)
        for number in range(n_campaigns):
            folder, told = home / f"c{number}", home / f"told{number}.log"
            Campaign.new(problem(seed + number), folder)
            for strike in range(per_campaign // 2 + (per_campaign % 2 and number % 2)):
                killed(folder, told, seed + 1000 * number + strike, seconds)
                found["kills"] += 2
                found["torn lines"] += not (folder / "log.jsonl").read_bytes().endswith(b"\n")
                Campaign.open(folder)
            found += judged(folder, told)
            found["campaigns"] += 1
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(home)
    return found


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--campaigns", type=int, default=200)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    began = time.monotonic()
    found = torture(asked.campaigns, asked.kills, seed=asked.seed)
    names = (
        "campaigns", "kills", "torn lines", "events", "suggestions", "results", "acknowledged", "lost results",
        "lost suggestions", "repeated suggestions", "mixed up", "different after replay",
    )  # fmt: skip
    told = {name: found[name] for name in names} | {"seconds": round(time.monotonic() - began, 1)}
    print(
        json.dumps(told, indent=2)
        if asked.json
        else "\n".join(f"{name:>22} {value:>9}" for name, value in told.items())
    )


if __name__ == "__main__":
    main()
