"""Predict the labels of new images: python predict.py run=ID images=DIR out=DIR"""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from dermoscopy.predict.device import choose_device
from dermoscopy.predict.folder import find_images
from dermoscopy.predict.labels import open_output, predict_labels, write_labels
from dermoscopy.predict.stage import find_checkpoint, load_weights, read_stage
from dermoscopy.terminal import one_line_errors


def as_typed(cfg: DictConfig, key: str) -> str:
    """Return a value as it stands on the command line, where a key such as 12e5 would else become a number."""
    if OmegaConf.is_missing(cfg, key):
        raise ValueError(f"{key} is missing: python predict.py run=ID images=DIR out=DIR")
    typed = dict(override.partition("=")[::2] for override in HydraConfig.get().overrides.task)
    return str(typed[key] if isinstance(cfg[key], int | float) and key in typed else cfg[key])


@hydra.main(version_base="1.3", config_path="conf", config_name="predict")
@one_line_errors()  # inside as well: Hydra would add a line of its own to an error that leaves main
def main(cfg: DictConfig) -> None:
    """Find the stage, build its network, predict."""
    run, images, out = (as_typed(cfg, key) for key in ("run", "images", "out"))
    stage = read_stage(find_checkpoint(run, Path(cfg.runs), cfg.tracking.uri))
    folder, output, device = find_images(images), open_output(out), choose_device(cfg.device)
    network = instantiate(stage.network)
    load_weights(network, stage.checkpoint)
    network.to(device)
    predicted = predict_labels(network, stage, folder, cfg.batch_size, cfg.workers, cfg.on_error, progress=True)
    print(write_labels(predicted, output))
    print(f"  network: {stage}, given no masks; device: {device}")


if __name__ == "__main__":
    with one_line_errors():
        main()
