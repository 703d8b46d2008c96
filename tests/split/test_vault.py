"""What is sealed cannot be seen, straddles nothing, stays sealed, and every look is counted."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from matloop.core.errors import DataError, RunError
from matloop.data.dataset import Categories, Dataset, Labels, Numbers
from matloop.problem.question import Input, Problem, Protocol, Source, Target
from matloop.split.groups import check_split, whole_groups
from matloop.split.vault import choose_sealed, open_vault, seal

PROBLEM = Problem(
    "p", Source("x.csv"), (Input("t", "number"), Input("r", "category")), (Target("a", "a"), Target("b", "b"))
)


def labels(values, classes=()):
    n = len(values)
    return Labels(np.asarray(values, float), np.full(n, np.nan), np.zeros(n, dtype=np.int64), "eV", classes)


def table(n=200, seed=0, start=0):
    rng = np.random.default_rng(seed)
    second = rng.normal(size=n)
    second[rng.random(n) < 0.8] = np.nan
    return Dataset(
        ids=np.array([f"row{start + i}" for i in range(n)]),
        inputs={"t": Numbers(rng.normal(size=n)), "r": Categories(rng.choice(["x", "y"], n))},
        targets={"a": labels(rng.normal(size=n)), "b": labels(second)},
        groups=np.array([f"g{start + i // 2}" for i in range(n)]),
        weights=np.ones(n),
        times=np.full(n, np.nan),
        source_rows=tuple((i + 1,) for i in range(n)),
    )


def test_sealed_labels_are_gone_from_the_rows_and_come_back_by_a_look(tmp_path):
    data = table()
    sealed = seal(data, PROBLEM, tmp_path)
    assert len(sealed.sealed) == pytest.approx(40, abs=4)
    assert np.isnan(sealed.dataset.targets["a"].values[sealed.sealed]).all()
    assert np.isnan(sealed.dataset.targets["b"].values[sealed.sealed]).all()
    np.testing.assert_array_equal(
        sealed.dataset.targets["a"].values[sealed.development], data.targets["a"].values[sealed.development]
    )
    found = sealed.vault.look(run="r1", why="evaluation", predictions_sha="s1")
    np.testing.assert_array_equal(found["a"].values, data.targets["a"].values[sealed.sealed])
    assert np.isfinite(found["b"].values).any()
    assert found["a"].unit == "eV"


def test_split_file_holds_no_label(tmp_path):
    data = table()
    vault = seal(data, PROBLEM, tmp_path).vault
    text = (vault.folder / "split.json").read_text()
    assert not any(repr(value) in text for value in data.targets["a"].values.tolist())


def test_groups_and_equal_inputs_never_straddle(tmp_path):
    data = table()
    t, r = data.inputs["t"].values.copy(), data.inputs["r"].values.copy()
    t[100:150], r[100:150] = t[0:50], r[0:50]
    twins = replace(data, inputs={"t": Numbers(t), "r": Categories(r)})
    sealed = seal(twins, PROBLEM, tmp_path)
    assert not set(twins.groups[sealed.sealed]) & set(twins.groups[sealed.development])
    assert not set(t[sealed.sealed]) & set(t[sealed.development])
    assert len(np.unique(whole_groups(twins))) == 75


def test_planted_leaks_fail_loudly():
    data = table()
    with pytest.raises(DataError, match="group 'g5' is on both sides"):
        check_split(data, np.array([10]), np.array([11]))
    with pytest.raises(DataError, match="row 'row3' is on both sides"):
        check_split(data, np.array([2, 3]), np.array([3]))
    values = data.inputs["t"].values.copy()
    values[7] = values[0]
    twin = replace(data, inputs={"t": Numbers(values)})
    with pytest.raises(DataError, match="'row0' and 'row7' have the same inputs"):
        check_split(twin, np.array([0, 1]), np.array([6, 7]))


def test_the_same_rows_find_the_same_vault_whatever_the_model_seeds(tmp_path):
    first = seal(table(), PROBLEM, tmp_path)
    other = seal(table(), replace(PROBLEM, protocol=Protocol(seeds=(9,))), tmp_path)
    assert first.vault == other.vault
    np.testing.assert_array_equal(first.sealed, other.sealed)
    assert len(list(tmp_path.glob("*/split.json"))) == 1


def test_what_was_sealed_stays_sealed_when_rows_are_added_or_groups_renamed(tmp_path):
    old = table()
    first = seal(old, PROBLEM, tmp_path)
    more = table(100, seed=1, start=200)
    both = Dataset(
        np.append(old.ids, more.ids),
        {
            "t": Numbers(np.append(old.inputs["t"].values, more.inputs["t"].values)),
            "r": Categories(np.append(old.inputs["r"].values, more.inputs["r"].values)),
        },
        {k: labels(np.append(old.targets[k].values, more.targets[k].values)) for k in ("a", "b")},
        np.append(old.groups, more.groups),
        np.ones(300),
        np.full(300, np.nan),
        old.source_rows + more.source_rows,
    )
    second = seal(both, PROBLEM, tmp_path)
    assert set(first.sealed) <= set(second.sealed)
    assert len(second.sealed) == pytest.approx(60, abs=5)
    renamed = replace(both, groups=both.ids, ids=np.array([f"n{i}" for i in range(300)]))
    assert set(first.sealed) <= set(seal(renamed, PROBLEM, tmp_path).sealed)


def test_looks_count_distinct_predictions_also_over_vaults_that_share_rows(tmp_path):
    data = table()
    vault = seal(data, PROBLEM, tmp_path).vault
    assert vault.looks() == 0
    for sha in ("one", "one", "two"):
        vault.look(run="r", why="evaluation", predictions_sha=sha)
    assert vault.looks() == 2
    fewer = seal(replace(data, inputs={"t": data.inputs["t"]}), PROBLEM, tmp_path).vault
    assert fewer.folder != vault.folder
    assert fewer.looks() == 2


def test_look_is_logged_before_the_labels_are_given(tmp_path, monkeypatch):
    vault = seal(table(), PROBLEM, tmp_path).vault
    (vault.folder / "looks.jsonl").mkdir()
    with pytest.raises(RunError):
        vault.look(run="r", why="evaluation", predictions_sha="x")


def test_edited_vault_is_refused(tmp_path):
    vault = seal(table(), PROBLEM, tmp_path).vault
    path = vault.folder / "labels.npz"
    kept = path.read_bytes()
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["values_0"] = arrays["values_0"] + 1e-9
    np.savez_compressed(path, **arrays)
    with pytest.raises(RunError, match="were edited"):
        vault.look(run="r", why="evaluation", predictions_sha="x")
    assert vault.looks() == 0
    path.write_bytes(b"junk")
    with pytest.raises(RunError, match="cannot be read"):
        open_vault(vault.folder)
    path.write_bytes(kept)
    split = json.loads((vault.folder / "split.json").read_text())
    split["ids"][0] = "row999"
    (vault.folder / "split.json").write_text(json.dumps(split))
    with pytest.raises(RunError, match="was edited"):
        seal(table(), PROBLEM, tmp_path)


def test_every_target_and_class_is_sealed_where_it_can_be(tmp_path):
    data = table()
    rare = np.full(200, np.nan)
    rare[:4] = 1.0
    sealed = seal(replace(data, targets={**data.targets, "b": labels(rare)}), PROBLEM, tmp_path)
    found = sealed.vault.look(run="r", why="evaluation", predictions_sha="x")
    assert np.isfinite(found["b"].values).any()
    assert np.isfinite(sealed.dataset.targets["b"].values).any()
    y = np.r_[np.zeros(180), np.ones(20)][:, None]
    held = choose_sealed(y, np.arange(200), fraction=0.2, classify=True, seed=0)
    assert (held[180:].sum(), held.sum()) == (4, 40)


def test_tiny_data_leave_something_on_both_sides_and_one_group_is_refused(tmp_path):
    held = choose_sealed(np.arange(3.0)[:, None], np.arange(3), fraction=0.2, classify=False, seed=0)
    assert held.sum() == 1
    with pytest.raises(DataError, match="two are needed"):
        choose_sealed(np.arange(3.0)[:, None], np.zeros(3, dtype=int), fraction=0.2, classify=False, seed=0)


def test_target_is_spread_evenly_over_the_seal():
    y = np.random.default_rng(5).lognormal(size=2000)[:, None]
    held = choose_sealed(y, np.arange(2000), fraction=0.2, classify=False, seed=0)
    assert held.mean() == pytest.approx(0.2, abs=0.002)
    assert np.median(y[held]) == pytest.approx(np.median(y[~held]), rel=0.05)


def test_two_processes_seal_at_the_same_time_and_find_one_vault(tmp_path):
    code = f"""
import sys; sys.path[:0] = {sys.path!r}
import importlib.util
spec = importlib.util.spec_from_file_location("t", {__file__!r}); t = importlib.util.module_from_spec(spec)
spec.loader.exec_module(t)
from pathlib import Path
sealed = t.seal(t.table(), t.PROBLEM, Path({str(tmp_path)!r}))
sealed.vault.look(run=sys.argv[1], why="evaluation", predictions_sha=sys.argv[1])
"""
    runs = [subprocess.Popen([sys.executable, "-c", code, str(i)]) for i in range(3)]
    assert [run.wait(timeout=120) for run in runs] == [0, 0, 0]
    (vault,) = tmp_path.glob("*/split.json")
    assert open_vault(vault.parent).looks() == 3
