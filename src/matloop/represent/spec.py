"""A featurizer as text: `magpie`, `rdf(cutoff=8.0)`, `elements(table='my.csv', statistics=['mean', 'std'])`."""

from __future__ import annotations

import ast
import inspect
import math
from dataclasses import dataclass
from typing import Any

from matloop.core.errors import ConfigError
from matloop.problem.fault import did_you_mean, quoted
from matloop.represent import FEATURIZERS

LONGEST = 4_000
"""Characters of one featurizer as text."""
Value = bool | int | float | str | None | tuple["Value", ...]
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Spec:
    """Which featurizer, and the options that differ from its defaults, by name in alphabetical order."""

    name: str
    options: tuple[tuple[str, Value], ...] = ()

    @property
    def text(self) -> str:
        """The shortest way to write it; `read_spec` reads the same from it."""
        if not self.options:
            return self.name
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.options)})"


def read_spec(text: str) -> Spec:
    """What a text asks for, checked against the parameters of the featurizer.

    Values are plain: numbers, text in quotes, True, False, None, and lists of these. Whole numbers serve where the
    default is a decimal one, lists where it is a tuple.

    Raises
    ------
    ConfigError : no such featurizer or option, a value of another kind, or no such way of writing; the message gives
        the place, and the options that there are.

    Examples
    --------
    >>> read_spec("morgan(bits=2048, radius=2)").text
    'morgan(bits=2048)'
    """
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise ConfigError(f"{quoted(text)} names no featurizer. Write one as in: magpie, or rdf(cutoff=8.0).")
    name, given = _parts(text)
    if name not in FEATURIZERS:
        raise ConfigError(f"there is no featurizer {quoted(name)}. {did_you_mean(name, list(FEATURIZERS))}")
    defaults = options_of(FEATURIZERS.load(name))
    found = {}
    for key, value in given.items():
        if key not in defaults:
            raise ConfigError(f"{quoted(text)}: {_no_option(name, key, defaults)}")
        fitted = _fitted(value, defaults[key], f"{quoted(text)}: {key}")
        if fitted != plain(defaults[key]):
            found[key] = fitted
    return Spec(name, tuple(sorted(found.items())))


def made(text: str) -> Any:
    """The featurizer that a text asks for, its options tried.

    Raises
    ------
    ConfigError : as `read_spec`, or the featurizer refuses a value. MissingExtra : it needs a library that is missing.
    """
    spec = read_spec(text)
    featurizer = FEATURIZERS.load(spec.name)(**dict(spec.options))
    try:
        featurizer.get_feature_names_out()
    except ConfigError as error:
        raise ConfigError(f"{quoted(text)}: {error}") from error
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise ConfigError(f"{quoted(text)}: {error}. {_listed(options_of(type(featurizer)))}") from error
    return featurizer


def canonical(text: str) -> str:
    """The one way to write what `text` asks for: without defaults, options in alphabetical order.

    Examples
    --------
    >>> canonical(" morgan( radius = 2 ) ")
    'morgan'
    """
    return read_spec(text).text


def split(text: str) -> tuple[str, ...]:
    """The entries of a list as on the command line: commas within brackets or quotes do not split.

    Examples
    --------
    >>> split("magpie, rdf(cutoff=8,bins=20)")
    ('magpie', 'rdf(cutoff=8,bins=20)')
    """
    entries, depth, within, begun = [], 0, "", 0
    for place, sign in enumerate(text):
        if within:
            within = "" if sign == within else within
        elif sign in "'\"":
            within = sign
        elif sign in _OPENING or sign in _CLOSING:
            depth += 1 if sign in _OPENING else -1
        elif sign == "," and depth <= 0:
            entries.append(text[begun:place])
            begun = place + 1
    entries.append(text[begun:])
    return tuple(entry.strip() for entry in entries if entry.strip())


def options_of(featurizer: Any) -> dict[str, Any]:
    """{option: default} of a featurizer class, in its own order; what has no default is None."""
    known = featurizer._get_param_names() if hasattr(featurizer, "_get_param_names") else ()
    parameters = inspect.signature(featurizer.__init__).parameters if known else {}
    return {
        name: None if one.default is inspect.Parameter.empty else one.default
        for name, one in parameters.items()
        if name in known
    }


