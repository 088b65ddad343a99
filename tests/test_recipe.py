"""What a configuration trains to: the key of a stage promises it, so it may not change unnoticed."""

import pandas as pd
import pytest

from dermoscopy.machine.hardware import fastest_precision
from dermoscopy.runs.keys import RECIPE

# Losses of both stages in each epoch, as recipe 3 gives them. If this test fails, a change of the code changes what the
# configurations of users train to: if that is meant, raise RECIPE in runs/keys.py, say in CHANGELOG.md what moved, and
# put the new numbers here.
TRAIN = [0.66041, 0.58046, 0.5872, 0.56416]
VAL = [0.67682, 0.66909, 0.6434, 0.61923]


without_bf16 = pytest.mark.skipif(fastest_precision("cpu") != "bf16-mixed", reason="this processor emulates bf16")


# processors round differently, which moves the fourth digit at most; bf16 keeps three digits of each number
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("32-true", 2e-3), pytest.param("bf16-mixed", 2e-2, marks=without_bf16)]
)
def test_a_small_run_gives_the_numbers_of_this_recipe(run_script, demo_store, tmp_path, precision, tolerance):
    ended = run_script(
        *("train.py", "-m", "+experiment=zeroing", "zeroing=cells8_80", "seed=0", "epochs=2"),
        *("network.backbone=resnet10t", "network.dropout=0.1", "trainer=cpu", "threads=1", "logger=csv"),
        *(f"trainer.precision={precision}", f"data.store={demo_store}", "data.raw=null", "data.size=[32,32]"),
    )
    assert ended.code == 0, ended.err
    (results,) = tmp_path.glob("runs/zeroing/sweeps/*/results.csv")
    losses = pd.read_csv(results).pivot_table(index=["stage", "epoch"], columns="mode", values="loss")
    assert RECIPE == 3
    assert losses["train"].tolist() == pytest.approx(TRAIN, rel=tolerance)
    assert losses["val"].tolist() == pytest.approx(VAL, rel=tolerance)
