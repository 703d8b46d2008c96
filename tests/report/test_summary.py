from __future__ import annotations

import json

from matloop.report.summary import report_json

KEYS = {
    "format", "name", "question", "run_id", "n_rows", "data", "verdict", "vault", "cv", "loco", "baselines",
    "intervals", "chosen", "candidates", "seeds", "studies", "timing", "versions",
}  # fmt: skip


def test_top_level_keys_are_stable(make_record):
    assert set(report_json(make_record("large"))) == KEYS


def test_values_are_by_target_and_strict_json(make_record):
    found = report_json(make_record("several"))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for key in ("verdict", "vault", "cv", "loco", "baselines", "intervals", "chosen", "candidates", "seeds"):
        assert set(found[key]) == {"S_n", "is_metal", "E_gap"}


def test_metric_stands_beside_its_interval(make_record):
    record = make_record("large")
    mae = record.targets[0].evaluation.vault.scores["mae"]
    assert report_json(record)["vault"]["S_n"]["mae"] == {"value": mae.value, "low": mae.low, "high": mae.high}
    assert report_json(record)["vault"]["S_n"]["n_rows"] == 6931


def test_verdict_has_its_keys(make_record):
    verdict = report_json(make_record("untrusted"))["verdict"]["S_n"]
    assert verdict["answer"] == "not met"
    assert {"sentence", "reasons", "warnings", "optimistic", "looks", "metric", "unit"} <= set(verdict)


def test_intervals_give_coverage_for_every_set(make_record):
    intervals = report_json(make_record("large"))["intervals"]["S_n"]
    keys = {"coverage", "coverage_low", "coverage_high", "thirds", "mean_width", "score", "constant_score", "gain"}
    assert all(set(intervals[name]) == keys for name in ("vault", "cv", "loco"))
    assert intervals["score"] == intervals["vault"]["score"]
    assert intervals["level"] == 0.9


def test_baselines_are_named_with_all_sets(make_record):
    baselines = report_json(make_record("large"))["baselines"]["S_n"]
    assert set(baselines) == {"dummy", "nearest neighbour", "rule of mixtures"}
    assert baselines["dummy"]["vault"]["mae"]["value"] > 0
    assert {"how", "vault", "cv", "loco"} == set(baselines["dummy"])


def test_classification_has_confusion_and_no_intervals(make_record):
    found = report_json(make_record("two_classes"))
    assert found["intervals"]["is_metal"] == {}
    assert sum(map(sum, found["vault"]["is_metal"]["confusion"])) == found["vault"]["is_metal"]["n_rows"]
