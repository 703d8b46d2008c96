import os
import signal

import numpy as np
import pytest

import matloop
from matloop.core.errors import BundleError, RunError
from matloop.deploy.answering import Answerer
from matloop.deploy.batch.crew import Children, Done, Here, Job
from matloop.deploy.batch.desk import Desk
from matloop.deploy.batch.parcels import Layout, packed_answers, packed_columns, unpacked_answers, unpacked_columns
from matloop.deploy.batch.table import Chunk
from matloop.deploy.bundle import identity


@pytest.fixture
def job(bundle):
    return Job(str(bundle), identity(bundle), Layout())


def test_rows_and_answers_arrive_as_they_were_sent(bundle):
    values = {"a": np.array([1.5, np.nan]), "b": ["é", None], "c": np.array([True, False]), "d": [{"Fe": 2}, [1.0]]}
    back = unpacked_columns(packed_columns(values))
    assert list(back) == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(back["a"], values["a"])
    assert (back["b"], back["d"]) == (values["b"], values["d"])
    found = Answerer.open(bundle).answer_columns({"pretty_formula": ["NaCl", "Xx2", "Fe2O3"]})
    again = unpacked_answers(packed_answers(found))
    assert again.unreadable == found.unreadable
    for name in ("value", "low", "high", "std", "in_domain", "reason", "epistemic"):
        np.testing.assert_array_equal(
            getattr(again.predictions["S_n"], name), getattr(found.predictions["S_n"], name), err_msg=name
        )


class Fragile:
    """Answers like a process that dies over some formulas."""

    said = "fragile"

    def __init__(self, job, deadly):
        self._here, self._deadly, self._orders, self.deaths = Here(job), deadly, [], 0

    def room(self):
        return 3 - len(self._orders)

    def give(self, key, columns):
        self._orders.append((key, columns))

    def take(self):
        key, columns = self._orders.pop()  # the last first: answers come in any order
        if self._deadly & set(columns["pretty_formula"]):
            self.deaths += 1
            return Done(key, None, "its process died (killed, probably out of memory)")
        self._here.give(key, columns)
        return self._here.take()

    def close(self):
        return


def test_a_row_that_ends_its_process_gets_that_as_its_reason(job):
    formulas = ["NaCl", "GaAs", "Fe2O3", "PbTe", "SiO2", "CuO", "ZnO"]
    crew = Fragile(job, {"PbTe", "ZnO"})
    desk = Desk(crew)
    desk.give(Chunk(0, 0, 7, {"pretty_formula": formulas}))
    chunk, found = desk.take()
    whole = Answerer.open(job.bundle).answer_columns({"pretty_formula": formulas})
    assert (chunk.number, len(desk), desk.lost) == (0, 0, crew.deaths)
    assert set(found.unreadable) == {3, 6}
    assert found.unreadable[3] == "ends the process that reads it: its process died (killed, probably out of memory)"
    left = [0, 1, 2, 4, 5]
    value = found.predictions["S_n"].value
    np.testing.assert_allclose(value[left], whole.predictions["S_n"].value[left], rtol=1e-9)
    assert np.isnan(value[[3, 6]]).all()


def test_processes_give_the_same_and_a_killed_one_is_replaced(job):
    crew = Children(job, 1)
    try:
        orders = {f"{k}": {"pretty_formula": ["NaCl", "Fe2O3", f"Li{k + 1}O"]} for k in range(2)}
        for key, columns in orders.items():
            crew.give(key, columns)
        assert crew.room() == 0
        first = crew.take()
        os.kill(crew._team[0].child.process.pid, signal.SIGKILL)
        second = crew.take()
        if second.found is None:  # it may have been done before it was killed
            assert second.blamed
            assert "killed" in second.why
            crew.give(second.key, orders[second.key])
            second = crew.take()
        for done in (first, second):
            alone = Answerer.open(job.bundle).answer_columns(orders[done.key])
            np.testing.assert_array_equal(done.found.predictions["S_n"].value, alone.predictions["S_n"].value)
    finally:
        crew.close()


def test_what_a_process_refuses_is_told(job, tmp_path):
    crew = Children(Job(job.bundle, "0" * 16, Layout()), 1)
    try:
        crew.give("1", {"pretty_formula": ["NaCl"]})
        with pytest.raises(BundleError, match=r"no longer 0000"):
            crew.take()
    finally:
        crew.close()


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    place = {"host": "127.0.0.1", "protocol": "tcp://", "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **place) as found:
        yield found


@pytest.mark.usefixtures("small")
def test_a_cluster_gives_the_same_bytes(cluster, bundle, table, tmp_path):
    alone = matloop.predict_batch(bundle, table, tmp_path / "alone.parquet", workers=1)
    address = cluster.scheduler_address.replace("tcp://", "dask://")
    done = matloop.predict_batch(bundle, table, tmp_path / "many.parquet", backend=address)
    assert done.out.read_bytes() == alone.out.read_bytes()
    assert "Dask cluster" in done.by


def test_no_scheduler_is_told(bundle, table, tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    from matloop.deploy.batch import cluster

    monkeypatch.setattr(cluster, "PATIENCE", 0.3)
    with pytest.raises(RunError, match="no scheduler with workers answers"):
        matloop.predict_batch(bundle, table, tmp_path / "out.parquet", backend="dask://127.0.0.1:1")
