"""A trained run as a model that `mlflow models serve` loads: bytes of images in, probabilities or masks out."""

import base64
import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
import torch
from mlflow.models import ModelSignature
from mlflow.pyfunc.model import PythonModel
from mlflow.types import ColSpec, DataType, Schema

from dermoscopy.config.trained import build_network
from dermoscopy.predict.classification import label_table, predict_odds
from dermoscopy.predict.folders import find_images
from dermoscopy.predict.images import read_batches
from dermoscopy.predict.network import TrainedNetwork, given_masks_of, load_network
from dermoscopy.predict.postprocessing import HALF, Postprocessing
from dermoscopy.predict.segmentation import MaskFiles, predict_masks, write_masks
from dermoscopy.runs.files import BEST, CONFIG, RESULT
from dermoscopy.runs.recorded import read_stage

MODEL = "model"  # folder in the folder of the stage
COLUMN = "image"
RUN = "run"
SIGNATURE = ModelSignature(inputs=Schema([ColSpec(DataType.binary, COLUMN)]))
BATCH = 32
# The model is code that names this class, never a pickled object.
CODE = """from mlflow.models import set_model

from dermoscopy.config.served import ServedRun

set_model(ServedRun({trust!r}))
"""


def save_model(folder: Path, trust: Sequence[str]) -> None:
    """Write the model of a trained stage into its folder, unless it is there.

    A classifier that was validated with masks cannot be served, as new images have none; that is printed.

    Args:
        folder: of the stage.
        trust: packages whose code its configuration may execute.
    """
    if (folder / MODEL).exists():
        return
    with tempfile.TemporaryDirectory() as place:
        run, made = Path(place, RUN), Path(place, MODEL)
        run.mkdir()
        for name in (BEST, CONFIG, RESULT):
            if (folder / name).is_file():
                shutil.copy(folder / name, run)
        try:
            load_run(run, trust)
        except ValueError as error:
            print(f"  tracking.model=true: this run cannot be served: {error}", flush=True)
            return
        code = Path(place, "served.py")
        code.write_text(CODE.format(trust=list(trust)))
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow recommends an example of an input
            parts = {"python_model": str(code), "artifacts": {RUN: str(run)}, "signature": SIGNATURE}
            mlflow.pyfunc.save_model(made, pip_requirements=["dermoscopy"], **parts)
        shutil.move(made, folder / MODEL)


def load_run(folder: Path, trust: Sequence[str]) -> TrainedNetwork:
    """Return the network of the stage in this folder, on the CPU."""
    stage = read_stage(folder / BEST)
    network = load_network(stage, build_network(stage, trust), torch.device("cpu"))
    return network if stage.masks else given_masks_of(network, None)


class ServedRun(PythonModel):
    """The network of a run, which predicts what `predict.py` does.

    Args:
        trust: packages whose code the configuration of the run may execute.
    """

    def __init__(self, trust: Sequence[str]) -> None:
        self.trust = trust

    def load_context(self, context: Any) -> None:
        """Load the network from the artifacts of the model."""
        self.network = load_run(Path(context.artifacts[RUN]), self.trust)

    def predict(self, context: Any, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Predict images.

        Args:
            context: of MLflow, not used.
            model_input: the content of an image file in each row of the column `image`.
            params: none.

        Returns:
            One row per image, in the same order. Of a classifier the columns of `labels.csv` without `id`: probability,
            threshold and decision of each label. Of a segmenter one column per mask: a PNG of the size of the image,
            255 present, encoded in base64.

        Raises:
            ValueError: a file is no image.
        """
        with tempfile.TemporaryDirectory() as place:
            images, out = Path(place, "images"), Path(place, "out")
            images.mkdir()
            names = [f"{number:06d}" for number in range(len(model_input))]
            for name, content in zip(names, model_input[COLUMN], strict=True):
                (images / f"{name}{_ending(content)}").write_bytes(content)
            stage = self.network.stage
            batches = read_batches(find_images(images), stage.size, stage.fit, BATCH, workers=1)
            if not stage.masks:
                return label_table(self.network, predict_odds(self.network, batches)).drop(columns="id")
            files_of = MaskFiles(stage.masks, Postprocessing(stage.exclusive, HALF, False, 0), False, False)
            out.mkdir()
            write_masks(predict_masks([self.network], batches, "none"), files_of, out, workers=1)
            masks = stage.masks
            files = {mask: [out / f"{name}_{mask}.png" for name in names] for mask in masks}
            if len(masks) == 1:
                files = {masks[0]: [out / f"{name}.png" for name in names]}
            return pd.DataFrame(
                {
                    mask: [base64.b64encode(path.read_bytes()).decode() for path in paths]
                    for mask, paths in files.items()
                }
            )


def _ending(content: bytes) -> str:
    """Return the ending of the name of an image file by its first bytes."""
    return ".png" if content.startswith(b"\x89PNG") else ".jpg"
