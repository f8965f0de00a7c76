"""Spikes with delays: windows that hold all of them give the codes of the plain recall."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdrsim import Network, Simulator, patterns
from sdrsim.errors import NetworkError, ParameterError
from sdrsim.models.hebbian import CliqueMemory, DelayedRecall, WillshawMemory


def willshaw() -> tuple[WillshawMemory, object]:
    x = patterns.random_sparse(300, 200, 6, seed=0)
    memory = WillshawMemory(200, 6, seed=1)
    memory.store(x)
    return memory, patterns.erase(x[:12], 0.5, seed=2)


def cliques() -> tuple[CliqueMemory, object]:
    x = patterns.random_block(250, 5, 32, seed=0)
    memory = CliqueMemory(5, 32, seed=1)
    memory.store(x)
    return memory, patterns.erase(x[:12], 0.5, seed=2)


def codes_of(memory, cues, gap, **options):
    """Final codes of cues sent one after another, and the field."""
    net = Network()
    field = DelayedRecall(memory, **options)
    net.add("memory", field)
    sim = Simulator(net)
    seen = sim.monitor("memory", "code")
    for i, cue in enumerate(cues):
        sim.schedule("memory", cue, at=gap * i, port="cue")
    sim.run()
    return seen.codes, field


@pytest.mark.parametrize("make", [willshaw, cliques])
@given(window=st.integers(1, 9), seed=st.integers(0, 5))
def test_windows_longer_than_all_delays_are_volleys(make, window, seed):
    memory, cues = make()
    delays = np.random.default_rng(seed).integers(1, window + 1, memory.size)
    found, field = codes_of(memory, cues, 200, window=window, delays=delays, max_iterations=7)
    plain = memory.recall(cues, max_iterations=7)
    assert found == plain.codes
    assert field.scalars()["iterations"] == plain.iterations[-1]
    assert field.scalars()["converged"] == plain.converged[-1]


def test_the_work_follows_the_spikes():
    memory, cues = willshaw()
    _, field = codes_of(memory, cues, 200, window=3, delays=2)
    spikes = field.traffic.get("W", "retrieve", "rows_read")
    assert spikes == field.traffic.get("W", "retrieve", "words_read") / 4
    assert 0 < spikes < 12 * 8 * 10


def test_late_spikes_fall_into_another_window():
    memory, cues = willshaw()
    delays = np.where(np.arange(200) % 2, 1, 5)
    found, _ = codes_of(memory, cues, 200, window=3, delays=delays)
    assert found != memory.recall(cues).codes


def test_a_new_cue_starts_anew():
    memory, cues = cliques()
    found, _ = codes_of(memory, cues[:2], 1, window=4)
    assert found == memory.recall(cues[1]).codes


@pytest.mark.parametrize("cut", [1, 4, 6, 9, 203])
def test_a_split_run_is_the_whole_run(tmp_path, cut):
    def fresh():
        memory, cues = willshaw()
        net = Network()
        net.add("memory", DelayedRecall(memory, window=5, delays=np.arange(200) % 5 + 1))
        return net, cues

    net, cues = fresh()
    sim = Simulator(net)
    whole = sim.monitor("memory", "code")
    for i in range(4):
        sim.schedule("memory", cues[i], at=200 * i, port="cue")
    sim.run(until=cut)
    sim.checkpoint(tmp_path / "state.h5")
    n_before = len(whole.codes)
    sim.run()
    for again in (Simulator.restore(tmp_path / "state.h5", net=fresh()[0]), Simulator.restore(tmp_path / "state.h5")):
        rest = again.monitor("memory", "code")
        again.run()
        assert rest.codes == whole.codes[n_before:]


def test_refused():
    memory, _ = willshaw()
    for options in (
        {"window": 0},
        {"window": 2, "delays": 0},
        {"window": 2, "delays": 1.5},
        {"window": 2, "select": "wat"},
    ):
        with pytest.raises(ParameterError):
            DelayedRecall(memory, **options)
    with pytest.raises(ParameterError, match="WillshawMemory"):
        DelayedRecall(object(), window=2)
    with pytest.raises(NetworkError, match="cue"):
        DelayedRecall(memory, window=2).receive("learn", patterns.random_sparse(1, 200, 6, seed=0), 0)
