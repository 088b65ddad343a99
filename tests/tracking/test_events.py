"""Batches of events for single requests, and their division if a part is refused."""

import pytest

from dermoscopy.tracking.events import LIMITS, batches, counts, halves, parts


def test_a_beginning_a_status_and_an_artifact_have_no_values():
    assert counts({"begin": "a", "tags": {"b": "c"}}) == {}
    assert counts({"status": "RUNNING"}) == counts({"artifact": "a.csv"}) == {}
    assert counts({"metrics": {"a": 1.0, "b": 2.0}, "step": 3}) == {"metrics": 2}


def test_values_are_divided_in_order():
    assert parts({"a": 1, "b": 2, "c": 3}, 2) == [{"a": 1, "b": 2}, {"c": 3}]
    assert parts({}, 2) == []


def test_a_batch_fits_into_one_request_and_an_artifact_has_its_own():
    full = {"params": {f"p{n}": "" for n in range(LIMITS["params"])}}
    one, artifact, to = {"params": {"q": ""}}, {"artifact": "a.csv"}, {"to": {"uri": "b"}}
    events = [full, one, {"tags": {"a": "b"}}, artifact, to, one]
    sent = list(batches(enumerate(events, start=1)))
    assert [end for end, _ in sent] == [1, 3, 4, 5, 6]
    assert [batch for _, batch in sent] == [[full], [one, events[2]], [artifact], [], [one]]


@pytest.mark.parametrize("kind", ["metrics", "params", "tags"])
def test_halving_ends_with_single_values_and_loses_none(kind):
    event = {"time": 1, kind: {"a": 1, "b": 2, "c": 3}, "step": 4}
    left, values = [[event, event]], []
    while left:
        batch = left.pop()
        smaller = halves(batch)
        left += smaller
        if not smaller:
            assert batch[0]["time"] == 1 and batch[0]["step"] == 4
            values += batch[0][kind].items()
    assert sorted(values) == sorted(2 * list(event[kind].items()))


def test_an_event_without_values_has_no_halves():
    assert halves([{"artifact": "a.csv"}]) == []
