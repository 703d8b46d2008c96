"""Made-up runs that look like real ones, for pages and pictures: `RECORDS[name]()` gives a RunRecord."""

from __future__ import annotations

import numpy as np

from matloop.core.elements import SYMBOLS
from matloop.data.dataset import Provenance, Removal, Repair
from matloop.evaluate.values import (
    Baseline,
    CurvePoint,
    Evaluation,
    Evidence,
    Failure,
    Intervals,
    Points,
    Reliability,
    SliceError,
    Verdict,
)
from matloop.explain.values import Dependence, Explanation, Importance
from matloop.metrics.estimate import Estimate
from matloop.models.family import Spec
from matloop.problem.question import Input, Problem, Protocol, Source, Success, Target
from matloop.report.record import CleaningSummary, RunRecord, SplitSummary, TargetRecord
from matloop.train.values import Candidate, LossCurve, Recipe

LACKING = ("Ne", "Ar", "Kr", "Tc", "Xe", "Pm", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Pa")
ELEMENTS = [symbol for symbol in SYMBOLS[3:93] if symbol not in LACKING]
HOSTILE = "<script>alert('x')</script>\"'&<img src=x onerror=alert(1)> 🧪" + "very long name " * 12
METRICS = ("mae", "rmse", "mse", "mape", "r2", "max_error")


def near(value, share, rng, top=np.inf):
    return Estimate(
        value, value * (1 - share * (1 + 0.2 * rng.random())), min(value * (1 + share * (1 + 0.2 * rng.random())), top)
    )


def formulas(n, rng):
    picks = rng.integers(0, len(ELEMENTS), (n, 3))
    amounts = rng.integers(1, 9, (n, 3))
    return np.array(
        [
            "".join(f"{ELEMENTS[e]}{a if a > 1 else ''}" for e, a in zip(p, m, strict=True))
            for p, m in zip(picks, amounts, strict=True)
        ]
    )


def regression_scores(y, value, share, rng):
    error = value - y
    found = {
        "mae": np.abs(error).mean(),
        "rmse": np.sqrt((error**2).mean()),
        "mse": (error**2).mean(),
        "mape": np.median(np.abs(error) / np.maximum(np.abs(y), 1.0)),
        "r2": 1 - (error**2).sum() / ((y - y.mean()) ** 2).sum(),
        "max_error": np.abs(error).max(),
    }
    return {name: near(float(number), share, rng) for name, number in found.items()}


def regression_evidence(name, n, noise, scale, rng, *, offset=0.0, learns=0.9, heavy=True, ids=None):
    y = scale * rng.standard_normal(n) * (1 + 0.5 * rng.random(n)) + offset
    width = noise * (0.4 + 1.2 * rng.random(n))
    error = width * (rng.standard_t(3, n) if heavy else rng.standard_normal(n))
    value = learns * (y - offset) + offset + error * learns if learns else np.full(n, offset)
    half = 1.9 * width
    low, high = value - half, value + half * (0.9 + 0.2 * rng.random(n))
    inside = (y >= low) & (y <= high)
    order = np.argsort(high - low)
    thirds = tuple(float(inside[part].mean()) for part in np.array_split(order, 3))
    share = 1.5 / np.sqrt(n)
    intervals = Intervals(
        0.9,
        near(float(inside.mean()), share / 3, rng),
        thirds,
        float((high - low).mean()),
        4.1 * noise,
        5.2 * noise,
        0.21,
    )
    names = formulas(n, rng) if ids is None else ids(n)
    points = Points(names, y, value, low, high, rng.random(n) > 0.06, np.empty((n, 0)))
    how = {
        "loco": "5 clusters by k-means on the standardised features, mean over rows.",
        "cv": "5 folds by group.",
        "vault": "",
    }[name]
    return Evidence(name, n, regression_scores(y, value, share, rng), intervals, points, (), 0.94, how)


def class_evidence(name, n, classes, skill, rng):
    y = rng.integers(0, len(classes), n)
    logits = rng.standard_normal((n, len(classes)))
    logits[np.arange(n), y] += skill
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    value = proba.argmax(axis=1)
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (y, value), 1)
    accuracy = float((y == value).mean())
    names = (
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "specificity",
        "mcc",
        "roc_auc",
        "pr_auc",
        "log_loss",
    )
    scores = {metric: near(accuracy * (1 - 0.02 * i), 0.4 / np.sqrt(n), rng, 1.0) for i, metric in enumerate(names)}
    gone = np.full(n, np.nan)
    points = Points(formulas(n, rng), y.astype(float), value.astype(float), gone, gone, rng.random(n) > 0.05, proba)
    return Evidence(name, n, scores, None, points, tuple(tuple(int(c) for c in row) for row in confusion), 0.95, "")


