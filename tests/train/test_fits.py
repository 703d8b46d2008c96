"""The pool: results, crashes, deadlines, orphans, files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matloop.core.errors import RunError
from matloop.models.family import Spec
from matloop.represent.table import FeatureTable
from matloop.train.fits import Fits, FitTask
from matloop.train.recipe_model import RecipeModel, fit_recipe
from matloop.train.values import Recipe
from matloop.train.worker import load_data

RIDGE = Recipe((Spec("ridge"),))
TREES = Recipe((Spec("extra_trees"),))


def halves(n: int = 100) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(0, n // 2), np.arange(n // 2, n)


def task(recipe: Recipe, *, seed: int = 0, keep: bool = False, n: int = 100) -> FitTask:
    return FitTask(recipe, *halves(n), seed, keep)


def odd(name: str, **settings: object) -> Recipe:
    return Recipe((Spec(name, {"deed": name, **settings}),))


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").exists() and ") Z" in Path(f"/proc/{pid}/stat").read_text()


def test_a_fit_in_a_worker_equals_the_fit_here(make, folder):
    with Fits(make(), folder=folder, workers=2) as fits:
        recipe = Recipe((Spec("ridge"), Spec("extra_trees")), (0.25, 0.75))
        (result,) = fits.run([task(recipe, keep=True)])
        data = load_data(fits._data)
    train, test = halves()
    here = fit_recipe(recipe, data, train, 0)
    np.testing.assert_array_equal(result.value, here.predict(data.X[test]))
    np.testing.assert_array_equal(RecipeModel.from_arrays(result.model).predict(data.X[test]), result.value)
    assert result.seconds > 0
    assert result.predict_ms > 0
    assert (result.spread > 0).any()


def test_finished_fits_are_not_done_again(make, folder, odd_families, tmp_path):
    log = tmp_path / "log"
    found = []
    for _ in range(2):
        with Fits(make(), folder=folder, workers=1) as fits:
            (result,) = fits.run([task(odd("counts", file=str(log)))])
            assert not result.failed
        found.append(log.read_text())
    assert found[0] == found[1] != ""


def test_other_data_are_fitted_anew(make, folder):
    with Fits(make(), folder=folder, workers=1) as fits:
        (one,) = fits.run([task(RIDGE)])
    with Fits(make(seed=1), folder=folder, workers=1) as fits:
        (other,) = fits.run([task(RIDGE)])
    assert (one.value != other.value).any()


def test_a_damaged_result_file_is_fitted_again(make, folder):
    with Fits(make(), folder=folder, workers=1) as fits:
        (one,) = fits.run([task(RIDGE)])
        (path,) = (folder / "results").glob("*.npz")
        path.write_bytes(path.read_bytes()[:100])
        (again,) = fits.run([task(RIDGE)])
    np.testing.assert_array_equal(one.value, again.value)


@pytest.mark.parametrize(
    ("name", "said"), [("segfault", "segmentation fault"), ("raises", "always fails"), ("swells", "memory")]
)
def test_a_broken_fit_fails_with_its_reason_and_others_go_on(make, folder, odd_families, name, said):
    with Fits(make(), folder=folder, workers=1, memory_gb=2.0) as fits:
        broken, whole = fits.run([task(odd(name)), task(RIDGE)])
    assert said in broken.failed
    assert not whole.failed


def test_a_killed_worker_is_replaced(make, folder, odd_families):
    def kill_others(at: int, result: object) -> None:
        for worker in fits._pool:
            if worker.job is not None:
                worker.child.process.kill()

    with Fits(make(), folder=folder, workers=2) as fits:
        asleep, one = fits.run([task(odd("sleeps")), task(RIDGE)], on_done=kill_others)
        (two,) = fits.run([task(RIDGE, seed=5)])
    assert "died" in asleep.failed
    assert not one.failed
    assert not two.failed


def test_the_deadline_is_kept_and_the_worker_is_gone(make, folder, odd_families):
    with Fits(make(), folder=folder, workers=1) as fits:
        fits.run([task(RIDGE)])
        pid = fits._pool[0].child.process.pid
        begun = time.monotonic()
        assert fits.run([task(odd("sleeps"))], deadline=begun + 0.5) == [None]
        assert time.monotonic() - begun < 2.0
        assert gone(pid)
        (after,) = fits.run([task(RIDGE, seed=1)])
    assert not after.failed


def test_a_fit_over_its_limit_is_overdue(make, folder, odd_families):
    with Fits(make(), folder=folder, workers=1) as fits:
        slow, quick = fits.run([task(odd("sleeps")), task(RIDGE)], limit=1.0)
    assert slow.overdue
    assert "longer" in slow.failed
    assert not quick.failed


def test_known_results_come_without_time(make, folder):
    with Fits(make(), folder=folder, workers=1) as fits:
        fits.run([task(RIDGE)])
        (again,) = fits.run([task(RIDGE)], deadline=time.monotonic() - 1.0)
    assert again is not None


def test_predicting_no_rows_is_allowed(make, folder):
    with Fits(make(), folder=folder, workers=1) as fits:
        everything = np.arange(100)
        (result,) = fits.run([FitTask(TREES, everything, everything[:0], 0, True)])
    assert result.value.shape == (0,)
    assert result.model is not None


def test_workers_end_when_their_parent_is_killed(folder, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from conftest import make_development
        from pathlib import Path
        from test_fits import Fits, RIDGE, task
        fits = Fits(make_development(), folder=Path({str(folder)!r}), workers=1)
        fits.run([task(RIDGE)])
        print(fits._pool[0].child.process.pid, flush=True)
        time.sleep(60)
        """),
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as parent:
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.send_signal(signal.SIGKILL)
        until = time.monotonic() + 20.0
        while not gone(pid) and time.monotonic() < until:
            time.sleep(0.1)
    assert gone(pid)


def test_a_folder_that_cannot_be_written_is_a_run_error(make, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="file"):
        Fits(make(), folder=tmp_path / "file" / "fits", workers=1)


def test_a_full_disk_in_a_worker_is_a_run_error(make, folder):
    with Fits(make(), folder=folder, workers=1) as fits:
        fits.run([task(RIDGE)])
        results = folder / "results"
        for path in results.iterdir():
            path.unlink()
        results.rmdir()
        results.write_text("a file where the folder was")
        with pytest.raises(RunError, match="results"):
            fits.run([task(RIDGE, seed=3)])


def test_a_column_choice_reaches_the_model(make, folder):
    development = make()
    only = Recipe((Spec("ridge", {}, ("temperature",)),))
    X = development.table.X.copy()
    X[:, :4] = 0.0
    changed = replace(development, table=FeatureTable(X, *(getattr(development.table, n) for n in
                      ("names", "origins", "vocabularies", "reasons"))))  # fmt: skip
    found = []
    for one in (development, changed):
        with Fits(one, folder=folder, workers=1) as fits:
            found.append(fits.run([task(only)])[0].value)
    np.testing.assert_array_equal(*found)
