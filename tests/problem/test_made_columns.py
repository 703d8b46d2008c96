"""Ordered words, degrees, windows, products and selection in a problem file: read, written, and what contradicts."""

import pytest

from matloop.problem.question import Features, Selection, Window
from matloop.problem.toml import dump_problem, parse_problem

TOML = """
name = "log"
[data]
source = "t.csv"
[inputs]
T = { kind = "number", unit = "K", degree = 2, window = { along = "time", by = "run", rows = [3, 5], current = false } }
grade = { kind = "category", order = ["low", "mid", "high"] }
[targets.y]
[features]
polynomial = 2
[training]
select = { method = "mrmr", columns = 20 }
"""


def said(old="", new=""):
    return " ".join(parse_problem(TOML.replace(old, new) if old else TOML).sentences())


def test_everything_is_read_and_written_back():
    problem = parse_problem(TOML).problem
    assert problem.inputs[0].window == Window("time", "run", (3, 5), current=False)
    assert problem.inputs[0].degree == 2
    assert problem.inputs[1].order == ("low", "mid", "high")
    assert problem.features == Features(2)
    assert problem.training.select == Selection("mrmr", 20)
    assert parse_problem(dump_problem(problem)).problem == problem


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("degree = 2", "degree = 9", "degree is 9"),
        ("degree = 2", 'order = ["a", "b"]', "order is for categories"),
        ('kind = "category"', 'kind = "category", degree = 2', "degree is for numbers"),
        ('["low", "mid", "high"]', '["low", "Low"]', "different words from low to high"),
        ('along = "time"', 'along = "T"', "own column"),
        ('along = "time"', 'along = "y"', "is a target"),
        ('along = "time", ', "", "along: is missing"),
        ("rows = [3, 5]", "rows = [0]", "window rows are [0]"),
        ("rows = [3, 5]", "rows = 5", "a list of whole numbers"),
        ("rows = [3, 5]", 'statistics = ["meen"]', 'Did you mean "mean"'),
        ("rows = [3, 5]", 'statistics = "mean"', "a list of texts"),
        ("rows = [3, 5]", 'ends = "zero"', "shorter"),
        ("rows = [3, 5]", 'rows = [1000], statistics = ["lag", "mean"]', "1,001 columns"),
        ("polynomial = 2", "polynomial = 0", "whole number from 1"),
        ("polynomial = 2", "polynomal = 2", "Did you mean"),
        ('method = "mrmr"', 'method = "mrmrr"', "mrmr"),
        ('method = "mrmr", ', "", "method: is missing"),
        ("columns = 20", "columns = 0", "number of columns from 1"),
    ],
)
def test_faults_say_what_to_do(old, new, words):
    assert words.lower() in said(old, new).lower()


def test_too_many_products_are_refused_with_their_number():
    many = "\n".join(f'n{k} = {{ kind = "number" }}' for k in range(30))
    text = TOML.replace("[targets.y]", f"{many}\n[targets.y]").replace("polynomial = 2", "polynomial = 3")
    found = " ".join(parse_problem(text).sentences())
    assert "31 number inputs make 5,952 products" in found


def test_a_key_of_another_table_is_sent_home():
    assert "It belongs in [features]" in said("[training]", "[training]\npolynomial = 2")
