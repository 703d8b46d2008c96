from __future__ import annotations

from matloop.report.notebook import html_card


def test_card_has_verdict_numbers_and_link(make_record):
    card = html_card(make_record("large"))
    assert "Goal met" in card
    assert "MAE on sealed rows" in card
    assert "report.html" in card
    assert "<script" not in card


def test_card_warns_before_the_answer(make_record):
    card = html_card(make_record("untrusted"))
    assert card.index("cannot be trusted") < card.index("Goal not met")


def test_card_escapes_text_from_data(make_record):
    assert "<img" not in html_card(make_record("hostile"))
