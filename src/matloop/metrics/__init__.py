"""Numbers of merit: errors, class scores, rankings and intervals, each with its own doubt. Only scoring lives here."""

from __future__ import annotations

from matloop.core.registry import Registry

METRICS = Registry(
    "matloop.metrics",
    mae="matloop.metrics.errors:MAE",
    mse="matloop.metrics.errors:MSE",
    rmse="matloop.metrics.errors:RMSE",
    mape="matloop.metrics.errors:MAPE",
    r2="matloop.metrics.errors:R2",
    max_error="matloop.metrics.errors:MAX_ERROR",
    accuracy="matloop.metrics.confusion:ACCURACY",
    balanced_accuracy="matloop.metrics.confusion:BALANCED_ACCURACY",
    precision="matloop.metrics.confusion:PRECISION",
    recall="matloop.metrics.confusion:RECALL",
    f1="matloop.metrics.confusion:F1",
    specificity="matloop.metrics.confusion:SPECIFICITY",
    mcc="matloop.metrics.confusion:MCC",
    roc_auc="matloop.metrics.curves:ROC_AUC",
    pr_auc="matloop.metrics.curves:PR_AUC",
    log_loss="matloop.metrics.curves:LOG_LOSS",
    spearman="matloop.metrics.ranking:SPEARMAN",
    ndcg="matloop.metrics.ranking:NDCG",
    recall_at_k="matloop.metrics.ranking:RECALL_AT_K",
)
"""Metric name -> the `Metric` that computes it; in the order in which they are shown."""
