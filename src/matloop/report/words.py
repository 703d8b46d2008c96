"""How numbers, units and names are written for a materials scientist: rounded to what is known, with units."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from matloop.metrics.estimate import Estimate

MINUS, NARROW, DASH = "\u2212", "\u202f", "\u2013"


@dataclass(frozen=True, slots=True)
class MetricWords:
    """`power` of the target's unit, `greater` is better, `share` is written in percent, `meaning` half a sentence."""

    label: str
    meaning: str
    power: int = 0
    greater: bool = False
    share: bool = False


METRICS: Mapping[str, MetricWords] = {
    "mae": MetricWords("MAE", "mean absolute error: how far off a prediction is on average", 1),
    "rmse": MetricWords("RMSE", "root mean square error: like MAE, but large misses weigh more", 1),
    "mse": MetricWords("MSE", "mean square error", 2),
    "max_error": MetricWords("Largest error", "the worst single miss", 1),
    "mape": MetricWords("MAPE", "mean absolute error relative to the measured value", share=True),
    "r2": MetricWords(
        "R²", "share of the spread that is explained: 1 is perfect, 0 is no better than the mean", greater=True
    ),
    "accuracy": MetricWords("Accuracy", "share of rows put in the right class", greater=True, share=True),
    "balanced_accuracy": MetricWords(
        "Balanced accuracy", "share found, averaged over the classes so that rare ones count the same", 0, True, True
    ),
    "precision": MetricWords("Precision", "of those called positive, the share that is", 0, True, True),
    "recall": MetricWords("Recall", "of the positives, the share that is found", 0, True, True),
    "specificity": MetricWords("Specificity", "of the negatives, the share that is called so", 0, True, True),
    "f1": MetricWords("F1", "harmonic mean of precision and recall", greater=True),
    "mcc": MetricWords("MCC", "Matthews correlation: 1 is perfect, 0 is guessing", greater=True),
    "roc_auc": MetricWords("ROC-AUC", "chance that a positive row is ranked above a negative one", greater=True),
    "pr_auc": MetricWords("PR-AUC", "mean precision over all recalls", greater=True),
    "log_loss": MetricWords("Log loss", "how wrong the probabilities are: 0 is perfect"),
    "spearman": MetricWords("Spearman ρ", "agreement of the order: 1 is the same order, 0 is none", greater=True),
    "ndcg": MetricWords("NDCG", "how near the top the best rows are ranked: 1 is perfect", greater=True),
    "recall_at_k": MetricWords(
        "Recall in the top k", "share of the true top k that is in the predicted top k", 0, True, True
    ),
}

SEARCH_METRICS: Mapping[str, MetricWords] = {
    "brier": MetricWords("Brier score", "mean square error of the probabilities: 0 is perfect"),
    "mae of log10": MetricWords("MAE of log₁₀", "mean absolute error of the logarithm"),
}
"""What a search may compare candidates by where the metric asked for is too coarse on a fold."""

EVIDENCE: Mapping[str, tuple[str, str, str]] = {
    "vault": ("Sealed rows", "sealed", "locked away before anything was chosen"),
    "cv": ("Random cross-validation", "random CV", "each row predicted by a model that saw neither it nor its group"),
    "loco": (
        "Leave one cluster out",
        "new cluster",
        "each family of similar materials predicted by a model that saw none of it: the honest guess for new chemistry",
    ),
    "new": ("New rows", "new", "labelled rows that the model was judged on afterwards"),
}

FAMILIES: Mapping[str, str] = {
    "dummy": "Dummy (constant)",
    "nearest_neighbour": "Nearest neighbour",
    "ridge": "Ridge",
    "lasso": "Lasso",
    "elastic_net": "Elastic net",
    "logistic": "Logistic regression",
    "kernel_ridge": "Kernel ridge",
    "svm": "Support vector machine",
    "random_forest": "Random forest",
    "extra_trees": "Extra trees",
    "lightgbm": "LightGBM",
    "gaussian_process": "Gaussian process",
    "sparse_gp": "Sparse Gaussian process",
    "mlp": "Neural network",
    "foreign": "Own estimator",
}

_UNIT_PARTS = (
    (re.compile(r"(?<![A-Za-z])u(?=(?:m|V|A|s|g|W|L|J|mol|ohm|Ohm|Ω)(?![A-Za-z]))"), "µ"),
    (re.compile(r"(?<![A-Za-z])[Aa]ngstroms?(?![A-Za-z])"), "Å"),
    (re.compile(r"(?<![A-Za-z])[Oo]hm(?![A-Za-z])"), "Ω"),
    (re.compile(r"(?<![A-Za-z])degC(?![A-Za-z])"), "°C"),
    (re.compile(r"\s*\*\s*(?!\*)"), "·"),
)
_UNIT_POWER = re.compile(r"\s*(?:\*\*|\^)\s*\(?(-?\d+)\)?")
_SUPER = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def unit_text(unit: str) -> str:
    """`"uV/K**2"` as `"µV/K²"`; what is not known stays as it was written."""
    text = _UNIT_POWER.sub(lambda found: found[1].translate(_SUPER), unit.strip())
    for pattern, mended in _UNIT_PARTS:
        text = pattern.sub(mended, text)
    return "" if text in ("dimensionless", "1") else text


