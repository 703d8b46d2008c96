"""The question: a frozen `Problem` from TOML or keywords, validated in the user's words."""

from matloop.problem.question import (
    REDUCED_FORMULA,
    Input,
    Limits,
    Never,
    Problem,
    Protocol,
    Roles,
    Source,
    Success,
    Target,
    Training,
)

__all__ = [
    "REDUCED_FORMULA",
    "Input",
    "Limits",
    "Never",
    "Problem",
    "Protocol",
    "Roles",
    "Source",
    "Success",
    "Target",
    "Training",
]
