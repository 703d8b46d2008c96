import math
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matloop.core.errors import ConfigError
from matloop.problem import toml
from matloop.problem.question import Input, Limits, Never, Problem, Protocol, Roles, Source, Success, Target, Training
from matloop.problem.toml import dump_problem, load_problem, parse_problem

GOOD = """
name = "thermopower"
question = "Which compounds have a strongly negative n-type Seebeck coefficient?"

[data]
source = "ricci-transport"

[inputs]
formula = { kind = "composition", column = "pretty_formula" }
"T (K)" = { kind = "number", unit = "K" }
alloy = { kind = "composition", amounts = "wt%", columns = { Fe = "Fe (wt%)", C = "C (wt%)" } }

[targets.S_n]
unit = "uV/K"
bounds = [-inf, 0]

[targets.S_n.success]
metric = "mae"
at_most = 118
never = { abs_error_above = 600.0, share_above = 0.015 }

[roles]
group = "reduced_formula"
ignore = ["mp_id"]

[limits]
minutes = 3

[protocol]
seeds = [4, 5]
"""


def faults_of(text: str) -> str:
    return "\n".join(parse_problem(text).sentences())


def test_problem_file_of_the_design_is_read():
    problem = parse_problem(GOOD).problem
    assert problem is not None
    assert problem.inputs[0] == Input("formula", "composition", "pretty_formula")
    assert problem.inputs[1] == Input("T (K)", "number", "T (K)", unit="K")
    assert problem.inputs[2].columns == {"Fe": "Fe (wt%)", "C": "C (wt%)"}
    assert problem.inputs[2].column == ""
    target = problem.targets[0]
    assert (target.column, target.task, target.bounds) == ("S_n", "regression", (-math.inf, 0.0))
    assert target.success == Success("mae", at_most=118.0, never=Never(600.0, 0.015))
    assert problem.roles == Roles(group="reduced_formula", ignore=("mp_id",))
    assert problem.limits.minutes == 3.0
    assert problem.protocol.seeds == (4, 5)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('kind = "composition", c', 'kind = "kompos", c', 'line 9, [inputs.formula] kind: .*mean "composition"'),
        ("[limits]", "[limit]", 'line 26, limit: there is no such key. Did you mean "limits"'),
        ("minutes = 3", "minute = 3", 'line 27, [limits] minute: there is no such key. Did you mean "minutes"'),
        ("minutes = 3", 'minutes = "3"', "line 27, [limits] minutes: found the text .3.; .* without quotes"),
        ("minutes = 3", "minutes = true", "line 27, [limits] minutes: found true; a number was expected"),
        ("minutes = 3", "minutes = 0", "line 27, [limits] minutes: found 0; a number above 0"),
        ("seeds = [4, 5]", "seeds = []", "line 30, [protocol] seeds: the list is empty"),
        ("seeds = [4, 5]", "test_fraction = 0.8", "line 30, [protocol] test_fraction: found 0.8; a share"),
        ("seeds = [4, 5]", "minutes = 4", "line 30, [protocol] minutes: there is no such key. It belongs in [limits]"),
        ('kind = "composition", column', 'kind = "image", column', "This release does not support it yet"),
        ("bounds = [-inf, 0]", "bounds = [0, -inf]", "line 15, [targets.S_n] bounds: .*the lower bound comes first"),
        ("bounds = [-inf, 0]", "bounds = 3", "line 15, [targets.S_n] bounds: found 3; a list of numbers"),
        ('source = "ricci-transport"', "", "[data] source: is missing"),
        ("share_above = 0.015", "share_abov = 0.015", 'Did you mean "share_above"'),
        ("at_most = 118", "at_most = 118\nat_least = 3", "at_most and at_least are both given"),
    ],
)  # fmt: skip
def test_a_fault_names_line_table_key_and_what_to_do(old, new, told):
    found = faults_of(GOOD.replace(old, new))
    assert re.search(told.replace("[", r"\[").replace("]", r"\]"), found), found


