"""Random filters, answered by SQL, and each entry judged for itself in Python: the same entries."""

import random

import pytest

OPERATORS = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
TEXTS = ("id", "chemical_formula_reduced", "chemical_formula_anonymous", "chemical_formula_descriptive",
         "immutable_id", "_matloop_colour", "_matloop_provider", "last_modified")  # fmt: skip
NUMBERS = ("nelements", "nsites", "nperiodic_dimensions", "_matloop_band_gap_pbe", "_matloop_band_gap_hse06",
           "_matloop_count")  # fmt: skip
LISTS = ("elements", "structure_features", "species_at_sites", "_matloop_tags")
NUMBER_LISTS = ("elements_ratios", "dimension_types", "_matloop_spectrum")
NOBODY = ("_exmpl_thing", "_unheardof_thing")


def value_of(entry, name):
    return entry["id"] if name == "id" else entry["attributes"].get(name)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def of_value(dice, pool, name):
    """A value that some entry has, or nearly."""
    found = [one for entry in pool if (one := value_of(entry, name)) is not None]
    return dice.choice(found) if found else None


def compare(dice, pool):
    name = dice.choice((*TEXTS, *NUMBERS, *NUMBERS, *NOBODY))
    operator = dice.choice(list(OPERATORS))
    if name in NOBODY:
        return f"{name} {operator} 3", lambda entry: None
    wanted = of_value(dice, pool, name)
    if name in NUMBERS:
        wanted = wanted + dice.choice([0, 0, 1, -0.5])
        shown = repr(wanted)
    else:
        shown = quoted(wanted)

    def meaning(entry):
        value = value_of(entry, name)
        return None if value is None else OPERATORS[operator](value, wanted)

    if dice.random() < 0.3:
        turned = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator)
        return f"{shown} {turned} {name}", meaning
    return f"{name}{operator}{shown}", meaning


def part(dice, pool):
    name = dice.choice([one for one in TEXTS if one != "last_modified"])
    whole = of_value(dice, pool, name)
    start = dice.randrange(len(whole))
    text = whole[start : start + dice.randint(0, 3)]
    text = text.swapcase() if dice.random() < 0.2 else text
    how = dice.choice(["CONTAINS", "STARTS WITH", "STARTS", "ENDS WITH", "ENDS"])
    if dice.random() < 0.5:
        text = whole[: dice.randint(1, 3)] if how.startswith("STARTS") else whole[-dice.randint(1, 3) :]
    test = {"C": lambda value: text in value, "S": lambda value: value.startswith(text),
            "E": lambda value: value.endswith(text)}[how[0]]  # fmt: skip

    def meaning(entry):
        value = value_of(entry, name)
        return None if value is None else test(value)

    return f"{name} {how} {quoted(text)}", meaning


def has(dice, pool):
    name = dice.choice((*LISTS, *NUMBER_LISTS))
    members = [one for entry in pool for one in value_of(entry, name) or []]
    how = dice.choice(["", "ALL", "ANY", "ONLY"])
    items = []
    for _ in range(1 if how == "" else dice.randint(1, 3)):
        wanted = dice.choice([*members, "Xx"] if name in LISTS else members)
        items.append((dice.choice(list(OPERATORS)) if dice.random() < 0.3 else "=", wanted))
    shown = ", ".join((sign if sign != "=" else "") + (quoted(one) if isinstance(one, str) else repr(one))
                      for sign, one in items)  # fmt: skip

    def meaning(entry):
        found = value_of(entry, name)
        if found is None:
            return None
        fits = [[OPERATORS[sign](one, wanted) for one in found] for sign, wanted in items]
        if how == "ONLY":
            return bool(found) and all(any(each) for each in zip(*fits, strict=True))
        return (any if how == "ANY" else all)(any(each) for each in fits)

    return f"{name} HAS {how} {shown}", meaning


