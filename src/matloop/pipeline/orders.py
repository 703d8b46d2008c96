"""Words that have an order by themselves: low, medium, high."""

from __future__ import annotations

from collections.abc import Sequence

SCALES: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("lowest",), ("very low",), ("low",), ("mid", "middle", "medium", "moderate", "normal", "intermediate"), ("high",),
     ("very high",), ("highest",)),
    (("very small",), ("small",), ("mid", "medium", "moderate"), ("large", "big"), ("very large", "huge")),
    (("none", "no", "absent"), ("trace", "traces"), ("weak", "slight", "mild"), ("medium", "moderate"),
     ("strong", "severe"), ("very strong", "extreme")),
    (("very poor", "very bad"), ("poor", "bad"), ("fair", "medium", "ok", "acceptable"), ("good",), ("very good",),
     ("excellent",)),
    (("very slow",), ("slow",), ("medium", "moderate"), ("fast",), ("very fast",)),
    (("cold",), ("cool",), ("warm",), ("hot",), ("very hot",)),
    (("never",), ("rarely", "seldom"), ("sometimes",), ("often",), ("always",)),
    (("very fine",), ("fine",), ("medium",), ("coarse",), ("very coarse",)),
    (("thin",), ("medium",), ("thick",)),
    (("xs",), ("s",), ("m",), ("l",), ("xl",), ("xxl",)),
)  # fmt: skip
FEWEST = 3
"""Two words are one flag, whatever their order."""


def order_of_words(words: Sequence[str]) -> tuple[str, ...]:
    """The words from low to high; empty where they are no known scale, or fewer than three.

    Examples
    --------
    >>> order_of_words(["High", "low", "medium"])
    ('low', 'medium', 'High')
    """
    plain = [" ".join(word.casefold().replace("_", " ").replace("-", " ").split()) for word in words]
    if len(set(plain)) < FEWEST or len(set(plain)) < len(plain):
        return ()
    for scale in SCALES:
        level = {word: place for place, alike in enumerate(scale) for word in alike}
        places = [level.get(word, -1) for word in plain]
        if min(places) >= 0 and len(set(places)) == len(places):
            return tuple(word for _, word in sorted(zip(places, words, strict=True)))
    return ()
