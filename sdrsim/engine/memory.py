"""What every associative memory promises, whatever its family."""

from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import Traffic

__all__ = ["CodeRecall", "Memory", "Recall", "Stored"]


class Stored(Protocol):
    """What `store` gives back; a family adds its own (a mac: winners, familiarity)."""

    @property
    def traffic(self) -> Traffic:
        """What this call moved and computed, under phase 'learn'."""


class Recall(Protocol):
    """What `recall` gives back: ``codes`` (see `CodeRecall`) or real-valued ``states (n, d)``, and the traffic."""

    @property
    def traffic(self) -> Traffic:
        """What this call moved and computed, under phase 'retrieve' (or 'settle')."""


@runtime_checkable
class CodeRecall(Recall, Protocol):
    """A recall whose answers are codes in the space of what was stored."""

    @property
    def codes(self) -> SDR:
        """One code per cue."""


@runtime_checkable
class Memory(Protocol):
    """The memory protocol; ``isinstance(m, Memory)`` asks whether all the names are there.

    The promises (`tests/laws/memory_laws.py` holds every family to them):

    * the same call twice gives the same answer; `recall` never changes the memory;
    * random draws are keyed by (seed, number of the item): a batch cut in two gives the same bits when the second call
      passes ``first_item=``, and `store` goes on counting by itself, so that any split gives the same memory;
    * a refused call changes nothing; saved and loaded is the same memory.
    """

    @property
    def n_stored(self) -> int:
        """Items stored so far."""

    @property
    def n_synapses(self) -> int:
        """Synapses the memory has room for."""

    @property
    def n_bytes(self) -> int:
        """Bytes of its arrays, whether taken yet or not."""

    @property
    def params(self) -> Any:
        """Its parameters: frozen, and JSON-able for result files."""

    @property
    def traffic(self) -> Traffic:
        """Running total of all calls."""

    def store(self, x: Any, *, trace: bool = False) -> Stored:
        """Store items one after another, each seeing the writes before it."""

    def recall(self, cues: Any, *, trace: bool = False, first_item: int = 0, seed: int | None = None) -> Recall:
        """Answer cues; `first_item` is the number of the first one, `seed` another seed for the draws of this call."""

    def save(self, path: Any) -> Path:
        """Write the memory to a file, whole or not at all."""

    @classmethod
    def load(cls, path: Any) -> Self:
        """The memory that `save` wrote."""

    def reset(self) -> None:
        """Forget everything; counters and draws start again."""
