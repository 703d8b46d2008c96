"""The databases themselves; run with `pytest -m network`, they may be down."""

import pytest

pytest.importorskip("httpx", reason="the extra 'harvest' is not installed")
pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")
pytest.importorskip("optimade", reason="the extra 'harvest' is not installed")

from matloop.data.harvest.providers import known_providers
from matloop.pipeline.harvest import Manners, harvest, search

pytestmark = pytest.mark.network


@pytest.mark.parametrize("name", [one.name for one in known_providers()])
def test_a_known_database_answers(name):
    (hits,) = search('elements HAS "Si" AND nelements=1', source=name, manners=Manners(tries=2, seconds=60)).hits
    assert not hits.why
    assert all(record.structure is not None for record in hits.records)


def test_silicon_of_the_materials_project(tmp_path):
    done = harvest('chemical_formula_reduced="Si"', str(tmp_path / "m.db#si"), source="mp")
    assert done.state == "complete"
    assert done.records > 10
