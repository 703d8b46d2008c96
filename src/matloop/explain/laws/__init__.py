"""Laws: formulas that respect units, found in data, and honest word of when there is none."""

from matloop.explain.laws.estimators import SymbolicClassifier, SymbolicRegressor
from matloop.explain.laws.find import find_laws
from matloop.explain.laws.study import study_laws
from matloop.explain.laws.values import Law, LawSearch, LawStudy

__all__ = ["Law", "LawSearch", "LawStudy", "SymbolicClassifier", "SymbolicRegressor", "find_laws", "study_laws"]
