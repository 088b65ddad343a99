"""Where results go."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from dermoscopy.data.store import Store
from dermoscopy.predict.stage import TrainedStage

EVALUATIONS = "evaluations"  # in the folder of a stage


def open_output(out: str | Path) -> Path:
    """Return the folder for the results, made if it is not there, before anything is computed for it.

    Raises:
        OSError: it cannot be made or written.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(f"out={folder} cannot be written ({error.strerror}): name another folder") from error
    return folder


def default_output(stages: Sequence[TrainedStage], store: Store, side: str) -> Path:
    """Return the folder for the evaluation of a run on a store, in the folder of the run.

    Raises:
        ValueError: there are several runs.
    """
    if len(stages) > 1:
        raise ValueError("out is missing: several runs have no folder in common, name one with out=DIR")
    return stages[0].checkpoint.parent / EVALUATIONS / f"{store.path.stem}-{side}"