def _parts(text: str) -> tuple[str, dict[str, Value]]:
    """Name and options as written."""
    name, bracket, rest = text.strip().partition("(")
    if not bracket:
        return name.strip(), {}
    try:
        call = ast.parse(f"f({rest}", mode="eval").body
    except SyntaxError as error:
        # the name was replaced by one letter
        place = (error.offset or 2) - 2 + len(name) + 1
        where = f"at character {place}, near {rest[max((error.offset or 2) - 3, 0) :][:20]!r}"
        raise ConfigError(f"{quoted(text)} cannot be read {where}. Write it as in: rdf(cutoff=8.0).") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{quoted(text)} cannot be read ({error}). Write it as in: rdf(cutoff=8.0).") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ConfigError(f"{quoted(text)} is more than one featurizer. Separate them by commas.")
    if call.args:
        raise ConfigError(f"{quoted(text)}: {ast.unparse(call.args[0])!r} needs its name, as in: rdf(cutoff=8.0).")
    found: dict[str, Value] = {}
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in found:
            raise ConfigError(f"{quoted(text)}: {keyword.arg or '**'} stands there twice or for nothing.")
        found[keyword.arg] = _literal(keyword.value, f"{quoted(text)}: {keyword.arg}")
    return name.strip(), found


def _literal(node: ast.expr, where: str) -> Value:
    try:
        return plain(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ConfigError(
            f"{where} = {ast.unparse(node)[:80]} is no plain value: a number, text in quotes, True, False, None, or a "
            "list of these."
        ) from error


def plain(value: Any) -> Value:
    """Lists become tuples; anything else than a plain value is a ValueError."""
    if isinstance(value, list | tuple):
        return tuple(plain(entry) for entry in value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not finite")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{type(value).__name__} is no plain value")


def _fitted(value: Value, default: Any, where: str) -> Value:
    """`value` as the kind of the default; a default of None takes everything."""
    if default is None:
        return value
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(default, list | tuple):
        fits, kind = isinstance(value, tuple), "a list as in ['mean', 'std']"
    elif isinstance(default, bool):
        fits, kind = isinstance(value, bool), "True or False"
    elif isinstance(default, int):
        fits, kind = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif isinstance(default, float):
        fits, kind = isinstance(value, float), "a number"
    else:
        fits, kind = isinstance(value, str), "text in quotes"
    if not fits:
        raise ConfigError(f"{where} = {value!r}, but {kind} is needed (default {default!r}).")
    return value


def _no_option(name: str, key: str, defaults: dict[str, Any]) -> str:
    if not defaults:
        return f"{name} has no options, found {quoted(key)}. Write: {name}."
    hint = did_you_mean(key, list(defaults)) if len(defaults) > 1 else ""
    hint = hint if hint.startswith("Did") else ""
    return f"{name} has no option {quoted(key)}. {hint} {_listed(defaults)}".replace("  ", " ")


def _listed(defaults: dict[str, Any]) -> str:
    shown = ", ".join(f"{key}={default!r}"[:100] for key, default in defaults.items())
    return f"Its options and their defaults: {shown}." if defaults else "It has no options."


def written(featurizer: Any) -> str:
    """A featurizer as text: by its registered name, else by the name of its class.

    Examples
    --------
    >>> written(made("morgan(bits=64)"))
    'morgan(bits=64)'
    """
    kind = type(featurizer)
    place = f"{kind.__module__}:{kind.__qualname__}"
    name = next((name for name in FEATURIZERS if FEATURIZERS[name] == place), kind.__qualname__)
    defaults = options_of(kind)
    given = {key: value for key, value in featurizer.get_params(deep=False).items() if not _same(value, defaults[key])}
    shown = ", ".join(f"{key}={value!r}"[:200] for key, value in sorted(given.items()))
    return f"{name}({shown})" if shown else name


def _same(value: Any, default: Any) -> bool:
    try:
        return plain(value) == plain(default)
    except ValueError:
        return False
