"""SparseHopfield at its edges: null score, margins, nothing stored, sharp roots, ties, later passes side by side."""

import numpy as np
import pytest

from sdrsim import SDR
from sdrsim.errors import ParameterError
from sdrsim.models.hopfield import SparseHopfield


def rows(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def dense_weights(r):
    w = np.zeros((len(r.support), r.support.size))
    w[np.repeat(np.arange(len(w)), r.support.n_active), r.support.indices] = r.weights
    return w


# ---- nothing stored -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [np.zeros((0, 4)), SDR.from_indices([], 4)], ids=["numbers", "codes"])
def test_a_memory_of_no_patterns_is_an_empty_one(what, tmp_path):
    h = SparseHopfield(beta=1.0)
    assert h.store(what).n_items == 0
    held = np.zeros((1, 4), np.bool_ if isinstance(what, SDR) else np.float64)
    loaded = SparseHopfield.load(h.save(tmp_path / "none.h5"))
    for memory in (h, loaded):
        assert (memory.n_stored, memory.d) == (0, 4)
        for ask in (memory.recall, memory.scores, memory.energy):
            with pytest.raises(ParameterError, match="nothing stored"):
                ask(held)
        memory.store(np.eye(4, dtype=held.dtype))
        assert memory.recall(np.eye(4, dtype=held.dtype)[:1]).states.shape == (1, 4)
