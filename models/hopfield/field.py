"""PatternField: a Hopfield memory of codes in a network; a code in, the stored patterns it is most like out."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from sdrsim.engine.checks import checked_count, checked_name
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.fields import MemoryField
from sdrsim.engine.rebuild import own_class
from sdrsim.errors import FileFormatError, NetworkError, ParameterError

if TYPE_CHECKING:
    from sdrsim.models.hopfield.memory import SparseHopfield
    from sdrsim.models.hopfield.recalled import Recalled

__all__ = ["PatternField"]

_SILENT = {"n_support": 0.0, "top_weight": math.nan, "margin": math.nan, "n_steps": 0.0}


class PatternField(MemoryField):
    """A `SparseHopfield` as a field: codes on port "cue" are answered, codes on port "learn" are stored.

    It emits the support of the answer as a code over `n_patterns` units: unit i stands for the pattern stored as
    number i. A cue that is like one pattern alone names it. In one tick what is to be learned is stored first. While
    nothing is stored, cues get no answer.

    A memory put into a network by itself (``net.add(name, memory)``) answers with codes in the space of the cues; so
    does this field with ``emits="codes"``.

    Parameters
    ----------
    memory : SparseHopfield
    n_patterns : int
        Patterns there is room for, declared before: the units of what is emitted.
    n_units : int or None
        Units of cues and lessons; None: those of the memory, or whatever comes first.
    emits : 'patterns' | 'codes'
        What the answer is.
    max_steps : int, 1 or more
        Of each recall; see `SparseHopfield.recall`.

    Raises
    ------
    ParameterError
        Bad parameters; more patterns stored than declared; ``emits="codes"`` of a memory of real patterns.
    NetworkError
        A lesson more than `n_patterns`; it changes nothing.

    Notes
    -----
    ``scalars()``: patterns with weight, the largest weight, the margin (see `Recalled`) and the steps of the last
    answer, and the patterns stored.

    Examples
    --------
    >>> from sdrsim import Network, Simulator, patterns
    >>> from sdrsim.models.hopfield import SparseHopfield
    >>> from sdrsim.models.hopfield.field import PatternField
    >>> x = patterns.random_sparse(50, size=256, k=8, seed=0)
    >>> net = Network()
    >>> field = net.add("names", PatternField(SparseHopfield(beta=2.0), n_patterns=100, n_units=256))
    >>> sim = Simulator(net)
    >>> seen = sim.monitor("names", "code")
    >>> for tick, code in enumerate(x):
    ...     sim.schedule("names", code, at=tick, port="learn")
    >>> sim.schedule("names", patterns.erase(x[7], 0.5, seed=1), at=60, port="cue")
    >>> sim.run()
    >>> seen.ticks.tolist(), seen.codes.indices.tolist()
    ([60], [7])
    """

    memory: "SparseHopfield"

    def __init__(
        self,
        memory: "SparseHopfield",
        n_patterns: int,
        *,
        n_units: int | None = None,
        emits: Literal["patterns", "codes"] = "patterns",
        max_steps: int = 1,
    ) -> None:
        if not hasattr(memory, "stores_codes"):
            raise ParameterError("memory", got=type(memory).__name__, expected="a SparseHopfield")
        self.n_patterns = checked_count("n_patterns", n_patterns, 1, 2**31 - 1)
        self.emits = checked_name("emits", emits, ("patterns", "codes"))
        n_steps = checked_count("max_steps", max_steps, 1, 2**31)
        units = memory.d if n_units is None else checked_count("n_units", n_units, 1, 2**31 - 1)
        if memory.d not in (None, units):
            raise ParameterError("n_units", got=units, expected=f"{memory.d}, those of the memory")
        if memory.n_stored > self.n_patterns:
            raise ParameterError(
                "n_patterns", got=self.n_patterns, expected=f"{memory.n_stored} or more: so many are in"
            )
        if self.emits == "codes" and memory.n_stored and not memory.stores_codes:
            raise ParameterError("emits", got="'codes'", expected="'patterns': the memory holds real numbers")
        super().__init__(memory, units, max_steps=n_steps)
        self._set_units(units)
        self._last = dict(_SILENT)

    def _set_units(self, units: int | None) -> None:
        self.n_units = units
        self.ports = {"cue": units, "learn": units}
        self.size = self.n_patterns if self.emits == "patterns" else units

    @property
    def n_bytes(self) -> int:
        """Bytes of the memory when all patterns are in, each of as many active units as those that are in have on
        average (before the first one: none); of what is in, where the units are not known yet.
        """
        memory, held = self.memory, int(self.memory.n_bytes)
        if self.n_units is None:
            return held
        from sdrsim.models.hopfield.bank import Bank
        from sdrsim.models.hopfield.code_bank import CodeBank

        bank = memory.bank
        if isinstance(bank, Bank) or callable(memory.params.similarity) or callable(memory.params.separation):
            rows = np.broadcast_to(np.float32(0), (self.n_patterns, self.n_units))
            return max(held, Bank.bytes_for(memory.params, rows, 0))
        n_active = bank.n_active * self.n_patterns // bank.n if memory.n_stored else 0
        return CodeBank.bytes_for(self.n_units, self.n_patterns, n_active)

    def receive(self, port: str, code: SDR, tick: int) -> None:
        """Unite the code with what came to the same port in this tick."""
        if port == "learn":
            self._check_number(self.memory.n_stored + 1)
        super().receive(port, as_sdr(code, self.n_units, what=f"code on port {port!r}"), tick)

    def _check_number(self, n: int) -> None:
        if n > self.n_patterns:
            expected = f"at most {self.n_patterns:,}, as declared"
            raise NetworkError("patterns of a PatternField", got=f"{n:,}", expected=expected, do="raise n_patterns")

    def step(self, tick: int) -> SDR | None:
        """Store, then recall; the patterns with weight (or the code), None without a cue."""
        came, self._pending = self._pending, {"cue": None, "learn": None}
        traced: dict[str, Any] = {"trace": True} if self.tracing else {}
        self._moved, self._last = None, dict(_SILENT)
        if came["learn"] is not None:
            self._keep(self.memory.store(came["learn"], **traced))
        if came["cue"] is None or not self.memory.n_stored:
            return None
        self._check_number(self.memory.n_stored)  # it may have been filled from outside
        answer = self.memory.recall(came["cue"], first_item=tick, **self.options, **traced)
        self._keep(answer)
        self._note(answer)
        if self.emits == "patterns":
            return SDR._trusted(answer.support.indices, answer.support.indptr, self.n_patterns)
        if answer.codes is None:
            raise NetworkError("answer of a PatternField", got="real numbers", expected="codes", do="store codes")
        if answer.codes.size != self.size:
            got = f"values over {answer.codes.size} units"
            raise NetworkError("answer of a PatternField", got=got, expected=f"codes over {self.size}")
        return answer.codes

    def _note(self, answer: "Recalled") -> None:
        self._last = {
            "n_support": float(len(answer.weights)),
            "top_weight": float(answer.weights.max(initial=0.0)),
            "margin": float(answer.margin[0]),
            "n_steps": float(answer.iterations[0]),
        }

    def scalars(self) -> dict[str, float]:
        """Of the last step's answer (NaN and 0 where there was none), and the patterns stored."""
        return {**self._last, "n_stored": float(self.memory.n_stored)}

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._moved, self._last = None, dict(_SILENT)

    # ---- keeping ----------------------------------------------------------------------------------------------------

    def _form(self) -> dict[str, Any]:
        return {"n_patterns": self.n_patterns, "n_units": self.n_units, "emits": self.emits, **self.options}

    def state(self) -> dict[str, Any]:
        """The memory, what came in this tick, and the last answer's scalars."""
        return {**super().state(), "form": self._form(), "last": dict(self._last)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state of a field of the same form, or FileFormatError."""
        for name, own in self._form().items():
            if state["form"][name] != own:
                got = f"{name} {state['form'][name]!r}"
                raise FileFormatError("state of a PatternField", got=got, expected=repr(own))
        super().restore(state)
        self._moved, self._last = None, {name: float(value) for name, value in state["last"].items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """A field as it was, when its memory is one of sdrsim's and has no function of one's own."""
        kind: Any = own_class(state["memory_class"])
        form = state["form"]
        made = cls(kind.from_state(state["memory"]), **form)
        made._set_units(form["n_units"])  # not known is not known, though the memory knows by now
        made.restore(state)
        return made

    def __repr__(self) -> str:
        what = f"{self.n_patterns:,} patterns" if self.emits == "patterns" else "codes"
        return f"PatternField({self.memory!r} -> {what})"
