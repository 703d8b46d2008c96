"""Bodies read for models of other kinds than formulas: structures, molecules, process values."""

import json
from types import SimpleNamespace

import pytest


@pytest.fixture
def served():
    """As much of a model as reading needs: a structure and two process values."""
    columns = ("cif", "T", "route")
    return SimpleNamespace(
        name="m", fields={name: name for name in columns} | {"structure": "cif"}, texts=frozenset({"cif"}),
        answerer=SimpleNamespace(columns=columns), example={"cif": None, "T": 1.0, "route": "a"},
    )  # fmt: skip


def body(**inputs):
    return json.dumps({"inputs": inputs}).encode()


def test_a_structure_may_be_an_object_and_nothing_else_may(served):
    from matloop.service.models.asked import single
    from matloop.service.models.refused import Refused

    lattice = {"lattice": {"matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}, "sites": []}
    asked = single(body(structure=lattice, T=300), served)
    assert asked.columns == {"cif": [lattice], "T": [300], "route": (None,)}
    with pytest.raises(Refused, match='"T" is to be a text, a number or null, not an object'):
        single(body(T={"K": 300}), served)
    with pytest.raises(Refused, match="twice"):
        single(body(cif="data_x", structure="data_x"), served)
    with pytest.raises(Refused, match="exactly"):
        single(b'{"inputs": {"T": 18014398509481985}}', served)


def test_rows_may_leave_values_out(served):
    from matloop.service.models.asked import several

    asked = several(b'{"rows": [{"T": 1}, {"route": "a"}, {}], "ids": ["x", "y", "z"]}', served, 10)
    assert asked.columns == {"cif": [None] * 3, "T": [1, None, None], "route": [None, "a", None]}
    assert asked.ids == ["x", "y", "z"]


def test_spellings_of_what_is_served(tmp_path):
    from matloop.core.errors import ConfigError
    from matloop.service.models.sources import served_name, spelled

    (tmp_path / "run" / "bundle").mkdir(parents=True)
    (tmp_path / "run" / "bundle" / "manifest.json").write_text("{}")
    assert spelled(str(tmp_path / "run")).folder == str(tmp_path / "run" / "bundle")
    assert spelled(f"a.b={tmp_path}").name == "a.b"
    assert (spelled("gaps@3", store="s.db").name, spelled("gaps@champion", store="s.db").which) == ("gaps", "champion")
    for odd in (
        "gaps@0",
        "gaps@../x",
        "../../no-such",
        "a b=" + str(tmp_path),
        "=" + str(tmp_path),
        "x@champion@1",
        "\0",
    ):
        with pytest.raises(ConfigError):
            spelled(odd, store="s.db")
    assert served_name("Yield strength / MPa (2024)") == "Yield-strength-MPa-2024"
    assert served_name("../..") == "model"
