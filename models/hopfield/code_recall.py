"""Storing and recalling codes kept as rows of bits: checks, counts, answers."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import check_room
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.traffic import TRACE, Traffic, address_bits
from sdrsim.models.hopfield.code_bank import CodeBank
from sdrsim.models.hopfield.inputs import is_code
from sdrsim.models.hopfield.kernels.code_steps import Answers, Asking, Ends, answer
from sdrsim.models.hopfield.kernels.codes import COSINE, DOT, L1, L2, Rule
from sdrsim.models.hopfield.kernels.scan import NEAREST, ROOT
from sdrsim.models.hopfield.recalled import Recalled, Stored

__all__ = ["recall_codes", "store_codes", "wants_bits"]

_KINDS = {"dot": DOT, "cosine": COSINE, "l2": L2, "l1": L1}


class _Parts(NamedTuple):
    """What a `Recalled` asks for."""

    patterns: SDR
    units: SDR
    moved: Traffic

    def support(self) -> SDR:
        return self.patterns

    def codes(self, states: Any) -> SDR:
        return self.units

    def traffic(self) -> Traffic:
        return self.moved


def wants_bits(memory: Any, patterns: Any, values: Any) -> bool:
    """Whether patterns are kept as bits: codes are, where neither values nor a function of one's own want numbers."""
    if memory.bank is not None:
        return isinstance(memory.bank, CodeBank)
    p = memory.params
    own = callable(p.similarity) or callable(p.separation)
    return is_code(patterns) and not own and (values is None or is_code(values))


def store_codes(memory: Any, patterns: Any, values: Any, trace: bool) -> Stored:
    """`SparseHopfield.store` of codes, with codes as values or none."""
    bank: CodeBank | None = memory.bank
    codes = as_sdr(patterns, None if bank is None else bank.d, what="patterns")
    memory._check_values(len(codes), None if values is None else codes)  # whether there may be any
    kept = None if values is None else as_sdr(values, bank.v or None if bank else None, what="values")
    memory._check_values(len(codes), kept)
    made = CodeBank(memory.params, codes.size, 0 if kept is None else kept.size) if bank is None else bank
    made.check("patterns", codes)
    check_room("SparseHopfield", max(0, made.room_for(codes, kept) - made.n_bytes), do="store fewer patterns")
    first = made.n
    made.append(codes, kept)
    memory.bank, memory.stores_codes, memory.gives_codes = made, True, True
    traffic = Traffic(tensors=made.tensors())
    made.count_store(traffic, first, trace)
    memory.traffic += traffic.without_trace()
    return Stored(len(codes), traffic)


def recall_codes(memory: Any, queries: Any, max_steps: int, level: float, trace: bool) -> Recalled:
    """`SparseHopfield.recall` of codes; its numbers checked already."""
    bank: CodeBank = memory.bank
    codes = as_sdr(queries, bank.d, what="queries")
    bank.check("queries", codes)
    n, ruled, view = len(codes), memory._rule, bank.view()
    factor, power = float(memory.beta) * ruled.factor, float(ruled.weight_power)
    keeps = max_steps > 1 and ruled.mode in (ROOT, NEAREST)
    rule = Rule(_KINDS[bank.similarity], factor, ruled.asked(1.0, 0), power, bool(ruled.null), keeps)
    most = max(int(codes.n_active.max(initial=1)), bank.d if max_steps > 1 else 1)
    asking = Asking(codes.indptr, codes.indices, max_steps, 1e-6 * bank.norm, float(level), most, bool(trace))
    kinds = {"converged": np.bool_, "certified": np.bool_, "margins": np.float64}
    ends = Ends._make(np.zeros(n, kinds.get(name, np.int64)) for name in Ends._fields)
    states = np.zeros((n, bank.v or bank.d), bank.dtype)
    found = answer(view, rule, asking, ends, states)
    made = SDR._trusted(found.units, found.codes, bank.v or bank.d)
    traffic = _counted(bank, codes, made, ends, found, trace)
    memory.traffic += traffic.without_trace()
    parts = _Parts(SDR._trusted(found.places, found.support, bank.n), made, traffic)
    return Recalled(
        states,
        found.weights,
        ends.margins / ruled.factor,
        ends.iterations,
        ends.converged,
        ends.certified,
        ends.rescored,
        "compiled",
        parts,
    )


def _counted(bank: CodeBank, codes: SDR, made: SDR, ends: Ends, found: Answers, trace: bool) -> Traffic:
    """What it moved: rows of bits in whole words, lists of units two to a word."""
    traffic, rows, formed = Traffic(tensors=bank.tensors()), int(ends.rows.sum()), int(ends.passes.sum()) * bank.n
    traffic.add(
        "patterns",
        "retrieve",
        rows_read=rows,
        words_read=rows * bank.row_words,
        synops=rows * bank.n,
        sums=formed,
        compares=formed,
        code_bits=len(codes.indices) * address_bits(bank.d) + len(made.indices) * address_bits(made.size),
    )
    n_again, again, n_weighed, weighed = ends.rescored, ends.rescored_units, ends.weighed, ends.weighed_units
    if bank.v:
        _add_lists(traffic, "values", n_weighed, weighed, np.zeros_like(n_weighed))
        n_weighed, weighed = np.zeros_like(n_weighed), np.zeros_like(weighed)
    _add_lists(traffic, "units", n_again + n_weighed, again + weighed, n_again)
    if trace:
        steps = np.zeros(len(found.log), TRACE)
        steps["tensor"] = (found.log & 1) * (2 if bank.v else 1)
        steps["row"] = found.log >> 1
        traffic.trace = steps
    return traffic


def _add_lists(
    traffic: Traffic, name: str, n: NDArray[np.int64], units: NDArray[np.int64], n_scored: NDArray[np.int64]
) -> None:
    """Count n lists of so many units in all, read by each query; `n_scored` of them for a score."""
    words, scored = int((-(-units // 2)).sum()), int(n_scored.sum())
    traffic.add(
        name,
        "retrieve",
        rows_read=int(n.sum()),
        words_read=words,
        synops=int(units.sum()),
        sums=scored,
        compares=scored,
    )
