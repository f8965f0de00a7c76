"""What binary memories refuse, and what they warn of: parameters, options, items; a refused call changes nothing."""

import numpy as np
import pytest

from sdrsim import SDR, patterns, stream
from sdrsim.errors import CapacityError, CodeError, ParameterError, SaturationWarning
from sdrsim.models.hebbian import CliqueMemory, WillshawMemory, theory

# ---- theory beside a memory ---------------------------------------------------------------------------------------


def test_expected_error_is_theorys():
    memory = WillshawMemory(2048, 11)
    assert memory.expected_error(0.5) == 0
    memory.store(patterns.random_sparse(4000, 2048, 11, seed=1))
    assert memory.expected_error(5 / 11) == theory.willshaw_error(4000, 2048, 11, 6)
    for bad in (WillshawMemory(20), WillshawMemory(20, 3, p_forget=0.1), WillshawMemory(20, 3, connectivity=0.5)):
        with pytest.raises(ParameterError):
            bad.expected_error(0.5)
    for fraction in (-0.1, 1.1, float("nan"), "half"):
        with pytest.raises(ParameterError):
            memory.expected_error(fraction)


def test_a_full_memory_warns_once_with_density_and_theory():
    memory = WillshawMemory(60, 6, seed=0)
    x = patterns.random_sparse(400, 60, 6, seed=3)
    memory.store(x[:20])
    with pytest.warns(SaturationWarning) as caught:
        memory.store(x[20:100])
    text = str(caught[0].message)
    assert len(caught) == 1
    assert f"density {memory.density:.3f}" in text
    assert f"{memory.expected_error(0.5):.3g} of half cues fail" in text
    assert caught[0].filename == __file__
    memory.store(x[100:])  # said once
    free = WillshawMemory(60)
    with pytest.warns(SaturationWarning, match="density"):
        free.store(x)


# ---- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_units": 0},
        {"n_units": -5},
        {"n_units": 10.0},
        {"n_units": True},
        {"n_units": "many"},
        {"n_units": 2**25},
        {"n_active": 0},
        {"n_active": 11},
        {"n_active": 2.5},
        {"connectivity": 0.0},
        {"connectivity": 1.5},
        {"connectivity": float("nan")},
        {"p_forget": -0.1},
        {"p_forget": float("inf")},
        {"seed": -1},
        {"seed": 1.5},
    ],
    ids=str,
)
def test_bad_parameters(wrong):
    with pytest.raises(ParameterError):
        WillshawMemory(**{"n_units": 10, "n_active": 3, **wrong})


def test_what_does_not_fit_is_told_before_it_is_taken():
    memory = WillshawMemory(2**24, 20)
    assert memory.n_bytes > 2**45
    with pytest.raises(CapacityError, match=r"GiB|TiB"):
        memory.store([list(range(20))])
    assert not memory.is_allocated


