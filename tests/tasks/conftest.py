"""Demo data for classification tasks."""

import pytest
from label_tasks import LABELS


@pytest.fixture
def data(make_data):
    return make_data(labels=LABELS, masks=LABELS)
