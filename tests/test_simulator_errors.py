"""What a simulator refuses, and what it says when a field fails."""

import numpy as np
import pytest
from reference.engine_fields import Own, counts

from sdrsim import SDR, Network, Simulator
from sdrsim.engine.fields import Relay
from sdrsim.errors import CodeError, NetworkError, ParameterError, SdrsimError

SIZE = 16


def relay():
    return Relay(SIZE)


def chain(*delays, make=Own):
    net = Network(seed=5)
    net.add("f0", make())
    for i, delay in enumerate(delays):
        net.add(f"f{i + 1}", make())
        net.connect(f"f{i}", f"f{i + 1}", delay=delay)
    return net


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("nowhere", [[1]]), NetworkError, "nowhere"),
        (("f0", [[SIZE]]), CodeError, "code for 'f0'"),
        (("f0", [[-1]]), CodeError, "code for 'f0'"),
        (("f0", [[1, 1]]), CodeError, "code for 'f0'"),
        (("f0", [[1], [2]]), CodeError, "2 items"),
        (("f0", np.full((1, SIZE), np.nan)), CodeError, "NaN"),
        (("f0", np.zeros((1, SIZE + 1), bool)), CodeError, "17 units"),
        (("f0", [[1]], 4), NetworkError, "whose turn for 'f0' is over"),
        (("f0", [[1]], -1), NetworkError, "at: got -1"),
        (("f0", [[1]], 7.0), NetworkError, "at: got 7.0"),
        (("f0", [[1]], 9, "V"), NetworkError, "port of 'f0'"),
    ],
)
def test_schedules_refused(arguments, error, message):
    sim = Simulator(chain(0, 1, make=relay))
    sim.run(until=5)
    with pytest.raises(error, match=message):
        sim.schedule(*arguments)
    assert sim.n_events == 0
    assert not counts(sim.traffic)


def test_inside_a_tick_only_fields_still_to_come_can_be_reached():
    sim = Simulator(chain(0, 0))
    out = sim.monitor("f2", "code")
    sim.schedule("f1", [[1]], at=3)
    sim.step()
    for late in ("f0", "f1"):
        with pytest.raises(NetworkError, match="schedule it at 4 or later"):
            sim.schedule(late, [[2]], at=3)
    sim.schedule("f2", [[5]], at=3)
    sim.run()
    assert out.ticks.tolist() == [3]
    assert out.codes.indices.tolist() == [1, 5]


@pytest.mark.parametrize("until", [2, 4.0, True, "9"])
def test_until_refused(until):
    sim = Simulator(chain(0, 1, make=relay))
    sim.run(until=3)
    with pytest.raises(ParameterError, match="until"):
        sim.run(until=until)
    assert sim.tick == 3


def test_a_network_changed_under_the_simulator_is_refused():
    sim = Simulator(chain(0, 1, make=relay))
    sim.net.add("late", Relay(4))
    with pytest.raises(NetworkError, match="make a new Simulator"):
        sim.run()


class Fails(Relay):
    def step(self, tick):
        if tick == 2:
            raise ZeroDivisionError("inside")
        return super().step(tick)


def test_an_error_inside_a_field_is_located_and_the_run_cannot_go_on():
    net = Network()
    net.add("bad", Fails(SIZE))
    sim = Simulator(net)
    for tick in range(4):
        sim.schedule("bad", [[1]], at=tick)
    with pytest.raises(ZeroDivisionError) as caught:
        sim.run()
    assert caught.value.__notes__ == ["in field 'bad' at tick 2"]
    for refused in (sim.run, sim.step, lambda: sim.checkpoint("x.h5"), lambda: sim.schedule("bad", [[1]])):
        with pytest.raises(NetworkError, match="stopped inside field 'bad' at tick 2"):
            refused()
    sim.reset()
    sim.run()


@pytest.mark.parametrize("code", [SDR.from_indices([[1]], SIZE + 1), SDR.from_indices([[1], [2]], SIZE), "text"])
def test_a_field_must_emit_one_code_of_its_size(code):
    class Odd(Own):
        def emit(self, received, tick):
            return code

    sim = Simulator(chain(1, make=Odd))
    sim.schedule("f0", [[1]])
    with pytest.raises(SdrsimError, match="emitted by 'f0'"):
        sim.run()


def test_dense_and_index_codes_may_be_emitted():
    class Dense(Own):
        def emit(self, code, tick):
            return code.dense()

    sim = Simulator(chain(1, make=Dense))
    sim.schedule("f0", [[1, 4]])
    sim.run()
    assert sim.net["f1"].log[0] == ("receive", 1, "U", [1, 4])


def test_a_field_that_says_nothing_of_sizes_takes_codes_that_do():
    net = chain(1)
    del net["f0"].ports, net["f0"].size
    net["f0"].emit = lambda code, tick: code
    net["f0"].step = lambda tick: net["f0"].inbox.pop()
    sim = Simulator(net)
    with pytest.raises(CodeError, match="pass an SDR"):
        sim.schedule("f0", [[1, 4]])
    sim.schedule("f0", SDR.from_indices([[1, 4]], SIZE), port="anything")
    sim.run()
    assert net["f1"].log[0] == ("receive", 1, "U", [1, 4])


def test_repr_is_short():
    sim = Simulator(chain(0, 1, make=relay))
    assert repr(sim).endswith("tick 0, 0 events waiting)")
    assert "tick 0" in sim._repr_html_()
