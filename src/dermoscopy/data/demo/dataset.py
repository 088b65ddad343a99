"""The demo data set: synthetic lesions from an explicit causal model, in the folder layout of ISIC 2018.

    age, sex ─> diagnosis ─> attributes, asymmetry, irregularity, sharpness, colours, size ─> photograph and masks
                    └─> malignant = (diagnosis is melanoma)

The tables of the model are in `lesions`, the structures in `structures`, the photograph in `drawing`; this module
writes them to disk. `prepare` reads the folder like the official download, and the ground truth is known. With
`masks_help` the same photographs have the diagnoses and the masks of `extents` instead.
"""

import csv
import json
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from dermoscopy.data.demo.drawing import draw_photograph
from dermoscopy.data.demo.extents import draw_extents, hidden_diagnosis
from dermoscopy.data.demo.fields import Mask
from dermoscopy.data.demo.lesions import ATTRIBUTES, draw_case, lesion_of
from dermoscopy.machine.threads import cores

VERSION = 1  # raise it with every change of a pixel or a label: folders of an older version are then remade
GENERATOR = "dermoscopy.data.demo"  # identifies a demo folder, whatever module draws it
SMALLEST = 32  # pixels per side: below it, a region may be smaller than a pixel

IMAGES = "ISIC2018_Task1-2_Training_Input"
LESIONS = "ISIC2018_Task1_Training_GroundTruth"
REGIONS = "ISIC2018_Task2_Training_GroundTruth_v3"
WORTH_A_PROCESS = 24  # images; fewer are drawn sooner than a process starts

Row = dict[str, str | int | float]
Recipe = dict[str, str | int | list[int]]


def make_demo(
    root: Path,
    count: int = 600,
    size: tuple[int, int] = (192, 256),
    seed: int = 0,
    masks_help: bool = False,
    workers: int | None = None,
) -> Path:
    """Make the demo data set in the folder `root` unless it exists already; return the folder.

    Image i depends only on the seed, on i and on the size. The folder is complete or absent, never partial.

    Args:
        root: Folder to make. A demo folder of another recipe is replaced, any other non-empty folder is refused.
        count: Number of images.
        size: Height and width of the images in pixels.
        seed: Seed of everything random.
        masks_help: Whether the diagnosis follows from the extent of the masks alone, see `extents`.
        workers: Number of drawing processes; 1 draws in this process, None takes one per core.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If `root` exists and was not made by this function.
    """
    root = Path(root)
    height, width = (int(side) for side in size)
    _check(count, (height, width), seed, workers)
    recipe: Recipe = {"generator": GENERATOR, "version": VERSION, "count": count, "size": [height, width], "seed": seed}
    recipe |= {"masks_help": True} if masks_help else {}  # absent in folders that are older than this argument
    if _recipe_of(root) == recipe:
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as scratch:
        fresh = Path(scratch, "new")
        _write(fresh, count, (height, width), seed, masks_help, workers)
        (fresh / "demo.json").write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
        if _recipe_of(root) is not None:  # checked again, since the drawing took a while
            root.rename(Path(scratch, "old"))
        fresh.rename(root)
    return root


def _check(count: int, size: tuple[int, int], seed: int, workers: int | None) -> None:
    if count < 1:
        raise ValueError(f"demo count must be at least 1, got {count}")
    if min(size) < SMALLEST:
        raise ValueError(f"demo size must be at least {SMALLEST} pixels per side, got {list(size)}")
    if seed < 0:
        raise ValueError(f"demo seed must not be negative, got {seed}")
    if workers is not None and workers < 1:
        raise ValueError(f"demo workers must be at least 1, or None for one per core, got {workers}")


def _recipe_of(root: Path) -> Recipe | None:
    """Return the recipe of the demo folder `root`, None where it is absent or empty; refuse any other folder."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return None
    try:
        recipe: Recipe = json.loads((root / "demo.json").read_text(encoding="utf-8"))
        if recipe["generator"] == GENERATOR:
            return recipe
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no demo.json, or not one of ours: refused below
    raise FileExistsError(f"{root} exists and is not a demo folder; name another folder or move this one away")


def _write(root: Path, count: int, size: tuple[int, int], seed: int, masks_help: bool, workers: int | None) -> None:
    """Write all images, masks and labels.csv into the folder `root`."""
    for folder in (IMAGES, LESIONS, REGIONS):
        (root / folder).mkdir(parents=True)
    write = partial(_write_image, root, size, seed, masks_help)
    processes = min(workers, count) if workers else min(cores(), max(1, count // WORTH_A_PROCESS))
    if processes == 1:
        rows = [write(index) for index in range(count)]
    else:
        context = multiprocessing.get_context("spawn")  # the caller may have threads, which a fork would break
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            rows = list(pool.map(write, range(count), chunksize=max(1, min(16, count // processes))))
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _write_image(root: Path, size: tuple[int, int], seed: int, masks_help: bool, index: int) -> Row:
    """Write one photograph with its masks; return its row of labels.csv."""
    lesion = lesion_of(seed, index)
    case = draw_case(seed, lesion)
    photograph = draw_photograph(seed, index, lesion, case, size)
    dx, attributes = case.dx, photograph.attributes
    if masks_help:
        dx = hidden_diagnosis(seed, lesion)
        attributes = draw_extents(seed, index, dx, size)
    name = f"DEMO_{index:07d}"
    Image.fromarray(photograph.image).save(root / IMAGES / f"{name}.jpg", quality=92)
    _save_mask(photograph.lesion, root / LESIONS / f"{name}_segmentation.png")
    nothing = np.zeros(size, dtype=np.bool_)
    flags = {}
    for attribute in ATTRIBUTES:
        region = attributes.get(attribute, nothing)
        _save_mask(region, root / REGIONS / f"{name}_attribute_{attribute}.png")
        flags[attribute] = int(region.any())
    return {
        "image_id": name,
        "width": size[1],
        "height": size[0],
        "lesion_frac": round(float(photograph.lesion.mean()), 4),
        **flags,
        "dx": dx,
        "malignant": int(dx == "mel"),
        "age_approx": case.age,
        "sex": case.sex,
        "anatom_site": case.site,
        "lesion_id": f"DEMO_LESION_{lesion:07d}",
        "group_id": f"DEMO_{lesion:07d}",
    }


def _save_mask(mask: Mask, path: Path) -> None:
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