def slices(n, scale, rng, *, few=False):
    chosen = ELEMENTS[:: 4 if few else 1]
    found = [
        SliceError(
            "element", e, int(max(n * rng.random() ** 4 * 0.3, 2)), near(scale * (0.5 + rng.random()), 0.15, rng)
        )
        for e in chosen
    ]
    found += [
        SliceError("group", g, int(n * share), near(scale * f, 0.1, rng))
        for g, share, f in (
            ("oxides", 0.4, 0.8),
            ("chalcogenides", 0.25, 1.1),
            ("halides", 0.2, 0.7),
            ("intermetallics", 0.1, 1.6),
        )
    ]
    found += [
        SliceError(
            "range",
            f"{100 * k - 300} to {100 * k - 200}",
            n // 5,
            near(scale * (1.6 - 0.5 * k + 0.12 * k * k), 0.1, rng),
        )
        for k in range(5)
    ]
    found += [
        SliceError("domain", "outside", n // 20, near(1.9 * scale, 0.2, rng)),
        SliceError("domain", "inside", n - n // 20, near(0.95 * scale, 0.04, rng)),
    ]
    return tuple(found)


def explanation(target, metric, rng, scale, output=""):
    names = (
        "MagpieData mean Electronegativity",
        "MagpieData range MeltingT",
        "MagpieData avg_dev NdUnfilled",
        "fraction O",
        "avg ionic char",
        "MagpieData mode GSbandgap",
        "temperature",
        "MagpieData maximum Number",
        "2-norm",
    )
    found = tuple(
        Importance(n, (n, *names[: i % 4]), scale * 0.6**i, scale * 0.6**i * 0.85, scale * 0.6**i * 1.15)
        for i, n in enumerate(names)
    )
    x = np.linspace(0, 4, 20)
    curves = tuple(
        Dependence(
            n,
            x,
            scale * (np.sin(x) + i),
            scale * (np.sin(x) + i - 0.4),
            scale * (np.sin(x) + i + 0.4),
            np.exp(-((x - 2) ** 2)) / 9,
            (),
            output,
        )
        for i, n in enumerate(names[:3])
    )
    levels = Dependence(
        "route",
        np.arange(3.0),
        scale * np.array([1.0, 1.4, 0.9]),
        scale * np.array([0.8, 1.2, 0.8]),
        scale * np.array([1.2, 1.6, 1.0]),
        np.array([0.5, 0.3, 0.2]),
        ("sol-gel", "spray", "solid state"),
    )
    return Explanation(
        target, metric, found, (*curves, levels), ("Correlated columns (|r| > 0.9) were shuffled together.",)
    )


def levels(rng, n):
    promised = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
    return Reliability(promised, np.clip(promised + 0.02 * rng.standard_normal(10), 0, 1), np.full(10, float(n)))


def candidates(best, metric, rng, *, n=14):
    families = (
        "lightgbm",
        "extra_trees",
        "kernel_ridge",
        "random_forest",
        "svm",
        "ridge",
        "nearest_neighbour",
        "dummy",
    )
    found = []
    for i in range(n):
        spec = Spec(
            families[i % 8],
            {"n_estimators": 400, "learning_rate": 0.03 * (i + 1), "num_leaves": 63, "min_child_samples": 20},
        )
        base = best * (
            1 + 0.03 * i + (1.2 if spec.family == "dummy" else 0.4 if spec.family == "nearest_neighbour" else 0)
        )
        folds = tuple(float(base * (1 + 0.03 * rng.standard_normal())) for _ in range(5))
        found.append(
            Candidate(
                i,
                Recipe((spec,)),
                "ranked",
                "",
                folds,
                float(np.mean(folds)),
                2.0 + 7 * i,
                0.3 + 0.1 * i,
                1.0 if i == 0 else 0.4 / (i + 1) ** 2,
                i + 1,
            )
        )
    found.append(
        Candidate(
            n,
            Recipe((Spec("svm", {"C": 100.0}),)),
            "pruned",
            "after 2 of 5 folds surely worse than the best",
            (best * 1.6, best * 1.7, np.nan, np.nan, np.nan),
            np.nan,
            31.0,
        )
    )
    found.append(
        Candidate(
            n + 1,
            Recipe((Spec("gaussian_process", {}),)),
            "skipped",
            "more than 2,000 rows: install matloop[bo] for the sparse one",
        )
    )
    found.append(Candidate(n + 2, Recipe((Spec("mlp", {"layers": 3}),)), "skipped", "extra 'deep' is not installed"))
    found.append(
        Candidate(
            n + 3,
            Recipe((Spec("kernel_ridge", {"alpha": 1e-12}),)),
            "failed",
            "the matrix is singular to working precision",
        )
    )
    return tuple(found)


def failures(n, scale, unit, rng, *, classes=False):
    names, near_names = formulas(n, rng), formulas(3 * n, rng)
    made = []
    for i in range(n):
        y = float(rng.integers(0, 2)) if classes else float(scale * rng.standard_normal())
        value = 1 - y if classes else y + scale * (4 - 0.2 * i)
        low, high = (np.nan, np.nan) if classes else (value - scale, value + scale)
        close = tuple(
            (
                f"mp-{7000 + 3 * i + k}",
                str(near_names[3 * i + k]),
                float(rng.integers(0, 2)) if classes else float(scale * rng.standard_normal()),
                0.8 + k * 0.7,
            )
            for k in range(3)
        )
        made.append(
            Failure(
                f"mp-{1000 + i}",
                str(names[i]),
                y,
                value,
                low,
                high,
                0.97 - 0.01 * i if classes else abs(value - y),
                bool(i % 3),
                close,
            )
        )
    return tuple(made)


def regression_target(
    name="S_n",
    unit="uV/K",
    *,
    n=6931,
    scale=220.0,
    noise=90.0,
    offset=-150.0,
    answer="met",
    warnings=(),
    learns=0.9,
    looks=1,
    seed=0,
    few=False,
    grave=False,
):
    rng = np.random.default_rng(seed)
    vault = regression_evidence("vault", n, noise, scale, rng, offset=offset, learns=learns)
    cv = regression_evidence("cv", 4 * n, noise * 1.03, scale, rng, offset=offset, learns=learns)
    loco = regression_evidence("loco", 4 * n, noise * 1.5, scale, rng, offset=offset, learns=0.75 * learns)
    base = []
    for label, how, factor in (
        ("dummy", "the median of the development rows", 2.4),
        ("nearest neighbour", "the value of the most similar row", 1.4),
        ("rule of mixtures", "linear in the element fractions", 1.8),
    ):
        sets = [
            {
                metric: near(found.scores["mae"].value * factor, 0.03, rng)
                if metric == "mae"
                else near(0.4 / factor, 0.1, rng)
                for metric in ("mae", "r2")
            }
            for found in (vault, cv, loco)
        ]
        base.append(Baseline(label, how, *sets))
    mae = vault.scores["mae"]
    told = f"the MAE on sealed rows is {mae.value:.3g} {unit} (95 % interval {mae.low:.3g} to {mae.high:.3g})"
    sentence = {
        "met": f"{told}, wholly on the good side of the goal, at most {1.15 * mae.value:.3g}: the goal is met.",
        "not met": f"{told}, wholly on the wrong side of {0.6 * mae.value:.3g}: the goal is not met.",
        "cannot be judged": f"{told}; the interval reaches across the goal of {1.02 * mae.value:.3g}.",
        "no goal": f"{told}. No goal was set.",
    }[answer]
    reasons = {
        "met": (
            "The whole 95 % interval lies on the good side of the goal.",
            "0.9 % of the errors are above 600; at most 1.5 % were allowed.",
        ),
        "not met": (
            "The model's interval overlaps that of the dummy: it has learnt nothing that helps.",
            "On clusters it never saw it is worse than the nearest neighbour.",
        ),
        "cannot be judged": ("63 sealed rows are too few to tell: about 240 would be needed.",),
        "no goal": (),
    }[answer]
    lead = f"{warnings[0]} " if grave and warnings else ""
    verdict = Verdict(answer, lead + sentence, reasons, tuple(warnings), looks > 1, looks)
    curve = tuple(
        CurvePoint(int(4 * n * s), float(mae.value * (1 + 0.25 / np.sqrt(s * 10))), float(mae.value * 0.6 * s**0.1))
        for s in (0.1, 0.25, 0.5, 1.0)
    )
    evaluation = Evaluation(
        name,
        "regression",
        unit,
        (),
        "mae",
        vault,
        cv,
        loco,
        tuple(base),
        slices(n, mae.value, rng, few=few),
        failures(14, 3 * noise, unit, rng),
        curve,
        tuple(float(mae.value * (1 + 0.004 * k)) for k in (0, 1, -0.6)),
        verdict,
        ("Errors by element are those of the cross-validated rows.",),
        (levels(rng, n),),
    )
    tried = candidates(cv.scores["mae"].value, "mae", rng)
    recipe = Recipe((tried[0].recipe.members[0], tried[1].recipe.members[0]), (0.62, 0.38))
    tried = (
        Candidate(
            99,
            recipe,
            "ranked",
            "",
            tuple(s * 0.985 for s in tried[0].fold_scores),
            tried[0].score * 0.985,
            11.0,
            0.9,
            1.0,
            0,
        ),
        *tried,
    )
    tried = tuple(
        Candidate(
            c.number,
            c.recipe,
            c.status,
            c.reason,
            c.fold_scores,
            c.score,
            c.seconds,
            c.predict_ms,
            c.p_value,
            c.rank + 1 if c.status == "ranked" else 0,
        )
        for c in tried
    )
    losses = (
        LossCurve(
            "mlp(layers=3, dropout=0.1)",
            tuple(2 * np.exp(-np.arange(80) / 15) + 0.1),
            tuple(2.1 * np.exp(-np.arange(80) / 14) + 0.22 + 0.0008 * np.arange(80)),
        ),
    )
    return TargetRecord(name, recipe, tried, evaluation, explanation(name, "mae", rng, mae.value / 3), losses, ())


def class_target(name="is_metal", classes=("non-metal", "metal"), *, n=984, skill=2.4, seed=3):
    rng = np.random.default_rng(seed)
    vault, cv, loco = (
        class_evidence(k, m, classes, s, rng)
        for k, m, s in (("vault", n, skill), ("cv", 4 * n, skill), ("loco", 4 * n, 0.6 * skill))
    )
    base = tuple(
        Baseline(b, h, *({m: near(v, 0.03, rng) for m in ("balanced_accuracy", "accuracy")} for _ in range(3)))
        for b, h, v in (
            ("dummy", "the most frequent class", 0.5),
            ("nearest neighbour", "the class of the most similar row", 0.81),
        )
    )
    verdict = Verdict(
        "cannot be judged",
        "Balanced accuracy is 0.912 (95 % interval 0.893 to 0.930); the goal of 0.92 lies inside.",
        ("The interval holds the goal: about 2,100 sealed rows would be needed to tell.",),
        (),
        True,
        3,
    )
    errors = tuple(
        SliceError(s.kind, s.name, s.n_rows, Estimate(*(0.1 * v for v in (s.error.value, s.error.low, s.error.high))))
        for s in slices(n, 1.0, rng)
    )
    errors += tuple(SliceError("class", c, n // len(classes), near(0.08, 0.1, rng)) for c in classes)
    curve = tuple(CurvePoint(int(4 * n * s), 0.91 - 0.06 / np.sqrt(s * 10), 0.99) for s in (0.1, 0.25, 0.5, 1.0))
    evaluation = Evaluation(
        name,
        "classification",
        "",
        classes,
        "balanced_accuracy",
        vault,
        cv,
        loco,
        base,
        errors,
        failures(8, 1, "", rng, classes=True),
        curve,
        (0.912, 0.909, 0.915),
        verdict,
    )
    tried = candidates(0.14, "brier", rng)
    return TargetRecord(
        name,
        Recipe(tried[0].recipe.members, threshold=0.42),
        tried,
        evaluation,
        explanation(name, "balanced_accuracy", rng, 0.05, f"probability of {classes[-1]!r}"),
        search_metric="brier",
    )


def cleaning(n, *, hostile=False):
    bad = HOSTILE if hostile else "n.d."
    removed = tuple(
        Removal(
            17 * i + 3,
            HOSTILE if hostile else f"mp-{i}",
            HOSTILE if hostile else "pretty_formula",
            bad,
            "no value of the target",
        )
        for i in range(12)
    )
    repaired = tuple(
        Repair(5 * i + 1, f"mp-{i}", "S_n", "1,2 mV/K", "1200", "unit converted to uV/K") for i in range(9)
    )
    reasons = {
        "no value of the target": 151,
        "'Xx' is not an element": 41,
        "conflicting duplicates: spread above 5 times the noise": 12,
    }
    return CleaningSummary(
        n + 204 + 12902,
        n,
        204,
        96,
        12902,
        reasons,
        {"unit converted to uV/K": 80, "decimal comma": 16},
        removed,
        repaired,
        ("MagpieData-like constant columns: none.",),
    )


def split(n, *, vault_share=0.2, seed=1):
    rng = np.random.default_rng(seed)
    centre = rng.integers(0, 4, n)
    x = np.array([-6.0, 0, 5, 9])[centre] + 2 * rng.standard_normal(n)
    y = np.array([0.0, 5, -4, 3])[centre] + 1.6 * rng.standard_normal(n)
    sealed = rng.random(n) < vault_share
    return SplitSummary(
        int((~sealed).sum()),
        int(sealed.sum()),
        int(n * 0.97),
        "reduced_formula",
        "Stratified by the first target, seed 0.",
        x,
        y,
        sealed,
        (0.31, 0.17),
    )


def record(
    targets,
    problem_targets,
    n,
    *,
    name="thermopower",
    question="Which compounds have a strongly negative n-type Seebeck coefficient?",
    hostile=False,
):
    inputs = (
        Input("formula", "composition", "pretty_formula"),
        Input("temperature", "number", "T", "K"),
        Input("route", "category", "route"),
    )
    problem = Problem(
        HOSTILE if hostile else name,
        Source("ricci-transport"),
        inputs,
        problem_targets,
        HOSTILE if hostile else question,
        protocol=Protocol(),
    )
    citation = "Ricci et al., An ab initio electronic transport database, Sci. Data 4, 170085 (2017)."
    source = Provenance(
        HOSTILE if hostile else "ricci-transport (carried by matloop)",
        "9f2b5c0d" * 8,
        n + 13106,
        12,
        "2026-11-20T10:12:00Z",
        "CC BY 4.0",
        citation,
        "10.1038/sdata.2017.85",
    )
    return RunRecord(
        "20261120-101203-7f3a",
        "runs/thermopower/20261120-101203-7f3a",
        problem,
        source,
        cleaning(n, hostile=hostile),
        split(n),
        {"formula:magpie": 132, "formula:fractions": 86, "formula:stoichiometry": 6},
        tuple(targets),
        {"matloop": "0.1.0", "python": "3.11.2", "numpy": "2.4.0", "scikit-learn": "1.9.0", "lightgbm": "4.7.0"},
        {
            "collect": 0.8,
            "clean": 6.1,
            "represent": 2.4,
            "search": 121.0,
            "evaluate": 48.0,
            "explain": 11.0,
            "total": 191.4,
        },
        (
            citation + " doi:10.1038/sdata.2017.85",
            "Magpie: Ward et al., npj Comput. Mater. 2, 16028 (2016). doi:10.1038/npjcompumats.2016.28",
            "Comparison: Nadeau & Bengio, Mach. Learn. 52, 239 (2003). doi:10.1023/A:1024068626366",
        ),
        ("pip install matloop==0.1.0", "matloop run problem.toml -o runs --replay"),
    )


def target_of(name, unit="", task="regression", **more):
    return Target(name, name, unit, task, **more)


def small():
    return record(
        [
            regression_target(
                "yield_strength", "MPa", n=62, scale=300, noise=110, offset=1400, answer="cannot be judged", few=True
            )
        ],
        (target_of("yield_strength", "MPa", success=Success("mae", at_most=90.0)),),
        312,
        name="steels",
        question="How strong is a maraging steel of this composition?",
    )


def large():
    return record([regression_target()], (target_of("S_n", "uV/K", success=Success("mae", at_most=118.0)),), 34631)


def no_goal():
    return record([regression_target(answer="no goal", n=400)], (target_of("S_n", "uV/K"),), 2000)


def untrusted():
    warnings = (
        "Do not rely on this model: it is not shown to beat always giving the same answer: 226 µV/K against 228 µV/K.",
        "This is look number 4 at the same sealed rows: choices made after earlier looks make the score optimistic.",
        "The 90 % intervals are too narrow: they hold 45 % of the sealed rows.",
        "Model families that were not tried: sparse Gaussian process (extra 'bo').",
    )
    return record(
        [regression_target(answer="not met", warnings=warnings, learns=0.0, n=300, looks=4, grave=True)],
        (target_of("S_n", "uV/K"),),
        1500,
    )


def two_classes():
    return record(
        [class_target()],
        (target_of("is_metal", task="classification", positive="metal"),),
        4920,
        name="metallicity",
        question="Is this compound a metal?",
    )


def three_classes():
    return record(
        [class_target("phase", ("single phase", "two phases", "amorphous"), n=300, seed=5)],
        (target_of("phase", task="classification"),),
        1500,
        name="phases",
        question="Which phases form?",
    )


def several():
    targets = [
        regression_target(n=1500),
        class_target(n=400),
        regression_target("E_gap", "eV", n=900, scale=1.2, noise=0.4, offset=2.5, answer="not met", seed=8),
    ]
    return record(
        targets,
        (
            target_of("S_n", "uV/K"),
            target_of("is_metal", task="classification", positive="metal"),
            target_of("E_gap", "eV"),
        ),
        7500,
        name="thermoelectrics",
        question="Good thermoelectrics?",
    )


def hostile():
    return record(
        [
            regression_target(HOSTILE, "<b>uV</b>/K", n=80, answer="no goal", warnings=(HOSTILE,), grave=True),
            class_target(HOSTILE + "2", (HOSTILE, "<script>b</script>"), n=90),
        ],
        (target_of(HOSTILE, "<b>uV</b>/K"), target_of(HOSTILE + "2", task="classification")),
        400,
        hostile=True,
    )


def bare():
    """As little as a run can leave: three sealed rows, nothing explained, nothing flagged."""
    rng = np.random.default_rng(0)
    empty = np.empty(0)
    none = Points(np.array([], dtype=str), empty, empty, empty, empty, np.array([], dtype=bool), np.empty((0, 0)))
    vault = regression_evidence("vault", 3, 1.0, 1.0, rng)
    gone = Evidence("cv", 0, {}, None, none), Evidence("loco", 0, {}, None, none)
    few = "Too little to judge by: the sealed rows are 3 from 3 independent groups. Add data."
    verdict = Verdict("no goal", f"{few} No goal was set.", (), (few,), False, 1)
    evaluation = Evaluation("y", "regression", "", (), "mae", vault, *gone, (), (), (), (), (), verdict)
    recipe = Recipe((Spec("dummy"),))
    target = TargetRecord(
        "y", recipe, (Candidate(0, recipe, "ranked", rank=1),), evaluation, Explanation("y", "mae", (), ())
    )
    nothing = SplitSummary(12, 3, 15, "", "", empty, empty, np.array([], dtype=bool), (float("nan"), float("nan")))
    tidy = CleaningSummary(15, 15, 0, 0, 0, {}, {}, (), (), ())
    problem = Problem("bare", Source("t.csv"), (Input("x", "number", "x"),), (target_of("y"),))
    return RunRecord(
        "r", "runs/bare/r", problem, Provenance("t.csv", "00", 15, 2), tidy, nothing, {}, (target,), {}, {}, (), ()
    )


RECORDS = {
    f.__name__: f for f in (small, large, no_goal, untrusted, two_classes, three_classes, several, hostile, bare)
}
