"""From a question about materials to a model that can be trusted, and to the next experiment.

    >>> import matloop
    >>> problem = matloop.load_problem("problem.toml")    # doctest: +SKIP
    >>> result = matloop.run(problem)                     # doctest: +SKIP

Importing matloop does no work: each public name is loaded when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matloop.campaign.campaign import Campaign
    from matloop.client import Client
    from matloop.core.errors import (
        BundleError,
        ConfigError,
        DataError,
        MatloopError,
        MatloopWarning,
        MissingExtra,
        RunError,
    )
    from matloop.data.collect import collect, from_frame
    from matloop.deploy.answering import Answerer
    from matloop.deploy.batch.predict import predict_batch
    from matloop.deploy.bundle import load_bundle
    from matloop.deploy.edge.export import export_bundle
    from matloop.deploy.estimator import BundleClassifier, BundleRegressor
    from matloop.deploy.predict import predict_file, predict_frame
    from matloop.matter.compositions import Compositions, as_compositions, from_formulas
    from matloop.matter.molecules import Molecules, as_molecules, from_sdf, from_smiles
    from matloop.monitor.log import PredictionLog
    from matloop.monitor.retrain.plan import NewLabels
    from matloop.monitor.retrain.retrain import begin_retraining, retrain
    from matloop.pipeline.chain import carry
    from matloop.pipeline.check import check
    from matloop.pipeline.compare import compare_features
    from matloop.pipeline.draft import draft
    from matloop.pipeline.judge import judge, judge_predictions
    from matloop.pipeline.leaks import find_leaks
    from matloop.pipeline.run import run
    from matloop.pipeline.whatif import what_if
    from matloop.problem.campaign import CampaignProblem
    from matloop.problem.campaign_toml import load_campaign
    from matloop.problem.make import problem_from
    from matloop.problem.question import (
        Cleaning,
        Features,
        Input,
        Limits,
        Never,
        Problem,
        Protocol,
        Roles,
        Selection,
        Source,
        Success,
        Target,
        Training,
        Window,
    )
    from matloop.problem.toml import dump_problem, load_problem

__version__ = "0.1.0"

_PLACES = {
    "matloop.campaign.campaign": ("Campaign",),
    "matloop.client": ("Client",),
    "matloop.core.errors": (
        "BundleError", "ConfigError", "DataError", "MatloopError", "MatloopWarning", "MissingExtra", "RunError",
    ),
    "matloop.data.collect": ("collect", "from_frame"),
    "matloop.deploy.answering": ("Answerer",),
    "matloop.deploy.batch.predict": ("predict_batch",),
    "matloop.deploy.bundle": ("load_bundle",),
    "matloop.deploy.edge.export": ("export_bundle",),
    "matloop.deploy.estimator": ("BundleClassifier", "BundleRegressor"),
    "matloop.deploy.predict": ("predict_file", "predict_frame"),
    "matloop.matter.compositions": ("Compositions", "as_compositions", "from_formulas"),
    "matloop.matter.molecules": ("Molecules", "as_molecules", "from_sdf", "from_smiles"),
    "matloop.monitor.log": ("PredictionLog",),
    "matloop.monitor.retrain.plan": ("NewLabels",),
    "matloop.monitor.retrain.retrain": ("begin_retraining", "retrain"),
    "matloop.pipeline.chain": ("carry",),
    "matloop.pipeline.check": ("check",),
    "matloop.pipeline.compare": ("compare_features",),
    "matloop.pipeline.draft": ("draft",),
    "matloop.pipeline.judge": ("judge", "judge_predictions"),
    "matloop.pipeline.leaks": ("find_leaks",),
    "matloop.pipeline.run": ("run",),
    "matloop.pipeline.whatif": ("what_if",),
    "matloop.problem.campaign": ("CampaignProblem",),
    "matloop.problem.campaign_toml": ("load_campaign",),
    "matloop.problem.make": ("problem_from",),
    "matloop.problem.question": (
        "Cleaning", "Features", "Input", "Limits", "Never", "Problem", "Protocol", "Roles", "Selection", "Source",
        "Success", "Target", "Training", "Window",
    ),
    "matloop.problem.toml": ("dump_problem", "load_problem"),
}  # fmt: skip
_HOME = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "Answerer",
    "BundleClassifier",
    "BundleError",
    "BundleRegressor",
    "Campaign",
    "CampaignProblem",
    "Cleaning",
    "Client",
    "Compositions",
    "ConfigError",
    "DataError",
    "Features",
    "Input",
    "Limits",
    "MatloopError",
    "MatloopWarning",
    "MissingExtra",
    "Molecules",
    "Never",
    "NewLabels",
    "PredictionLog",
    "Problem",
    "Protocol",
    "Roles",
    "RunError",
    "Selection",
    "Source",
    "Success",
    "Target",
    "Training",
    "Window",
    "__version__",
    "as_compositions",
    "as_molecules",
    "begin_retraining",
    "carry",
    "check",
    "collect",
    "compare_features",
    "draft",
    "dump_problem",
    "export_bundle",
    "find_leaks",
    "from_formulas",
    "from_frame",
    "from_sdf",
    "from_smiles",
    "judge",
    "judge_predictions",
    "load_bundle",
    "load_campaign",
    "load_problem",
    "predict_batch",
    "predict_file",
    "predict_frame",
    "problem_from",
    "retrain",
    "run",
    "what_if",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'matloop' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
