"""Train a run, or with -m a sweep: python train.py +experiment=zeroing -m"""

from dermoscopy.config.help import show_help

show_help(__name__, __file__)  # before the imports below, which take seconds

from pathlib import Path

import hydra
from omegaconf import DictConfig

from dermoscopy.config.jobs import run_job
from dermoscopy.config.sweeps import training_command

CONF = Path(__file__).resolve().parent / "conf"


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float:
    """Run one job; return its best value of the metric `monitor.metric`, which a sweeper may optimise."""
    return run_job(cfg)


if __name__ == "__main__":
    with training_command(CONF):
        main()
