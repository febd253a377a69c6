"""Versions of models as files and in MLflow: bundles, promotions, the gate. No training."""
