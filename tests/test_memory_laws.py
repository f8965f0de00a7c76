"""The memory laws hold for a memory that keeps them, and notice each way to break them."""

import numpy as np
import pytest
from laws.memory_laws import check_memory_laws, wrong_inputs
from reference.toy_memory import ToyMemory

from sdrsim import SDR, stream

PATTERNS = SDR.from_indices([np.sort(stream(1, f"{i}").choice(50, 5, replace=False)) for i in range(9)], 50)


def test_a_memory_that_keeps_the_laws_passes():
    check_memory_laws(lambda: ToyMemory(50, share=0.6, p_noise=0.2, seed=3), PATTERNS)


def test_cues_and_options_are_passed_on():
    seen = []

    class Asked(ToyMemory):
        def recall(self, cues, *, depth=0, **more):
            seen.append((depth, len(cues) if isinstance(cues, SDR) else -1))
            return super().recall(cues, **more)

    check_memory_laws(lambda: Asked(50), PATTERNS, PATTERNS[:4], depth=2)
    assert {depth for depth, _ in seen} == {2}
    assert max(n for _, n in seen) == 4


def test_wrong_inputs_of_real_valued_items():
    holes, wide = wrong_inputs(np.ones((6, 4), np.float32))
    assert np.isnan(holes[-1, 0])
    assert wide.shape[1] == 5


class DrawsByCall(ToyMemory):
    """Noise from a generator that runs on from call to call."""

    calls = 0

    def recall(self, cues, *, first_item=0, **more):
        DrawsByCall.calls += 1
        return super().recall(cues, first_item=1000 * DrawsByCall.calls, **more)


class IgnoresFirstItem(ToyMemory):
    def recall(self, cues, *, first_item=0, **more):
        return super().recall(cues, **more)


class LearnsInRecall(ToyMemory):
    def recall(self, cues, **more):
        found = super().recall(cues, **more)
        if more.get("trace"):
            self.synapses.learn(PATTERNS[0], PATTERNS[1])
        return found


class ForgetsBetweenStores(ToyMemory):
    def store(self, x, **more):
        self.synapses.reset()
        return super().store(x, **more)


class StoresBeforeChecking(ToyMemory):
    def store(self, x, **more):
        if isinstance(x, list):
            super().store(SDR.from_indices([[0, 1, 2, 3]], 50))
        return super().store(x, **more)


class CountsRefusedCalls(ToyMemory):
    def recall(self, cues, **more):
        self.traffic.add("synapses", "retrieve", code_bits=1)
        return super().recall(cues, **more)


class TakesAnything(ToyMemory):
    def store(self, x, **more):
        return super().store(PATTERNS[:1] if isinstance(x, np.ndarray) else x, **more)


class LosesItsCountWhenSaved(ToyMemory):
    @classmethod
    def load(cls, path):
        made = super().load(path)
        made.n_stored = 0
        return made


class MiscountsCalls(ToyMemory):
    def store(self, x, **more):
        done = super().store(x, **more)
        done.traffic.add("synapses", "learn", rows_read=1)
        return done


class KeepsOneItemAtReset(ToyMemory):
    def reset(self):
        super().reset()
        self.synapses.learn(PATTERNS[0], PATTERNS[1]) if hasattr(self, "used") else None
        self.used = True


class CountsCallsNotItems(ToyMemory):
    def store(self, x, **more):
        n = self.n_stored
        done = super().store(x, **more)
        self.n_stored = n + 1
        return done


class Chatty(ToyMemory):
    def __repr__(self):
        return "x" * 1000


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (DrawsByCall, "same_call_same_answer"),
        (IgnoresFirstItem, "batch_cut_in_two"),
        (LearnsInRecall, "recall_changes_nothing"),
        (ForgetsBetweenStores, "any_split_of_store"),
        (StoresBeforeChecking, "refused_calls_change_nothing"),
        (CountsRefusedCalls, "refused_calls_change_nothing"),
        (TakesAnything, "refused_calls_change_nothing"),
        (LosesItsCountWhenSaved, "saved_and_loaded"),
        (MiscountsCalls, "traffic_adds_up"),
        (KeepsOneItemAtReset, "reset_is_new"),
        (CountsCallsNotItems, "counts_what_it_stored"),
        (Chatty, "has_the_names"),
    ],
)
def test_a_memory_that_breaks_a_law_is_found(kind, law):
    with pytest.raises(BaseException) as caught:
        check_memory_laws(lambda: kind(50, share=0.6, p_noise=0.2, seed=3), PATTERNS)
    assert f"law: {law}" in caught.value.__notes__
