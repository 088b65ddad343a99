"""Where the networks of a run got their first weights, read from the configuration of a stage, for the job's record."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from dermoscopy.contracts.networks import WEIGHT_SUFFIXES
from dermoscopy.machine.provenance import sha256
from dermoscopy.runs.files import CONFIG
from dermoscopy.runs.input_records import InitialWeightsRecord
from dermoscopy.runs.splits import seen_in_training

KEYS = ("pretrained", "checkpoint")  # of a network that chooses its weights
Settings = Mapping[str, Any]


def initial_weights_record(network: Settings, test: Collection[str] | None) -> list[InitialWeightsRecord]:
    """Return the origin of the first weights of a network, or of each of its parts.

    Args:
        network: its configuration.
        test: ids of the test images of the job; None where its split is not recorded.
    """
    return [_record(key, part, test) for key, part in _parts("network", network)]


def _parts(key: str, network: Settings) -> Iterator[tuple[str, Settings]]:
    """Yield each part that chooses its weights, with its key; a file of the whole network decides for all of them."""
    inner = {
        f"{key}.{name}": part
        for name, part in network.items()
        if isinstance(part, Mapping) and any(name in part for name in KEYS)
    }
    if network.get("checkpoint") is not None or not inner:
        yield key, network
    else:
        for name, part in inner.items():
            yield from _parts(name, part)


def _record(key: str, part: Settings, test: Collection[str] | None) -> InitialWeightsRecord:
    if (checkpoint := part.get("checkpoint")) is not None:
        folder = Path(checkpoint).parent
        if not (folder / CONFIG).is_file():
            return {"part": key, "origin": "file", "name": str(checkpoint)}
        seen = seen_in_training(folder)
        count = None if seen is None or test is None else len(seen & set(test))
        name = f"{folder.parent.name}/{folder.name}"
        return {"part": key, "origin": "run", "name": name, "test_images_seen": count}
    if published := part.get("pretrained"):
        architecture = str(part.get("backbone") or part.get("encoder"))
        if Path(str(published)).suffix in WEIGHT_SUFFIXES:
            record: InitialWeightsRecord = {"part": key, "origin": "published", "name": architecture}
            record["file"] = str(published)
            if Path(str(published)).is_file():
                record["sha256"] = sha256(Path(str(published)))
            return record
        weights = architecture if published is True else f"{architecture} {published}"
        return {"part": key, "origin": "published", "name": weights}
    return {"part": key, "origin": "scratch" if any(name in part for name in KEYS) else "unknown"}
