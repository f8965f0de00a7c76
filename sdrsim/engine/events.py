"""Events in their order: earlier tick first, inside a tick lower fields first, then first come, first served."""

from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from sdrsim.engine.codes import SDR
from sdrsim.engine.states import codes_from_state, codes_state

__all__ = ["Event", "EventQueue"]


class Event(NamedTuple):
    """One code for one port of one field.

    Attributes
    ----------
    tick, rank, serial : int
        The order: tick of arrival, height of the field over zero-delay projections, running number.
    field, port : str
        Where it goes.
    code : SDR of one item, or None
        None: nothing arrives, the field itself asked to be visited at this tick.
    source : str
        The projection it came through; ``->field:port`` when it was scheduled from outside.
    """

    tick: int
    rank: int
    serial: int
    field: str
    port: str
    code: SDR | None
    source: str


class EventQueue:
    """A heap of events, and at most one wake-up per field: the last one it asked for.

    Examples
    --------
    >>> q, code = EventQueue(), SDR.from_indices([[3]], size=8)
    >>> q.push(5, 0, "b", "U", code)
    >>> q.push(5, 0, "a", "U", code)
    >>> q.push(4, 1, "c", "U", code)
    >>> [q.pop().field for _ in range(len(q))]
    ['c', 'b', 'a']
    """

    __slots__ = ("_heap", "_n_stale", "_serial", "_wakes")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Empty, serial numbers from 0."""
        self._heap: list[Event] = []
        self._wakes: dict[str, Event] = {}
        self._serial = self._n_stale = 0

    def __len__(self) -> int:
        return len(self._heap) - self._n_stale

    def push(self, tick: int, rank: int, field: str, port: str, code: SDR, source: str = "") -> None:
        """Take in an event behind all that come at the same tick to fields of the same rank."""
        heappush(self._heap, Event(tick, rank, self._serial, field, port, code, source))
        self._serial += 1

    def wake(self, tick: int | None, rank: int, field: str) -> None:
        """Visit the field at `tick`, instead of any visit it asked for before; None: no visit."""
        before = self._wakes.get(field)
        if before is not None:
            if before.tick == tick:
                return
            del self._wakes[field]
            self._n_stale += 1
        if tick is not None:
            event = Event(tick, rank, self._serial, field, "", None, "")
            self._wakes[field] = event
            self._serial += 1
            heappush(self._heap, event)

    def head(self) -> Event | None:
        """The next event, left in place; None when there is none."""
        heap = self._heap
        while heap:
            event = heap[0]
            if event.code is not None or self._wakes.get(event.field) is event:
                return event
            heappop(heap)
            self._n_stale -= 1
        return None

    def pop(self) -> Event:
        """Take the next event out.

        Raises
        ------
        IndexError
            The queue is empty.
        """
        event = self.head()
        if event is None:
            raise IndexError("the event queue is empty")
        heappop(self._heap)
        if event.code is None:
            del self._wakes[event.field]
        return event

    def state(self) -> dict[str, Any]:
        """All events in order, and the running number."""
        events = sorted(e for e in self._heap if e.code is not None or self._wakes.get(e.field) is e)
        return {
            "serial": self._serial,
            "order": np.array([e[:3] for e in events], np.int64).reshape(len(events), 3),
            "fields": [e.field for e in events],
            "ports": [e.port for e in events],
            "sources": [e.source for e in events],
            "codes": codes_state([e.code for e in events]),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        places = zip(state["fields"], state["ports"], codes_from_state(state["codes"]), state["sources"])
        self.clear()
        for (tick, rank, serial), place in zip(state["order"].tolist(), places):
            self._heap.append(Event(tick, rank, serial, *place))  # sorted, hence a heap
        self._wakes = {event.field: event for event in self._heap if event.code is None}
        self._serial = int(state["serial"])
