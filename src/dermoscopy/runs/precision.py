"""Precision of a training: its names, and what `auto` was decided to mean, which a sweep and a machine remember."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict, cast

from dermoscopy.machine.files import read_json, write_json
from dermoscopy.machine.leases import lease
from dermoscopy.runs.files import PRECISION

AUTO, FP32, BF16 = "auto", "32-true", "bf16-mixed"
MIXED = (BF16, "16-mixed")  # autocast: weights in fp32, most arithmetic of a training step in half precision
PRECISIONS = (FP32, *MIXED)  # in Lightning's words


class TrialFailed(Exception):
    """Failure of a measurement, as a training step failed."""


class Decision(TypedDict):
    """What `auto` means for a training.

    Attributes:
        precision: one of `PRECISIONS`.
        reason: why, in words.
        of: what was decided about, such as the network and the image size.
        hardware, threads, torch: of the machine that decided.
        seconds: of a training step in each precision, if they were measured.
    """

    precision: str
    reason: str
    of: NotRequired[Mapping[str, object]]
    hardware: str
    threads: int
    torch: str
    seconds: NotRequired[dict[str, float]]


class Measurer(NamedTuple):
    """The part of a decision that needs torch and the network, called only if nothing is remembered.

    Attributes:
        circumstances: returns what distinguishes machines: hardware, threads and torch.
        decide: decides anew.
    """

    circumstances: Callable[[], Mapping[str, object]]
    decide: Callable[[], Decision]


def decided(of: Mapping[str, object], sweep: Path, runs: Path, measurer: Measurer) -> str:
    """Return the precision of a training: as the sweep decided earlier, else as this machine did, else anew.

    A sweep keeps its decisions wherever it goes on. A machine keeps its own, since a measurement that is repeated may
    fall on the other side, and the same command would train other stages. Jobs that decide at the same time wait for
    one another.

    Args:
        of: what is decided about; equal for trainings that should have the same precision.
        sweep: folder of the sweep.
        runs: folder of all runs.
        measurer: decides anew. A decision without `seconds` is only remembered by the sweep.

    Raises:
        TrialFailed: of the measurer; nothing is remembered.
    """
    name = _digest(of)
    if name in (known := _read(sweep / PRECISION)):
        return known[name]["precision"]
    with lease(runs / PRECISION, lambda: print("  waits for another job, which measures precisions", flush=True)):
        known = _read(sweep / PRECISION)
        if name not in known:
            machine, here = _read(runs / PRECISION), _digest({"of": of, **measurer.circumstances()})
            decision = machine.get(here) or cast(Decision, {**measurer.decide(), "of": of})
            if "seconds" in decision and here not in machine:
                write_json(runs / PRECISION, machine | {here: decision})
            known[name] = decision
            write_json(sweep / PRECISION, known)
    return known[name]["precision"]


def _read(path: Path) -> dict[str, Decision]:
    return cast(dict[str, Decision], read_json(path)) if path.is_file() else {}


def _digest(value: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
