"""The study of energy at equal error: its quick run holds, its parts add up, its figure has a line a memory."""

import numpy as np
import pytest

from sdrsim.studies.published import energy_at_equal_error as study
from sdrsim.studies.study import load_study


@pytest.fixture(scope="module")
def tables():
    params = study.StudyParams(**study.QUICK)
    found = study.run(params, 3, lambda *_: None)
    found.pop("traffic")
    return found


def test_it_is_registered_and_its_checks_hold(tables):
    assert load_study("energy-at-equal-error").title == study.TITLE
    assert [c.name for c in study.checks(tables) if not c.ok] == []


def test_every_memory_answers_the_same_items_on_every_chip(tables):
    energy, memories = tables["energy"], tables["memories"]
    assert memories["memory"].tolist() == list(study.MEMORIES)
    assert len(set(memories["n_items"].tolist())) == 1
    assert len(energy) == 2 * 5 * 2 * 2  # phases, memories, cards, capacities
    assert set(energy["phase"].tolist()) == {"learn", "retrieve"}
    assert (energy["pj_per_bit"] > 0).all()


def test_loads_rise_to_the_target(tables):
    loads, target = tables["loads"], float(tables["setting"]["target"][0])
    means = {n: loads["error"][loads["n_items"] == n].mean() for n in np.unique(loads["n_items"])}
    kept = int(tables["memories"]["n_items"][0])
    assert means[kept] <= target
    assert any(mean > target for n, mean in means.items() if n > kept)


def test_the_figure_shows_every_memory(tables):
    fig = study.draw(tables)
    assert [len(ax.lines) for ax in fig.axes] == [5, 5, 0]
    assert [t.get_text() for t in fig.axes[2].get_yticklabels()] == list(study.MEMORIES)