def length(dice, pool):
    name = dice.choice((*LISTS[:3], *NUMBER_LISTS[:2], "cartesian_site_positions", "lattice_vectors", "species"))
    operator, number = dice.choice(list(OPERATORS)), dice.randint(0, 5)
    shown = "" if operator == "=" and dice.random() < 0.5 else operator
    return f"{name} LENGTH {shown} {number}", lambda entry: OPERATORS[operator](len(value_of(entry, name)), number)


def known(dice, pool):
    name = dice.choice((*TEXTS, *NUMBERS, *LISTS, *NUMBER_LISTS, *NOBODY))
    if dice.random() < 0.5:
        return f"{name} IS KNOWN", lambda entry: value_of(entry, name) is not None
    return f"{name} IS UNKNOWN", lambda entry: value_of(entry, name) is None


def truth(dice, pool):
    wanted = dice.random() < 0.5

    def meaning(entry):
        value = value_of(entry, "_matloop_stable")
        return None if value is None else value is wanted

    return f"_matloop_stable = {str(wanted).upper()}", meaning


def related(dice, pool):
    names = [one["id"] for entry in pool for one in cites(entry)]
    wanted = dice.choice([*names, "nothing"])
    return f"references.id HAS {quoted(wanted)}", lambda entry: wanted in [one["id"] for one in cites(entry)]


def cites(entry):
    return entry.get("relationships", {}).get("references", {}).get("data", [])


def expression(dice, pool, depth):
    """Text and meaning; True, False or None (unknown)."""
    kind = dice.random()
    if depth == 0 or kind < 0.3:
        return dice.choice([compare, compare, part, has, has, length, known, truth, related])(dice, pool)
    if kind < 0.5:
        text, meaning = expression(dice, pool, depth - 1)
        return f"NOT ({text})", lambda entry: None if meaning(entry) is None else not meaning(entry)
    parts = [expression(dice, pool, depth - 1) for _ in range(dice.randint(2, 3))]
    join = " AND " if kind < 0.75 else " OR "

    def together(entry):
        found = [meaning(entry) for _, meaning in parts]
        decisive = join == " OR "
        return decisive if decisive in found else None if None in found else not decisive

    return join.join(f"({text})" for text, _ in parts), together


@pytest.mark.parametrize("dataset", ["crystals", ""])
def test_random_filters_return_what_python_says(filled, serving, dataset, monkeypatch):
    monkeypatch.setattr("matloop.service.optimade.listing.COUNTED", 60.0)  # a busy machine counts slowly
    client = serving(filled, dataset=dataset)
    pool = client.get("/v1/structures?page_limit=1000").json()["data"]
    dice = random.Random(7)
    hits = 0
    for _ in range(100):
        text, meaning = expression(dice, pool, 2)
        answer = client.get("/v1/structures", params={"filter": text, "page_limit": 1000, "response_fields": "id"})
        assert answer.status_code == 200, (text, answer.text)
        expected = [entry["id"] for entry in pool if meaning(entry) is True]
        assert [entry["id"] for entry in answer.json()["data"]] == expected, text
        assert answer.json()["meta"]["data_returned"] == len(expected)
        hits += bool(expected)
    assert hits > 30


def test_what_binds_more(filled, serving):
    client = serving(filled, dataset="crystals")

    def found(text):
        answer = client.get("/v1/structures", params={"filter": text, "page_limit": 1000}).json()
        return {one["id"] for one in answer["data"]}

    whole = found("")
    o, fe, two = found('elements HAS "O"'), found('elements HAS "Fe"'), found("nelements=2")
    assert found('elements HAS "Fe" OR elements HAS "O" AND nelements=2') == fe | (o & two)
    assert found('NOT elements HAS "O" AND nelements=2') == (whole - o) & two
    assert found('NOT (elements HAS "O" OR nelements=2)') == whole - (o | two)
    assert found("_matloop_band_gap_hse06 > 0") | found("NOT _matloop_band_gap_hse06 > 0") == found(
        "_matloop_band_gap_hse06 IS KNOWN"
    )
