"""The order of events, and wake-ups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdrsim import SDR
from sdrsim.engine.events import EventQueue

CODE = SDR.from_indices([[1, 2]], 8)

orders = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30)


def drained(queue):
    out = []
    while len(queue):
        assert queue.head() is queue.head()
        head = queue.head()
        out.append(queue.pop())
        assert out[-1] is head
    assert queue.head() is None
    return out


@given(orders)
def test_order_is_tick_then_rank_then_first_come(places):
    queue = EventQueue()
    for i, (tick, rank) in enumerate(places):
        queue.push(tick, rank, f"f{i}", "U", CODE)
    expected = sorted(range(len(places)), key=lambda i: places[i])  # sorted() is stable: first come, first served
    assert [event.field for event in drained(queue)] == [f"f{i}" for i in expected]


wishes = st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 6))), max_size=20)


@given(wishes)
def test_the_last_wish_to_be_woken_counts(wished):
    queue = EventQueue()
    for field, tick in wished:
        queue.wake(tick, 0, field)
    last = {field: tick for field, tick in dict(wished).items() if tick is not None}
    assert len(queue) == len(last)
    assert {event.field: event.tick for event in drained(queue)} == last


@given(orders, wishes)
def test_state_gives_the_same_queue(places, wished):
    queue, twin = EventQueue(), EventQueue()
    for i, (tick, rank) in enumerate(places):
        queue.push(tick, rank, f"f{i}", "U", SDR.from_indices([range(i % 5)], 8), "way")
    for field, tick in wished:
        queue.wake(tick, 0, field)
    twin.push(0, 0, "old", "U", CODE)
    twin.wake(0, 0, "old")
    twin.restore(queue.state())
    assert len(twin) == len(queue)
    for q in (queue, twin):
        q.push(2, 1, "late", "U", CODE)
        q.wake(1, 1, "a")
    assert drained(twin) == drained(queue)


def test_an_empty_queue_has_no_next_event():
    with pytest.raises(IndexError, match="empty"):
        EventQueue().pop()
