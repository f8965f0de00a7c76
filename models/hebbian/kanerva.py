"""KanervaMemory: sparse distributed memory. Words are written around their own address, and read back by summing."""

from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sdrsim.engine.checks import checked_count
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import checked_seed, subseed
from sdrsim.engine.traffic import Tensor, Traffic, address_bits, trace_of
from sdrsim.kernels.bits import n_words, unpack_rows
from sdrsim.models.hebbian.base import Arrays, HebbianMemory, Recalled, Stored
from sdrsim.models.hebbian.kernels.kanerva import Hard, count_activated, draw_addresses, recall_words, store_words

__all__ = ["KanervaMemory", "KanervaParams"]


class KanervaParams(Params):
    """Parameters of a `KanervaMemory`; see there."""

    n_units: Annotated[int, Field(ge=1, le=2**20, strict=True)]
    n_locations: Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
    radius: Annotated[int, Field(ge=0, strict=True)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.radius > self.n_units:
            raise ValueError(f"radius <= n_units, got {self.radius} of {self.n_units}")
        return self


class KanervaMemory(HebbianMemory):
    """Sparse distributed memory of binary words, each stored at itself as the address.

    A word activates the hard locations, random addresses drawn once, at a Hamming distance of at most `radius`. Storing
    adds +1 to their counters of the bits that are on, -1 to those of the bits that are off. Reading sums the counters
    of the activated locations; the signs are the answer, which is the next address, until it repeats itself.

    Parameters
    ----------
    n_units : int
        n, bits of an address and of a word, up to 2**20.
    n_locations : int
        N', hard locations. Each takes n / 8 bytes of address and 2 n bytes of counters, on first use.
    radius : int, 0 .. n_units
        r, largest Hamming distance; `theory.kanerva_radius` gives the one for a wanted share of the locations.
    seed : int
        Keys the addresses. Nothing else is drawn; files keep the counters alone.

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CodeError
        Bad parameters or codes; a refused call changes nothing.
    sdrsim.errors.CapacityError
        More bytes than are free, on first use.

    Notes
    -----
    Kanerva 1988, Sparse Distributed Memory, MIT Press. Counters are int16 and stay within -32767 .. 32767. Where a sum
    is 0, which it is for all bits when no location is activated, the bit of the word that reads is kept.
    Traffic: ``A`` are the addresses, of which every read and write looks at all, ``W`` the counters.

    Examples
    --------
    >>> import numpy as np
    >>> from sdrsim import SDR
    >>> from sdrsim.models.hebbian import KanervaMemory
    >>> words = np.random.default_rng(0).random((50, 256)) < .5
    >>> m = KanervaMemory(n_units=256, n_locations=10_000, radius=107, seed=0)
    >>> stored = m.store(words)
    >>> cues = words.copy()
    >>> cues[:, :30] ^= True  # 30 bits of each are wrong
    >>> m.recall(cues).codes == SDR.from_dense(words), m
    (True, KanervaMemory(256 units, 10,000 locations, radius 107; 50 items stored, 5.2 MiB))
    """

    kind = "hebbian kanerva"

    def __init__(self, n_units: int, n_locations: int, radius: int, *, seed: int = 0) -> None:
        params = KanervaParams(n_units=n_units, n_locations=n_locations, radius=radius)
        self.n_units, self.n_locations, self.radius = params.n_units, params.n_locations, params.radius
        super().__init__(params, params.n_units, seed)

    @classmethod
    def _params_type(cls) -> type[Params]:
        return KanervaParams

    # ---- arrays ---------------------------------------------------------------------------------------------------

    def _array_bytes(self) -> int:
        return self.n_locations * (8 * n_words(self.n_units) + 2 * self.n_units)

    def _empty(self) -> Arrays:
        addresses = np.empty((self.n_locations, n_words(self.n_units)), np.uint64)
        draw_addresses(self.n_units, np.uint64(subseed(self.seed, "addresses")), addresses)
        return {"addresses": addresses, "counters": np.zeros((self.n_locations, self.n_units), np.int16)}

    def _kept(self, arrays: Arrays) -> Arrays:
        return {"counters": arrays["counters"]}

    def _tensor(self) -> Tensor:
        return Tensor(self.n_locations, 2 * self.n_units, element="int16")

    def _new_traffic(self) -> Traffic:
        of_addresses = Tensor(self.n_locations, 8 * n_words(self.n_units), arithmetic="popcount")
        return Traffic(tensors={"A": of_addresses, self.tensor: self._tensor()})

    @property
    def n_synapses(self) -> int:
        """Counters: one for each location and bit."""
        return self.n_locations * self.n_units

    @property
    def _hard(self) -> Hard:
        return Hard(self._arrays["addresses"], self._arrays["counters"], self.radius)

    # ---- storing and reading --------------------------------------------------------------------------------------

    def store(self, x: Any, trace: bool = False) -> Stored:
        """Store words one after another, each at itself.

        Parameters
        ----------
        x : codes over `n_units` (SDR, bool or 0/1 uint8 ``(n, n_units)``, indices ``(n, k)``, CSR), or one item
            Of any activity; an active unit is a bit that is on.
        trace : bool
            List every row read and written, in order.

        Returns
        -------
        Stored
            `n_new` counts the changes of counters: all bits of the activated locations, but for full counters.
        """
        codes = as_sdr(x, self.size, what="x")
        n_changed, n_rows, log = store_words(self._hard, codes.indptr, codes.indices, bool(trace))
        traffic, words = self._new_traffic(), n_rows * -(-self.n_units // 4)
        self._count_scans(traffic, "learn", len(codes))
        traffic.add(
            self.tensor,
            "learn",
            rows_read=n_rows,
            words_read=words,
            words_written=words,
            synops=n_rows * self.n_units,
            code_bits=len(codes.indices) * address_bits(self.size),
        )
        self.n_stored += len(codes)
        self._close(traffic, "learn", log, trace)
        return Stored(len(codes), n_changed, traffic)

    def recall(
        self,
        cues: Any,
        trace: bool = False,
        *,
        max_iterations: int = 20,
        first_item: int = 0,
        seed: int | None = None,
    ) -> Recalled:
        """Read at each cue, then at the answer, until it repeats itself.

        Parameters
        ----------
        cues : codes over `n_units`
        trace : bool
            List every row read, in order.
        max_iterations : int
            Reads at most.
        first_item, seed
            As every memory takes them. A read draws nothing, so neither matters.

        Returns
        -------
        Recalled
        """
        codes = as_sdr(cues, self.size, what="cues")
        most = checked_count("max_iterations", max_iterations, 1, 2**31 - 1)
        checked_count("first_item", first_item, 0, 2**62 - 1)
        if seed is not None:
            checked_seed(seed)
        made = recall_words(self._hard, codes.indptr, codes.indices, most, bool(trace))
        indptr, indices, n_reads, settled, n_rows, log = made
        answers = SDR._trusted(indices, indptr, self.size)
        traffic, n = self._new_traffic(), int(n_reads.sum())
        self._count_scans(traffic, "retrieve", n)
        traffic.add(
            self.tensor,
            "retrieve",
            rows_read=n_rows,
            words_read=n_rows * -(-self.n_units // 4),
            synops=n_rows * self.n_units,
            sums=n * self.n_units,
            compares=n * self.n_units,
            code_bits=(len(codes.indices) + len(indices)) * address_bits(self.size),
        )
        self._close(traffic, "retrieve", log, trace)
        return Recalled(answers, n_reads, settled, traffic)

    def _count_scans(self, traffic: Traffic, phase: str, n: int) -> None:
        """Distances of `n` words to all locations."""
        rows = n * self.n_locations
        traffic.add("A", phase, rows_read=rows, words_read=rows * n_words(self.n_units), sums=rows, compares=rows)

    def _close(self, traffic: Traffic, phase: str, log: NDArray[np.int64], trace: bool) -> None:
        if trace:
            steps = trace_of(log, phase)
            steps["tensor"] = steps["row"] >= self.n_locations
            steps["row"] %= self.n_locations
            traffic.trace = steps
        self.traffic += traffic.without_trace()

    # ---- looking --------------------------------------------------------------------------------------------------

    def addresses(self) -> NDArray[np.bool_]:
        """(n_locations, n_units) bool: the addresses of the hard locations, unpacked to be looked at."""
        return unpack_rows(self._arrays["addresses"], self.n_units)

    def counters(self) -> NDArray[np.int16]:
        """(n_locations, n_units) int16: a copy of the counters."""
        return np.array(self._arrays["counters"], np.int16)

    def activated(self, x: Any) -> NDArray[np.int64]:
        """(n,) int64: locations that each word activates. A look: not counted as traffic."""
        codes = as_sdr(x, self.size, what="x")
        return count_activated(self._arrays["addresses"], self.radius, codes.indptr, codes.indices)

    @property
    def expected_activated(self) -> float:
        """Theory: locations that a word activates, ``N' p`` (`theory.kanerva_activated`)."""
        from sdrsim.models.hebbian import theory

        return float(theory.kanerva_activated(self.n_locations, self.n_units, self.radius))

    def expected_error(self, distance: int) -> float:
        """Theory: share of bits that one read gets wrong, at this distance from a stored word and this load.

        `theory.kanerva_read` for random words stored at themselves. Without items a read keeps the cue.
        """
        from sdrsim.models.hebbian import theory

        d = checked_count("distance", distance, 0, self.n_units)
        if self.n_stored == 0:
            return d / self.n_units
        shape = (self.n_stored, self.n_locations, self.n_units, self.radius)
        return float(theory.kanerva_read(*shape, d, autoassociative=True).bit_error)

    def _about(self) -> str:
        return f"{self.n_units:,} units, {self.n_locations:,} locations, radius {self.radius}"
