"""The interface is what it says of itself: answers fit their schemas, and what fits is never a fault of the server."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SLOW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def client(asking, tmp_path):
    return asking(log=str(tmp_path / "log"))


def resolved(schema, whole):
    while "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def fits(value, schema, whole):
    """Whether a value fits; as much of JSON Schema as the interface uses."""
    schema = resolved(schema, whole)
    if "anyOf" in schema:
        return any(fits(value, one, whole) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if "const" in schema:
        return value == schema["const"]
    kind = schema.get("type")
    if kind == "object":
        own, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        return (
            type(value) is dict
            and all(name in value for name in schema.get("required", ()))
            and all(
                fits(one, own[name], whole) if name in own else more is True or (more and fits(one, more, whole))
                for name, one in value.items()
            )
        )
    if kind == "array":
        return type(value) is list and all(fits(one, schema["items"], whole) for one in value)
    kinds = {"string": str, "boolean": bool, "null": type(None), "integer": int, "number": (int, float)}
    return kind is None or (isinstance(value, kinds[kind]) and (kind == "boolean" or type(value) is not bool))


def made(schema, whole):
    """Values that fit a schema, with the words of the model in between."""
    schema = resolved(schema, whole)
    if "anyOf" in schema:
        return st.one_of([made(one, whole) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    words = st.sampled_from(["formula", "pretty_formula", "Fe2O3", "NaCl", "S_n", "", "Xx", "0/1"]) | st.text(
        max_size=5
    )
    if kind == "object":
        own, need = schema.get("properties", {}), schema.get("required", ())
        given = {name: made(one, whole) for name, one in own.items() if name in need}
        maybe = {name: made(one, whole) for name, one in own.items() if name not in need}
        if own:
            return st.fixed_dictionaries(given, optional=maybe)
        more = schema.get("additionalProperties", True)
        inside = made(more, whole) if isinstance(more, dict) else st.none() | words
        return st.dictionaries(words, inside, max_size=2, min_size=schema.get("minProperties", 0))
    if kind == "array":
        return st.lists(made(schema["items"], whole), min_size=schema.get("minItems", 0), max_size=3)
    plain = {
        "string": words, "boolean": st.booleans(), "null": st.none(), "integer": st.integers(-5, 5),
        "number": st.floats(allow_nan=False, allow_infinity=False),
    }  # fmt: skip
    return plain.get(kind, words)


def operations(whole):
    return [(method, path, one) for path, methods in whole["paths"].items() for method, one in methods.items()]


@SLOW
@given(data=st.data())
def test_what_fits_is_answered_as_described(client, data):
    whole = client.get("/openapi.json").json()
    method, path, one = data.draw(st.sampled_from([o for o in operations(whole) if o[0] != "delete"]))
    name = data.draw(st.sampled_from(["quick", "quick@champion", "..", "a b", "quick@" + "0" * 16]))
    place = path.replace("{model}", name)
    body = None
    if "requestBody" in one:
        (content,) = one["requestBody"]["content"].values()
        body = json.dumps(data.draw(made(content["schema"], whole)))
    found = client.request(method, place, content=body, headers={"Content-Type": "application/json"})
    assert str(found.status_code) in one["responses"], (method, place, body, found.text)
    told = one["responses"][str(found.status_code)].get("content", {})
    kind = found.headers["content-type"].partition(";")[0]
    assert kind in told, (kind, told)
    if kind == "application/json":
        assert fits(found.json(), told[kind]["schema"], whole), found.text


def test_every_operation_says_how_it_refuses(client):
    whole = client.get("/openapi.json").json()
    for _, path, one in operations(whole):
        assert {"200", "401", "403", "421", "500"} <= set(one["responses"]), path
        assert one["summary"]
        assert one["description"]
