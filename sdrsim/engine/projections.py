"""Projections: how a code gets from one field to a port of another."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.synapses import SynapseStore
from sdrsim.engine.traffic import COUNTERS, Traffic
from sdrsim.errors import NetworkError, ParameterError

__all__ = ["FanOut", "Projection", "address_bits"]

Select = Callable[[NDArray[Any], NDArray[np.int32]], NDArray[np.bool_]]
Rule = Callable[[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]], NDArray[np.bool_]]
_CODE_BITS = list(COUNTERS).index("code_bits")
EVENT_BYTES = 600  # of one event in flight: its tuple, its SDR and two small arrays


class Projection:
    """From a field to a port of a field, with a delay; made by ``Network.connect``, which checks it against both.

    Attributes
    ----------
    name, source, target, port : str
    delay : int
        Ticks from emission to arrival.
    rf : int32 array (inputs of the target,) or None
        Receptive field: the source unit behind each input, -1 for none; a source unit may stand behind several inputs.
    synapses : SynapseStore or None
        With a store, the code that arrives is `select`-ed from the dendritic sums of the code that was sent.
    select : int, str or callable
        ``"threshold=N"`` or N: units with a sum of at least N; ``"max"``: the units with the highest sum, if above 0;
        or ``f(scores (n_post,), active (k,) int32) -> bool mask (n_post,)``.
    rule : None, "hebb" or callable
        Applied after the target emitted, to the code that was sent and the code emitted in that tick:
        ``f(pre (k,) int32, post (m,) int32, rows bool (k, n_post)) -> rows``.
    """

    def __init__(
        self,
        name: str,
        source: str,
        target: str,
        port: str,
        delay: int = 1,
        *,
        rf: Any = None,
        synapses: SynapseStore | None = None,
        select: Any = None,
        rule: Any = None,
    ) -> None:
        self.name, self.source, self.target, self.port = name, source, target, port
        self.delay = _checked_delay(delay)
        self.rf = None if rf is None else _checked_rf(rf)
        self.synapses, self.select, self.rule = synapses, select, rule
        if synapses is None and (select is not None or rule is not None):
            raise NetworkError(name, got="select or rule without synapses", do="pass synapses=, or leave both out")
        if synapses is not None and not isinstance(synapses, SynapseStore):
            expected = "sums, learn, rows, write, n_pre, n_post, n_bytes, traffic"
            raise NetworkError(f"synapses of {name}", got=type(synapses).__name__, expected=expected)
        self._select = None if synapses is None else make_select(select, synapses.n_post)
        if not (rule is None or rule == "hebb" or callable(rule)):
            raise ParameterError("rule", got=repr(rule), expected="None, 'hebb' or f(pre, post, rows) -> rows")
        self.clear()

    def clear(self) -> None:
        """Nothing counted, nothing under way."""
        self.traffic = Traffic()
        self.last: tuple[int, SDR] | None = None
        self._moved: NDArray[np.int64] | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes of its synapses and receptive field."""
        return self.rf_bytes + (0 if self.synapses is None else int(self.synapses.n_bytes))

    @property
    def rf_bytes(self) -> int:
        """Bytes of its receptive field: as given, and turned round."""
        return 0 if self.rf is None else 12 * len(self.rf)

    def queue_bytes(self, size: int | None) -> int:
        """Estimate of its events in flight: one code on every tick of the delay, one unit in 16 active."""
        return (self.delay + 1) * (EVENT_BYTES + (size or 0) // 4)

    def count(self, code: SDR) -> None:
        """Count a code delivered: active units times the bits of a unit's address."""
        if self._moved is None:
            self._moved = self.traffic.vector(self.name, "io")
        self._moved[_CODE_BITS] += len(code.indices) * address_bits(code.size)

    def arrive(self, code: SDR, tick: int) -> SDR:
        """The code that reaches the port when `code` was sent."""
        if self.synapses is None or self._select is None:
            return code
        scores = self.synapses.sums(code)
        mask = np.asarray(self._select(scores, code.indices))
        if mask.dtype != np.bool_ or mask.shape != scores.shape:
            got = f"{mask.dtype} of shape {mask.shape}"
            raise NetworkError(f"select of {self.name}", got=got, expected=f"a bool mask of shape {scores.shape}")
        self.traffic.add(self.name, "retrieve", compares=len(scores))
        if self.rule is not None:
            self.last = (tick, code)
        flat = np.flatnonzero(mask).astype(np.int32)
        return SDR._trusted(flat, np.array([0, len(flat)]), len(mask))

    def learn(self, post: SDR, tick: int) -> None:
        """Apply the rule to what was sent and what the target emitted at `tick`."""
        if self.synapses is None or self.last is None or self.last[0] != tick:
            return
        pre = self.last[1]
        if self.rule == "hebb":
            self.synapses.learn(pre, post)
        elif len(pre.indices):
            rows = self.rule(pre.indices, post.indices, self.synapses.rows(pre.indices))
            self.synapses.write(pre.indices, rows)

    def __repr__(self) -> str:
        extras = [f"rf over {len(self.rf)} inputs"] if self.rf is not None else []
        extras += [repr(self.synapses)] if self.synapses is not None else []
        return f"Projection({', '.join([self.name, f'delay {self.delay}', *extras])})"


class FanOut:
    """All projections of one field. Receptive fields are turned round: the cost follows the active units alone.

    A projection none of whose inputs is active is not even looked at, so 100,000 small fields over one input layer cost
    what the few that see something cost.
    """

    def __init__(self, projections: Sequence[Projection], size: int | None) -> None:
        self._whole = [p for p in projections if p.rf is None]
        self._mapped = [p for p in projections if p.rf is not None]
        self._place = {p.name: i for i, p in enumerate(projections)}
        fields = [np.asarray(p.rf, np.int64) for p in self._mapped]
        self._starts = np.cumsum([0, *map(len, fields)])
        units = np.concatenate([np.zeros(0, np.int64), *fields])
        used = np.flatnonzero(units >= 0)
        order = np.argsort(units[used], kind="stable")
        self._inputs = used[order]  # places in the row of all receptive fields, by source unit
        n_units = size if size is not None else int(units.max(initial=-1)) + 1
        self._indptr = np.zeros(n_units + 1, np.int64)
        np.cumsum(np.bincount(units[used], minlength=n_units), out=self._indptr[1:])

    def __call__(self, code: SDR) -> list[tuple[Projection, SDR]]:
        """The code as each projection carries it; none that would be empty."""
        active = code.indices
        if not len(active):
            return []
        sent = [(p, code) for p in self._whole]
        if self._mapped:
            sent += self._through_fields(active)
            if self._whole:
                sent.sort(key=lambda pair: self._place[pair[0].name])
        return sent

    def _through_fields(self, active: NDArray[np.int32]) -> list[tuple[Projection, SDR]]:
        starts = self._indptr[active]
        lengths = self._indptr[active + 1] - starts
        ends = np.cumsum(lengths)
        reached = self._inputs[np.arange(ends[-1]) + np.repeat(starts - ends + lengths, lengths)]
        if not len(reached):
            return []
        reached.sort()
        which = np.searchsorted(self._starts, reached, side="right") - 1
        cuts = np.flatnonzero(np.diff(which)) + 1
        sent = []
        for part, projection in zip(np.split(reached, cuts), which[np.concatenate([[0], cuts])].tolist()):
            carrier = self._mapped[projection]
            flat = (part - self._starts[projection]).astype(np.int32)
            size = len(carrier.rf) if carrier.rf is not None else 0
            sent.append((carrier, SDR._trusted(flat, np.array([0, len(flat)]), size)))
        return sent


def address_bits(size: int) -> int:
    """Bits that name one of `size` units.

    Examples
    --------
    >>> address_bits(1), address_bits(256), address_bits(257)
    (1, 8, 9)
    """
    return max(1, (size - 1).bit_length())


def make_select(select: Any, n_post: int) -> Select:
    """The function behind a way to select units from their sums (see `Projection`)."""
    if callable(select):
        return select  # type: ignore[no-any-return]
    if select == "max":
        return lambda scores, active: (scores == scores.max()) & (scores > 0)
    threshold = select
    if isinstance(select, str) and select.startswith("threshold="):
        text = select.removeprefix("threshold=")
        threshold = int(text) if text.isdecimal() else None
    if isinstance(threshold, bool) or not isinstance(threshold, (int, np.integer)) or threshold < 1:
        raise ParameterError(
            "select",
            got=repr(select),
            expected="'threshold=N' or N with N >= 1, 'max', or f(scores, active) -> bool mask",
        )
    return lambda scores, active: scores >= threshold


def _checked_delay(delay: Any) -> int:
    if isinstance(delay, (bool, np.bool_)) or not isinstance(delay, (int, np.integer)) or not 0 <= delay < 2**31:
        raise NetworkError("delay", got=repr(delay), expected="a whole number of ticks, 0 .. 2**31 - 1")
    return int(delay)


def _checked_rf(rf: Any) -> NDArray[np.int32]:
    array = np.asarray(rf)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
        got = f"{array.dtype} of shape {array.shape}"
        raise NetworkError("rf", got=got, expected="a flat integer array: the source unit of each input, -1 for none")
    if array.min() < -1 or array.max() >= 2**31 - 1:
        raise NetworkError("rf", got=f"{array.min()} .. {array.max()}", expected="source units, or -1 for none")
    return array.astype(np.int32)
