"""What is taken for one statement that only reads."""

import pytest

from matloop.core.errors import ConfigError
from matloop.data.sql_statement import found, is_ordered, place, pointed, statement


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("samples", "SELECT * FROM samples"),
        ("lab.samples", "SELECT * FROM lab.samples"),
        ("SELECT 1;", "SELECT 1"),
        (" select 1 ; -- the end", "select 1"),
        ("SELECT 'a; DROP TABLE b' AS a", "SELECT 'a; DROP TABLE b' AS a"),
        ('SELECT "update" FROM t /* delete */', 'SELECT "update" FROM t /* delete */'),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH a AS (SELECT 1) SELECT * FROM a"),
        ("SELECT $$ drop; $$", "SELECT $$ drop; $$"),
        ("SELECT replace(a, 'x', 'y') FROM t", "SELECT replace(a, 'x', 'y') FROM t"),
    ],
)
def test_one_select_is_sent_as_it_stands(text, sent):
    assert statement(text, "sql:x") == sent


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no query"),
        ("-- only a comment", "there is no query"),
        ("DELETE FROM t", "begins with 'DELETE'"),
        ("PRAGMA journal_mode = WAL", "begins with 'PRAGMA'"),
        ("SELECT 1; DROP TABLE t", "line 1, column 11: there is a second statement"),
        ("SELECT 1;;", "second statement"),
        ("WITH a AS (\nDELETE FROM t RETURNING *) SELECT * FROM a", "line 2, column 1: 'DELETE'"),
        ("SELECT * INTO u FROM t", "'INTO'"),
        ("SELECT * FROM t FOR UPDATE", "'UPDATE'"),
        ("SELECT '''; DROP TABLE t --' ; DROP TABLE t", "second statement"),
    ],
)
def test_what_would_change_something_is_refused_with_its_place(text, said):
    with pytest.raises(ConfigError, match="sql:x") as error:
        statement(text, "sql:x")
    assert said in str(error.value)


def test_order_by_within_text_or_comment_is_no_order():
    assert is_ordered("SELECT a FROM t ORDER\nBY a")
    assert not is_ordered("SELECT 'order by' FROM t -- order by a")


def test_place_and_mark_point_at_the_sign():
    text = "SELECT a\nFROM sampels"
    at = found(text, "sampels")
    assert place(text, at) == "line 2, column 6"
    assert pointed(text, at).splitlines() == ["  FROM sampels", "       ^"]
    assert found(text + " sampels", "sampels") == -1
