from pathlib import Path

from matloop.design.acquisition.batches import BATCHES
from matloop.design.acquisition.registry import ACQUISITIONS


def test_every_name_stands_in_the_reference():
    page = (Path(__file__).parents[3] / "docs/reference/acquisitions.md").read_text("utf-8")
    assert [name for name in (*ACQUISITIONS, *BATCHES) if f"`{name}`" not in page] == []
