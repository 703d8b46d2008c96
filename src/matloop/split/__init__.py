"""Who may see which row: folds, clusters, chemistry, time, and the vault."""

from matloop.core.registry import Registry

SPLITTERS = Registry(
    "matloop.splitters",
    random="matloop.split.splitters:RandomFolds",
    stratified="matloop.split.splitters:StratifiedGroupFolds",
    repeated="matloop.split.splitters:RepeatedFolds",
    shuffle="matloop.split.splitters:ShuffledHoldOut",
    hold_out="matloop.split.splitters:GroupHoldOut",
    nested="matloop.split.splitters:NestedFolds",
    cluster="matloop.split.splitters:LeaveOneClusterOut",
    element="matloop.split.chemical:LeaveElementOut",
    period="matloop.split.chemical:LeavePeriodOut",
    table_group="matloop.split.chemical:LeaveTableGroupOut",
    chemical_system="matloop.split.chemical:LeaveChemicalSystemOut",
    chemical_system_folds="matloop.split.chemical:ChemicalSystemFolds",
    label="matloop.split.chemical:LeaveLabelOut",
    near_twins="matloop.split.twins:NearTwinFolds",
    scaffold="matloop.split.molecules:ScaffoldFolds",
    space_group="matloop.split.structures:LeaveSpaceGroupOut",
    prototype="matloop.split.structures:LeavePrototypeOut",
    nearly_identical="matloop.split.structures:NearlyIdenticalFolds",
    time="matloop.split.ordered:ForwardInTime",
    target="matloop.split.ordered:TargetExtrapolation",
    feature="matloop.split.ordered:FeatureExtrapolation",
    kennard_stone="matloop.split.samplers:KennardStone",
    k_means_representatives="matloop.split.samplers:KMeansRepresentatives",
    direct="matloop.split.samplers:DirectSampling",
)
"""Splitters by name; each is a scikit-learn cross-validator."""
