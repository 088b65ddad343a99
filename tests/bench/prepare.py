"""Preparation of large files, against a plain loop and against decoding alone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image

from dermoscopy.data.prepare import prepare
from dermoscopy.data.raw.sources import FolderSource
from tests.bench.material import HEIGHT, WIDTH, files, mask_patterns, photographs
from tests.bench.timing import Comparison, rates, take_turns

SIZE = 224
# All masks differ and are more than the cache of prepare (for empty masks) holds, so no round speeds up the next one.
FEWEST = 4


def compare(folder: Path, rounds: int, quick: bool) -> list[Comparison]:
    """Compare on JPEG files of 4000 x 3000 px with six PNG masks per image."""
    raw, out = folder / "photographs", folder / "plain"
    out.mkdir()
    ids = photographs(raw, FEWEST if quick else 2 * FEWEST)
    cores = torch.get_num_threads()
    source = FolderSource(raw, masks=mask_patterns())
    store = folder / "photographs.h5"

    def ours() -> None:
        store.unlink(missing_ok=True)
        prepare(source, store, [SIZE, SIZE], workers=cores, progress=False)

    ways = {"ours": ours, "plain": lambda: _plain(raw, out, ids), "decode": lambda: _decode(raw, ids, cores)}
    seconds = take_turns(ways, rounds, "prepare")
    part = f"prepare {WIDTH} x {HEIGHT}"
    ours_is, rate = f"prepare to {SIZE} px", rates(len(ids), seconds["ours"])
    ours_per_image, decoding = ([value / len(ids) for value in seconds[name]] for name in ("ours", "decode"))
    return [
        Comparison(part, ours_is, "plain loop", "images/s", rate, rates(len(ids), seconds["plain"]), target=3),
        Comparison(part, ours_is, "decoding alone", "s/image", ours_per_image, decoding, target=1.15, at_least=False),
    ]


def _plain(raw: Path, out: Path, ids: list[str]) -> None:
    """Open, resize and save one file per channel, one after the other."""
    for id in ids:
        channels = list(Image.open(raw / f"images/{id}.jpg").resize((SIZE, SIZE)).split())
        channels += [Image.open(path).resize((SIZE, SIZE)) for path in files(raw, id)]
        for number, channel in enumerate(channels):
            channel.save(out / f"{id}_{number}.png")


def _decode(raw: Path, ids: list[str], cores: int) -> None:
    """Decode all files on all cores without use; JPEG files are downscaled while decoding, as in prepare."""

    def decode(id: str) -> None:
        with Image.open(raw / f"images/{id}.jpg") as image:
            image.draft("RGB", (SIZE, SIZE * HEIGHT // WIDTH))
            image.load()
        for path in files(raw, id):
            with Image.open(path) as mask:
                mask.load()

    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(decode, ids))