def test_all_faults_are_told_together_in_the_order_of_the_file():
    text = GOOD.replace("minutes = 3", "minutes = 0").replace('unit = "uV/K"', 'unit = "uV//"').replace("[4, 5]", "[]")
    lines = faults_of(text.replace('"wt%"', '"wt"')).splitlines()
    assert [line.split(",")[1] for line in lines] == [" line 11", " line 14", " line 27", " line 30"]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("unit = eV", 'unit = "eV"'),
        ("minutes = 1,5", "minutes = 1.5"),
        ('source = "C:\\data\\x.csv"', "single quotes"),
        ("unlabelled = True", "unlabelled = true"),
        ("name = “steel”", "plain quotes"),
        ("T (K) = 3", "needs quotes"),
        ("a = 1\na = 2", "written twice"),
    ],
)
def test_toml_that_is_none_is_told_with_line_and_hint(line, hint):
    with pytest.raises(ConfigError, match=r"line [23]: this is not valid TOML") as caught:
        parse_problem(f'x = "first"\n{line}\n')
    assert hint in str(caught.value)


def test_missing_file_names_its_neighbours(tmp_path: Path):
    (tmp_path / "problem.toml").write_text(GOOD)
    with pytest.raises(ConfigError, match=r"no such problem file. Did you mean problem.toml"):
        load_problem(tmp_path / "problm.toml")


def test_file_in_another_encoding_is_told(tmp_path: Path):
    (tmp_path / "p.toml").write_bytes('# ok\nname = "K\xfchn"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"line 2: the file is not UTF-8"):
        load_problem(tmp_path / "p.toml")


def test_windows_byte_order_mark_is_accepted(tmp_path: Path):
    (tmp_path / "p.toml").write_text(GOOD, encoding="utf-8-sig")
    assert load_problem(tmp_path / "p.toml").name == "thermopower"


words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
safe = st.text("abcdefgh_-123", min_size=1, max_size=8).filter(lambda t: t.strip("-"))
positive = st.floats(1e-6, 1e6)
per_element = st.dictionaries(st.sampled_from(["Fe", "C"]), words, min_size=1)
never = st.one_of(st.none(), st.builds(Never, positive, st.floats(0, 0.9)))
inputs = st.one_of(
    st.builds(Input, words, st.just("composition"), words, amounts=st.sampled_from(["formula", "wt%"])),
    st.builds(Input, words, st.just("number"), words, unit=st.sampled_from(["", "K", "MPa"])),
    st.builds(Input, words, st.just("category"), words),
    st.builds(Input, words, st.just("composition"), columns=per_element),
)
targets = st.builds(
    Target, words, words, unit=st.sampled_from(["", "eV"]), scale=st.sampled_from(["linear", "log"]),
    bounds=st.one_of(st.none(), st.tuples(st.floats(0, 9), st.one_of(st.just(math.inf), st.floats(10, 1e300)))),
    top_k=st.integers(1, 99), merge=st.sampled_from([None, "median", "first"]),
    success=st.one_of(
        st.none(),
        st.builds(Success, words, at_most=positive, never=never),
    ),
)  # fmt: skip
problems = st.builds(
    Problem, safe, st.builds(Source, words, sheet=words, missing=st.lists(words, max_size=2).map(tuple)),
    st.lists(inputs, min_size=1, max_size=4).map(tuple), st.lists(targets, min_size=1, max_size=3).map(tuple),
    question=words,
    roles=st.builds(Roles, group=words, ignore=st.lists(words, max_size=2).map(tuple)),
    limits=st.builds(Limits, positive, st.one_of(st.none(), positive), cores=st.one_of(st.none(), st.integers(1, 9))),
    protocol=st.builds(Protocol, st.floats(0.01, 0.5), st.lists(st.integers(0, 99), min_size=1).map(tuple)),
    training=st.builds(Training, st.lists(words, max_size=2).map(tuple), unlabelled=st.booleans()),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(problems)
def test_what_is_dumped_loads_back_equal(problem):
    for things in (problem.inputs, problem.targets):
        if len({thing.name for thing in things}) < len(things):
            return
    found: list = []
    assert toml._problem(tomllib.loads(dump_problem(problem)), found) == problem
    assert not found


def test_notes_are_comments():
    problem = parse_problem(GOOD).problem
    text = dump_problem(problem, {"": ["first\nsecond"], "inputs": ["id: an identifier"], "targets.S_n": ["267"]})
    assert text.startswith("# first\n# second\n")
    assert parse_problem(text).problem == problem