OPTIONS = [
    ({"select": "gwst"}, "did you mean gwsta"),
    ({"select": "wta"}, "gwta"),
    ({"select": 3}, "select"),
    ({"select": None, "k": 0}, "k"),
    ({"k": 31}, "1 .. 30"),
    ({"k": 2.0}, "k"),
    ({"k": True}, "k"),
    ({"select": "threshold", "threshold": -1}, "threshold"),
    ({"select": "threshold", "threshold": 1.5}, "threshold"),
    ({"memory_effect": 1.0}, "memory_effect"),
    ({"memory_effect": -1}, "memory_effect"),
    ({"memory_effect": 2**20}, "memory_effect"),
    ({"max_iterations": 0}, "max_iterations"),
    ({"max_iterations": 2.0}, "max_iterations"),
    ({"stop": "cliques"}, "did you mean clique"),
    ({"p_syn": 1.1}, "p_syn"),
    ({"p_syn": float("nan")}, "p_syn"),
    ({"p_syn": "often"}, "p_syn"),
    ({"correction": "use"}, "usage"),
    ({"correction": "usage"}, "partial connectivity"),
    ({"rho": 2}, "rho"),
    ({"failures": [(np.array([1]), np.array([2, 3]))]}, "failures"),
    ({"failures": [(np.array([1]), np.array([30]))]}, "0 .. 29"),
    ({"failures": [(np.array([0.5]), np.array([1.0]))]}, "failures"),
    ({"failures": [3]}, "failures"),
    ({"failures": [], "p_syn": 0.1}, "drawn"),
    ({"first_item": -1}, "first_item"),
    ({"seed": -1}, "seed"),
    ({"n_threads": 0}, "n_threads"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=str)
def test_bad_options_change_nothing(options, message):
    memory = WillshawMemory(30, 3)
    memory.store([[0, 1, 2]])
    before = memory.traffic.total("rows_read")
    with pytest.raises(ParameterError, match=message):
        memory.recall([[0, 1]], **options)
    assert memory.traffic.total("rows_read") == before


def test_bad_items():
    memory = WillshawMemory(30, 3)
    for wrong in (
        [[0, 1]],
        [[0, 1, 2], [0, 1, 2, 3]],
        [[0, 1, 30]],
        [[0, 1, 1]],
        [[-1, 0, 1]],
        np.zeros((1, 30), bool),
    ):
        with pytest.raises(CodeError):
            memory.store(wrong)
    for wrong in (np.full((2, 30), np.nan), np.zeros((2, 31), bool), SDR.from_indices([[1, 2, 3]], 31), "item", None):
        for call in (memory.store, memory.recall):
            with pytest.raises(CodeError):
                call(wrong)
    assert (memory.n_stored, memory.n_links) == (0, 0)
    with pytest.raises(ParameterError, match="failures"):
        memory.recall([[0, 1], [1, 2]], failures=[])
    free = WillshawMemory(30)
    with pytest.raises(ParameterError, match="n_active"):
        free.recall([[0]], stop="clique")
    with pytest.raises(ParameterError, match="k"):
        free.recall([[0]], select="kwta")


def test_nothing_in_nothing_out():
    memory = WillshawMemory(30, 3)
    nothing = SDR.from_indices([], 30)
    assert memory.store(nothing).n_items == 0
    found = memory.recall(nothing)
    assert (len(found.codes), len(found.iterations), len(found.converged)) == (0, 0, 0)
    assert "no items" in repr(found)
    assert not len(memory.recall([[1, 2]], memory_effect=0).codes.indices)
    assert memory.recall(np.zeros((2, 30), bool)).converged.all()
    rng = stream(1, "unsorted")
    item = rng.choice(30, 3, replace=False)
    memory.store(item[None])
    assert memory.recall(item[None][:, ::-1][:, :2]).codes == SDR.from_indices([np.sort(item)], 30)


# ---- cliques ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_clusters": 1},
        {"n_clusters": 2.0},
        {"n_clusters": 2**15},
        {"cluster_size": 0},
        {"cluster_size": -3},
        {"cluster_size": 2**15},
        {"n_clusters": 2**10, "cluster_size": 2**14 + 1},
        {"order": 1},
        {"order": 5},
        {"order": 2.5},
        {"order": True},
        {"p_forget": 2},
        {"p_forget": "often"},
        {"seed": None},
    ],
    ids=str,
)
def test_bad_parameters_of_cliques(wrong):
    with pytest.raises(ParameterError):
        CliqueMemory(**{"n_clusters": 4, "cluster_size": 8, **wrong})


CLIQUE_OPTIONS = [
    ({"rule": "sum_of_som"}, "did you mean sum_of_sum"),
    ({"rule": "som"}, "sum_of_max"),
    ({"rule": None}, "rule"),
    ({"select": "wtaa"}, "did you mean wta"),
    ({"select": 1}, "select"),
    ({"select": "kwta", "k": 33}, "1 .. 32"),
    ({"k": 0}, "k"),
    ({"threshold": 1.0}, "threshold"),
    ({"memory_effect": 0.5}, "memory_effect"),
    ({"memory_effect": True}, "memory_effect"),
    ({"max_iterations": 0}, "max_iterations"),
    ({"stop": "clik"}, "clique"),
    ({"p_syn": -0.1}, "p_syn"),
    ({"ambiguous": "drop"}, "draw"),
    ({"blind": 1}, "blind"),
    ({"seed": 2**64}, "seed"),
    ({"first_item": 0.5}, "first_item"),
    ({"n_threads": -1}, "n_threads"),
]


