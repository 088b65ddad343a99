"""The section of segmentations over folds."""

import numpy as np

from dermoscopy.metrics.statistics import REPLICATES, bootstrap, percentiles
from dermoscopy.plots.style import metric_words
from dermoscopy.report.page.markdown import markdown_table
from dermoscopy.report.results.arms import MASK_HEADLINES, short_names
from dermoscopy.report.results.folds import TABLE, TITLE, folds_lacking
from dermoscopy.report.results.mask_folds import JOINED, OutOfFold
from dermoscopy.report.results.mask_scores import MaskScores


def folds_section(parts: list[OutOfFold], arms: list[str]) -> str:
    """Scores over the images of all folds, with their intervals, and which folds of all arms there are."""
    if not parts:
        return ""
    names, rows = short_names(arms), []
    for part in parts:
        for size in part.sizes:
            scores = MaskScores.from_table(part.images, size)
            who = [names[part.arm], part.seed, size, len(scores.id), len(part.folders)]
            rows.append([*who, *(_with_interval(scores, name) for name in MASK_HEADLINES)])
    head = ["arm", "seed", "size", "images", "folds", *map(metric_words, MASK_HEADLINES)]
    views = ", ".join(dict.fromkeys(part.views for part in parts))
    text = (
        f"Each image is scored once, by the network of the fold that has not seen it (views {views}); 95 % intervals "
        f"from {REPLICATES} bootstrap draws of groups of images. The images are in {TABLE}, at the store's size."
    )
    joined = f"Their masks are joined in the folder of the sweep ({JOINED}*.h5)." if any(p.masks for p in parts) else ""
    return "\n\n".join(
        [TITLE, markdown_table(head, rows), " ".join([text, folds_lacking(parts, arms), joined]).strip()]
    )


def _with_interval(scores: MaskScores, name: str) -> str:
    low, high = percentiles(bootstrap([scores], name)[:, 0])
    mean = float(scores.score(name, np.ones((1, len(scores.id))))[0])
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"
