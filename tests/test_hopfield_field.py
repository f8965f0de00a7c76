"""PatternField, and a Hopfield memory as a plain field: names of patterns, codes, splits, limits."""

import numpy as np
import pytest

from sdrsim import SDR, Network, Simulator, patterns
from sdrsim.engine.fields import Field, MemoryField, Relay
from sdrsim.errors import CapacityError, CodeError, FileFormatError, NetworkError, SdrsimError
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.models.hopfield.field import PatternField

SIZE = 200
X = patterns.random_sparse(20, size=SIZE, k=8, seed=0)
CUES = patterns.erase(X, 0.4, seed=1)
KINDS = {
    "patterns": lambda: PatternField(SparseHopfield(beta=2.0), 30, n_units=SIZE),
    "codes": lambda: PatternField(SparseHopfield(beta=0.6), 30, n_units=SIZE, emits="codes", max_steps=4),
    "cosine": lambda: PatternField(SparseHopfield(beta=9.0, similarity="cosine"), 30, max_steps=2),
    "plain": lambda: SparseHopfield(beta=2.0),
}


def net_of(kind):
    net = Network(seed=3)
    net.add("eye", Relay(SIZE, p_erase=0.2, p_insert=0.01))
    net.add("teacher", Relay(SIZE))
    net.add("names", KINDS[kind]())
    net.connect("eye", "names", port="cue", delay=2)
    net.connect("teacher", "names", port="learn", delay=1)
    return net


def started(kind):
    sim = Simulator(net_of(kind))
    for what in ("code", "traffic", "event", "trace", *(["scalar"] if kind != "plain" else [])):
        sim.monitor("names", what)
    for i in range(20):
        sim.schedule("teacher", X[i], at=2 * i)
        sim.schedule("eye", CUES[(7 * i) % 20], at=2 * i)  # some before the pattern was stored
    return sim


def story(sim):
    counts = {key: vector.tolist() for key, vector in sim.traffic.counts.items() if vector.any()}
    tables = [m.table.rows() for m in sim.monitors]
    return sim.tick, counts, [repr(list(t)) for t in tables], sim.monitors[0].codes, sim.monitors[0].ticks.tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_steps", [0, 1, 33, 34, 35, 70])
def test_a_split_run_equals_the_whole_run(kind, n_steps, tmp_path):
    """Cut before, inside and after ticks; with the network at hand and from the file alone."""
    whole = started(kind)
    whole.run(until=60)
    first = started(kind)
    for _ in range(n_steps):
        first.step()
    path = first.checkpoint(tmp_path / "run.h5")
    for sim in (first, Simulator.restore(path, net=net_of(kind)), Simulator.restore(path)):
        sim.run(until=60)
        assert story(sim) == story(whole)
    assert len(whole.monitors[0].codes) >= 18


@pytest.mark.parametrize("kind", ["patterns", "codes", "cosine"])
def test_it_answers_as_the_memory_does(kind):
    field, alone = KINDS[kind](), KINDS[kind]().memory
    alone.store(X)
    for i, code in enumerate(X):
        field.receive("learn", code, i)
        assert field.step(i) is None
    steps = field.options["max_steps"]
    for i, cue in enumerate(CUES, 100):
        field.receive("cue", cue, i)
        code, r = field.step(i), alone.recall(cue, max_steps=steps)
        assert code.indices.tolist() == (r.support if field.emits == "patterns" else r.codes).indices.tolist()
        assert code.size == field.size == (30 if field.emits == "patterns" else SIZE)
        told = field.scalars()
        assert told["n_support"] == len(r.weights)
        assert told["top_weight"] == r.weights.max()
        assert told["margin"] == r.margin[0]
        assert (told["n_steps"], told["n_stored"]) == (r.iterations[0], 20)
    assert field.traffic == alone.traffic


def test_names_under_noise():
    sim = Simulator(net_of("patterns"))
    seen = sim.monitor("names", "code")
    for i in range(20):
        sim.schedule("names", X[i], at=i, port="learn")
        sim.schedule("names", CUES[i], at=100 + i, port="cue")
    sim.run()
    assert seen.codes == SDR.from_indices([[i] for i in range(20)], 30)