def metric_words(name: str) -> MetricWords:
    """Words for a metric; one that this release does not know keeps its name."""
    return METRICS.get(name) or SEARCH_METRICS.get(name, MetricWords(name.replace("_", " "), ""))


def metric_unit(name: str, unit: str) -> str:
    """The unit a metric comes in, for a target in `unit`."""
    words, unit = metric_words(name), unit_text(unit)
    if words.share:
        return "%"
    if words.power == 2 and unit:
        return f"({unit})²" if re.search(r"\W", unit) else f"{unit}²"
    return unit if words.power else ""


def metric_axis(name: str, unit: str) -> str:
    """An axis title: the metric with its unit, and which way is better."""
    words, shown = metric_words(name), metric_unit(name, unit)
    better = "higher is better" if words.greater else "lower is better"
    return f"{words.label} ({shown}; {better})" if shown else f"{words.label} ({better})"


def decimals(step: float) -> int:
    """Decimals for a number known to `step`: two digits of it up to 354, else one (Particle Data Group 2024, 5.3)."""
    if not math.isfinite(step) or step <= 0:
        return 2
    power = math.floor(math.log10(step))
    digits = 1 if 3.545 <= step / 10**power < 9.5 else 2
    return min(max(digits - 1 - power, 0), 8)


def fixed(value: float, places: int) -> str:
    """`value` with `places` decimals, thousands apart, a true minus sign; huge and tiny ones as powers of ten."""
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else MINUS + "∞"
    if value != 0 and not 1e-4 <= abs(value) < 1e7:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}·10{str(int(exponent)).translate(_SUPER)}".replace("-", MINUS)
    text = f"{value:,.{places}f}"
    return (text[1:] if text.startswith("-") and not text.strip("-0.,") else text).replace("-", MINUS)


def number(value: float, digits: int = 3) -> str:
    """`value` to `digits` significant digits, never in scientific form between 0.0001 and ten million."""
    if not math.isfinite(value) or value == 0:
        return fixed(value, 0)
    return fixed(value, min(max(digits - 1 - math.floor(math.log10(abs(value))), 0), 8))


def sentence(text: str) -> str:
    """`text` with a capital first letter."""
    return text[:1].upper() + text[1:]


def plain(value: float) -> str:
    """A setting that a person chose, as it was chosen: no zeros added."""
    return f"{value:g}"


def count(value: int) -> str:
    """A whole number with thousands apart."""
    return f"{value:,}"


def counted(value: int, one: str, many: str = "") -> str:
    """`"1 row"`, `"312 rows"`."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def percent(share: float, places: int | None = None) -> str:
    """A share as percent, with enough decimals not to call 0.4 % nothing."""
    if not math.isfinite(share):
        return DASH
    if places is None:
        places = 0 if share in (0.0, 1.0) else 1 if abs(share) >= 0.001 else 2
    return f"{fixed(100 * share, places)}{NARROW}%"


def with_unit(text: str, unit: str) -> str:
    """A number in words with its unit, kept on one line."""
    return f"{text}{NARROW}{unit}" if unit else text


def estimate(found: Estimate, unit: str = "", *, scale: float = 1.0) -> tuple[str, str]:
    """An estimate as (`"112.3 µV/K"`, `"109.1 to 115.4"`), rounded to two digits of its uncertainty.

    The second is empty where there is no interval.
    """
    value, low, high = (scale * part for part in (found.value, found.low, found.high))
    if not (math.isfinite(low) and math.isfinite(high)):
        return with_unit(number(value), unit), ""
    places = decimals((high - low) / 2) if high > low else 2
    return with_unit(fixed(value, places), unit), f"{fixed(low, places)} to {fixed(high, places)}"


def metric_estimate(name: str, found: Estimate, unit: str) -> tuple[str, str]:
    """`estimate` of a metric, in its own unit (percent for shares)."""
    return estimate(found, metric_unit(name, unit), scale=100.0 if metric_words(name).share else 1.0)


def p_value(value: float) -> str:
    """A p-value, not more precise than it can be."""
    if not math.isfinite(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def seconds(value: float) -> str:
    """A duration as a person says it."""
    if not math.isfinite(value):
        return DASH
    if value < 1:
        return f"{1000 * value:.0f}{NARROW}ms"
    if value < 120:
        return f"{value:.3g}{NARROW}s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{NARROW}h {minutes:02d}{NARROW}min" if hours else f"{minutes}{NARROW}min {rest:02d}{NARROW}s"


def family(name: str) -> str:
    """A model family as a person writes it."""
    return FAMILIES.get(name, name.replace("_", " "))


def setting(value: object) -> str:
    """A setting of a model, short."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else short(str(value), 60)


def short(text: str, limit: int = 60) -> str:
    """`text` on one line of at most `limit` characters, control and direction marks taken out, cut with an ellipsis."""
    line = " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
