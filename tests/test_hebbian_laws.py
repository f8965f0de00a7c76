"""Every Hebbian memory keeps the laws of a memory, and is the same alone, in a network, and across a checkpoint."""

import numpy as np
import pytest
from laws.memory_laws import check_memory_laws, counts, same

from sdrsim import SDR, Network, Simulator, patterns
from sdrsim.engine.fields import MemoryField
from sdrsim.engine.memory import Memory
from sdrsim.models import hebbian

pytestmark = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")

FREE, BLOCK = patterns.random_sparse(14, 60, 5, seed=4), patterns.random_block(14, 4, 15, seed=4)
SPARSE = SDR.from_indices([[unit for unit in code.indices if unit // 15 != i % 4] for i, code in enumerate(BLOCK)], 60)
ANY = SDR.from_indices([[], range(60), [7], *[code.indices[: 1 + i % 5] for i, code in enumerate(FREE[3:])]], 60)

WILLSHAW = {"n_units": 60, "n_active": 5}
CLIQUE = {"n_clusters": 4, "cluster_size": 15}
CASES = {
    "willshaw": ("WillshawMemory", WILLSHAW, FREE, {}),
    "willshaw, ties drawn, failures": ("WillshawMemory", WILLSHAW, FREE, {"select": "kwta", "p_syn": 0.2}),
    "willshaw, rare rule": ("WillshawMemory", WILLSHAW, FREE, {"select": "glko", "p_syn": 0.2}),
    "willshaw, any activity": ("WillshawMemory", {"n_units": 60}, ANY, {}),
    "willshaw, own rule": ("WillshawMemory", WILLSHAW, FREE, {"select": lambda s, a: s >= max(1, s.max())}),
    "willshaw, partial": (
        "WillshawMemory",
        {**WILLSHAW, "connectivity": 0.6},
        FREE,
        {"correction": "usage", "rho": 0.8},
    ),
    "willshaw, forgetting": ("WillshawMemory", {**WILLSHAW, "p_forget": 0.1}, FREE, {}),
    "clique": ("CliqueMemory", CLIQUE, BLOCK, {}),
    "clique, sum of max, drawn": (
        "CliqueMemory",
        CLIQUE,
        BLOCK,
        {"rule": "sum_of_max", "ambiguous": "draw", "p_syn": 0.2},
    ),
    "clique, searched": ("CliqueMemory", CLIQUE, BLOCK, {"rule": "sum_of_max", "post_search": True}),
    "clique, normalised": ("CliqueMemory", CLIQUE, BLOCK, {"rule": "sum_of_sum_norm"}),
    "clique, stop at clique": ("CliqueMemory", CLIQUE, BLOCK, {"stop": "clique", "p_syn": 0.1, "max_iterations": 9}),
    "clique, forgetting": ("CliqueMemory", {**CLIQUE, "p_forget": 0.1}, BLOCK, {}),
    "sparse clique": ("CliqueMemory", {**CLIQUE, "order": 3}, SPARSE, {}),
    "sparse clique, blind": ("CliqueMemory", {**CLIQUE, "order": 3}, SPARSE, {"blind": True}),
    "amari": ("AmariMemory", WILLSHAW, FREE, {}),
    "amari, clusters": ("AmariMemory", CLIQUE, BLOCK, {}),
    "covariance": ("CovarianceMemory", WILLSHAW, FREE, {}),
    "covariance, clusters": ("CovarianceMemory", CLIQUE, BLOCK, {}),
    "bcpnn": ("BCPNNMemory", CLIQUE, BLOCK, {}),
    "bcpnn, fading": ("BCPNNMemory", {**CLIQUE, "kappa": 0.05}, BLOCK, {}),
    "kanerva": ("KanervaMemory", {"n_units": 60, "n_locations": 300, "radius": 27}, ANY, {}),
}


def made(name):
    """A way to make the memory of a case, its items, its options of recall."""
    kind, parameters, items, options = CASES[name]
    return lambda: getattr(hebbian, kind)(**parameters, seed=11), items, options


@pytest.mark.parametrize("name", CASES)
def test_the_laws_of_a_memory(name):
    make, items, options = made(name)
    assert isinstance(make(), Memory)
    check_memory_laws(make, items, patterns.erase(items, 0.4, seed=1), **options)


# ---- as a field ---------------------------------------------------------------------------------------------------


def plan(items):
    """(tick, port, code): some learned, some cued, some both in one tick, late ones too."""
    cues = patterns.erase(items, 0.4, seed=2)
    for i in range(len(items)):
        yield 2 * i, "learn", items[i]
        if i % 3 == 0:
            yield 2 * i, "cue", cues[i]
        yield 60 - i, "cue", cues[i]


def network(make, options):
    net = Network(seed=3)
    net.add("memory", make() if not options else MemoryField(make(), **options))
    return net


def started(net, items):
    sim = Simulator(net)
    for tick, port, code in plan(items):
        sim.schedule("memory", code, at=tick, port=port)
    return sim, sim.monitor("memory", "code")


@pytest.mark.parametrize("name", CASES)
def test_a_memory_in_a_network_gives_the_codes_it_gives_alone(name):
    make, items, options = made(name)
    sim, seen = started(network(make, options), items)
    sim.run()
    alone, answers = make(), []
    for tick in range(61):
        here = [(port, code) for at, port, code in plan(items) if at == tick]
        for code in (code for port, code in here if port == "learn"):
            alone.store(code)
        cued = [code for port, code in here if port == "cue"]
        if cued:  # codes that come in one tick are united
            units = np.unique(np.concatenate([code.indices for code in cued]))
            answers.append(alone.recall(SDR.from_indices([units], 60), first_item=tick, **options).codes)
    assert [*seen.codes] == [answer[0] for answer in answers]
    memory = sim.net["memory"].memory
    assert memory.n_stored == alone.n_stored == len(items)
    same(counts(memory.traffic), counts(alone.traffic))
    same(memory.state(), alone.state())


@pytest.mark.parametrize("name", [name for name in CASES if "own rule" not in name])
@pytest.mark.parametrize("n_ticks", [0, 13, 55])
def test_a_split_run_equals_the_whole_run(name, n_ticks, tmp_path):
    make, items, options = made(name)
    whole, seen = started(network(make, options), items)
    whole.run()
    first, _ = started(network(make, options), items)
    first.run(until=n_ticks)
    path = first.checkpoint(tmp_path / "run.h5")
    for net in (None, network(make, options)):
        second = Simulator.restore(path, net=net)
        second.run()
        assert second.monitors[0].codes == seen.codes
        same(second.net["memory"].memory.state(), whole.net["memory"].memory.state())
