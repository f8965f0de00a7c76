"""WillshawMemory: clipped Hebbian learning of sparse codes, recalled in one pass over the rows of the active units."""

from collections.abc import Callable
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from sdrsim.engine.checks import checked_real
from sdrsim.engine.codes import as_sdr
from sdrsim.engine.params import Params
from sdrsim.errors import CodeError, ParameterError
from sdrsim.models.hebbian.asking import checked_failures, checked_request
from sdrsim.models.hebbian.base import Recalled, Stored
from sdrsim.models.hebbian.binary import BinaryMemory

__all__ = ["WillshawMemory", "WillshawParams"]

Probability = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


class WillshawParams(Params):
    """Parameters of a `WillshawMemory`; see there."""

    n_units: Annotated[int, Field(ge=1, le=2**24, strict=True)]
    n_active: Annotated[int, Field(ge=1, strict=True)] | None = None
    connectivity: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    p_forget: Probability = 0.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.n_active is not None and self.n_active > self.n_units:
            raise ValueError(f"n_active <= n_units, got {self.n_active} of {self.n_units}")
        return self


class WillshawMemory(BinaryMemory):
    """Autoassociative Willshaw memory: ``W_ij <- W_ij or (x_i and x_j)``, no unit linked to itself.

    Parameters
    ----------
    n_units : int
        N, up to 2**24. The matrix takes N * N / 8 bytes, on first use.
    n_active : int or None
        k, active units of every item; None: items of any activity.
    connectivity : float in (0, 1]
        Share of the ordered pairs of units that can be linked at all, drawn from the seed (Buckingham & Willshaw 1993).
    p_forget : float in 0 .. 1
        Palimpsest: before an item is stored each link is cleared with this probability.
    seed : int
        Keys all draws: ties, failures, wiring, forgetting.

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CodeError
        Bad parameters or codes; a refused call changes nothing.
    sdrsim.errors.CapacityError
        More bytes than are free, on first use.

    Notes
    -----
    Willshaw, Buneman & Longuet-Higgins 1969, Nature 222:960. A cue costs one read of the rows of its active units.
    Past a density of 1/2 the memory warns that it is full (`SaturationWarning`).

    Examples
    --------
    >>> from sdrsim import patterns
    >>> from sdrsim.models.hebbian import WillshawMemory
    >>> x = patterns.random_sparse(1000, size=2048, k=11, seed=0)
    >>> m = WillshawMemory(n_units=2048, n_active=11, seed=0)
    >>> stored = m.store(x)
    >>> r = m.recall(patterns.erase(x, .5, seed=1))
    >>> r.codes == x, m
    (True, WillshawMemory(2,048 units, 11 active, density 0.0259; 1,000 items stored, 512.5 KiB))
    """

    kind = "hebbian willshaw"

    def __init__(
        self,
        n_units: int,
        n_active: int | None = None,
        *,
        connectivity: float = 1.0,
        p_forget: float = 0.0,
        seed: int = 0,
    ) -> None:
        params = WillshawParams(n_units=n_units, n_active=n_active, connectivity=connectivity, p_forget=p_forget)
        self.n_units, self.n_active = params.n_units, params.n_active
        super().__init__(params, params.n_units, 0, 0, seed)

    @classmethod
    def _params_type(cls) -> type[Params]:
        return WillshawParams

    @classmethod
    def from_links(cls, n_units: int, links: Any, n_active: int | None = None, seed: int = 0) -> Self:
        """A memory with given links.

        Parameters
        ----------
        n_units : int
        links : bool or 0/1 uint8 (n_units, n_units), or scipy sparse; none from a unit to itself
        n_active, seed
            As in the constructor.
        """
        made = cls(n_units, n_active, seed=seed)
        made._set_links(links)
        return made

    @property
    def n_synapses(self) -> int:
        """Ordered pairs of units that can be linked: N (N - 1), or those of the wiring under partial connectivity."""
        return self.size * (self.size - 1) if self._connectivity >= 1 else self._physical_bits()

    def store(self, x: Any, trace: bool = False) -> Stored:
        """Store items one after another.

        Parameters
        ----------
        x : codes over `n_units` (SDR, bool or 0/1 uint8 ``(n, n_units)``, indices ``(n, k)``, CSR), or one item
            Each of `n_active` active units, when that is given.
        trace : bool
            List every row read, and written where it changed, in order (with `p_forget`: every row that was touched).
        """
        codes = as_sdr(x, self.size, what="x")
        if self.n_active is not None and len(codes) and np.any(codes.n_active != self.n_active):
            bad = int(np.argmax(codes.n_active != self.n_active))
            raise CodeError(
                f"x: item {bad}",
                got=f"{codes.n_active[bad]} active units",
                expected=f"{self.n_active}",
                do="n_active=None takes items of any activity",
            )
        return self._store(codes, trace)

    def recall(
        self,
        cues: Any,
        trace: bool = False,
        *,
        select: str | Callable[..., Any] | None = None,
        k: int | None = None,
        threshold: int | None = None,
        memory_effect: int = 1,
        max_iterations: int | None = None,
        stop: str = "fixed",
        p_syn: float = 0.0,
        correction: str | None = None,
        rho: float | None = None,
        failures: Any = None,
        first_item: int = 0,
        seed: int | None = None,
        n_threads: int = 1,
    ) -> Recalled:
        """Complete cues: score by the links from active units (`memory_effect` for a unit itself), then select.

        Parameters
        ----------
        cues : codes over `n_units`
        trace : bool
            List every row read, in order.
        select : str, callable or None
            'gwsta' (all units whose score reaches the `k`-th best), 'kwta' (exactly `k`, ties drawn), 'gkwta' (the `k`
            best distinct scores), 'gwta' (the best score), 'glko' (all but the worst), 'threshold', or
            ``f(scores, active) -> bool mask`` for one item. A score of 0 wins under a threshold alone. None: 'gwsta'
            when `n_active` is known, else 'threshold'.
        k : int or None
            None: `n_active`.
        threshold : int or None
            None: the number of active units, which is Willshaw's rule: units linked to all of them.
        memory_effect : int, 0 or more
            Support a unit gives itself.
        max_iterations : int or None
            Volleys at most. None: 10, or 1 under 'threshold'.
        stop : 'fixed' | 'clique'
            Stop when the code repeats itself; or only when it is a clique of `n_active` units.
        p_syn : float in 0 .. 1
            Probability of each link to fail in a volley.
        correction : None | 'activity' | 'usage'
            For partial connectivity: rank by score over physical inputs that are active, or by the log-likelihood ratio
            of genuine against spurious, which knows how often each unit was used (Buckingham & Willshaw 1993; Graham &
            Willshaw 1995). `select` then ranks these.
        rho : float or None
            Share of the cue that is genuine, for 'usage'; None: 1.
        failures : list of (pre, post), or None
            Links that fail in each volley, for one cue: a recorded mask played again.
        first_item, seed, n_threads
            Number of the first cue; another seed for this call; threads (the same bits for any number).

        Returns
        -------
        Recalled
        """
        codes = as_sdr(cues, self.size, what="cues")
        if select is None:
            select = "gwsta" if self.n_active is not None or k is not None else "threshold"
        if max_iterations is None:
            max_iterations = 1 if select == "threshold" else 10
        asked = checked_request(
            size=self.size,
            n_clusters=0,
            rule="sum_of_sum",
            select=select,
            k=k,
            default_k=self.n_active,
            threshold=threshold,
            memory_effect=memory_effect,
            max_iterations=max_iterations,
            stop=stop,
            p_syn=p_syn,
            correction=correction,
            rho=rho,
            failures=None if failures is None else checked_failures(failures, self.size, len(codes)),
        )
        if correction == "usage" and self._connectivity >= 1:
            raise ParameterError("correction", got="'usage'", expected="partial connectivity: else none is counted")
        if asked.stop == "clique" and self.n_active is None:
            raise ParameterError("stop", got="'clique'", expected="'fixed' without n_active", do="give n_active")
        orders = np.array([self.n_active or 0], np.int64)
        return self._recall(
            codes, asked, orders=orders, trace=trace, first_item=first_item, seed=seed, n_threads=n_threads
        )

    def expected_error(self, fraction_erased: float) -> float:
        """Theory: share of items that one step does not recall exactly, for this load and this share of the cue erased.

        Willshaw-Palm form (`theory.willshaw_error`): one step, threshold at the active units of the cue, random items.
        """
        from sdrsim.models.hebbian import theory

        if self.n_active is None:
            raise ParameterError("expected_error", got="n_active=None", expected="items of equal activity")
        if self._connectivity < 1 or self._p_forget > 0:
            got = f"connectivity {self._connectivity:g}, p_forget {self._p_forget:g}"
            raise ParameterError("expected_error", got=got, expected="full connectivity, no forgetting")
        if self.n_stored == 0:
            return 0.0
        n_cue = self.n_active - int(np.rint(checked_real("fraction_erased", fraction_erased, 0.0, 1.0) * self.n_active))
        return float(theory.willshaw_error(self.n_stored, self.size, self.n_active, n_cue))

    def _about(self) -> str:
        active = "any activity" if self.n_active is None else f"{self.n_active} active"
        return f"{self.size:,} units, {active}, density {self.density:.4f}"