@pytest.mark.parametrize(("options", "message"), CLIQUE_OPTIONS, ids=str)
def test_bad_options_of_cliques_change_nothing(options, message):
    memory = CliqueMemory(4, 8)
    memory.store([[0, 1, 2, 3]])
    before = memory.traffic.total("rows_read")
    with pytest.raises(ParameterError, match=message):
        memory.recall([[0, 1, -1, -1]], **options)
    assert memory.traffic.total("rows_read") == before


def test_bad_messages():
    memory = CliqueMemory(4, 8)
    int16 = np.array([[0, 1, 2, 3]], np.int16)
    wrong = [
        np.array([[0, 1, 2, -2]], np.int16),
        np.array([[0, 1, 2, 8]], np.int16),
        np.array([[0, 1, 2, 31]]),
        np.array([[0, 1, 2]]),
        np.array([[0, 1, 2, 3, 4]]),
        np.array([[0.0, 1, 2, 3]]),
        np.array([[0, 1, 2, np.nan]]),
        [[0, 1, 2, 3], [0, 1, 2]],
        np.zeros((1, 33), bool),
        np.zeros((1, 31), np.uint8),
        np.full((1, 32), 2, np.uint8),
        np.full((1, 32), np.nan),
        SDR.from_indices([[0, 8, 16, 24]], 33),
        "message",
        None,
        int16[None],
    ]
    for item in wrong:
        for call in (memory.store, memory.recall):
            with pytest.raises(CodeError):
                call(item)
    for item in (np.array([[0, 1, 2, -1]], np.int16), [[-1] * 4], SDR.from_indices([[0, 1, 8, 16]], 32)):
        with pytest.raises(CodeError):
            memory.store(item)
        memory.recall(item)  # as a cue it is fine
    assert (memory.n_stored, memory.n_links) == (0, 0)
    memory.store(int16)
    assert memory.n_links == 12
    sparse = CliqueMemory(4, 8, order=2)
    for item in (int16, [[0, -1, -1, -1]], SDR.from_indices([[0, 1]], 32)):
        with pytest.raises(CodeError):
            sparse.store(item)
    with pytest.raises(CodeError, match="two units in one cluster"):
        sparse.store(SDR.from_indices([[0, 9], [0, 1]], 32))
    assert sparse.n_links == 0


def test_bad_links():
    with pytest.raises(ParameterError, match="inside a cluster"):
        CliqueMemory.from_links(2, 2, np.ones((4, 4), bool))
    with pytest.raises(ParameterError, match=r"\(4, 4\)"):
        CliqueMemory.from_links(2, 2, np.zeros((4, 5), bool))


def test_a_full_clique_memory_warns_with_density_and_theory():
    memory = CliqueMemory(4, 6)
    with pytest.warns(SaturationWarning) as caught:
        memory.store(patterns.random_block(60, 4, 6, seed=3))
    text = str(caught[0].message)
    assert len(caught) == 1
    assert f"density {memory.density:.3f}" in text
    assert f"{memory.expected_error(0.5):.3g} of half cues fail" in text
    assert caught[0].filename == __file__


def test_no_messages_in_none_out():
    memory = CliqueMemory(4, 8)
    nothing = np.zeros((0, 4), np.int16)
    assert memory.store(nothing).n_items == 0
    for options in ({}, {"rule": "sum_of_max"}, {"select": "lko"}, {"post_search": True, "ambiguous": "draw"}):
        found = memory.recall(nothing, **options)
        assert found.messages.shape == (0, 4)
        assert len(found.codes) == 0
    empty = memory.recall([[-1] * 4])
    assert empty.messages.tolist() == [[-1] * 4]
    assert not len(empty.codes.indices)
    everything = memory.recall([[-1] * 4], rule="sum_of_max", max_iterations=1)
    assert len(everything.codes.indices) == 32, "erased clusters begin with all units on, and support themselves"
