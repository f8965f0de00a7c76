"""NoisyHebbianLearner: the network that grows a binary associative memory out of noisy input."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sdrsim.engine.checks import checked_count
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Tensor, Traffic, address_bits
from sdrsim.errors import CodeError, ParameterError
from sdrsim.files.table import Table
from sdrsim.kernels.bits import ONE, bit_matrix, count_bits, n_words, unpack_rows
from sdrsim.kernels.draws import digits
from sdrsim.kernels.random import uniforms
from sdrsim.models.hebbian.base import Arrays, HebbianMemory
from sdrsim.models.hebbian.kernels import learner as kernel
from sdrsim.models.hebbian.willshaw import WillshawMemory

__all__ = ["LearnerLog", "LearnerParams", "NoisyHebbianLearner"]

Probability = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, strict=True)]
_LIMITS: Mapping[str | None, int] = {
    None: kernel.NO_LIMIT,
    "spikes": kernel.SPIKES,
    "local": kernel.LOCAL,
    "budget": kernel.BUDGET,
}
MOST_UNITS = 8192  # a byte for each pair: 64 MB


class LearnerParams(Params):
    """Parameters of a `NoisyHebbianLearner`; see there."""

    n_units: Annotated[int, Field(ge=2, le=MOST_UNITS, strict=True)] | None = None
    n_active: Count | None = None
    n_clusters: Annotated[int, Field(ge=2, strict=True)] | None = None
    cluster_size: Count | None = None
    p_erase: Probability = 0.1
    p_insert: Probability = 0.002
    p_syn: Probability = 0.0
    p_decay: Probability = 0.0
    consolidation: Annotated[int, Field(ge=1, le=255, strict=True)] = 3
    energy_limit: Literal["spikes", "local", "budget"] | None = "spikes"
    n_spikes: Count | None = None
    e_spike: Positive = 1.0
    e_synapse: Positive = 0.0
    e_max: Positive | None = None
    recurrence: bool = True
    theta_recruit: Probability | None = 0.5
    drive: Positive | None = None
    n_iterations: Annotated[int, Field(ge=1, le=1000, strict=True)] = 2
    noise: Literal["presentation", "volley"] = "presentation"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        clusters = (self.n_clusters is None) + (self.cluster_size is None)
        if clusters == 1 or (clusters == 2 and self.n_units is None):
            raise ValueError("n_units, or n_clusters and cluster_size")
        if clusters == 0 and self.size != (self.n_clusters or 0) * (self.cluster_size or 0):
            raise ValueError(f"n_units = n_clusters * cluster_size, got {self.n_units}")
        if self.size > MOST_UNITS:
            raise ValueError(f"at most {MOST_UNITS} units, got {self.size}")
        if clusters == 2 and (self.n_active is None or self.energy_limit == "local"):
            raise ValueError("n_active without clusters, and no local energy limit")
        if self.order > self.size:
            raise ValueError(f"n_active <= n_units, got {self.order} of {self.size}")
        return self

    @property
    def size(self) -> int:
        """Units."""
        return self.n_units or (self.n_clusters or 0) * (self.cluster_size or 0)

    @property
    def order(self) -> int:
        """Active units of a pattern: n_active, or one a cluster."""
        return self.n_active or self.n_clusters or 0


@dataclass(frozen=True, repr=False)
class LearnerLog:
    """What the presentations of one call did; arrays of one entry a presentation.

    presentation : int64, its number, counted over all calls
    pattern : int64, which pattern was presented
    n_links : int64, consolidated links (pairs of units) afterwards
    precision : float64, share of them that the ideal memory of the patterns has (1 where there is none)
    recall : float64, share of the ideal memory's links that are there
    n_spikes, n_events : int64, spikes, and links that transmitted
    energy : float64, ``e_spike * n_spikes + e_synapse * n_events``, in the unit of these two
    n_active : int64, units active in the state that is learned
    true_units : float64, share of the pattern's units that are active in it
    traffic : counters of the call
    """

    presentation: NDArray[np.int64]
    pattern: NDArray[np.int64]
    n_links: NDArray[np.int64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    n_spikes: NDArray[np.int64]
    n_events: NDArray[np.int64]
    energy: NDArray[np.float64]
    n_active: NDArray[np.int64]
    true_units: NDArray[np.float64]
    traffic: Traffic

    def table(self, every: int = 1) -> Table:
        """One row for each `every`-th presentation, the last of each group."""
        names = [name for name in self.__dataclass_fields__ if name != "traffic"]
        return Table({name: getattr(self, name)[every - 1 :: every] for name in names})

    def __repr__(self) -> str:
        if not len(self.presentation):
            return "LearnerLog(nothing presented)"
        end = f"precision {self.precision[-1]:.3f}, recall {self.recall[-1]:.3f}, {self.n_links[-1]:,} links"
        return f"LearnerLog({len(self.presentation):,} presentations; at the end {end})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


class NoisyHebbianLearner(HebbianMemory):
    """Incremental learner: noisy input, recurrence, an energy limit, consolidated Hebbian learning.

    At each presentation of a pattern its units are read with probability ``1 - p_erase``, all others with `p_insert`.
    Then, `n_iterations` times: every active unit sends along its consolidated links; a unit may fire when it is in the
    input, or when at least ``max(2, theta_recruit * active units)`` links reach it; its drive is ``drive`` for input
    plus the links that reach it; the energy limit takes the best. At last all pairs that are active count one; a pair
    whose counter reaches `consolidation` is linked for good. Counters that have not do not transmit.

    Parameters
    ----------
    n_units, n_active : int
        Units (up to 8192), and active units of a pattern.
    n_clusters, cluster_size : int
        Instead, or as well: patterns of one unit in each cluster.
    p_erase, p_insert, p_syn : float in 0 .. 1
        Noise of the input, and failure of each link of an active unit in a volley.
    p_decay : float in 0 .. 1
        An unconsolidated counter falls by one with this probability when just one of its units is active.
    consolidation : int, 1 .. 255
        tau, co-activations that make a link.
    energy_limit : 'spikes' | 'local' | 'budget' | None
        The `n_spikes` units of highest drive (None: as many as a pattern has); the best of each cluster; or units of
        falling drive while ``e_spike`` a unit and ``e_synapse`` a link it drives sum to at most `e_max` (None:
        ``e_spike`` times the units of a pattern). Ties are drawn.
    e_spike, e_synapse : float
        Energy of a spike and of a transmitted link, in a unit of yours; also of the log's energy.
    recurrence : bool
        Without it the input alone drives, once.
    theta_recruit : float or None
        None: nobody fires without input.
    drive : float or None
        Input relative to one link; None: the units of a pattern + 1, so that input outranks recurrence. A weak one lets
        what was learned first capture what comes later.
    n_iterations : int
    noise : 'presentation' | 'volley'
        Input noise is drawn once a presentation, or anew for each iteration.
    seed : int
        Keys all draws by (seed, presentation, unit): presentations may be split over any number of calls.

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CodeError

    Notes
    -----
    A reconstruction from the abstract of Coyac, Gripon, Langlais & Berrou 2017, arXiv:1709.08367, which names the
    parts (noise as insertions and erasures, energy limit, recurrence, consolidated Hebbian learning) and the outcome
    (the links of sparse binary associative memories) and not the procedure; every choice is a parameter.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> from sdrsim.models.hebbian import NoisyHebbianLearner
    >>> x = patterns.random_sparse(50, size=256, k=8, seed=0)
    >>> n = NoisyHebbianLearner(n_units=256, n_active=8, seed=0)
    >>> log = n.present(x, 1000)
    >>> bool(log.recall[-1] > 0.9), bool(log.precision[-1] > 0.95)
    (True, True)
    >>> n.memory.recall(patterns.erase(x, .5, seed=1)).codes.overlap(x).mean() > 7
    np.True_
    """

    kind = "hebbian learner"
    _tallies = ("n_stored", "n_links")
    n_links: int
    params: LearnerParams

    def __init__(
        self,
        n_units: int | None = None,
        n_active: int | None = None,
        n_clusters: int | None = None,
        cluster_size: int | None = None,
        *,
        seed: int = 0,
        **options: Any,
    ) -> None:
        shape: dict[str, Any] = {
            "n_units": n_units,
            "n_active": n_active,
            "n_clusters": n_clusters,
            "cluster_size": cluster_size,
        }
        params = LearnerParams(**shape, **options)
        super().__init__(params, params.size, seed)

    @classmethod
    def _params_type(cls) -> type[Params]:
        return LearnerParams

    def _empty(self) -> Arrays:
        words, own = n_words(self.size), np.arange(self.size)
        rows = bit_matrix(self.size, words)
        rows[own, own >> 6] |= ONE << (own & 63).astype(np.uint64)
        return {
            "rows": rows,
            "counts": np.zeros((self.size, self.size), np.uint8),
            "ideal": bit_matrix(self.size, words),
        }

    def _array_bytes(self) -> int:
        return 2 * 8 * n_words(self.size) * (self.size + 1) + self.size**2

    def _kept(self, arrays: Arrays) -> Arrays:
        return {"rows": arrays["rows"][:-1], "counts": arrays["counts"], "ideal": arrays["ideal"][:-1]}

    def _tensor(self) -> Tensor:
        return Tensor(self.size, 8 * n_words(self.size))

    @property
    def n_synapses(self) -> int:
        """Ordered pairs of units."""
        return self.size * (self.size - 1)

    @property
    def n_presented(self) -> int:
        """Presentations so far."""
        return self.n_stored

    @property
    def density(self) -> float:
        """Share of the pairs of units that are linked."""
        return 2 * self.n_links / self.n_synapses

    @property
    def memory(self) -> WillshawMemory:
        """A Willshaw memory with the consolidated links as they are now (a copy)."""
        links = unpack_rows(self._arrays["rows"][:-1], self.size)
        np.fill_diagonal(links, False)
        return WillshawMemory.from_links(self.size, links, n_active=self.params.order, seed=self.seed)

    @property
    def counters(self) -> NDArray[np.uint8]:
        """(n_units, n_units) counters of co-activation, symmetric (a copy); consolidated ones count no further."""
        upper = self._arrays["counts"]
        return np.asarray(upper + upper.T)

    def present(self, patterns: Any, n_presentations: int, *, schedule: str = "random") -> LearnerLog:
        """Present patterns one after another; goes on where the last call ended.

        Parameters
        ----------
        patterns : codes over the units; the first item is pattern 0
            Precision and recall are against the ideal memory of all patterns given so far: all pairs of units of a
            pattern linked.
        n_presentations : int
        schedule : 'random' | 'fixed'
            Each presentation draws a pattern; or all come once, in a drawn order, before one comes again.

        Returns
        -------
        LearnerLog
        """
        codes = as_sdr(patterns, self.size, what="patterns")
        n = checked_count("n_presentations", n_presentations, 0, 2**40)
        if schedule not in ("random", "fixed"):
            raise ParameterError("schedule", got=repr(schedule), expected="'random' or 'fixed'")
        if n and not len(codes):
            raise CodeError("patterns", got="no items", expected="at least one")
        if len(codes) and np.any(codes.n_active != self.params.order):
            bad = int(np.argmax(codes.n_active != self.params.order))
            got = f"{codes.n_active[bad]} active units"
            raise CodeError(f"patterns: item {bad}", got=got, expected=f"{self.params.order}")
        arrays, first = self._arrays, self.n_stored
        growth = kernel.Growth(arrays["rows"], arrays["counts"], arrays["ideal"])
        n_ideal, n_true = self._widen_ideal(codes)
        which = self._schedule(len(codes), first, n, schedule)
        totals = np.array([self.n_links, n_true, 0, 0, 0, 0], np.int64)
        log, counted = np.zeros((n, kernel.N_LOGGED), np.int64), np.zeros(kernel.N_COUNTED, np.int64)
        streams = ("order", "erase", "insert", "failure", "ties", "decay")
        seeds = np.array([subseed(self.seed, f"learner {name}") for name in streams], np.uint64)
        called = (growth, self._habit(), (codes.indptr, codes.indices), which, first, seeds, totals, log, counted)
        kernel.present(*called)
        self.n_links, self.n_stored = int(totals[kernel.N_LINKS]), first + n
        return self._log(log, counted, which, first, n_ideal, codes)

    def _widen_ideal(self, codes: SDR) -> tuple[int, int]:
        """Add patterns to the ideal memory; its links, and how many of ours it has (pairs)."""
        rows: NDArray[np.uint64] = self._arrays["rows"][:-1]
        ideal: NDArray[np.uint64] = self._arrays["ideal"][:-1]
        packed = codes.packed()
        for item in range(len(codes)):
            ideal[codes[item].indices] |= packed[item]
        own = np.arange(self.size)
        ideal[own, own >> 6] &= ~(ONE << (own & 63).astype(np.uint64))
        both: NDArray[np.uint64] = rows & ideal
        return count_bits(ideal.reshape(-1)) // 2, count_bits(both.reshape(-1)) // 2

    def _schedule(self, n_patterns: int, first: int, n: int, schedule: str) -> NDArray[np.int64]:
        key = np.uint64(subseed(self.seed, "learner order"))
        out = np.empty(n, np.int64)
        if not n:
            return out
        if schedule == "random":
            drawn = np.empty((n, 1), np.int32)
            digits(key, first, np.array([n_patterns], np.int64), drawn)
            return drawn[:, 0].astype(np.int64)
        u = np.empty(n_patterns)
        for round_ in range(first // n_patterns, (first + n - 1) // n_patterns + 1):
            uniforms(key, 1, round_, u)
            start, order = round_ * n_patterns - first, np.argsort(u, kind="stable")
            a, b = max(start, 0), min(start + n_patterns, n)
            out[a:b] = order[a - start : b - start]
        return out

    def _habit(self) -> kernel.Habit:
        p = self.params
        return kernel.Habit(
            p.p_erase,
            p.p_insert,
            p.p_syn,
            p.p_decay,
            p.consolidation,
            _LIMITS[p.energy_limit],
            p.order if p.n_spikes is None else p.n_spikes,
            p.e_spike,
            p.e_synapse,
            p.e_spike * p.order if p.e_max is None else p.e_max,
            float(p.order + 1 if p.drive is None else p.drive),
            2.0 if p.theta_recruit is None else p.theta_recruit,
            p.recurrence,
            p.n_iterations,
            p.noise == "volley",
            p.cluster_size or 1,
        )

    def _log(
        self, log: Any, counted: Any, which: NDArray[np.int64], first: int, n_ideal: int, codes: SDR
    ) -> LearnerLog:
        p, traffic, words = self.params, self._new_traffic(), n_words(self.size)
        n_rows, n_pairs = int(counted[kernel.ROWS]), int(counted[kernel.TOUCHED])
        traffic.add(
            self.tensor,
            "learn",
            rows_read=n_rows,
            words_read=n_rows * words + n_pairs,
            words_written=n_pairs,
            synops=int(log[:, kernel.N_EVENTS].sum()) + n_pairs,
            sums=int(counted[kernel.SUMS]),
            compares=int(counted[kernel.COMPARES]),
            random_numbers=int(counted[kernel.DRAWS]) + len(which),
            code_bits=p.order * len(which) * address_bits(self.size),
        )
        self.traffic += traffic
        n_links, n_true = log[:, kernel.N_LINKS], log[:, kernel.N_TRUE]
        spikes, events = log[:, kernel.N_SPIKES], log[:, kernel.N_EVENTS]
        return LearnerLog(
            presentation=first + np.arange(len(which)),
            pattern=which,
            n_links=n_links,
            precision=np.where(n_links > 0, n_true / np.maximum(n_links, 1), 1.0),
            recall=n_true / max(n_ideal, 1),
            n_spikes=spikes,
            n_events=events,
            energy=p.e_spike * spikes + p.e_synapse * events,
            n_active=log[:, kernel.N_ACTIVE],
            true_units=log[:, kernel.N_RIGHT] / max(p.order, 1),
            traffic=traffic,
        )

    def _about(self) -> str:
        limit = "no energy limit" if self.params.energy_limit is None else f"energy limit {self.params.energy_limit!r}"
        return f"{self.size:,} units, {self.params.order} active, {limit}, density {self.density:.4f}"

    def __repr__(self) -> str:
        return f"NoisyHebbianLearner({self._about()}; {self.n_stored:,} presentations, {self.n_links:,} links)"
