"""CliqueMemory: Gripon-Berrou networks. Items are cliques of one unit in each of some clusters."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sdrsim.engine.checks import checked_name, checked_real
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import checked_seed, subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import CodeError, ParameterError
from sdrsim.models.hebbian.asking import checked_failures, checked_request
from sdrsim.models.hebbian.base import Recalled, Stored
from sdrsim.models.hebbian.binary import BinaryMemory
from sdrsim.models.hebbian.kernels.search import draw_units, find_clique

__all__ = ["CliqueMemory", "CliqueParams"]

Probability = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


class CliqueParams(Params):
    """Parameters of a `CliqueMemory`; see there."""

    n_clusters: Annotated[int, Field(ge=2, le=2**14, strict=True)]
    cluster_size: Annotated[int, Field(ge=1, le=2**15 - 1, strict=True)]
    order: Annotated[int, Field(ge=2, strict=True)] | None = None
    p_forget: Probability = 0.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.order is not None and self.order > self.n_clusters:
            raise ValueError(f"order <= n_clusters, got {self.order} of {self.n_clusters}")
        if self.n_clusters * self.cluster_size > 2**24:
            raise ValueError(f"at most 2**24 units, got {self.n_clusters} * {self.cluster_size}")
        return self


class CliqueMemory(BinaryMemory):
    """Autoassociative memory of cliques: units of different clusters that are active together are linked.

    Parameters
    ----------
    n_clusters, cluster_size : int
        chi clusters of l units; unit = cluster * cluster_size + value.
    order : int or None
        c, clusters that an item uses; None: all. Below `n_clusters` the cliques are sparse (Aliabadi et al. 2014).
    p_forget : float in 0 .. 1
        Palimpsest: before an item is stored each link is cleared with this probability.
    seed : int
        Keys all draws: ties, failures, forgetting.

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CodeError
        Bad parameters, messages or codes; a refused call changes nothing.

    Notes
    -----
    Gripon & Berrou 2011, IEEE Trans. Neural Netw. 22:1087; sparse cliques: Aliabadi, Berrou, Gripon & Jiang 2014, IEEE
    Trans. Neural Netw. Learn. Syst. 25:970. `density` counts links between clusters; inside a cluster there are none.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> from sdrsim.models.hebbian import CliqueMemory
    >>> x = patterns.random_block(2000, n_clusters=8, cluster_size=256, seed=0)
    >>> c = CliqueMemory(n_clusters=8, cluster_size=256, order=8, seed=0)
    >>> stored = c.store(x)
    >>> messages = c.to_messages(x[:2])
    >>> messages[:, ::2] = -1                                      # half of the message erased
    >>> (c.recall(messages).messages == c.to_messages(x[:2])).all()
    np.True_
    """

    kind = "hebbian clique"

    def __init__(
        self, n_clusters: int, cluster_size: int, order: int | None = None, *, p_forget: float = 0.0, seed: int = 0
    ) -> None:
        params = CliqueParams(n_clusters=n_clusters, cluster_size=cluster_size, order=order, p_forget=p_forget)
        self.n_clusters, self.cluster_size = params.n_clusters, params.cluster_size
        self.order = params.n_clusters if params.order is None else params.order
        self.n_units = self.n_clusters * self.cluster_size
        super().__init__(params, self.n_units, self.n_clusters, self.cluster_size, seed)

    @classmethod
    def _params_type(cls) -> type[Params]:
        return CliqueParams

    @classmethod
    def from_links(
        cls, n_clusters: int, cluster_size: int, links: Any, order: int | None = None, seed: int = 0
    ) -> Self:
        """A memory with given links: bool or 0/1 uint8 (n_units, n_units), or scipy sparse; none inside a cluster."""
        made = cls(n_clusters, cluster_size, order, seed=seed)
        made._set_links(links)
        return made

    @property
    def n_synapses(self) -> int:
        """Ordered pairs of units in different clusters: chi (chi - 1) l^2."""
        return self.n_clusters * (self.n_clusters - 1) * self.cluster_size**2

    # ---- messages -------------------------------------------------------------------------------------------------

    def to_sdr(self, messages: Any) -> SDR:
        """Messages as codes.

        Parameters
        ----------
        messages : int array (n, n_clusters), or one of (n_clusters,)
            Value in each cluster, 0 .. cluster_size - 1; -1: none.

        Returns
        -------
        SDR over ``n_clusters * cluster_size`` units
        """
        values = self._checked_messages("messages", messages)
        used = values >= 0
        units = values.astype(np.int32) + np.arange(self.n_clusters, dtype=np.int32) * np.int32(self.cluster_size)
        indptr = np.zeros(len(values) + 1, np.int64)
        if used.all():
            indptr[1:] = np.arange(1, len(values) + 1) * self.n_clusters
        else:
            np.cumsum(used.sum(axis=1), out=indptr[1:])
            units = units[used]
        return SDR._trusted(units.reshape(-1), indptr, self.size)

    def to_messages(self, codes: Any) -> NDArray[np.int16]:
        """Codes as messages.

        Parameters
        ----------
        codes : SDR, or bool (n, n_units)

        Returns
        -------
        (n, n_clusters) int16: the active unit of each cluster, -1 where there is none or more than one
        """
        x = as_sdr(codes, self.size, what="codes")
        return self._messages_of(x)

    def _checked_messages(self, what: str, messages: Any) -> NDArray[Any]:
        try:
            values = np.asarray(messages)
        except ValueError:
            raise CodeError(what, got="lists of several lengths", expected=f"(n, {self.n_clusters}) integers") from None
        values = values[None] if values.ndim == 1 else values
        if values.ndim != 2 or values.shape[1] != self.n_clusters or values.dtype.kind not in "iu":
            raise CodeError(
                what,
                got=f"{values.dtype} of shape {values.shape}",
                expected=f"an SDR, or integer messages (n, {self.n_clusters})",
            )
        if values.size and not (values.min() >= -1 and values.max() < self.cluster_size):
            low, high = values.min(), values.max()
            raise CodeError(
                what,
                got=f"values {low} .. {high}",
                expected=f"0 .. {self.cluster_size - 1}, or -1 for a cluster that is not used",
                do="pass unit numbers as an SDR",
            )
        return values

    def _as_codes(self, what: str, x: Any) -> SDR:
        is_codes = isinstance(x, SDR) or hasattr(x, "tocsr") or getattr(x, "dtype", None) == np.bool_
        if isinstance(x, (list, tuple)) and x and all(isinstance(part, SDR) for part in x):
            is_codes = True
        wide = getattr(x, "dtype", None) == np.uint8 and x.shape[-1:] == (self.size,) and self.size != self.n_clusters
        if is_codes or wide:
            return as_sdr(x, self.size, what=what)
        return self.to_sdr(self._checked_messages(what, x))

    # ---- storing and recalling ------------------------------------------------------------------------------------

    def store(self, x: Any, trace: bool = False) -> Stored:
        """Store messages one after another.

        Parameters
        ----------
        x : (n, n_clusters) integers, -1 where a cluster is not used; or SDR, bool ``(n, n_units)``
            Each with one unit in exactly `order` clusters.
        trace : bool
            List every row read, and written where it changed, in order (with `p_forget`: every row that was touched).
        """
        codes = self._as_codes("x", x)
        wrong = codes.n_active != self.order
        if wrong.any():
            bad = int(np.argmax(wrong))
            got = f"{codes.n_active[bad]} active units"
            raise CodeError(f"x: item {bad}", got=got, expected=f"one in each of {self.order} clusters")
        clusters = (codes.indices // self.cluster_size).reshape(len(codes), self.order)
        if (clusters[:, 1:] == clusters[:, :-1]).any():
            bad = int(np.argmax((clusters[:, 1:] == clusters[:, :-1]).any(axis=1)))
            raise CodeError(f"x: item {bad}", got="two units in one cluster", expected="one at most")
        return self._store(codes, trace)

    def recall(
        self,
        cues: Any,
        trace: bool = False,
        *,
        rule: str = "sum_of_sum",
        select: str | Callable[..., Any] | None = None,
        k: int | None = None,
        threshold: int | None = None,
        memory_effect: int = 1,
        max_iterations: int | None = None,
        stop: str = "fixed",
        blind: bool = False,
        clusters: Any = None,
        post_search: bool = False,
        ambiguous: str = "keep",
        p_syn: float = 0.0,
        failures: Any = None,
        first_item: int = 0,
        seed: int | None = None,
        n_threads: int = 1,
    ) -> Recalled:
        """Complete cues.

        Parameters
        ----------
        cues : (n, n_clusters) integers, -1 = erased; or SDR, bool ``(n, n_units)``, with any active units
        trace : bool
            List every row read, in order (row n_units + j: the OR of the rows of cluster j).
        rule : str
            Score of a unit: 'sum_of_sum', the active units linked to it; 'sum_of_sum_norm', each cluster's divided by
            its active units; 'sum_of_max', the clusters with an active unit linked to it, erased clusters beginning
            with all units on. `memory_effect` is added to an active unit.
        select : str, callable or None
            'wta' (the best of each cluster, all ties), 'wsta', 'lko' (in each cluster the `k` best, all but the worst),
            'gwta', 'gwsta', 'kwta', 'gkwta', 'glko', 'threshold' as `WillshawMemory.recall`, or
            ``f(scores, active) -> bool mask``. A score of 0 wins under a threshold alone. None: 'wta', and 'gwsta'
            with ``k = order`` where the clusters of a sparse clique are not known.
        k, threshold : int or None
            None: `order`; the number of active units.
        memory_effect : int, 0 or more
            Support a unit gives itself (gamma); a large one keeps the cue.
        max_iterations : int or None
            Volleys at most; None: 4, or 1 for ``blind=True``.
        stop : 'fixed' | 'clique'
            Stop when the code repeats itself; or only at a clique: one unit in each cluster, all linked.
        blind : bool
            The clusters of a sparse clique are unknown. ``blind=True`` alone is the published rule: one pass, the
            maximum of each cluster, then the maximum of these. With `max_iterations` it goes on, by 'gwsta'.
        clusters : bool (n, n_clusters), SDR or indices (n, order), or None
            Guided: the clusters of each item, which alone may win.
        post_search : bool
            Look for a clique inside an ambiguous answer, and take it when it is the only one (bogus fixed points of sum
            of max: Yao, Gripon & Rabbat 2013).
        ambiguous : 'keep' | 'draw'
            All units of an ambiguous cluster, or one of them, drawn.
        p_syn : float in 0 .. 1
            Probability of each link to fail in a volley.
        failures : list of (pre, post), or None
            Links that fail in each volley, for one cue: a recorded mask played again.
        first_item, seed, n_threads
            Number of the first cue; another seed for this call; threads (the same bits for any number).

        Returns
        -------
        Recalled, with `messages`: -1 where a cluster has no winner or several
        """
        codes = self._as_codes("cues", cues)
        guides = self._checked_guides(clusters, len(codes), blind)
        known = self.order == self.n_clusters or len(guides) > 0
        checked_name("ambiguous", ambiguous, ("keep", "draw"))
        if select is None:
            published = blind and max_iterations is None
            select = "gwta" if published else "wta" if known and not blind else "gwsta"
        asked = checked_request(
            size=self.size,
            n_clusters=self.n_clusters,
            rule=rule,
            select=select,
            k=k,
            default_k=self.order,
            threshold=threshold,
            memory_effect=memory_effect,
            max_iterations=(1 if blind else 4) if max_iterations is None else max_iterations,
            stop=stop,
            p_syn=p_syn,
            failures=None if failures is None else checked_failures(failures, self.size, len(codes)),
            fill_erased=known and not blind,
        )
        orders = guides.sum(axis=1).astype(np.int64) if len(guides) else np.array([self.order], np.int64)
        found = self._recall(
            codes,
            asked,
            orders=orders,
            guides=guides,
            trace=trace,
            first_item=first_item,
            seed=seed,
            n_threads=n_threads,
        )
        if post_search:
            found = self._search(found)
        if ambiguous == "draw":
            found = self._draw(found, self.seed if seed is None else seed, first_item)
        return found

    def _checked_guides(self, clusters: Any, n: int, blind: Any) -> NDArray[np.bool_]:
        if not isinstance(blind, (bool, np.bool_)):
            raise ParameterError("blind", got=repr(blind), expected="True or False")
        if clusters is None:
            return np.zeros((0, self.n_clusters), np.bool_)
        if blind:
            raise ParameterError("blind", got="True, and clusters", expected="one of them", do="drop blind=True")
        guides = as_sdr(clusters, self.n_clusters, what="clusters")
        if len(guides) != n:
            raise CodeError("clusters", got=f"{len(guides)} items", expected=f"{n}, as cues")
        return np.ascontiguousarray(guides.dense())

    def _search(self, found: Recalled) -> Recalled:
        """The only clique inside each ambiguous answer, where there is just one."""
        codes, parts, n_rows = found.codes, [], 0
        place = np.zeros(self.n_clusters, np.int32)
        units = codes.indices // self.cluster_size
        item = np.repeat(np.arange(len(codes)), codes.n_active)
        double = np.zeros(len(codes), np.bool_)
        double[item[1:][(item[1:] == item[:-1]) & (units[1:] == units[:-1])]] = True
        for i, code in enumerate(codes):
            if double[i]:
                n_found, rows = find_clique(self._net, code.indices, place)
                n_rows += rows
                if n_found == 1:
                    n_used = len(np.unique(code.indices // self.cluster_size))
                    parts.append(place[:n_used].copy())
                    continue
            parts.append(code.indices)
        extra = Traffic()
        words = self._arrays["rows"].shape[1]
        extra.add(self.tensor, "settle", rows_read=n_rows, words_read=n_rows * words, synops=n_rows * self.size)
        return self._changed(found, SDR.from_indices(parts, self.size), extra)

    def _draw(self, found: Recalled, seed: Any, first_item: int) -> Recalled:
        key, codes = np.uint64(subseed(checked_seed(seed), "ambiguous")), found.codes
        indptr, indices, n_draws = draw_units(self._net, codes.indptr, codes.indices, key, first_item)
        extra = Traffic()
        extra.add(self.tensor, "settle", random_numbers=n_draws)
        return self._changed(found, SDR._trusted(indices, indptr, self.size), extra)

    def _changed(self, found: Recalled, codes: SDR, extra: Traffic) -> Recalled:
        """An answer with other codes, and what it took to find them."""
        self.traffic += extra
        return replace(found, codes=codes, messages=self._messages_of(codes), traffic=found.traffic + extra)

    # ---- theory ---------------------------------------------------------------------------------------------------

    def expected_error(self, fraction_erased: float, blind: bool | None = None) -> float:
        """Theory: share of messages that one step does not recall exactly, for this load and this share erased.

        Near-exact forms (`theory.clique_error`, `theory.sparse_clique_error`): random messages, sum of sum.

        Parameters
        ----------
        fraction_erased : float in 0 .. 1
            Of the clusters of a message.
        blind : bool or None
            Of sparse cliques: whether the clusters are unknown; None: they are.
        """
        from sdrsim.models.hebbian import theory

        if self._p_forget > 0:
            raise ParameterError("expected_error", got=f"p_forget {self._p_forget:g}", expected="no forgetting")
        if self.n_stored == 0:
            return 0.0
        n_erased = int(np.rint(checked_real("fraction_erased", fraction_erased, 0.0, 1.0) * self.order))
        if self.order == self.n_clusters:
            return float(theory.clique_error(self.n_stored, self.order, self.cluster_size, n_erased))
        shape = (self.n_clusters, self.cluster_size, self.order)
        return float(theory.sparse_clique_error(self.n_stored, *shape, n_erased, blind=blind is not False))

    def _about(self) -> str:
        order = f"{self.order} of " if self.order < self.n_clusters else ""
        return f"{order}{self.n_clusters} clusters of {self.cluster_size}, density {self.density:.4f}"
