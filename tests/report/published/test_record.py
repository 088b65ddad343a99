"""Tables in few bytes."""

import pandas as pd

from dermoscopy.report.published.record import compact_csv


def test_large_results_are_rounded_and_keep_their_rows() -> None:
    table = pd.DataFrame({"epoch": range(100), "f1": [1 / 3 + k for k in range(100)]})
    assert compact_csv(table) == table.to_csv(index=False)
    assert compact_csv(table, largest=100).splitlines()[1:3] == ["0,0.33333", "1,1.3333"]
    assert compact_csv(table, largest=100).count("\n") == 101
