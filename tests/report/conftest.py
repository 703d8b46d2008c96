from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

NAMES = ("small", "large", "no_goal", "untrusted", "two_classes", "three_classes", "several", "hostile", "bare")


def _records():
    if "report_records" not in sys.modules:
        spec = importlib.util.spec_from_file_location("report_records", Path(__file__).parent / "records.py")
        sys.modules["report_records"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["report_records"]


@pytest.fixture(scope="session")
def make_record():
    """`make_record("small")` gives a made-up run; the same one in a session."""
    made = {}
    return lambda name: made.setdefault(name, None) or made.update({name: _records().RECORDS[name]()}) or made[name]


@pytest.fixture(scope="session")
def hostile_text():
    return _records().HOSTILE


@pytest.fixture(scope="session")
def page_of(make_record):
    """`page_of("small")` gives the page's text; each is written once."""
    from matloop.report.page import write_page

    made = {}
    return lambda name: made.setdefault(name, None) or made.update({name: write_page(make_record(name))}) or made[name]
