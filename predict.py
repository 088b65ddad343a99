"""Labels or masks of new images: python predict.py run=ID images=DIR out=DIR; how good they are: run=ID data=NAME"""

from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from dermoscopy.data.store.reader import open_store
from dermoscopy.machine.messages import one_line_errors
from dermoscopy.predict.arguments import (
    check_input,
    check_options,
    check_values,
    choose_device,
    default_output,
    names_of,
    open_output,
)
from dermoscopy.predict.evaluate import check_store, evaluate_labels, evaluate_masks, write_record
from dermoscopy.predict.images import find_images, read_batches
from dermoscopy.predict.labels import predict_labels, write_labels
from dermoscopy.predict.masks import MaskFiles, check_apart, predict_masks, write_masks
from dermoscopy.predict.network import TrainedNetwork, check_ensemble, given_masks_of, load_network
from dermoscopy.predict.postprocessing import Decision
from dermoscopy.predict.rows import choose_rows
from dermoscopy.predict.trained import TrainedStage, read_stage
from dermoscopy.runs.find import find_checkpoint, find_checkpoints


def as_typed(cfg: DictConfig, key: str) -> str:
    """Return a value as it stands on the command line, where a key such as 12e5 would else become a number."""
    typed = dict(override.partition("=")[::2] for override in HydraConfig.get().overrides.task)
    return str(typed[key] if isinstance(cfg[key], int | float | ListConfig) and key in typed else cfg[key])


def load(cfg: DictConfig, stages: Sequence[TrainedStage], finder: TrainedStage | None) -> list[TrainedNetwork]:
    """Build the networks of stages, with their weights; a classifier is given the masks that the finder finds."""
    device = choose_device(cfg.device)
    networks = [load_network(stage, instantiate(stage.network), device) for stage in stages]
    if not stages[0].masks:
        segmenter = finder and load_network(finder, instantiate(finder.network), device)
        networks = [given_masks_of(networks[0], segmenter)]
    return networks


def show(networks: Sequence[TrainedNetwork]) -> None:
    """Say which weights are used, what they are given, and where."""
    for each in networks:
        given = "no masks" if each.segmenter is None else f"masks of {each.segmenter.stage}"
        print(f"  network: {each.stage}, given {given}; device: {next(each.network.parameters()).device}")


def predict_new(
    cfg: DictConfig, stages: Sequence[TrainedStage], finder: TrainedStage | None, images: Path, out: Path
) -> str:
    """Predict the labels or the masks of new images; return what was written."""
    folder, stage = find_images(images), stages[0]
    decision = Decision(stage.exclusive, cfg.threshold, cfg.fill_holes, cfg.min_pixels)
    files = MaskFiles(out, stage.masks, decision, cfg.probabilities, cfg.instances)
    check_apart(images, folder, files)
    networks = load(cfg, stages, finder)
    open_output(out)
    batches = read_batches(folder, stage.size, stage.fit, cfg.batch_size, cfg.workers, cfg.on_error, progress=True)
    show(networks)
    if stage.masks:
        return write_masks(predict_masks(networks, batches, cfg.views), files, cfg.workers)
    return write_labels(predict_labels(networks[0], batches), out)


def evaluate(cfg: DictConfig, stages: Sequence[TrainedStage], finder: TrainedStage | None, out: Path | None) -> str:
    """Score the labels or the masks of a store's images; return how good they are."""
    store = open_store(cfg.data.store)
    differences = check_store(store, stages)
    every = [*stages, *([finder] if finder else [])]
    chosen = choose_rows(store, every, cfg.side)
    networks = load(cfg, stages, finder)
    out = open_output(out or default_output(stages, store, chosen.side))
    show(networks)
    print(*(f"  {line}" for line in (chosen.line, *differences)), sep="\n", flush=True)
    if stages[0].masks:
        source = None if OmegaConf.is_missing(cfg.data, "raw") else instantiate(cfg.data.source)
        options = cfg.views, cfg.batch_size, cfg.hd95, cfg.panels
        result = evaluate_masks(networks, store, chosen, source, *options, out)
    else:
        result = evaluate_labels(networks[0], store, chosen.rows, cfg.batch_size, out)
    write_record(out, every, store, {"side": chosen.side, "views": cfg.views, "images": len(chosen.rows)})
    return result


@hydra.main(version_base="1.3", config_path="conf", config_name="predict")
@one_line_errors()  # inside as well: Hydra would add a line of its own to an error that leaves main
def main(cfg: DictConfig) -> None:
    """Find the runs, then predict new images or score known ones."""
    known = cfg.get("data") is not None
    check_input(not OmegaConf.is_missing(cfg, "run"), cfg.images is not None, known, cfg.out is not None)
    check_values(cfg.batch_size, cfg.views)
    run, images, out, segmenter = (
        as_typed(cfg, key) if cfg[key] is not None else None for key in ("run", "images", "out", "segmenter")
    )
    stages = [read_stage(path) for path in find_checkpoints(names_of(run), Path(cfg.runs), cfg.tracking.uri)]
    finder = None
    if segmenter is not None:
        finder = read_stage(find_checkpoint(segmenter, Path(cfg.runs), cfg.tracking.uri))
    check_options(HydraConfig.get().overrides.task, not known, bool(stages[0].masks))
    check_ensemble(stages, decoded=not known)
    if known:
        print(evaluate(cfg, stages, finder, None if out is None else Path(out)))
    else:
        print(predict_new(cfg, stages, finder, Path(images), Path(out)))


if __name__ == "__main__":
    with one_line_errors():
        main()
