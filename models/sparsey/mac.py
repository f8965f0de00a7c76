"""Mac: one macrocolumn as an associative memory, on its own in five lines, or as a field of a network."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_count, is_real
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.traffic import TRACE, Traffic
from sdrsim.errors import ParameterError
from sdrsim.files.state import load_state, save_state
from sdrsim.models.sparsey.belief import code_likelihoods
from sdrsim.models.sparsey.kernels.readback import read_back
from sdrsim.models.sparsey.kernels.sheet import Wiring
from sdrsim.models.sparsey.params import MacParams
from sdrsim.models.sparsey.recording import Events
from sdrsim.models.sparsey.saturation import Saturation, saturation_of, warn_when_saturated
from sdrsim.models.sparsey.sheet import Sheet
from sdrsim.models.sparsey.wiring import full_wiring

__all__ = ["Mac", "Recalled", "Response"]


class Response(NamedTuple):
    """What a mac answered to n items.

    winners : (n, n_cms) int16, the winning cell of each CM; -1 where the mac stayed silent (eq 1)
    familiarity : (n,) float64, G of each item (eq 8); 0 where silent
    codes : SDR over n_cms * n_cells units, unit = cm * n_cells + cell
    traffic : counters of this call, and the access trace when one was asked for
    """

    winners: NDArray[np.int16]
    familiarity: NDArray[np.float64]
    codes: SDR
    traffic: Traffic

    def __repr__(self) -> str:
        mean = float(self.familiarity.mean()) if len(self.familiarity) else 0.0
        return f"Response({len(self.winners)} items, mean familiarity {mean:.3f})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


class Recalled(NamedTuple):
    """What a mac called back for n cues: `codes` in the space of the inputs, and the recognition it started from."""

    codes: SDR
    winners: NDArray[np.int16]
    familiarity: NDArray[np.float64]
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    traffic: Traffic

    def __repr__(self) -> str:
        return f"Recalled({self.codes!r})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


class Mac(Sheet):
    """A Sparsey macrocolumn: learns each item in one presentation, recognises it, says how familiar it is.

    Parameters
    ----------
    params : MacParams
    seed : int
        Keys every draw by (seed, item, CM): the same calls give the same bits, whatever the batches or threads.

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CodeError
        Bad parameters or codes; a refused call changes nothing.

    Notes
    -----
    Code selection algorithm of Rinkus 2014 (Front. Comput. Neurosci. 8:160, Table 1), spatial part: U only. Cost of an
    item: one read of its active rows, whatever is stored.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> from sdrsim.models.sparsey import Mac, MacParams
    >>> x = patterns.random_sparse(5, 144, 12, seed=0)
    >>> mac = Mac(MacParams(n_inputs=144, n_cms=24, n_cells=8), seed=1)
    >>> stored = mac.store(x)
    >>> bool((mac.recognise(x).winners == stored.winners).mean() > 0.9)
    True
    """

    def __init__(self, params: MacParams, seed: int = 0) -> None:
        if not isinstance(params, MacParams):
            raise ParameterError("params", got=type(params).__name__, expected="a MacParams")
        super().__init__(params, full_wiring(), 1, seed=seed)

    def store(self, x: Any, trace: bool = False) -> Response:
        """Learn items one after another, each in one presentation; returns the codes they were given.

        Parameters
        ----------
        x : codes over `n_inputs` units (SDR, bool or 0/1 uint8 ``(n, n_inputs)``, indices ``(n, k)``, CSR), or one item
        trace : bool
            Record every row read and written, in order.
        """
        codes = as_sdr(x, self.params.n_inputs, what="x")
        before = self.n_stored
        events = self.run(codes, learn=True, first=before, trace=trace)
        warn_when_saturated(self, before, events.familiarity)
        return self._response(events)

    def recognise(
        self, x: Any, trace: bool = False, *, first_item: int = 0, seed: int | None = None, n_threads: int = 1
    ) -> Response:
        """Winners and familiarity of items, without changing the memory.

        Ties (and all winners under ``winner='draw'``) are drawn by (seed, first_item + place in the call).
        """
        codes = as_sdr(x, self.params.n_inputs, what="x")
        events = self.run(codes, learn=False, first=first_item, seed=seed, trace=trace, n_threads=n_threads)
        return self._response(events)

    def recall(
        self,
        cues: Any,
        trace: bool = False,
        *,
        threshold: float = 0.6,
        k: int | None = None,
        first_item: int = 0,
        seed: int | None = None,
    ) -> Recalled:
        """Recognise the cues, then read the U weights backwards from the code: the inputs the winners were stored with.

        An input's support is the number of winners that have its weight set. No second matrix is kept; the read of all
        rows is counted.

        Parameters
        ----------
        cues : codes over `n_inputs` units
        threshold : float in (0, 1]
            Inputs with support >= threshold * n_cms are on.
        k : int or None
            The k inputs of highest support instead (above 0; the lower index first among equals).
        """
        codes = as_sdr(cues, self.params.n_inputs, what="cues")
        n_best = 0 if k is None else checked_count("k", k, 1, self.params.n_inputs)
        if not (is_real(threshold) and 0 < threshold <= 1):
            raise ParameterError("threshold", got=repr(threshold), expected="a number above 0, at most 1")
        response = self._response(self.run(codes, learn=False, first=first_item, seed=seed, trace=trace))
        floor = max(1, int(np.ceil(threshold * self.params.n_cms - 1e-9)))
        rule, words = self._rule, self._memory.words
        indptr, indices = read_back(rule, words, response.winners, floor, n_best)
        n_read = int((response.winners[:, 0] >= 0).sum()) * self.params.n_inputs
        counted = Traffic(tensors=dict(response.traffic.tensors))
        counted.add(
            self.name,
            "retrieve",
            rows_read=n_read,
            words_read=n_read * min(words.shape[1], self.params.n_cms),
            synops=n_read * self.params.n_cms,
            sums=n_read,
            compares=n_read,
        )
        if trace:
            counted.trace = np.zeros(n_read, TRACE)  # phase 0: retrieve
            counted.trace["row"] = np.tile(np.arange(self.params.n_inputs), n_read // self.params.n_inputs)
        self.traffic += counted.without_trace()
        n = len(codes)
        out = SDR._trusted(indices, indptr, self.params.n_inputs)
        one, yes = np.ones(n, np.int64), np.ones(n, np.bool_)
        return Recalled(out, response.winners, response.familiarity, one, yes, response.traffic + counted)

    def likelihoods(
        self, x: Any, codebook: Any, *, first_item: int = 0, seed: int | None = None
    ) -> NDArray[np.float64]:
        """Belief over stored codes: share of winners each code has in common with the code of each item.

        Parameters
        ----------
        x : codes over `n_inputs` units, n items
        codebook : (M, n_cms) winners, or SDR of M codes, as `store` returned them

        Returns
        -------
        (n, M) float64 in 0 .. 1, the likelihood of hypothesis j as ``|c_j & c| / Q`` (Rinkus 2010, 2017).
        """
        response = self.recognise(x, first_item=first_item, seed=seed)
        return code_likelihoods(response.winners, codebook, self.params.n_cms, self.params.n_cells)

    def saturation(self, probes: Any = None) -> Saturation:
        """How full the memory is: set weights, closed units, CMs that could not learn, and G of novel probes.

        `probes` are items surely not stored; None takes random ones of the mean activity seen so far.
        """
        codes = None if probes is None else as_sdr(probes, self.params.n_inputs, what="probes")
        return saturation_of(self, codes)

    def save(self, path: str | Path) -> Path:
        """Write parameters, seed and memory to an HDF5 checkpoint."""
        if callable(self.params.psi):
            raise ParameterError(
                "psi", got="your own function", expected="a named form", do="functions are not kept in files"
            )
        return save_state(path, "sparsey mac", self.state())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """A mac from `save`; continues exactly where the saved one stood."""
        return cls.from_state(load_state(path, "sparsey mac"))

    @classmethod
    def _of(cls, params: MacParams, wiring: Wiring, g: Mapping[str, Any]) -> Self:
        return cls(params, seed=g["seed"])

    def _response(self, events: Events) -> Response:
        n = len(events.indptr) - 1
        if len(events.mac) == n:
            winners, familiarity = events.winners, events.familiarity
        else:
            all_winners, all_familiarity = events.dense(1)
            winners, familiarity = all_winners[:, 0], all_familiarity[:, 0]
        return Response(winners, familiarity, events.codes(1, self.params.n_cells), events.traffic)

    def __repr__(self) -> str:
        p = self.params
        psi: Callable[..., Any] | str = p.psi if isinstance(p.psi, str) else getattr(p.psi, "__name__", "own psi")
        return (
            f"Mac({p.n_inputs} inputs, Q {p.n_cms} x K {p.n_cells}, {p.match} / {psi}; {self.n_stored} items stored, "
            f"{100 * self.share_set:.1f} % of {self.n_synapses:,} weights set, {self.n_bytes:,} bytes)"
        )

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"
