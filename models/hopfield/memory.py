"""SparseHopfield: patterns in, the nearest of them, or a sparse mean, out; exact, near one pass over memory."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.capacity import bytes_text
from sdrsim.engine.checks import check_room, checked_count, checked_real
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.saved import SavedMemory
from sdrsim.engine.seeds import checked_seed
from sdrsim.engine.states import traffic_from_state, traffic_state
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.bank import Bank
from sdrsim.models.hopfield.code_bank import CodeBank
from sdrsim.models.hopfield.code_recall import recall_codes, store_codes, wants_bits
from sdrsim.models.hopfield.energies import energies
from sdrsim.models.hopfield.inputs import given, is_code
from sdrsim.models.hopfield.kernels.asks import N_TALLIES
from sdrsim.models.hopfield.ledger import Facts, traffic_of
from sdrsim.models.hopfield.params import HopfieldParams
from sdrsim.models.hopfield.recalled import Recalled, Stored
from sdrsim.models.hopfield.retrieval import retrieve
from sdrsim.models.hopfield.scoring import rule_of, similarities

__all__ = ["SparseHopfield"]

_REALS = (np.dtype(np.float32), np.dtype(np.float64))


def _plain(x: Any, d: int) -> NDArray[Any] | None:
    """What needs no more checks than whether it is finite, which the kernels do; None else."""
    return x if type(x) is np.ndarray and x.dtype in _REALS and x.ndim == 2 and x.shape[1] == d else None


class SparseHopfield(SavedMemory):
    """Modern Hopfield memory with sparse weights: ``x <- sum_i p_i xi_i``, ``p = entmax(beta * s(x, xi))``.

    Nothing to switch on: raw patterns in, the nearest stored pattern, or a mean of few, out.

    Parameters
    ----------
    beta : float above 0, or None
        Inverse temperature. None: ``1 / sqrt(d)``.
    alpha : float, 1 or more
        Of entmax and normmax. 1: softmax (dense); 1.5; 2: sparsemax; infinity: the nearest pattern, ties shared.
    similarity : 'dot', 'cosine', 'l2' (minus the squared distance), 'l1' (minus the sum of distances), or callable
        A function ``f(queries (n, d), patterns (M, d)) -> scores (n, M)``.
    separation : 'entmax', 'normmax', 'softmax1', 'topk', 'epanechnikov', or callable
        From beta times the scores to weights. 'softmax1': softmax with one more score of 0 that has no pattern (Hu
        2024, OutEffHop). 'topk': softmax of the `k` best, with all that tie with the last. 'epanechnikov': the mean of
        the patterns with ``beta / 2 * |x - xi|**2 < 1`` (log-sum-ReLU energy; with similarity 'l2'); a query none of
        them is near to stays as it is. Or a function ``f(scores (n, M)) -> weights (n, M)``.
    k : int or None
        For 'topk'.
    dtype : 'float32' or 'float64'
        Of patterns, scores, states. Weights and sums are float64.
    screen : bool
        Keep a copy of the patterns in one byte a coordinate too (a quarter more bytes), read it first, and a pattern in
        full only where the copy cannot rule it out. The answers are the same to the last bit. Use it where the patterns
        are larger than the cache and few of them come near the best: one query to 100,000 patterns of 784 takes half of
        the time, 64 queries a tenth to a half less. Small memories and alpha near 1 (1.2 and below for queries unlike
        all patterns) gain nothing or lose. For similarity 'dot', 'cosine' or 'l2', float32, and a separation that
        gives most patterns no weight; codes are kept as bits and need none.
    seed : int
        Kept; nothing is drawn.

    Raises
    ------
    ParameterError
        Bad parameters; patterns or queries that are not finite numbers, or of another width; an empty memory asked.
        A refused call changes nothing.
    CapacityError
        More bytes than are free.

    Notes
    -----
    Ramsauer et al. 2020 (a = 1), Hu et al. 2023 (a = 2), Wu et al. 2024 (STanHop: any a), Santos et al. 2024 (normmax).
    A pattern whose score is ``1 / (beta (alpha - 1))`` or more below the best has weight 0 exactly: most patterns are
    never looked at again, and a pattern that is better than all others by as much is recalled bit for bit.

    Bits depend on neither batch nor order. Coordinates of a query that are 0 are not read.

    Examples
    --------
    >>> import numpy as np
    >>> from sdrsim.models.hopfield import SparseHopfield
    >>> x = np.random.default_rng(0).standard_normal((1000, 64))
    >>> h = SparseHopfield(beta=1.0)
    >>> stored = h.store(x)
    >>> half = x[:5].copy()
    >>> half[:, 32:] = 0
    >>> r = h.recall(half)
    >>> bool(np.abs(r.states - x[:5]).max() < 1e-6), r.support.indices.tolist()
    (True, [0, 1, 2, 3, 4])
    >>> h
    SparseHopfield(alpha 1.5, beta 1; 1,000 patterns of 64, 259.8 KiB)
    """

    kind = "sparse hopfield"
    tensor = "patterns"
    params: HopfieldParams
    _traffic: Traffic
    _moved: NDArray[np.int64]  # by recalls, not in the ledger yet

    def __init__(
        self,
        beta: float | None = None,
        alpha: float = 1.5,
        *,
        similarity: Literal["dot", "cosine", "l2", "l1"] | Callable[..., Any] = "dot",
        separation: Literal["entmax", "normmax", "softmax1", "topk", "epanechnikov"] | Callable[..., Any] = "entmax",
        k: int | None = None,
        dtype: Literal["float32", "float64"] = "float32",
        screen: bool = False,
        seed: int = 0,
    ) -> None:
        self.params = HopfieldParams(
            beta=beta, alpha=alpha, similarity=similarity, separation=separation, k=k, dtype=dtype, screen=screen
        )
        self.seed = checked_seed(seed)
        self._rule = None if callable(self.params.separation) else rule_of(self.params)
        self._clear()

    def _clear(self) -> None:
        self.bank: Any = None  # Bank, or CodeBank where codes were stored
        self.stores_codes = self.gives_codes = False
        self._facts: Facts | None = None
        self.traffic = Traffic()

    def reset(self) -> None:
        """Forget everything; counters start again."""
        self._clear()

    @property
    def traffic(self) -> Traffic:
        """Running total of all calls."""
        if self._facts is not None and self._moved.any():
            moved, self._moved = self._moved, np.zeros_like(self._moved)
            self._traffic += traffic_of(self._facts, moved)
        return self._traffic

    @traffic.setter
    def traffic(self, traffic: Traffic) -> None:
        self._traffic, self._moved = traffic, np.zeros(N_TALLIES, np.int64)

    # ---- sizes ------------------------------------------------------------------------------------------------------

    @property
    def n_stored(self) -> int:
        """M, patterns stored."""
        return self.bank.n if self.bank else 0

    @property
    def d(self) -> int | None:
        """Coordinates of a pattern; None before the first."""
        return self.bank.d if self.bank else None

    @property
    def size(self) -> int | None:
        """Units of its codes, where codes were stored; None else."""
        return self.d if self.stores_codes else None

    @property
    def n_synapses(self) -> int:
        """Stored numbers: M times d, and those of the values."""
        return self.bank.n_cells if self.bank else 0

    @property
    def n_bytes(self) -> int:
        """Bytes of what is stored, in panels of 16 patterns."""
        return self.bank.n_bytes if self.bank else 0

    @property
    def beta(self) -> float | None:
        """Inverse temperature in use; None until the first pattern tells d."""
        if self.params.beta is not None or self.d is None:
            return self.params.beta
        return 1.0 / float(np.sqrt(self.d))

    @property
    def patterns(self) -> NDArray[Any]:
        """(M, d) copy of the patterns; the codes as 0/1 where codes were stored."""
        bank = self._filled if self.bank is None else self.bank
        rows: NDArray[Any] = bank.rows(0, bank.n)
        return rows

    @property
    def _filled(self) -> Any:
        if not self.n_stored:
            raise ParameterError("memory", got="nothing stored", expected="patterns", do="store some first")
        return self.bank

    def _known(self) -> Facts:
        """Of the bank, for the ledger."""
        bank, facts = self.bank, self._facts
        if facts is None or facts.n != bank.n:
            bits = 8 * bank.itemsize  # numbers whole
            bits_in = 0 if self.stores_codes else bits * bank.d
            bits_out = 0 if self.gives_codes else bits * (bank.v or bank.d)
            facts = Facts(self.tensor, bank.n, bank.d, bank.v, bank.dtype.name, bank.screened, bits_in, bits_out)
            self._facts = facts
        return facts

    # ---- verbs ------------------------------------------------------------------------------------------------------

    def store(self, patterns: Any, values: Any = None, trace: bool = False) -> Stored:
        """Append patterns.

        Parameters
        ----------
        patterns : real (M, d) or (d,); or codes: an SDR, bool ``(M, d)``, SciPy CSR
            Codes are stored as 0 and 1, and answers are codes then.
        values : real (M, v), or codes, or None
            What recall gives in the place of the patterns (hetero-association). With the first patterns or never. Of
            codes answers are codes.
        trace : bool
            Keep every access, in order.
        """
        if wants_bits(self, patterns, values):
            return store_codes(self, patterns, values, trace)
        x = given("patterns", patterns, self.d, None if self.bank is None else self.stores_codes)
        rows = x.rows.astype(self.params.dtype, copy=False)
        gives = x.codes is not None if values is None else is_code(values) if self.bank is None else self.gives_codes
        kept = None
        if values is not None:
            had = None if self.bank is None or self.bank.values is None else self.bank.v
            kept = given("values", values, had, gives).rows.astype(self.params.dtype, copy=False)
        self._check_values(len(rows), kept)
        v = 0 if kept is None else kept.shape[1]
        held, reserve = (
            self.n_bytes,
            self.bank.room_for(len(rows)) if self.bank else Bank.bytes_for(self.params, rows, v),
        )
        check_room("SparseHopfield", max(0, reserve - held), do="store fewer patterns, or as float32")
        if self.bank is None:
            self.bank = Bank(self.params, rows.shape[1], v)
            self.stores_codes, self.gives_codes = x.codes is not None, gives
        first = self.bank.n
        self.bank.append(rows, kept)
        traffic = Traffic(tensors=self._known().tensors())
        self.bank.count_store(traffic, first, trace)
        self.traffic += traffic.without_trace()
        return Stored(len(rows), traffic)

    def _check_values(self, n: int, values: NDArray[Any] | SDR | None) -> None:
        had = self.bank is not None and self.bank.values is not None
        if values is None and had:
            raise ParameterError("values", got="None", expected="values, as for the patterns before")
        if values is None:
            return
        if self.bank is not None and not had:
            raise ParameterError("values", got="values", expected="None, as for the patterns before")
        if len(values) != n:
            raise ParameterError("values", got=f"{len(values)} rows", expected=f"{n}, one for each pattern")

    def recall(
        self,
        queries: Any,
        trace: bool = False,
        *,
        max_steps: int = 1,
        threshold: float = 0.5,
        first_item: int = 0,
        seed: int | None = None,
    ) -> Recalled:
        """Answer queries.

        Parameters
        ----------
        queries : as the patterns; (n, d), or one
        max_steps : int, 1 or more
            Applications of the map; a query ends sooner when its state repeats itself. Later steps look only at
            patterns that can matter. With values: 1.
        threshold : float in 0..1
            Of codes: units whose mean is above it are on.
        first_item, seed
            Of the memory protocol; nothing is drawn.

        Returns
        -------
        Recalled
        """
        bank = self._filled
        n_steps = checked_count("max_steps", max_steps, 1, 2**31)
        level = checked_real("threshold", threshold, 0, 1)
        checked_count("first_item", first_item, 0, 2**63 - 1)
        if seed is not None:
            checked_seed(seed)
        if bank.values is not None and n_steps > 1:
            raise ParameterError("max_steps", got=n_steps, expected="1: values are no queries")
        if isinstance(bank, CodeBank):
            return recall_codes(self, queries, n_steps, level, trace)
        x = _plain(queries, bank.d) if not self.stores_codes else None
        rows = given("queries", queries, bank.d, self.stores_codes).rows if x is None else x
        rows = np.array(rows, bank.dtype, order="C")  # a copy: of one layout for the kernels
        threshold_of = level if self.gives_codes else None
        found, moved = retrieve(self, bank, rows, self._known(), n_steps, threshold_of, trace)
        self._moved = self._moved + moved
        return found

    def scores(self, queries: Any) -> NDArray[Any]:
        """Similarities (n, M) of queries with the patterns, without beta; float64."""
        bank, x = self._filled, given("queries", queries, self.d, self.stores_codes)
        return similarities(self.params.similarity, x.rows, bank.rows(0, bank.n))

    def energy(self, states: Any) -> NDArray[np.float64]:
        """Energy (n,) of states; no step of `recall` raises it.

        ``|x|**2 / 2 - conjugate(beta s) / beta + const`` of dot product and entmax, with the constant that keeps it at
        0 or above (Ramsauer et al. 2020; with 1/beta where the papers have none); of 'epanechnikov'
        ``-log(sum relu(1 - beta |x - xi|**2 / 2)) / beta``.
        """
        bank, x = self._filled, given("states", states, self.d, None).rows
        return energies(self.params, float(self.beta or 1.0), x, bank)

    # ---- files ------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Parameters and patterns, copied."""
        bank = self.bank
        held = {} if bank is None else bank.kept() if isinstance(bank, CodeBank) else {"patterns": self.patterns}
        if isinstance(bank, Bank) and bank.values is not None:
            held["values"] = bank.values[: bank.n].copy()
        return {
            **self._identity(),
            "stores_codes": self.stores_codes,
            "gives_codes": self.gives_codes,
            "arrays": held,
            "traffic": traffic_state(self.traffic),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the memory of one like this; refused whole when parameters or seed differ."""
        self._check_identity(state)
        arrays = state["arrays"]
        bank: Bank | CodeBank | None = None
        if "starts" in arrays:
            bank = CodeBank.of(self.params, arrays)
        elif "patterns" in arrays:
            rows, values = arrays["patterns"], arrays.get("values")
            bank = Bank(self.params, rows.shape[1], 0 if values is None else values.shape[1])
            bank.append(rows, values)
        self.bank, self.stores_codes = bank, bool(state["stores_codes"])
        self.gives_codes, self._facts = bool(state.get("gives_codes", self.stores_codes)), None
        self.traffic = traffic_from_state(state["traffic"])

    @classmethod
    def _params_type(cls) -> type[Params]:
        return HopfieldParams

    def __repr__(self) -> str:
        p = self.params
        rule = p.separation if isinstance(p.separation, str) else "own separation"
        name = {"entmax": f"alpha {p.alpha:g}", "normmax": f"normmax {p.alpha:g}", "topk": f"top {p.k}"}.get(rule, rule)
        kind = (
            "" if p.similarity == "dot" else f", {p.similarity if isinstance(p.similarity, str) else 'own similarity'}"
        )
        beta = "1/sqrt(d)" if self.beta is None else f"{self.beta:.4g}"
        what = "codes" if self.stores_codes else "patterns"
        load = f"{self.n_stored:,} {what} of {self.d}" if self.bank else "nothing stored"
        return f"SparseHopfield({name}, beta {beta}{kind}; {load}, {bytes_text(self.n_bytes)})"
