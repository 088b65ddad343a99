"""Tracking of sweeps and runs in MLflow through a journal in each run's folder, sent when the server can be reached."""