def test_what_is_to_be_learned_comes_first():
    field = KINDS["patterns"]()
    field.receive("cue", X[0], 0)
    assert field.step(0) is None, "nothing stored, nothing to name"
    field.receive("learn", X[4], 1)
    field.receive("cue", X[4], 1)
    assert field.step(1).indices.tolist() == [0]
    assert field.step(2) is None
    assert field.scalars()["n_support"] == 0


def test_codes_of_one_tick_are_united():
    field = KINDS["patterns"]()
    a, b = X[0].indices[:3].tolist(), X[0].indices[3:].tolist()
    for part in (a, b):
        field.receive("learn", SDR.from_indices([part], SIZE), 0)
    field.step(0)
    assert np.flatnonzero(field.memory.patterns[0]).tolist() == X[0].indices.tolist()


def test_more_patterns_than_declared_are_refused():
    field = PatternField(SparseHopfield(), 3)
    for i in range(3):
        field.receive("learn", X[i], i)
        field.step(i)
    with pytest.raises(NetworkError, match="at most 3, as declared"):
        field.receive("learn", X[3], 3)
    assert field.step(3) is None
    assert field.memory.n_stored == 3
    field.memory.store(X[3])
    field.receive("cue", X[0], 4)
    with pytest.raises(NetworkError, match="at most 3"):
        field.step(4)


def test_its_size_is_known_before():
    few, many = (PatternField(SparseHopfield(), n, n_units=SIZE) for n in (10, 10_000))
    assert many.n_bytes > 100 * few.n_bytes > 0
    net = Network()
    net.add("names", PatternField(SparseHopfield(), 10**6, n_units=10**6))
    with pytest.raises(CapacityError):
        Simulator(net, available=10**9)
    for own in ({}, {"separation": lambda scores: scores * 0 + 0.1}):  # as bits, as numbers
        full = PatternField(SparseHopfield(**own), 20, n_units=SIZE)
        declared = full.n_bytes
        full.memory.store(X[:10])
        assert declared <= full.n_bytes
        full.memory.store(X[10:])
        assert full.n_bytes == full.memory.n_bytes >= declared
    assert PatternField(full.memory, 25).n_units == SIZE


def test_reset_is_as_new():
    sim = started("patterns")
    sim.run(until=60)
    first = story(sim)
    sim.reset()
    assert sim.net["names"].memory.n_stored == 0
    for i in range(20):
        sim.schedule("teacher", X[i], at=2 * i)
        sim.schedule("eye", CUES[(7 * i) % 20], at=2 * i)
    sim.run(until=60)
    assert story(sim) == first


def test_states_that_do_not_fit_are_refused():
    field = KINDS["patterns"]()
    field.receive("learn", X[0], 0)
    field.step(0)
    for other in (
        PatternField(SparseHopfield(beta=2.0), 31, n_units=SIZE),
        PatternField(SparseHopfield(beta=2.0), 30, n_units=SIZE, emits="codes"),
        PatternField(SparseHopfield(beta=2.0), 30, n_units=SIZE, max_steps=2),
        PatternField(SparseHopfield(beta=1.0), 30, n_units=SIZE),
    ):
        with pytest.raises(FileFormatError):
            other.restore(field.state())
        assert other.memory.n_stored == 0


def test_bad_fields():
    reals = SparseHopfield()
    reals.store(np.eye(4))
    for make in (
        lambda: PatternField(SparseHopfield(), 0),
        lambda: PatternField(reals, 3),
        lambda: PatternField(reals, 9, n_units=5),
        lambda: PatternField(reals, 9, emits="codes"),
        lambda: PatternField(reals, 9, emits="names"),
        lambda: PatternField(reals, 9, max_steps=0),
        lambda: PatternField(object(), 9),
    ):
        with pytest.raises(SdrsimError):
            make()
    named = PatternField(reals, 9)
    named.receive("cue", SDR.from_indices([[2]], 4), 0)
    assert 2 in named.step(0).indices
    with pytest.raises(CodeError):
        named.receive("cue", SDR.from_indices([[2]], 5), 0)
    with pytest.raises(NetworkError, match="port"):
        named.receive("U", SDR.from_indices([[2]], 4), 0)
    late = PatternField(SparseHopfield(), 9, emits="codes")
    late.memory.store(np.eye(4))
    late.receive("cue", SDR.from_indices([[2]], 4), 0)
    with pytest.raises(NetworkError, match="store codes"):
        late.step(0)
    assert isinstance(named, Field)
    assert isinstance(named, MemoryField)
    assert "9 patterns" in repr(named)
