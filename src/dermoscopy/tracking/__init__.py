"""The record of sweeps and runs in MLflow, which may be away: a journal in each run's folder is sent when it can be."""
