"""Graded memories: recall from rows of numbers, shared by the memories that count pairs of active units."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_count
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.seeds import checked_seed
from sdrsim.engine.traffic import Traffic, address_bits, trace_of
from sdrsim.errors import ParameterError
from sdrsim.models.hebbian.base import Recalled
from sdrsim.models.hebbian.counting import NO_UNITS, CountingMemory
from sdrsim.models.hebbian.kernels.graded import (
    N_BIAS,
    N_COUNTS,
    Affine,
    GradedNet,
    GradedWork,
    make_graded_work,
    recall_graded,
)
from sdrsim.models.hebbian.scoring import GradedAsked, checked_graded, recall_by_own, recall_by_scores

__all__ = ["GradedMemory"]

_BLOCKS = {1: 2**20, 2: 2**15, 4: 1}  # rows of so many bytes a count, whose sum fits 32 bits
_NO_REALS = np.zeros((0, 0), np.float32)
_PLAIN = Affine(1.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


class GradedMemory(CountingMemory):
    """Base of the graded memories: the compiled recall.

    A member says what its rows are (`_net`, `_read_tensor`), and whether its scores count links: then a score of 0 is
    no support, and wins under a threshold alone. Otherwise scores are differences, and the best wins whatever its sign.
    Where nothing is active, or stored, nothing wins.
    """

    _counts_links: ClassVar[bool] = False

    # ---- recall ---------------------------------------------------------------------------------------------------

    def recall(
        self,
        cues: Any,
        trace: bool = False,
        *,
        select: str | Callable[..., Any] | None = None,
        k: int | None = None,
        threshold: float | None = None,
        memory_effect: float | None = None,
        max_iterations: int = 10,
        first_item: int = 0,
        seed: int | None = None,
    ) -> Recalled:
        """Complete cues: score all units by what the active ones tell them, select, and again until nothing changes.

        Parameters
        ----------
        cues : codes over `n_units`
        trace : bool
            List every row read, in order.
        select : str, callable or None
            With clusters: 'argmax' (one unit of each cluster, the best, ties drawn), 'wta' (the best of each cluster,
            all ties), 'wsta', 'lko' (in each cluster the `k` best, all but the worst). With or without: 'gwsta' (all
            units whose score reaches the `k`-th best), 'kwta' (exactly `k`, ties drawn), 'gkwta' (the `k` best distinct
            scores), 'gwta' (the best score), 'glko' (all but the worst), 'threshold', or ``f(scores, active) -> bool
            mask`` for one item (compiled by numba, it runs in the kernel). None: see the memory.
        k : int or None
            None: `n_active`, or one for each cluster.
        threshold : float or None
            Least score of a winner. None: the number of active units, where scores count links.
        memory_effect : float, 0 or more, or None
            Support a unit gives itself, added to its score. None: see the memory.
        max_iterations : int
            Volleys at most.
        first_item, seed
            Number of the first cue; another seed for the draws of this call.

        Returns
        -------
        Recalled

        Notes
        -----
        From the second volley on only the rows of units that switched are read, where these are fewer than are active.
        """
        codes = as_sdr(cues, self.size, what="cues")
        asked = self._asked(select, k, threshold, memory_effect, max_iterations)
        first = checked_count("first_item", first_item, 0, 2**62 - 1)
        key = self.seed if seed is None else checked_seed(seed)
        return self._recall(codes, asked, trace, first, key)

    def _default_select(self, k: Any) -> str | None:
        """The selection when none is named."""
        if self._group > 1:
            return "wta" if self._counts_links else "argmax"
        if self.n_active is not None or k is not None:
            return "gwsta"
        return "threshold" if self._counts_links else None

    def _asked(self, select: Any, k: Any, threshold: Any, memory_effect: Any, max_iterations: Any) -> GradedAsked:
        if select is None:
            select = "threshold" if threshold is not None else self._default_select(k)
        if select is None:
            raise ParameterError("select", got="None", expected="k=, threshold= or select= without n_active")
        if memory_effect is None:
            memory_effect = 1.0 if self._counts_links else 0.0
        return checked_graded(
            size=self.size,
            is_clustered=self._group > 1,
            select=select,
            k=k,
            default_k=self.n_active if self.n_active is not None else self.n_clusters if self._group > 1 else None,
            threshold=threshold,
            counts_links=self._counts_links,
            memory_effect=memory_effect,
            max_iterations=max_iterations,
        )

    def _net(self) -> GradedNet:
        """The memory as the kernels want it."""
        return self._net_of(self._arrays["counts"])

    def _net_of(self, rows: NDArray[Any], **more: Any) -> GradedNet:
        """A net of some rows: counts and no vector unless `more` says otherwise."""
        made = GradedNet(
            rows=rows,
            reals=_NO_REALS,
            unit_in=NO_UNITS,
            unit_out=NO_UNITS,
            affine=_PLAIN,
            n_units=self.size,
            cluster_size=self._group,
            floor=0,
            block=_BLOCKS[rows.dtype.itemsize],
            row_words=-(-self._read_tensor()[1].row_bytes // 8),
            has_prior=False,
            is_empty=self.n_stored == 0,
        )
        return made._replace(**more)

    def _recall(self, cues: SDR, asked: GradedAsked, trace: bool, first: int, key: int) -> Recalled:
        net, counts, seed = self._net(), np.zeros(N_COUNTS, np.int64), np.uint64(key)
        work: GradedWork = make_graded_work(self.size, self.size // self._group, asked.k or 1)
        path, called = "compiled", (cues.indptr, cues.indices)
        if asked.is_compiled:
            rule = asked.kernel_rule()
            made = recall_graded(net, rule, work, called, seed, first, trace, counts)
            codes, volleys, converged, log = SDR._trusted(made[1], made[0], self.size), *made[2:]
        elif (own := recall_by_own(net, work, called, asked, trace, counts)) is not None:
            codes, volleys, converged, log = SDR._trusted(own[1], own[0], self.size), *own[2:]
        else:
            codes, volleys, converged, log = recall_by_scores(net, work, cues, asked, first, key, counts)
            path = "portable"
        return Recalled(codes, volleys, converged, self._count_recall(cues, codes, counts, log, trace), path=path)

    def _count_recall(self, cues: SDR, codes: SDR, counts: Any, log: NDArray[np.int64], trace: bool) -> Traffic:
        name, tensor = self._read_tensor()
        traffic = Traffic(tensors={name: tensor})
        traffic.vector(name, "retrieve")[:N_BIAS] += counts[:N_BIAS]
        bits = (len(cues.indices) + len(codes.indices)) * address_bits(self.size)
        traffic.add(name, "retrieve", code_bits=bits)
        if self._counts_units:
            traffic.tensors["usage"] = self._usage_tensor()
            n = int(counts[N_BIAS])
            traffic.add("usage", "retrieve", rows_read=n, words_read=n * self.size)
        if trace:
            steps = trace_of(log, "retrieve")
            of_units = steps["row"] == self.size
            steps["tensor"][of_units], steps["row"][of_units] = 1, 0
            traffic.trace = steps
        self.traffic += traffic.without_trace()
        return traffic

    # ---- looking --------------------------------------------------------------------------------------------------

    def weights(self) -> NDArray[np.float64]:
        """The weights (n_units, n_units), formed to be looked at; 0 from a unit to itself and inside a cluster."""
        return self._arrays["counts"].astype(np.float64)

    def _blocked(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same with 0 inside of the clusters."""
        group = np.arange(self.size) // self._group
        weights[group[:, None] == group[None, :]] = 0.0
        return weights

    def _about(self) -> str:
        active = "any activity" if self.n_active is None else f"{self.n_active} active"
        clusters = f"{self.n_clusters} clusters of {self.cluster_size}" if self._group > 1 else f"{self.size:,} units"
        return f"{clusters}, {active}" if self._group == 1 or self.n_active is not None else clusters
