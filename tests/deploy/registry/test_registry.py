"""Versions, stages and files of registered models, on both databases."""

import pytest

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")

from matloop.data.store.values import NotInStore
from matloop.deploy.bundle import identity, load_bundle
from matloop.deploy.registry.registry import Registry


@pytest.fixture
def registry(place):
    with Registry.open(place, create=True, patience=20) as opened:
        yield opened


def test_a_run_is_added_fetched_and_promoted(registry, regression, tmp_path):
    run = regression.result.folder
    version = registry.add(run, "seebeck", who="ada", note="first")
    assert (version.spelled, version.stage, version.who) == ("seebeck@1", "candidate", "ada")
    assert version.bundle == identity(run / "bundle")
    assert registry.add(run / "bundle", "seebeck") == version
    folder = registry.fetch(version, tmp_path / "cache")
    assert load_bundle(folder).manifest == load_bundle(run / "bundle").manifest
    assert registry.fetch(version, tmp_path / "cache") == folder
    with pytest.raises(NotInStore, match="no champion"):
        registry.get("seebeck")
    assert registry.promote("seebeck", 1, why="it is good").stage == "champion"
    assert registry.get("seebeck").number == registry.get("seebeck@champion").number == 1
    assert [deed.what for deed in registry.deeds("seebeck")] == ["add", "promote"]
    assert list(registry.verify()) == []
