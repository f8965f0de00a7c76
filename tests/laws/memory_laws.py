"""What every associative memory must keep, as one suite: `check_memory_laws(make, patterns)`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from sdrsim import SDR
from sdrsim.engine.memory import Memory
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import SdrsimError

__all__ = ["LAWS", "check_memory_laws"]


class Case:
    """A way to make a memory, items to store, cues; and how to look at the memory without changing it."""

    def __init__(self, make: Callable[[], Any], patterns: Any, cues: Any, bad: Sequence[Any], options: dict) -> None:
        self.make, self.patterns, self.cues, self.bad, self.options = make, patterns, cues, bad, options

    def filled(self) -> Any:
        memory = self.make()
        memory.store(self.patterns)
        return memory

    def recall(self, memory: Any, cues: Any = None, **more: Any) -> Any:
        return memory.recall(self.cues if cues is None else cues, **self.options, **more)

    def picture(self, memory: Any) -> dict:
        """Its state where it has one, what it answers and says of itself."""
        traffic = counts(memory.traffic)
        seen = {"answer": answer(self.recall(memory)), "n_stored": memory.n_stored, "n_bytes": memory.n_bytes}
        seen["n_synapses"] = memory.n_synapses
        if hasattr(memory, "state"):
            seen["state"] = memory.state()
        add(memory.traffic, traffic)
        seen.get("state", {}).pop("traffic", None)  # looking is counted; the laws on traffic look at it themselves
        return seen


def counts(traffic: Traffic) -> dict:
    return {key: vector.tolist() for key, vector in traffic.counts.items() if vector.any()}


def add(traffic: Traffic, before: dict) -> None:
    """Looking is counted like any recall: never less than before."""
    for key, vector in before.items():
        assert all(now >= then for now, then in zip(traffic.counts[key].tolist(), vector)), "a running total fell"


def answer(result: Any) -> dict:
    """The answers of a recall, as arrays."""
    found: dict[str, Any] = {}
    if getattr(result, "codes", None) is not None:
        assert isinstance(result.codes, SDR)
        found["indices"], found["n_active"] = result.codes.indices, result.codes.n_active
    for name in ("states", "messages", "winners", "iterations", "converged"):
        if getattr(result, name, None) is not None:
            found[name] = np.asarray(getattr(result, name))
    assert found.keys() & {"indices", "states"}, "a recall gives codes or states"
    return found


def joined(parts: Sequence[Any]) -> dict:
    answers = [answer(part) for part in parts]
    return {name: np.concatenate([a[name] for a in answers]) for name in answers[0]}


def same(a: Any, b: Any, where: str = "") -> None:
    """Equal to the last bit, however nested."""
    if isinstance(a, dict):
        assert isinstance(b, dict), where
        assert a.keys() == b.keys(), where
        for key in a:
            same(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, where
        np.testing.assert_array_equal(a, b, err_msg=where)
    else:
        assert a == b or (a != a and b != b), f"{where}: {a} is not {b}"


# ---- the laws -----------------------------------------------------------------------------------------------------


def has_the_names(case: Case) -> None:
    memory = case.filled()
    assert isinstance(memory, Memory)
    assert memory.n_bytes > 0
    assert memory.n_synapses > 0
    for thing in (memory, case.make()):
        assert 0 < len(repr(thing)) < 400
        assert repr(thing).splitlines()[0]
        assert isinstance(thing._repr_html_(), str)


def counts_what_it_stored(case: Case) -> None:
    memory, n = case.make(), len(case.patterns)
    assert memory.n_stored == 0
    memory.store(case.patterns[:1])
    assert memory.n_stored == 1
    memory.store(case.patterns[1:])
    assert memory.n_stored == n


def same_call_same_answer(case: Case) -> None:
    memory = case.filled()
    first = answer(case.recall(memory))
    same(first, answer(case.recall(memory)), "second recall")
    same(first, answer(case.recall(case.filled())), "recall of a twin")
    same(answer(case.recall(memory, seed=5)), answer(case.recall(memory, seed=5)), "recall with a seed")


def batch_cut_in_two(case: Case) -> None:
    memory, n = case.filled(), len(case.cues)
    whole = answer(case.recall(memory))
    for cut in sorted({1, n // 2, n - 1}):
        parts = [case.recall(memory, case.cues[:cut]), case.recall(memory, case.cues[cut:], first_item=cut)]
        same(whole, joined(parts), f"cut at {cut}")


def any_split_of_store(case: Case) -> None:
    whole, n = case.picture(case.filled()), len(case.patterns)
    for cuts in ([1], [n // 2], [n // 3, n - 1], list(range(1, n))):
        memory = case.make()
        for part in np.split(np.arange(n), cuts):
            memory.store(case.patterns[part[0] : part[-1] + 1] if len(part) else case.patterns[:0])
        same(whole, case.picture(memory), f"split at {cuts}")


def recall_changes_nothing(case: Case) -> None:
    half, n = case.make(), len(case.patterns)
    half.store(case.patterns[: n // 2])
    before = case.picture(half)
    case.recall(half, seed=3)
    case.recall(half, first_item=7, trace=True)
    same(before, case.picture(half), "after recalls")
    half.store(case.patterns[n // 2 :])
    same(case.picture(case.filled()), case.picture(half), "stored on after recalls")


def tracing_changes_nothing(case: Case) -> None:
    plain, traced = case.make(), case.make()
    a, b = plain.store(case.patterns), traced.store(case.patterns, trace=True)
    assert a.traffic.trace is None
    assert b.traffic.trace is not None
    same(case.picture(plain), case.picture(traced), "traced store")
    same(counts(a.traffic), counts(b.traffic), "traffic of a traced store")
    found = case.recall(plain, trace=True)
    same(answer(case.recall(plain)), answer(found), "traced recall")
    assert found.traffic.trace is not None


def refused_calls_change_nothing(case: Case) -> None:
    memory = case.filled()
    before, total = case.picture(memory), None
    for wrong in case.bad:
        total = counts(memory.traffic)
        with pytest.raises(SdrsimError):
            memory.store(wrong)
        with pytest.raises(SdrsimError):
            case.recall(memory, wrong)
        same(total, counts(memory.traffic), "traffic after a refused call")
        same(before, case.picture(memory), "after a refused call")


def saved_and_loaded(case: Case) -> None:
    n = len(case.patterns)
    memory = case.make()
    memory.store(case.patterns[: n // 2])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "memory.h5"
        memory.save(path)
        loaded = type(memory).load(path)
    same(case.picture(memory), case.picture(loaded), "the loaded memory")
    loaded.store(case.patterns[n // 2 :])
    same(case.picture(case.filled()), case.picture(loaded), "stored on after loading")


def traffic_adds_up(case: Case) -> None:
    whole, split, n = case.make(), case.make(), len(case.patterns)
    stored = whole.store(case.patterns).traffic
    parts = split.store(case.patterns[: n // 3]).traffic + split.store(case.patterns[n // 3 :]).traffic
    assert counts(stored), "storing moves something"
    same(counts(stored), counts(parts), "store in parts")
    k = len(case.cues) // 2
    found = case.recall(whole).traffic
    assert counts(found), "recalling moves something"
    halves = case.recall(split, case.cues[:k]).traffic + case.recall(split, case.cues[k:], first_item=k).traffic
    same(counts(found), counts(halves), "recall in parts")
    same(counts(whole.traffic), counts(stored + found), "running total")


def reset_is_new(case: Case) -> None:
    memory = case.filled()
    memory.reset()
    assert memory.n_stored == 0
    assert not counts(memory.traffic)
    memory.store(case.patterns)
    same(case.picture(case.filled()), case.picture(memory), "after a reset")


LAWS = (
    has_the_names,
    counts_what_it_stored,
    same_call_same_answer,
    batch_cut_in_two,
    any_split_of_store,
    recall_changes_nothing,
    tracing_changes_nothing,
    refused_calls_change_nothing,
    saved_and_loaded,
    traffic_adds_up,
    reset_is_new,
)


def check_memory_laws(
    make: Callable[[], Any], patterns: Any, cues: Any = None, *, bad: Sequence[Any] | None = None, **options: Any
) -> None:
    """Hold a memory to all laws.

    Parameters
    ----------
    make : callable
        A new memory each time, always with the same parameters and seed.
    patterns : SDR or float array (n, d), at least 6 items
    cues : alike, or None
        None: the patterns.
    bad : sequence or None
        Inputs that `store` and `recall` must refuse; None: those of `wrong_inputs`.
    **options
        For every recall.
    """
    assert len(patterns) >= 6
    refused = wrong_inputs(patterns) if bad is None else bad
    case = Case(make, patterns, patterns if cues is None else cues, refused, options)
    for law in LAWS:
        try:
            law(case)
        except BaseException as error:
            error.add_note(f"law: {law.__name__}")
            raise


def wrong_inputs(patterns: Any) -> list[Any]:
    """Wrong size, NaN, indices negative, repeated, too large; each also behind items that are fine."""
    if not isinstance(patterns, SDR):
        x = np.asarray(patterns)
        holes = x[:3].astype(np.float64).copy()
        holes[-1, 0] = np.nan
        return [holes, np.ones((3, x.shape[1] + 1), x.dtype)]
    size = patterns.size
    good = [code.indices.tolist() for code in patterns[:2]]
    wrong = [[-1, 2], [1, 1], [0, size]]
    return [
        SDR(patterns[:2].indices, patterns[:2].indptr, size + 1),
        np.zeros((2, size + 1), np.bool_),
        np.full((2, size), np.nan),
        *([indices] for indices in wrong),
        *([*good, indices] for indices in wrong),
    ]
