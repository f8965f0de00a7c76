"""One recall of a memory of numbers: what the kernels take, and what the user gets."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.bank import Bank
from sdrsim.models.hopfield.kernels.codes import COSINE, DOT, L1, L2
from sdrsim.models.hopfield.kernels.codes import Rule as KernelRule
from sdrsim.models.hopfield.kernels.scan import ROOT
from sdrsim.models.hopfield.kernels.steps import Asking, Part, answer
from sdrsim.models.hopfield.ledger import Facts, traffic_of
from sdrsim.models.hopfield.portable import answer_by_rules
from sdrsim.models.hopfield.recalled import Recalled

__all__ = ["retrieve"]

KINDS = {"dot": DOT, "cosine": COSINE, "l2": L2, "l1": L1}


class Ruled(NamedTuple):
    """What a memory asks of the kernels.

    factor : of similarities, in the store
    lead : of differences of scaled scores, in margins
    """

    rule: KernelRule
    factor: float
    lead: float


def _ruled(memory: Any, bank: Bank) -> Ruled:
    """Made once for a bank: beta, too, is known by then."""
    rule, beta, kind = memory._rule, float(memory.beta), bank.similarity
    factor, lead, heat = beta * rule.factor, 1.0 / rule.factor, 1.0
    if rule.ranks:  # rounded products of equal scores may differ
        factor, lead, heat = 1.0, beta, beta
    asked = rule.asked(factor if kind == "l1" else 1.0, 0, heat)
    keeps = rule.mode == ROOT and kind in ("dot", "l2")
    return Ruled(KernelRule(KINDS[kind], factor, asked, float(rule.weight_power), bool(rule.null), keeps), factor, lead)


class _Parts(NamedTuple):
    """What a `Recalled` makes when it is asked for it."""

    part: Part
    facts: Facts
    tally: NDArray[np.int64]
    log: NDArray[np.int64]
    level: float | None

    def support(self) -> SDR:
        return SDR._trusted(self.part.places, self.part.indptr, self.facts.n)

    def codes(self, states: NDArray[Any]) -> SDR | None:
        return None if self.level is None else SDR.from_dense(states > self.level)

    def traffic(self) -> Traffic:
        return traffic_of(self.facts, self.tally, self.log)


def retrieve(
    memory: Any, bank: Bank, x: NDArray[Any], facts: Facts, max_steps: int, level: float | None, trace: bool
) -> tuple[Recalled, NDArray[np.int64]]:
    """Recall of queries x (n, d) of the memory's kind of float, in rows; and its tally.

    level : of codes; None: the answers are numbers
    """
    if memory._rule is None or callable(bank.similarity):
        path, found = "portable", answer_by_rules(memory, bank, x, max_steps, trace)
    else:
        ruled = bank.ruled
        if ruled is None:
            ruled = bank.ruled = _ruled(memory, bank)
        held = bank.held(ruled.factor, max_steps > 1 and ruled.rule.keeps)
        asking = Asking(max_steps, 1e-6 * bank.norm, ruled.lead, trace)
        path, found = "compiled", answer(held, ruled.rule, asking, x, bank.v or bank.d)
        if found.bad:
            raise ParameterError("queries", got="NaN or infinity", expected="finite numbers", do="clean the data first")
    e = found.ends
    parts = _Parts(found.part, facts, e.tally, found.log, level)
    made = Recalled(
        found.states, found.part.weights, e.margins, e.iterations, e.converged, e.certified, e.rescored, path, parts
    )
    return made, e.tally
