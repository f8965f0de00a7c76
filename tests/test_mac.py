"""The compiled mac against its slow twin: winners, familiarity, every weight; batches, threads, traffic, files."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws.memory_laws import check_memory_laws
from reference.sparsey_reference import ReferenceMac, plain_weights

from sdrsim import SDR, patterns
from sdrsim.errors import FileFormatError, ParameterError
from sdrsim.models.sparsey import Mac, MacParams

# These sequences fill macs to the brim on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")

# Where V is no fraction of a whole number, psi is read from a table of 4,096 steps: a psi may be off by 1e-5 of itself,
# or 2.5e-5 for the logistic forms (tests/test_mac_selection.py), a boundary of the draw by twice that of the total.
BOUNDARY = 5e-5

SHAPES = [(1, 1, 2), (7, 3, 2), (65, 16, 5), (131, 17, 3), (333, 5, 300), (1100, 2, 7)]
RULES = [
    {},
    {"preset": "rinkus2014_alt", "lambda_u0": 3.0, "g_minus": 0.5},
    {"preset": "rinkus2010", "freeze_u": None},
    {"preset": "core", "pi_u_minus": 2, "freeze_u": 0.2},
    {"preset": "demo", "norm": "pi_min", "pi_u_minus": 3, "pi_u_plus": 0.9},
    {"preset": "sparseypy", "learn_if_g_below": 0.7, "freeze_u": 1.0},
    {"preset": "features", "pi_u_minus": 1},
    {"preset": "features", "psi": "richards_inside", "unit_cap": 0.05, "pi_u_minus": 0.01, "lambda_u0": 2.0},
    {"match": "cosine", "psi": "demo", "g_minus": 0.9},
    {"match": "jaccard", "unit_cap": 0.4, "psi": "logistic2010"},
    {"match": "jaccard", "psi": "core", "freeze_u": 0.3, "lambda_u0": 0.5},
    {"match": "fraction", "unit_cap": 0.1, "norm": "pi_min", "pi_u_minus": 4.5},
    {"match": "cosine", "psi": "sparseypy", "learn_if_g_below": 0.5, "unit_cap": 0.5},
]


def nasty_items(n_inputs, seed):
    """Empty, all on, one, the counts at which a bit plane is added, repeats, near repeats, random ones in between."""
    rng = np.random.default_rng(seed)
    sizes = [n for n in (1, 15, 16, 127, 128, 255, 300, 1023, 1024) if n <= n_inputs]
    items = [np.sort(rng.choice(n_inputs, n, replace=False)) for n in sizes]
    items += [np.zeros(0, np.int64), np.arange(n_inputs), items[0], items[-1], items[-1][:-1], np.array([n_inputs - 1])]
    for _ in range(10):
        items.append(np.sort(rng.choice(n_inputs, rng.integers(0, min(n_inputs, 40) + 1), replace=False)))
    return items + items[-4:] + items[:3]


def check_step(step, winners, familiarity, exact, where):
    """One item: G, and winners that differ only where the draw fell on a boundary; returns how many did."""
    assert familiarity == pytest.approx(step.g, rel=1e-12, abs=0), where
    off = np.flatnonzero(winners != step.winners)
    if exact or step.psi is None:
        assert not len(off), f"{where}: CMs {off}"
    for q in off:
        assert step.margin[q] < BOUNDARY, f"{where}: CM {q}, {step.margin[q]} from a boundary"
        assert abs(int(winners[q]) - step.winners[q]) == 1, where
    return len(off)


def follow(params, items, seed=3):
    """Store items in both; the twin takes over a winner from the library where the draw fell on a boundary."""
    codes = SDR.from_indices(items, params.n_inputs)
    mac, twin = Mac(params, seed=seed), ReferenceMac(params, seed=seed)
    exact = params.match == "fraction"
    got, n_off = mac.store(codes), 0
    for i, active in enumerate(items):
        step = twin.select(active, twin.n_stored, learning=True)
        n_off += check_step(step, got.winners[i], got.familiarity[i], exact, f"item {i}")
        step.winners = got.winners[i].astype(int)
        twin.write(active, step)
    assert n_off <= 2, "more draws on a boundary than chance explains"
    weights, n_set, closed = plain_weights(mac)
    assert np.array_equal(weights, twin.weights)
    assert np.array_equal(n_set, twin.n_set)
    assert np.array_equal(closed, twin.closed)
    assert (mac.n_stored, mac.n_fallbacks) == (len(items), twin.n_fallbacks)
    assert mac.share_set == pytest.approx(twin.weights.mean(), abs=1e-15)
    for i, step in enumerate(twin.recognise(items, first_item=7)):
        again = mac.recognise(codes[i], first_item=7 + i)
        check_step(step, again.winners[0], again.familiarity[0], exact, f"recognised {i}")
    return mac, twin, got


@pytest.mark.parametrize("rule", RULES, ids=lambda r: " ".join(map(str, r.values())) or "rinkus2014")
def test_every_rule_against_the_twin(rule):
    for i in (2, 3):
        n_inputs, n_cms, n_cells = SHAPES[i]
        params = MacParams(n_inputs=n_inputs, n_cms=n_cms, n_cells=n_cells, **rule)
        _, twin, _ = follow(params, nasty_items(n_inputs, seed=i))
        assert twin.weights.any()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_against_the_twin(shape):
    n_inputs, n_cms, n_cells = shape
    for rule in ({}, {"match": "cosine", "unit_cap": 0.5, "winner": "draw"}):
        params = MacParams(n_inputs=n_inputs, n_cms=n_cms, n_cells=n_cells, **rule)
        follow(params, nasty_items(n_inputs, seed=n_inputs))


@given(
    n_inputs=st.integers(1, 70),
    n_cms=st.integers(1, 18),
    n_cells=st.integers(2, 6),
    rule=st.sampled_from(RULES),
    winner=st.sampled_from(["max", "draw"]),
    seed=st.integers(0, 2**64 - 1),
)
@settings(max_examples=50, deadline=None)
def test_any_small_mac_against_the_twin(n_inputs, n_cms, n_cells, rule, winner, seed):
    rng = np.random.default_rng(seed)
    items = [np.flatnonzero(rng.random(n_inputs) < rng.random()) for _ in range(8)]
    items += [items[0], items[0][1:]]
    rule = {**rule, "pi_u_plus": float("inf")}  # else a floor may stand above a share of few inputs
    follow(MacParams(n_inputs=n_inputs, n_cms=n_cms, n_cells=n_cells, winner=winner, **rule), items, seed=seed)


# ---- the same bits however it is called --------------------------------------------------------------------------


def standard(**changes):
    return MacParams(**{"n_inputs": 60, "n_cms": 10, "n_cells": 6, **changes})


@given(
    cuts=st.lists(st.integers(0, 24), max_size=4), rule=st.sampled_from(RULES), winner=st.sampled_from(["max", "draw"])
)
@settings(max_examples=40, deadline=None)
def test_any_batch_split_gives_the_same_bits(cuts, rule, winner):
    x = patterns.random_sparse(24, 60, 9, seed=5)
    params = standard(winner=winner, **rule)
    whole, split = Mac(params, seed=9), Mac(params, seed=9)
    edges = [0, *sorted(cuts), 24]
    at_once, parts = whole.store(x), [split.store(x[a:b]) for a, b in pairwise(edges)]
    assert np.array_equal(at_once.winners, np.concatenate([p.winners for p in parts]))
    assert np.array_equal(at_once.familiarity, np.concatenate([p.familiarity for p in parts]))
    for a, b in zip(plain_weights(whole), plain_weights(split)):
        assert np.array_equal(a, b)
    cues = patterns.erase(x, 0.4, seed=1)
    for n_threads in (1, 2, 3, 40):
        seen = whole.recognise(cues, first_item=3, n_threads=n_threads)
        parts = [split.recognise(cues[a:b], first_item=3 + a, n_threads=n_threads) for a, b in pairwise(edges)]
        assert np.array_equal(seen.winners, np.concatenate([p.winners for p in parts]))
        assert np.array_equal(seen.familiarity, np.concatenate([p.familiarity for p in parts]))
        assert seen.codes.indices.tolist() == np.concatenate([p.codes.indices for p in parts]).tolist()


def test_threads_count_alike():
    mac = Mac(standard(match="cosine"), seed=2)
    x = patterns.random_sparse(31, 60, 9, seed=5)
    mac.store(x)
    one, many = (mac.recognise(x, n_threads=n, trace=True) for n in (1, 3))
    assert one.traffic == many.traffic


def test_the_seed_decides_and_nothing_else():
    x = patterns.random_sparse(12, 60, 9, seed=5)
    first, again, other = (Mac(standard(), seed=s).store(x).winners for s in (2**64 - 1, 2**64 - 1, 0))
    assert np.array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_codes_are_the_winners_in_plain_order():
    x = SDR.from_indices([[1, 2, 3], [], [5, 9]], 60)
    got = Mac(standard(), seed=0).store(x)
    assert got.winners.dtype == np.int16
    assert got.winners[1].tolist() == [-1] * 10
    assert got.familiarity[1] == 0
    assert got.codes.size == 60
    assert got.codes.n_active.tolist() == [10, 0, 10]
    for i in (0, 2):
        assert got.codes[i].indices.tolist() == (np.arange(10) * 6 + got.winners[i]).tolist()


def test_as_a_field_it_gives_the_codes_of_store():
    x = patterns.random_sparse(6, 60, 9, seed=5)
    alone, field = Mac(standard(), seed=4), Mac(standard(), seed=4)
    stored = alone.store(x)
    field.learning = True
    for tick in range(6):
        field.receive("U", x[tick], tick)
        assert field.step(tick) == stored.codes[tick]
    assert field.step(7) is None
    field.learning = False
    seen = alone.recognise(x, first_item=100)
    for tick in range(6):
        field.receive("U", x[tick][:], 100 + tick)
        assert field.step(100 + tick) == seen.codes[tick]
    for a, b in zip(plain_weights(alone), plain_weights(field)):
        assert np.array_equal(a, b)


# ---- traffic -----------------------------------------------------------------------------------------------------


def address_bits(n):
    """Bits that tell n units apart."""
    return max(1, int(np.ceil(np.log2(n))))


@pytest.mark.parametrize("shape", [(60, 10, 6), (131, 17, 3), (90, 4, 200)], ids=str)
def test_traffic_equals_an_independent_count(shape):
    n_inputs, n_cms, n_cells = shape
    params = MacParams(n_inputs=n_inputs, n_cms=n_cms, n_cells=n_cells, pi_u_minus=3)
    rng = np.random.default_rng(0)
    items = [np.flatnonzero(rng.random(n_inputs) < 0.15) for _ in range(15)] + [
        np.array([1, 2])
    ]  # the last stays silent
    items += items[:3]
    mac, twin = Mac(params, seed=1), ReferenceMac(params, seed=1)
    got = mac.store(SDR.from_indices(items, n_inputs), trace=True)
    lanes, n_units = 16 * -(-n_cms // 16), n_cms * n_cells
    n_words = -(-n_cells * lanes // 64)
    written = ("words_written", "words_silent")
    expected = dict.fromkeys(("rows_read", "words_read", *written, "synops", "sums", "random_numbers"), 0)
    accesses = []
    for active in items:
        before, step = twin.weights.copy(), twin.store([active])[0]
        if step.silent:
            continue
        a = len(active)
        expected["rows_read"] += a
        expected["words_read"] += a * n_words
        expected["synops"] += a * n_units
        expected["sums"] += n_units
        expected["random_numbers"] += n_cms
        accesses += [(j, False) for j in active]
        gained = (twin.weights != before).any(axis=0)  # units with a new weight: their words are OR-ed into the rows
        words = {(k * lanes + q) // 64 for q, k in np.argwhere(gained)}
        if words:
            touched = len(words) if 8 * len(words) < n_words else n_words  # few: a list of words; many: whole rows
            expected["words_read"] += a * touched
            expected["words_written"] += a * touched
            changed = {(j, (k * lanes + q) // 64) for j, q, k in np.argwhere(twin.weights != before)}
            expected["words_silent"] += a * touched - len(changed)
            accesses += [(j, True) for j in active]
    for name, count in expected.items():
        assert got.traffic.get("U", "learn", name) == count, name
        assert got.traffic.total(name) == count, name
    n_in, n_out = sum(map(len, items)), n_cms * sum(len(i) >= 3 for i in items)
    assert got.traffic.total("code_bits") == n_in * address_bits(n_inputs) + n_out * address_bits(n_units)
    trace = got.traffic.trace
    assert list(zip(trace["row"].tolist(), trace["write"].tolist())) == [(int(j), w) for j, w in accesses]
    tensor = got.traffic.tensors["U"]
    assert (tensor.n_rows, tensor.row_bytes, tensor.role) == (n_inputs, 8 * n_words, "weight")
    check_recognition_traffic(mac, twin, items, expected)


def check_recognition_traffic(mac, twin, items, stored):
    seen = mac.recognise(SDR.from_indices(items, mac.params.n_inputs), trace=True)
    steps = [s for s in twin.recognise(items) if not s.silent]
    read = sum(len(i) for i in items if len(i) >= 3)
    assert seen.traffic.get("U", "retrieve", "rows_read") == read == stored["rows_read"]
    assert seen.traffic.total("words_written") == 0
    assert seen.traffic.total("random_numbers") == sum(n > 1 for s in steps for n in s.n_ties)
    assert seen.traffic.trace["row"].tolist() == [int(j) for i in items if len(i) >= 3 for j in i]
    assert not seen.traffic.trace["write"].any()


def test_the_running_total_is_the_sum_of_the_calls():
    mac = Mac(standard(), seed=1)
    x = patterns.random_sparse(20, 60, 9, seed=5)
    total = mac.store(x[:7]).traffic + mac.store(x[7:]).traffic
    total += mac.recognise(x).traffic
    total += mac.recall(x).traffic
    mac.saturation()  # an instrument: counts nothing
    assert mac.traffic == total


# ---- files, laws -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [{}, {"preset": "features", "pi_u_minus": 1}, {"psi": "core"}, {"unit_cap": 0.2}])
def test_saved_and_loaded_it_goes_on_bit_for_bit(tmp_path, rule):
    x = patterns.random_sparse(40, 60, 9, seed=5)
    whole, half = Mac(standard(**rule), seed=7), Mac(standard(**rule), seed=7)
    whole.store(x[:20])
    half.store(x[:20])
    loaded = Mac.load(half.save(tmp_path / "mac.h5"))
    assert (loaded.params, loaded.seed, loaded.n_stored) == (half.params, 7, 20)
    assert loaded.traffic == half.traffic
    assert np.array_equal(whole.store(x[20:]).winners, loaded.store(x[20:]).winners)
    for a, b in zip(plain_weights(whole), plain_weights(loaded)):
        assert np.array_equal(a, b)
    a, b = whole.state(), loaded.state()
    assert np.array_equal(a["memory"]["ratchet"], b["memory"]["ratchet"])
    assert a["tallies"] == b["tallies"]


def test_a_state_is_a_picture_not_a_window():
    x = patterns.random_sparse(20, 60, 9, seed=5)
    mac = Mac(standard(), seed=7)
    mac.store(x[:10])
    kept, weights = mac.state(), plain_weights(mac)[0]
    mac.store(x[10:])
    mac.restore(kept)
    assert mac.n_stored == 10
    assert np.array_equal(plain_weights(mac)[0], weights)


def test_files_that_are_not_a_mac_are_refused(tmp_path):
    mac = Mac(standard(), seed=0)
    path = mac.save(tmp_path / "mac.h5")
    whole = path.read_bytes()
    for name, content in {
        "empty": b"",
        "text": b"not a memory",
        "cut": whole[: len(whole) // 2],
        "bit": bytes(b ^ (i == len(whole) // 2) for i, b in enumerate(whole)),
    }.items():
        wrong = tmp_path / f"{name}.h5"
        wrong.write_bytes(content)
        with pytest.raises(FileFormatError):
            Mac.load(wrong)
    with pytest.raises(FileFormatError):
        Mac.load(tmp_path / "missing.h5")
    from sdrsim.files.state import save_state

    with pytest.raises(FileFormatError):
        Mac.load(save_state(tmp_path / "foreign.h5", "another memory", {"seed": 1}))
    with pytest.raises(FileFormatError):
        mac.save(tmp_path / "no" / "folder" / "mac.h5")
    with pytest.raises(ParameterError, match="psi"):
        Mac(standard(psi=lambda v, g: 1 + v), seed=0).save(tmp_path / "own.h5")
    assert not (tmp_path / "own.h5").exists()


def test_a_state_of_another_shape_is_refused_whole():
    x = patterns.random_sparse(10, 60, 9, seed=5)
    mac, other = Mac(standard(), seed=0), Mac(standard(n_cells=40), seed=0)
    mac.store(x)
    before = plain_weights(mac)
    with pytest.raises(FileFormatError):
        mac.restore(other.state())
    assert mac.n_stored == 10
    for a, b in zip(before, plain_weights(mac)):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("rule", [{}, {"match": "cosine", "unit_cap": 0.3, "winner": "draw"}], ids=["faithful", "ours"])
def test_the_laws_of_a_memory(rule):
    x = patterns.random_sparse(12, 60, 9, seed=2)
    check_memory_laws(lambda: Mac(standard(**rule), seed=11), x, patterns.erase(x, 0.3, seed=1))
