"""What a recall from a graded memory is asked to do, checked; and the portable path for rules of one's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_count, checked_name, checked_real
from sdrsim.engine.codes import SDR
from sdrsim.errors import ParameterError
from sdrsim.models.hebbian.kernels.graded import ONE_EACH, GradedNet, GradedRule, GradedWork, scores_of
from sdrsim.models.hebbian.kernels.net import ALL, COMPARES, GWSTA, GWTA, KWTA, THRESHOLD, WTA
from sdrsim.models.hebbian.selection import SELECTIONS, select_scores

__all__ = ["GradedAsked", "checked_graded", "recall_by_own", "recall_by_scores"]

_COMPILED = {"wta": WTA, "argmax": ONE_EACH, "gwta": GWTA, "gwsta": GWSTA, "kwta": KWTA, "threshold": THRESHOLD}
_NEED_CLUSTERS = ("wta", "argmax", "wsta", "lko")
_NEED_K = ("kwta", "gkwta", "wsta", "gwsta")

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class GradedAsked:
    """A checked request. `least`: what a score must exceed to win, but under a threshold; `threshold` None: the number
    of active units.
    """

    select: str | Callable[..., Any]
    k: int | None
    threshold: float | None
    least: float
    memory_effect: float
    max_iterations: int

    @property
    def is_compiled(self) -> bool:
        """Whether the kernels know the selection."""
        return isinstance(self.select, str) and self.select in _COMPILED

    def kernel_rule(self) -> GradedRule:
        """For the kernels."""
        assert isinstance(self.select, str)
        all_active = self.select == "threshold" and self.threshold is None
        return GradedRule(
            ALL if all_active else _COMPILED[self.select],
            self.k or 1,
            self.threshold if self.threshold is not None else 0.0,
            self.least,
            self.memory_effect,
            self.max_iterations,
        )


def checked_graded(
    *,
    size: int,
    is_clustered: bool,
    select: Any,
    k: Any,
    default_k: int | None,
    threshold: Any,
    counts_links: bool,
    memory_effect: Any,
    max_iterations: Any,
) -> GradedAsked:
    """A request with every option in its range, or ParameterError.

    `counts_links`: scores count links, so that 0 is no support, and all active units are a threshold.
    """
    if not callable(select):
        known = [name for name in (*SELECTIONS, "argmax") if is_clustered or name not in _NEED_CLUSTERS]
        checked_name("select", select, known, "a function f(scores, active) -> bool mask")
    if isinstance(select, str) and select in _NEED_K and k is None:
        k = default_k
        if k is None:
            raise ParameterError("k", got="None", expected=f"a whole number, as select={select!r} needs", do="pass k=")
    if k is not None:
        k = checked_count("k", k, 1, size)
    if threshold is not None:
        threshold = checked_real("threshold", threshold)
    elif select == "threshold" and not counts_links:
        raise ParameterError("threshold", got="None", expected="a number: scores do not count links here")
    return GradedAsked(
        select,
        k,
        threshold,
        0.0 if counts_links else -np.inf,
        checked_real("memory_effect", memory_effect, 0.0),
        checked_count("max_iterations", max_iterations, 1, 2**31 - 1),
    )


def recall_by_own(
    net: GradedNet, work: GradedWork, cues: tuple[Any, Any], asked: GradedAsked, trace: bool, counts: Ints
) -> tuple[Any, ...] | None:
    """What `recall_graded` gives, by a function of one's own that numba compiled; None for one it did not."""
    if not callable(asked.select):
        return None
    from sdrsim.models.hebbian.kernels.own import WRONG, is_jitted, recall_own

    if not is_jitted(asked.select):
        return None
    made: tuple[Any, ...] = recall_own(
        asked.select, net, work, cues, asked.memory_effect, asked.max_iterations, trace, counts
    )
    if np.any(made[2] == WRONG):
        raise ParameterError("select: your own function", got="another length", expected=f"a mask of {net.n_units}")
    return made


def recall_by_scores(
    net: GradedNet, work: GradedWork, cues: SDR, asked: GradedAsked, first: int, seed: int, counts: Ints
) -> tuple[SDR, Ints, Bools, Ints]:
    """Codes, volleys, converged and rows read, volley by volley; the kernels form the scores."""
    n = len(cues)
    x, log = cues.dense().copy(), []
    volleys, converged = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    for i in range(n):
        while volleys[i] < asked.max_iterations and not converged[i]:
            volleys[i] += 1
            new = np.zeros(net.n_units, np.bool_)
            active = np.flatnonzero(x[i]).astype(np.int32)
            if not net.is_empty and (len(active) or net.has_prior):
                scores_of(net, work, active, asked.memory_effect, counts)
                log.append(active.astype(np.int64))
                if len(net.unit_in):
                    log.append(np.array([net.n_units], np.int64))
                counts[COMPARES] += net.n_units
                new = _selected(net, asked, work.scores.copy(), x[i], first + i, seed)
            converged[i] = bool((new == x[i]).all())
            x[i] = new
    return SDR.from_dense(x), volleys, converged, np.concatenate([np.zeros(0, np.int64), *log])


def _selected(net: GradedNet, asked: GradedAsked, scores: NDArray[Any], active: Bools, item: int, seed: int) -> Bools:
    """Winners of one item. Where scores of 0 and below may win, their ranks from 1 on stand for them: the same order,
    the same ties.
    """
    if not callable(asked.select) and asked.least < 0:
        scores = np.unique(scores, return_inverse=True)[1].reshape(-1) + 1.0
    size = net.cluster_size
    won: Bools = select_scores(
        scores[None],
        active[None],
        asked.select,
        k=asked.k,
        threshold=asked.threshold,
        n_clusters=net.n_units // size,
        cluster_size=size,
        seed=seed,
        first_item=item,
    )
    return np.asarray(won[0])
