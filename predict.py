"""Predict labels or masks of new images: python predict.py run=ID images=DIR out=DIR; evaluate: run=ID data=NAME"""

import sys

try:
    from dermoscopy.config.help import show_help

    show_help(__name__, __file__)  # before the imports below, which take seconds
except ModuleNotFoundError as missing:
    sys.exit(f"error: this python lacks {missing.name}: type make setup, then .venv/bin/python predict.py")

from pathlib import Path

import hydra
from omegaconf import DictConfig

from dermoscopy.config.command_line import checked, command, is_given, overrides, text_of
from dermoscopy.config.data import build_source
from dermoscopy.config.texts import names_of
from dermoscopy.config.trained import build_network
from dermoscopy.config.trust import trusted
from dermoscopy.data.raw.sources import FolderSource
from dermoscopy.data.store.reader import Store, open_store
from dermoscopy.machine.messages import PURPOSE
from dermoscopy.predict.arguments import (
    RULES,
    check_input,
    check_options,
    check_raw,
    check_values,
    choose_device,
)
from dermoscopy.predict.commands import FolderOptions, StoreOptions, evaluate_store, predict_folder
from dermoscopy.predict.network import check_ensemble, given_masks_of, load_network
from dermoscopy.runs.find import find_checkpoint, find_checkpoints
from dermoscopy.runs.recorded import read_stage

FOLDER = (
    *("format", "tta", "batch_size", "workers", "on_error", "threshold", "fill_holes", "min_pixels", "probabilities"),
    "instances",
)
STORE = ("subset", "format", "tta", "batch_size", "hd95", "panels")


@hydra.main(version_base="1.3", config_path="conf", config_name="predict")
@checked
def main(cfg: DictConfig) -> None:
    """Load the networks of the runs, then predict new images or evaluate on a store."""
    run, images, out, segmenter = (text_of(cfg, key) for key in ("run", "images", "out", "segmenter"))
    evaluation = is_given(cfg, "data")
    check_input(run is not None, images is not None, evaluation, out is not None)
    check_values({key: cfg[key] for key in RULES})
    locations = Path(cfg.runs), cfg.tracking.uri
    stages = [read_stage(path) for path in find_checkpoints(names_of(str(run)), *locations)]
    segmenter_stage = None if segmenter is None else read_stage(find_checkpoint(segmenter, *locations))
    check_options(overrides(), not evaluation, bool(stages[0].masks))
    check_ensemble(stages, decoded=not evaluation)
    device, trust = choose_device(cfg.device), trusted(cfg)
    networks = [load_network(stage, build_network(stage, trust), device) for stage in stages]
    if not stages[0].masks:
        mask_network = (
            None
            if segmenter_stage is None
            else load_network(segmenter_stage, build_network(segmenter_stage, trust), device)
        )
        networks = [given_masks_of(networks[0], mask_network)]
    folder = None if out is None else Path(out)
    if evaluation:
        values = {key: cfg[key] for key in STORE}
        result = evaluate_store(networks, StoreOptions(*stored(cfg.data), folder, **values))
    else:
        values = {key: cfg[key] for key in FOLDER}
        result = predict_folder(networks, FolderOptions(Path(str(images)), Path(str(out)), **values))
    print(result, PURPOSE, sep="\n")


def stored(data: DictConfig) -> tuple[Store, FolderSource | None]:
    """Return the store of a data set, and where its raw files are, None if unknown; what was typed must be true."""
    typed = {override.partition("=")[0] for override in overrides()}
    source = build_source(data) if is_given(data, "raw") else None
    if source is not None and "data.raw" in typed:
        check_raw(Path(str(source.root)))
    size, fit = (data[key] if f"data.{key}" in typed else None for key in ("size", "fit"))
    return open_store(data.store, size, fit), source


if __name__ == "__main__":
    with command("predict.py"):
        main()
