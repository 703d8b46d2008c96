"""A request in the log leads back to what its answer was learnt from."""

import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")

from matloop.core.errors import ConfigError, DataError
from matloop.deploy.bundle import identity
from matloop.deploy.registry.registry import Registry
from matloop.monitor.log import PredictionLog, now_text
from matloop.monitor.origins import lineage_of_request
from matloop.monitor.record import Answered


@pytest.fixture
def logged(regression, tmp_path):
    """A store with the model that answered, and the log of its answers."""
    run = regression.result.folder
    place = str(tmp_path / "store.db")
    with Registry.open(place, create=True) as registry:
        registry.add(run, "seebeck")
    bundle = identity(run / "bundle")
    log = PredictionLog(tmp_path / "answers")
    with log.writer("w0") as writer:
        writer.write(Answered(now_text(), "one", "seebeck", bundle, 1, inputs={"pretty_formula": ["Bi2Te3"]}))
        writer.write(Answered(now_text(), "two", "s", bundle, 2, inputs={"pretty_formula": ["GaAs", "PbTe"]}))
        writer.write(Answered(now_text(), "no", "seebeck", bundle, 0, status=413, why="too large"))
        writer.write(Answered(now_text(), "foreign", "seebeck", "0" * 16, 1, inputs={"pretty_formula": ["GaAs"]}))
    return place, log.folder


def test_a_request_leads_back(logged):
    found = lineage_of_request(logged[0], "one", logged[1], limit=2)
    assert found.version.spelled == "seebeck@1"
    assert found.asked == {"pretty_formula": "Bi2Te3"}
    assert len(found.rows) == 2
    assert lineage_of_request(logged[0], "two/1", logged[1]).asked == {"pretty_formula": "PbTe"}


@pytest.mark.parametrize(
    ("request_id", "kind", "said"),
    [
        ("two", ConfigError, "has 2 rows. Say which: --request two/0"),
        ("two/2", ConfigError, "0 to 1, not 2"),
        ("three", DataError, "holds no request"),
        ("no", DataError, "was refused .too large"),
        ("foreign", DataError, "is not registered here"),
        ("", ConfigError, "Give both"),
    ],
)
def test_what_leads_nowhere(logged, request_id, kind, said):
    with pytest.raises(kind, match=said):
        lineage_of_request(logged[0], request_id, logged[1])
