"""A volley of a Willshaw memory through the kernels, against a step of its Brian2 twin, which runs the same spikes.

Of Brian2 the marginal step counts: what longer runs of the same cues take more, over the steps they have more. What a
run costs before its first step is left out.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.measure import Bench
from benchmarks.rows import Row
from sdrsim import patterns
from sdrsim.engine.codes import SDR
from sdrsim.models.hebbian import WillshawMemory
from sdrsim.models.hebbian.spiking import SpikingTwin

N_ITEMS, SHORT, LONG = 64, 1, 9
STEP = "Brian2 (numpy target), marginal step"


def volleys(bench: Bench) -> Iterator[Row]:
    """One step from half cues; results are compared volley by volley first."""
    for n_units, n_active, n_stored in ((512, 8, 800), (2048, 11, 8000)):
        if n_units > 512 and bench.quick:
            continue
        memory = WillshawMemory(n_units, n_active)
        x = patterns.random_sparse(n_stored, n_units, n_active, seed=0)
        memory.store(x)
        rng = np.random.default_rng(1)
        cues = SDR.from_indices([rng.permuted(one.indices)[: n_active // 2] for one in x[:N_ITEMS]], n_units)
        yield volley(bench, memory, cues)


def volley(bench: Bench, memory: WillshawMemory, cues: SDR) -> Row:
    """Seconds of a volley of one item, both sides."""
    twin = SpikingTwin(memory)
    run = twin.run(cues, max_iterations=LONG)
    for v in range(1, LONG + 1):
        assert run.volleys[v] == memory.recall(cues, max_iterations=v).codes
    runners = {
        "ours": lambda: memory.recall(cues, max_iterations=1),
        "short": lambda: twin.run(cues, max_iterations=SHORT),
        "long": lambda: twin.run(cues, max_iterations=LONG),
    }
    t = bench.medians(runners, per=len(cues))
    step = (t["long"] - t["short"]) / (LONG - SHORT)
    name = f"Willshaw {memory.n_units:,}, {memory.n_active} active, {memory.n_stored:,} items, a volley"
    return Row(name, STEP, t["ours"], step)
