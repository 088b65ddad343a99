"""Train a run, or with -m a sweep: python train.py +experiment=zeroing -m"""

import sys

try:
    from dermoscopy.config.help import show_help

    show_help(__name__, __file__)  # before the imports below, which take seconds
except ModuleNotFoundError as missing:
    sys.exit(f"error: this python lacks {missing.name}: type make setup, then .venv/bin/python train.py")

import hydra
from omegaconf import DictConfig

from dermoscopy.config.jobs import run_job
from dermoscopy.config.sweeps import training_command


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float:
    """Run one job; return its best value of the metric `monitor.metric`, which a sweeper may optimise."""
    return run_job(cfg)


if __name__ == "__main__":
    with training_command():
        main()
