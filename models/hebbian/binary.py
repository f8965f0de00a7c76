"""Binary memories: one bit a link, set by clipped Hebbian learning; what Willshaw and clique memories share."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.capacity import bytes_text
from sdrsim.engine.checks import checked_count
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import checked_seed, subseed
from sdrsim.engine.traffic import COUNTERS, Tensor, address_bits, trace_of
from sdrsim.errors import CodeError, ParameterError, SaturationWarning
from sdrsim.kernels.bits import bit_matrix, count_bits, n_words, unpack_rows
from sdrsim.models.hebbian.asking import Asked
from sdrsim.models.hebbian.base import Arrays, HebbianMemory, Recalled, Stored
from sdrsim.models.hebbian.kernels.forget import store_forgetting
from sdrsim.models.hebbian.kernels.messages import values_of
from sdrsim.models.hebbian.kernels.net import N_COUNTS, N_READS, Net, Work, make_work
from sdrsim.models.hebbian.kernels.store import gather_groups, set_own_bits, store_by_rows, store_items, store_traced
from sdrsim.models.hebbian.kernels.sum_of_max import recall_by_max
from sdrsim.models.hebbian.kernels.sum_of_sum import recall_by_sum
from sdrsim.models.hebbian.kernels.wire import wire_physical

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["BinaryMemory"]

_FULL = 0.5  # density at which a binary matrix holds most information, and beyond which it is called full
_BY_ROWS_BYTES = 1 << 26  # a matrix that no cache holds
_BY_ROWS_ITEMS = 4  # active units a row, in one call, from which on filling row by row pays
_NO_ROWS = np.zeros((0, 0), np.uint64)
_NO_READS = np.zeros(0, np.int64)
_NO_GUIDE = np.zeros((0, 0), np.bool_)


class BinaryMemory(HebbianMemory):
    """Base of the binary memories: the matrix of links, storing, the compiled recall, forgetting.

    ``connectivity`` and ``p_forget`` are read from the parameters.
    """

    _tallies = ("n_stored", "n_links", "n_active_stored")
    n_links: int
    n_active_stored: int

    def __init__(self, params: Params, size: int, n_clusters: int, cluster_size: int, seed: int) -> None:
        self._shape = (n_clusters, cluster_size)
        self._p_forget = float(getattr(params, "p_forget", 0.0))
        self._connectivity = float(getattr(params, "connectivity", 1.0))
        self._scratch: list[Work] = []
        self._n_physical = -1
        super().__init__(params, size, seed)

    # ---- arrays ---------------------------------------------------------------------------------------------------

    def _array_bytes(self) -> int:
        words = n_words(self.size)
        matrices = 2 if self._connectivity < 1 else 1
        return (
            8 * words * (matrices * (self.size + 1) + self._shape[0] + 1)
            + (4 * self.size if self._shape[0] else 0)
            + (8 * self.size if matrices == 2 else 0)
        )

    def _tensor(self) -> Tensor:
        return Tensor(self.size + self._shape[0], 8 * n_words(self.size))

    def _empty(self) -> Arrays:
        words, (n_clusters, cluster_size) = n_words(self.size), self._shape
        arrays: Arrays = {
            "rows": bit_matrix(self.size, words),
            "groups": bit_matrix(n_clusters, words),
            "cluster_of": np.repeat(np.arange(n_clusters, dtype=np.int32), cluster_size),
        }
        set_own_bits(self._net_of(arrays))
        if self._connectivity < 1:
            arrays["physical"] = bit_matrix(self.size, words)
            key = np.uint64(subseed(self.seed, "connectivity"))
            wire_physical(arrays["physical"][:-1], self.size, self._connectivity, key)
            arrays["usage"] = np.zeros(self.size, np.int64)
        return arrays

    def _kept(self, arrays: Arrays) -> Arrays:
        return {
            name: arrays[name] if name == "usage" else arrays[name][:-1] for name in ("rows", "usage") if name in arrays
        }

    def _filled(self, arrays: Arrays) -> None:
        gather_groups(self._net_of(arrays))

    def _net_of(self, arrays: Arrays) -> Net:
        return Net(arrays["rows"], arrays["groups"], arrays["cluster_of"], self.size, *self._shape)

    @property
    def _net(self) -> Net:
        return self._net_of(self._arrays)

    def _physical_bits(self) -> int:
        """Ordered pairs of units with a physical connection (partial connectivity); counted once."""
        if self._n_physical < 0:
            self._n_physical = count_bits(self._arrays["physical"].reshape(-1))
        return self._n_physical

    @property
    def density(self) -> float:
        """Share of the possible links that are set (ordered pairs of units; within a cluster there are none)."""
        return self.n_links / self.n_synapses if self.n_links else 0.0  # asks for no arrays of a memory without any

    def links(self) -> "csr_matrix":
        """The links as a scipy CSR matrix (n_units, n_units) of uint8 ones; no unit is linked to itself."""
        from scipy.sparse import csr_matrix, vstack

        rows, parts = self._arrays["rows"][:-1], []
        for first in range(0, self.size, 1024):
            dense = unpack_rows(rows[first : first + 1024], self.size)
            dense[np.arange(len(dense)), first + np.arange(len(dense))] = False
            parts.append(csr_matrix(dense, dtype=np.uint8))
        return csr_matrix(vstack(parts, format="csr"))

    def _set_links(self, links: Any) -> None:
        """Take over links (dense bool or 0/1, or scipy sparse); the number of items stored is not known then."""
        found = SDR.from_csr(links) if hasattr(links, "tocsr") else SDR.from_dense(links)
        if found.size != self.size or len(found) != self.size:
            raise ParameterError(
                "links", got=f"shape ({len(found)}, {found.size})", expected=f"({self.size}, {self.size})"
            )
        own = np.repeat(np.arange(self.size), found.n_active)
        cluster = own // (self._shape[1] or 1) if self._shape[0] else own
        if np.any(cluster == (found.indices // (self._shape[1] or 1) if self._shape[0] else found.indices)):
            where = "inside a cluster" if self._shape[0] else "from a unit to itself"
            raise ParameterError("links", got=f"links {where}", expected="none there", do="clear them")
        self._arrays["rows"][:-1] |= found.packed()
        self.n_links = len(found.indices)
        self._filled(self._arrays)

    # ---- storing --------------------------------------------------------------------------------------------------

    def _store(self, codes: SDR, trace: bool) -> Stored:
        """Store checked codes and count."""
        if len(codes) and codes.n_active.max() > 2**15 - 1:
            raise CodeError("x", got=f"{codes.n_active.max()} active units", expected=f"at most {2**15 - 1}")
        net, before = self._net, self.density
        traffic, n_in = self._new_traffic(), len(codes.indices)
        physical = self._arrays.get("physical", _NO_ROWS)
        n_gone, changed = 0, np.ones(n_in, np.bool_)
        if self._p_forget > 0:
            key = np.uint64(subseed(self.seed, "forgetting"))
            n_new, n_touched, n_silent, n_gone, n_cut, n_draws = store_forgetting(
                net, physical, codes.indptr, codes.indices, self._p_forget, key, self.n_stored
            )
            gather_groups(net)
            cut = {"words_read": n_cut, "words_written": n_cut, "words_silent": n_cut - n_gone}
            traffic.add(self.tensor, "decay", **cut, random_numbers=n_draws)
        elif trace:
            n_new, n_touched, n_silent = store_traced(net, physical, codes.indptr, codes.indices, changed)
        elif self._fills_by_rows(n_in, physical):
            n_new, n_touched, n_silent = store_by_rows(net, codes.indptr, codes.indices)
        else:
            n_new, n_touched, n_silent = store_items(net, physical, codes.indptr, codes.indices)
        lengths = codes.n_active
        traffic.add(
            self.tensor,
            "learn",
            rows_read=n_in,
            words_read=n_touched,
            words_written=n_touched,
            words_silent=n_silent,
            synops=int((lengths * lengths).sum()),
            code_bits=n_in * address_bits(self.size),
        )
        if trace:
            rows = codes.indices.astype(np.int64)
            listed = np.stack([np.ones_like(changed), changed], axis=1)  # read; written where it changed
            traffic.trace = trace_of(np.stack([rows, -1 - rows], axis=1)[listed], "learn")
        self.n_stored += len(codes)
        self.n_links += n_new - n_gone
        self.n_active_stored += n_in
        if "usage" in self._arrays:
            np.add.at(self._arrays["usage"], codes.indices, 1)
        self.traffic += traffic.without_trace()
        self._warn_when_full(before)
        return Stored(len(codes), n_new, traffic)

    def _fills_by_rows(self, n_in: int, physical: NDArray[np.uint64]) -> bool:
        large = self._arrays["rows"].nbytes >= _BY_ROWS_BYTES
        return large and not self._shape[0] and not len(physical) and n_in >= _BY_ROWS_ITEMS * self.size

    def _warn_when_full(self, before: float) -> None:
        if before < _FULL <= self.density:
            try:
                theory = f"; theory: {self.expected_error(0.5):.3g} of half cues fail in one step"
            except ParameterError:
                theory = ""
            warnings.warn(
                f"{type(self).__name__}: density {self.density:.3f} with {self.n_stored:,} items stored: the memory is "
                f"full and can no longer tell stored from new{theory}; use more units, or fewer items",
                SaturationWarning,
                stacklevel=4,
            )

    def expected_error(self, fraction_erased: float) -> float:
        """Theory's share of items not recalled exactly in one step, for this memory, load and cue."""
        raise NotImplementedError

    # ---- recall ---------------------------------------------------------------------------------------------------

    def _recall(
        self,
        cues: SDR,
        asked: Asked,
        *,
        orders: NDArray[np.int64],
        guides: NDArray[np.bool_] = _NO_GUIDE,
        trace: bool,
        first_item: int,
        seed: int | None,
        n_threads: int = 1,
    ) -> Recalled:
        """Recall checked cues."""
        first = checked_count("first_item", first_item, 0, 2**62 - 1)
        key = self.seed if seed is None else checked_seed(seed)
        n_threads = checked_count("n_threads", n_threads, 1, 2**16)
        if len(cues) and cues.n_active.max() > 2**15 - 1:
            raise CodeError("cues", got=f"{cues.n_active.max()} active units", expected=f"at most {2**15 - 1}")
        if not asked.is_compiled:
            from sdrsim.models.hebbian.portable import recall_portable

            codes, volleys, converged, counts, log = recall_portable(self, cues, asked, orders, guides, first, key)
            path = "portable"
        else:
            parts = self._run_parts(cues, asked, orders, guides, trace, first, key, n_threads)
            codes, volleys, converged, counts, log = parts
            path = "compiled"
        traffic = self._new_traffic()
        traffic.vector(self.tensor, "retrieve")[:N_READS] += counts[:N_READS]
        bits = address_bits(self.size)
        traffic.add(self.tensor, "retrieve", code_bits=(len(cues.indices) + len(codes.indices)) * bits)
        if trace:
            traffic.trace = trace_of(log, "retrieve")
        self.traffic += traffic.without_trace()
        messages = self._messages_of(codes) if self._shape[0] else None
        return Recalled(codes, volleys, converged, traffic, messages, path)

    def _run_parts(
        self,
        cues: SDR,
        asked: Asked,
        orders: NDArray[np.int64],
        guides: NDArray[np.bool_],
        trace: bool,
        first: int,
        key: int,
        n_threads: int,
    ) -> tuple[SDR, NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
        net, rule = self._net, asked.kernel_rule()
        seeds = (np.uint64(key), np.uint64(subseed(key, "synaptic failure")) if asked.p_syn > 0 else np.uint64(0))

        def part(a: int, b: int) -> tuple[Any, ...]:
            some = cues if b - a == len(cues) else cues[a:b]
            order = orders[a:b] if len(orders) > 1 else orders
            guide = guides[a:b] if len(guides) else guides
            n_reads = 64 * (self.size + len(net.groups)) if trace else 0
            while True:
                work, counts = self._scratch_for(net, n_reads), np.zeros(N_COUNTS, np.int64)
                called = (net, rule, work, order, (some.indptr, some.indices), guide, seeds, first + a, counts)
                made = recall_by_max(*called) if asked.rule == "sum_of_max" else recall_by_sum(*called)
                self._scratch.append(work._replace(reads=_NO_READS) if trace else work)
                if counts[N_READS] <= n_reads or not trace:
                    return (*made, counts)
                n_reads = int(counts[N_READS])  # an item that read more than any should: once more

        if n_threads == 1 or len(cues) < 2:
            parts = [part(0, len(cues))]
        else:
            from concurrent.futures import ThreadPoolExecutor

            cuts = np.linspace(0, len(cues), min(n_threads, len(cues)) + 1).astype(int).tolist()
            with ThreadPoolExecutor(len(cuts) - 1) as pool:
                parts = list(pool.map(part, cuts[:-1], cuts[1:]))
        if len(parts) == 1:
            indptr, indices, volleys, converged, log, counts = parts[0]
        else:
            ends = np.cumsum([0, *(p[0][-1] for p in parts)])
            indptr = np.concatenate([[0], *(p[0][1:] + e for p, e in zip(parts, ends))]).astype(np.int64)
            indices, volleys, converged, log = (np.concatenate([p[i] for p in parts]) for i in range(1, 5))
            counts = np.sum([p[5] for p in parts], axis=0)
        return SDR._trusted(indices, indptr, self.size), volleys, converged, counts, log

    def _is_clique(self, x: NDArray[np.bool_], order: int) -> bool:
        """Whether the active units are `order` many, in clusters of their own, and all linked."""
        units = np.flatnonzero(x)
        if len(units) != order or (self._shape[0] and len(np.unique(units // self._shape[1])) < order):
            return False
        rows = self._arrays["rows"][units][:, units >> 6] >> (units & 63).astype(np.uint64)
        return bool((rows & np.uint64(1)).all())

    def _mean_activity(self) -> float:
        """Mean share of active units of what was stored."""
        return self.n_active_stored / max(1, self.n_stored * self.size)

    def _messages_of(self, codes: SDR) -> NDArray[np.int16]:
        """Value in each cluster, -1 where there is none or several."""
        out = np.empty((len(codes), self._shape[0]), np.int16)
        values_of(codes.indptr, codes.indices, self._arrays["cluster_of"], self._shape[1], out)
        return out

    def _scratch_for(self, net: Net, n_reads: int) -> Work:
        """Scratch that no other thread uses, with room for a trace of so many reads of an item."""
        try:
            work = self._scratch.pop()  # atomic
        except IndexError:
            work = make_work(net, 0)
        return work._replace(reads=np.empty(n_reads, np.int64)) if n_reads else work

    def _about(self) -> str:
        return f"{self.size:,} units, density {self.density:.4f}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._about()}; {self.n_stored:,} items stored, {bytes_text(self.n_bytes)})"


assert len(COUNTERS) > N_READS  # the kernels' counters are the first ones of the ledger
