"""Compare the speed with plain versions: python -m tests.bench [--only PART,...] [--rounds N] [--json FILE]"""

import argparse
import json
import logging
import tempfile
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console

from dermoscopy.machine.hardware import describe
from tests.bench import cores, job, pipeline, prepare, segmentation, step, sweep
from tests.bench.material import PRECISION
from tests.bench.timing import Comparison, table

PARTS: dict[str, Callable[[Path, int, bool], list[Comparison]]] = {
    "prepare": prepare.compare,
    "pipeline": pipeline.compare,
    "step": step.compare,
    "segmentation": segmentation.compare,
    "cores": cores.compare,
    "job": job.compare,
    "sweep": sweep.compare,
}
ROUNDS = 7


def main() -> None:
    """Measure the requested parts, print a table and name the bottleneck; no measurement makes the program fail."""
    arguments = _arguments()
    facts = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardware": describe(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "precision": PRECISION,
        "rounds": arguments.rounds,
        "quick": arguments.quick,
    }
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    console = Console(width=None if Console().is_terminal else 200)  # a file has no width limit
    console.print(", ".join(f"{name}: {value}" for name, value in facts.items()), highlight=False)
    comparisons: list[Comparison] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for name in arguments.only:
            comparisons += PARTS[name](Path(folder), arguments.rounds, arguments.quick)
    console.print(table(comparisons))
    for sentence in step.bottleneck(comparisons):
        console.print(sentence, highlight=False)
    if arguments.json:
        record = facts | {"comparisons": [comparison.record() for comparison in comparisons]}
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", type=_parts, default=list(PARTS), metavar="PART,...", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=_positive, default=ROUNDS, help="rounds after the warm-up")
    parser.add_argument("--quick", action="store_true", help="less work per round: a smoke test, not a measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to this file")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(PARTS)}")
    return names


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


if __name__ == "__main__":
    main()
