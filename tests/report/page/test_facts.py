"""What the page says of what ran: every job that is not done, and masks that give labels away."""

import json
from collections.abc import Callable
from pathlib import Path

from dermoscopy.report.page.conditions import conditions_section
from dermoscopy.report.page.facts import leakage_warning
from dermoscopy.runs.tables import load_sweep

Make = Callable[..., Path]


def give_away(sweep: Path) -> None:
    for file in sweep.glob("*/job.json"):
        record = json.loads(file.read_text())
        record["data"]["label_leakage"] = {"globules": "globules", "melanoma": "lesion"}
        file.write_text(json.dumps(record))


def test_labels_that_a_mask_gives_away_are_named(make_classified: Make, make_curves: Make) -> None:
    folder, made_up = make_classified({"seed": ["0"]}, ["none", "given"]), make_curves(["none", "given"], [0.5, 0.9])
    assert leakage_warning(load_sweep(folder)) == ""
    assert "There are no true masks of a new image" in conditions_section(made_up, "", leakage=False)
    give_away(folder)
    warning = leakage_warning(load_sweep(folder))
    assert "from whether a true mask is empty: globules, melanoma (mask lesion)." in warning
    assert "no evidence of skill" in warning
    assert "of skill speak only the columns without true masks" in conditions_section(made_up, "", leakage=True)


def test_where_no_masks_were_given_there_is_nothing_to_warn_of(make_classified: Make) -> None:
    folder = make_classified({"seed": ["0"]}, ["none", "predicted"])
    give_away(folder)
    assert leakage_warning(load_sweep(folder)) == ""
