import numpy as np

from matloop.monitor.drift.units import follows_matter, units


def test_the_same_question_a_thousand_times_is_one(made, compounds):
    rows = compounds(5, 0)
    kept = units(made([rows[k % 5] for k in range(1000)]))
    assert len(kept.rows) == 5
    assert kept.repeated == 200


def test_one_material_at_many_temperatures_is_many_questions_and_one_material(made):
    seen = made(["Fe2O3"] * 30 + ["NaCl"] * 2, {"T": [*range(30), 300, 300]})
    kept = units(seen)
    assert len(kept.rows) == 31
    assert len(kept.matter) == 2


def test_features_of_the_material_are_told_from_those_of_the_process(made):
    seen = made(["Fe2O3", "Fe2O3", "NaCl"], {"T": [300, 400, 300]})
    alone = follows_matter(seen, units(seen))
    assert not alone[seen.names.index("T")]
    assert alone[seen.names.index("fraction O")]


def test_rows_without_any_feature_are_left_out(made):
    from dataclasses import replace

    seen = made(["Fe2O3", "NaCl", "MgO"])
    X = seen.X.copy()
    X[1] = np.nan
    assert units(replace(seen, X=X)).rows.tolist() == [0, 2]
