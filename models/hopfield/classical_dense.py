"""DenseAssociativeMemory: binary units under an energy of high order, from a list of patterns."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim.engine.capacity import bytes_text
from sdrsim.engine.checks import check_room
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.traffic import Tensor, Traffic, address_bits, trace_of
from sdrsim.errors import CapacityError, ParameterError
from sdrsim.models.hopfield.classical_base import Arrays, BinaryNetwork, Stored, as_spins, spin_codes
from sdrsim.models.hopfield.kernels.classical import N_SUMS, Asked, Listed, overlaps_of, settle_listed

__all__ = ["DenseAssociativeMemory", "DenseParams"]

_LEAST_ROOM = 64
_WHOLE = 2**61  # as large as terms may sum up to for all arithmetic to be that of 64-bit whole numbers


class DenseParams(Params):
    """Parameters of a `DenseAssociativeMemory`; see there."""

    n_units: Annotated[int, Field(ge=1, le=2**20, strict=True)]
    power: Annotated[int, Field(ge=1, le=1000, strict=True)] | Literal["exp"] = 3
    rectified: Annotated[bool, Field(strict=True)] = False
    update: Literal["async", "sync"] = "async"


class DenseAssociativeMemory(BinaryNetwork):
    """Units at -1 and 1 with the energy ``E = -sum_m F(<x_m, x>)`` over the stored patterns, F of high order.

    A unit flips when that lowers the energy. The patterns are kept as they are; there are no weights.

    Parameters
    ----------
    n_units : int
        N, up to 2**20.
    power : int of at least 1, or 'exp'
        F(z) = z^power, or e^z. 2 is the network of 1982 (`BinaryHopfield` by Hebb's rule, flip for flip).
    rectified : bool
        F(z) = max(z, 0)^power: a pattern turned upside down is then no minimum under an even power.
    update : 'async' or 'sync'
        One unit after another, in an order drawn for each (seed, item, step); or all at once.
    seed : int
        Keys the orders.

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CodeError
        Bad parameters or codes; a refused call changes nothing.
    sdrsim.errors.CapacityError
        More bytes than are free.

    Notes
    -----
    Krotov & Hopfield 2016, NeurIPS: about N^(power - 1) random patterns. Exponential: Demircigil, Heusel, Loewe, Upgang
    & Vermet 2017, J. Stat. Phys. 168:288: exponentially many in N.

    Energies are whole numbers, compared exactly, while ``2 n_stored (N + 2)^power < 2^61`` (`is_exact`); above it, and
    for 'exp', they are float64 relative to the largest possible (largest present) term, and a difference of the size
    of rounding keeps the unit. A flip moves all overlaps by one row of bits; a unit asked since the last flip is not
    asked again. Patterns take a byte a unit, in arrays that double from 64 patterns on.

    Examples
    --------
    >>> import numpy as np
    >>> from sdrsim.models.hopfield import DenseAssociativeMemory
    >>> x = np.random.default_rng(0).random((300, 100)) < .5  # three times as many as units
    >>> m = DenseAssociativeMemory(n_units=100, power=4, seed=0)
    >>> stored = m.store(x)
    >>> cues = x.copy()
    >>> cues[:, :10] ^= True
    >>> r = m.recall(cues)
    >>> bool((r.codes.dense() == x).all(axis=1).mean() > .95), m
    (True, DenseAssociativeMemory(100 units, power 4, async; 300 items stored, 52.0 KiB))
    """

    kind = "hopfield dense"

    def __init__(
        self,
        n_units: int,
        power: int | Literal["exp"] = 3,
        *,
        rectified: bool = False,
        update: Literal["async", "sync"] = "async",
        seed: int = 0,
    ) -> None:
        params = DenseParams(n_units=n_units, power=power, rectified=rectified, update=update)
        if params.rectified and params.power == "exp":
            raise ParameterError("rectified", got="True with power='exp'", expected="False: it is never negative")
        self.n_units, self._power, self._rectified = params.n_units, params.power, params.rectified
        super().__init__(params, params.n_units, params.update, seed)

    @classmethod
    def _params_type(cls) -> type[Params]:
        return DenseParams

    # ---- arrays ---------------------------------------------------------------------------------------------------

    @staticmethod
    def _room(n_stored: int) -> int:
        return max(_LEAST_ROOM, 1 << (n_stored - 1).bit_length() if n_stored else 0)

    def _bytes_for(self, room: int) -> int:
        return room * (self.size + 4)

    def _array_bytes(self) -> int:
        return self._bytes_for(self._room(self.n_stored))

    def _empty(self, n_stored: int) -> Arrays:
        room = self._room(n_stored)
        return {"spins": np.zeros((self.size, room), np.int8), "rest": np.zeros(room, np.int32)}

    def _kept(self, arrays: Arrays) -> Arrays:
        return {"bits": np.packbits(arrays["spins"][:, : self.n_stored] > 0, axis=1)}

    def _fill(self, arrays: Arrays, kept: Mapping[str, NDArray[Any]]) -> None:
        n = self.n_stored
        bits = np.unpackbits(np.asarray(kept["bits"], np.uint8), axis=1, count=n) if n else np.zeros((self.size, 0))
        arrays["spins"][:, :n] = np.where(bits, 1, -1)
        arrays["rest"][:n] = -arrays["spins"][:, :n].sum(axis=0, dtype=np.int32)

    def _tensor(self) -> tuple[str, Tensor]:
        return self._tensor_of(self._room(self.n_stored))

    def _tensor_of(self, room: int) -> tuple[str, Tensor]:
        return f"patterns[{room}]", Tensor(self.size, room, element="int8")

    @property
    def n_synapses(self) -> int:
        """Units times patterns there is room for."""
        return self.size * self._room(self.n_stored)

    @property
    def is_exact(self) -> bool:
        """Whether energies are compared as whole numbers."""
        return self._power != "exp" and 2 * max(1, self.n_stored) * (self.size + 2) ** self._power < _WHOLE

    def _net(self) -> Listed:
        n, eps = self.size, float(np.finfo(np.float64).eps)
        arrays, count = self._arrays, self.n_stored
        tie = 0.0 if self.is_exact else eps * max(1, count)
        if self._power == "exp":
            terms = np.exp(np.arange(-2.0 * n, 1.0))
            up, down = terms * -np.expm1(-2.0), terms * -np.expm1(2.0)
            return Listed(arrays["spins"], arrays["rest"], up, down, count, -2 * n, True, tie)
        whole = np.arange(-n - 2, n + 3, dtype=np.int64)
        base = np.maximum(whole, 0) if self._rectified else whole
        terms = base**self._power if self.is_exact else (base / (n + 2)) ** self._power
        middle = terms[2:-2]
        return Listed(arrays["spins"], arrays["rest"], middle - terms[:-4], middle - terms[4:], count, -n, False, tie)

    # ---- storing --------------------------------------------------------------------------------------------------

    def store(self, x: Any, trace: bool = False) -> Stored:
        """Store items one after another.

        Parameters
        ----------
        x : codes over `n_units`, or arrays of -1 and 1
        trace : bool
            List every row written, in order.

        Returns
        -------
        Stored
            `n_new`: a synapse for each unit of each item.
        """
        codes = spin_codes(x, self.size, "x")
        before, after = self.n_stored, self.n_stored + len(codes)
        if after >= 2**31:
            raise CapacityError("items", got=after, expected="fewer than 2**31")
        spins = self._grown(after)
        made = as_spins(codes)
        spins["spins"][:, before:after] = made.T
        spins["rest"][before:after] = -made.sum(axis=1, dtype=np.int32)
        self._taken, self.n_stored = spins, after
        traffic = self._count_store(codes, before, trace)
        self.traffic += traffic.without_trace()
        return Stored(len(codes), len(codes) * self.size, traffic)

    def _grown(self, n_stored: int) -> Arrays:
        """The arrays with room for so many items; those there are, or larger copies."""
        held, n = self._arrays, self.n_stored
        room = self._room(n_stored)
        if room == len(held["rest"]):
            return held
        needed = self._bytes_for(room)
        check_room(f"{type(self).__name__}: room for {room:,} patterns, {bytes_text(needed)}", needed, do="store fewer")
        made = self._empty(n_stored)
        for name in made:
            made[name][..., :n] = held[name][..., :n]
        return made

    def _count_store(self, codes: SDR, before: int, trace: bool) -> Traffic:
        """As if one by one: each item writes a byte in every row; growing copies all rows."""
        traffic, n, bits = Traffic(), self.size, address_bits(self.size)
        rows, done = np.arange(n, dtype=np.int64), 0
        accesses, tensors = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        while done < len(codes):
            held, room = self._room(before + done), self._room(before + done + 1)
            stop = min(len(codes), room - before)
            name, tensor = self._tensor_of(room)
            if room > held:
                old, shape = self._tensor_of(held)
                words = n * (held // 8)
                traffic.tensors |= {old: shape, name: tensor}
                traffic.add(old, "learn", rows_read=n, words_read=words)
                traffic.add(name, "learn", words_written=words)
                accesses.append(np.concatenate([rows, -1 - rows]))
                tensors.append(np.repeat([list(traffic.tensors).index(key) for key in (old, name)], n))
            traffic.tensors[name] = tensor
            n_written, part = n * (stop - done), codes[done:stop]
            traffic.add(name, "learn", words_written=n_written, synops=n_written, code_bits=len(part.indices) * bits)
            accesses.append(np.tile(-1 - rows, stop - done))
            tensors.append(np.full(n_written, list(traffic.tensors).index(name)))
            done = stop
        if trace:
            traffic.trace = trace_of(np.concatenate(accesses), "learn")
            traffic.trace["tensor"] = np.concatenate(tensors)
        return traffic

    # ---- recall ---------------------------------------------------------------------------------------------------

    def _settled(self, cues: SDR, asked: Asked) -> tuple[Any, ...]:
        return settle_listed(self._net(), asked, cues.indptr, cues.indices)

    def _count_reads(self, cues: SDR, tallies: NDArray[np.int64]) -> dict[str, int]:
        n_asked, n_moves = int(tallies[N_SUMS]), self._events(cues, tallies)
        n = n_asked + (n_moves if self.update == "sync" else len(cues.indices))  # else a flip has its row at hand
        return {"rows_read": n, "words_read": n * -(-self.n_stored // 8), "synops": (n_asked + n_moves) * self.n_stored}

    # ---- looking --------------------------------------------------------------------------------------------------

    @property
    def patterns(self) -> SDR:
        """The stored patterns."""
        return SDR.from_dense((self._arrays["spins"][:, : self.n_stored] > 0).T)

    def overlaps(self, codes: Any) -> NDArray[np.int32]:
        """(n, n_stored) int32: ``<x_m, x>`` of every state with every pattern, -n_units .. n_units."""
        return self._overlaps(spin_codes(codes, self.size, "codes"))

    def _overlaps(self, codes: SDR) -> NDArray[np.int32]:
        out = np.empty((len(codes), self.n_stored), np.int32)
        overlaps_of(self._net(), codes.indptr, codes.indices, out)
        return out

    def _energies(self, codes: SDR) -> NDArray[np.float64]:
        """For 'exp' the logarithm: ``-ln sum_m exp <x_m, x>``, which falls where the energy does; -inf of nothing."""
        z = self._overlaps(codes)
        if self._power == "exp":
            top = z.max(axis=1, initial=-self.size, keepdims=True)
            with np.errstate(divide="ignore"):
                return np.asarray(-(np.log(np.exp(z - top).sum(axis=1)) + top[:, 0]))
        base = (np.maximum(z, 0) if self._rectified else z).astype(np.int64 if self.is_exact else np.float64)
        with np.errstate(over="ignore"):  # beyond floats it is -inf
            return np.asarray(-(base**self._power).sum(axis=1), np.float64)

    def _about(self) -> str:
        what = "exp" if self._power == "exp" else f"{'rectified ' * self._rectified}power {self._power}"
        return f"{self.size:,} units, {what}, {self.update}"
