"""Tables and sections of a page as HTML."""

import numpy as np
import pandas as pd

from dermoscopy.data.inspection.markup import paragraph, section, sheet, table


def test_numbers_are_right_aligned_and_undefined_values_are_a_dash():
    text = table(pd.DataFrame({"name": ["a_b", "c"], "count": [1234, 5], "share": [1.25, np.nan]}), digits=2)
    assert '<th>name<th class="n">count<th class="n">share' in text
    assert '<td>a_b<td class="n">1,234<td class="n">1.25' in text
    assert '<td class="n">–' in text


def test_texts_are_escaped_and_empty_parts_left_out():
    assert paragraph("a < b & c") == "<p>a &lt; b &amp; c</p>"
    assert section("here", "A & B", "", "x") == '<section><h2 id="here">A &amp; B</h2>\nx\n</section>'
    assert sheet([]) == ""
