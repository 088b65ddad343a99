"""What a classifier says of its test images."""

from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from pytorch_lightning import Callback, Trainer

from dermoscopy.files import write_atomically

PREDICTIONS = "predictions.csv"


class Predictions(Callback):
    """Write ``predictions.csv``: a row for each test image, availability and label.

    Columns: id, group, availability, label, truth (0, 1, empty unknown), logit. Availabilities that were tested before
    and are not tested now keep their rows.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def on_test_end(self, trainer: Trainer, pl_module: Any) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        tables = []
        for availability, outputs in pl_module.tested.items():
            for logits, label, index in outputs:
                for column, name in enumerate(data.label_names):
                    rows = {"id": data.store.ids[index.cpu()], "group": data.store.groups[index.cpu()]}
                    values = {"truth": label[:, column].cpu(), "logit": logits[:, column].cpu()}
                    tables.append(pd.DataFrame(rows | {"availability": availability, "label": name} | values))
        path, table = self.folder / PREDICTIONS, pd.concat(tables)
        before = pd.read_csv(path, dtype=str) if path.is_file() else pd.DataFrame(columns=table.columns)
        before = before[~before["availability"].isin(list(pl_module.tested))]
        if len(before):  # as texts, so that no digit changes
            table = pd.concat([before, pd.read_csv(StringIO(table.to_csv(index=False)), dtype=str)])
        table = table.sort_values(["availability", "label", "id"])
        write_atomically(path, table.to_csv(index=False))
