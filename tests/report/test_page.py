from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from plotly.offline import get_plotlyjs

from matloop.report.page import write_page
from matloop.report.templating import cited

NAMES = ("small", "large", "no_goal", "untrusted", "two_classes", "three_classes", "several", "hostile", "bare")


class Reader(HTMLParser):
    """Tags, attributes, visible text and JSON islands of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.text, self.islands, self.inside = [], [], [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append((tag, values))
        self.inside = "json" if values.get("type") == "application/json" else tag if tag in ("script", "style") else ""
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if tag == "a" and "href" in values else []

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "json":
            self.islands.append(json.loads(data))
        elif not self.inside and data.strip():
            self.text.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def read(page_of):
    return lambda name: Reader(page_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_page_has_sound_anchors_and_json(read, name):
    page = read(name)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.islands) >= 2  # the colours and at least one figure


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded_from_elsewhere(read, name):
    for tag, values in read(name).tags:
        assert not {"src", "srcset", "action", "data"} & set(values)
        assert tag != "link"
        assert not [key for key in values if key.startswith("on")]
        assert re.match(r"#|https://doi\.org/10\.|(removed|repaired)\.csv$", values.get("href", "#"))


def test_text_from_data_makes_no_tags(read, hostile_text):
    page = read("hostile")
    assert [tag for tag, _ in page.tags if tag == "img"] == []
    assert sum(tag == "script" and "type" not in values for tag, values in page.tags) == 2
    assert any("<script>alert('x')</script>" in text for text in page.text)


def test_text_from_data_makes_no_tags_in_figures(read):
    shown = json.dumps(read("hostile").islands)
    for key in ("text", "ticktext", "name", "hovertemplate"):
        for found in re.findall(rf'"{key}": "([^"]*)"', shown):
            assert "<script" not in found
            assert "<img" not in found


def test_scripts_are_allowed_by_hash_only(page_of):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page_of("small"))[1]
    assert "default-src &#39;none&#39;" in policy
    assert policy.count("sha256-") == 2
    assert "script-src &#39;unsafe" not in policy


def test_plotly_comes_once_and_from_the_wheel(page_of):
    assert page_of("several").count(get_plotlyjs()[-4000:].replace("</script", "<\\/script")) == 1


def test_first_words_of_the_page_say_that_a_model_cannot_be_trusted(read):
    body = read("untrusted").text
    start = body.index("This model cannot be trusted as it is.")
    assert start < body.index("Skip to the verdict")
    assert "always giving the same answer" in body[start + 1]


def test_trusted_page_starts_without_a_caution(read):
    assert not any("cannot be trusted" in text for text in read("large").text)


def test_large_page_is_light(page_of):
    assert len(page_of("large").encode()) - len(get_plotlyjs().encode()) < 1_000_000


def test_same_record_same_page(make_record, page_of):
    assert write_page(make_record("small")) == page_of("small")


def test_page_says_which_points_are_drawn(page_of):
    assert "Points: the 100 worst and 300 random rows" in page_of("large")


def test_links_to_the_full_accounts_only_where_there_are_some(read):
    assert {"removed.csv", "repaired.csv"} <= set(read("small").links)
    assert not {"removed.csv", "repaired.csv"} & set(read("bare").links)


def test_citation_links_its_doi_and_escapes_the_rest():
    assert cited("A <b> doi:10.1038/sdata.2017.85.") == (
        'A &lt;b&gt; <a href="https://doi.org/10.1038/sdata.2017.85" rel="noreferrer">doi:10.1038/sdata.2017.85</a>.'
    )


def test_pruned_failed_and_skipped_candidates_are_named(read):
    text = " ".join(read("large").text)
    for word in ("pruned", "failed", "skipped", "extra 'deep' is not installed", "singular"):
        assert word in text
