"""What a recall from a binary memory is asked to do, checked before anything is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_count, checked_name, checked_real
from sdrsim.errors import ParameterError
from sdrsim.models.hebbian.kernels.net import ALL, GWSTA, GWTA, KWTA, THRESHOLD, WTA, Rule
from sdrsim.models.hebbian.selection import NEED_CLUSTERS, NEED_K, SELECTIONS

__all__ = ["CORRECTIONS", "RULES", "Asked", "Failures", "checked_failures", "checked_request"]

RULES = ("sum_of_sum", "sum_of_sum_norm", "sum_of_max")
CORRECTIONS = ("activity", "usage")
_COMPILED = {"wta": WTA, "gwta": GWTA, "gwsta": GWSTA, "kwta": KWTA, "threshold": THRESHOLD}
_MOST_GAMMA = 2**14

Failures = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
"""(pre, post) of the links that fail, volley by volley."""


@dataclass(frozen=True)
class Asked:
    """A checked request. `select` is a name or a function; `k`, `threshold` are None where nothing needs them.

    `fill_erased`: under sum of max, erased clusters begin with all units on.
    """

    rule: str
    select: str | Callable[..., Any]
    k: int | None
    threshold: int | None
    memory_effect: int
    max_iterations: int
    stop: str
    p_syn: float
    correction: str | None = None
    rho: float | None = None
    failures: Failures | None = None
    fill_erased: bool = False

    @property
    def is_compiled(self) -> bool:
        """Whether the kernels do it; else the portable path."""
        named = isinstance(self.select, str) and self.select in _COMPILED
        return named and self.rule != "sum_of_sum_norm" and self.correction is None and self.failures is None

    def kernel_rule(self) -> Rule:
        """For the kernels."""
        assert isinstance(self.select, str)
        select = ALL if self.select == "threshold" and self.threshold is None else _COMPILED[self.select]
        return Rule(
            select,
            self.k or 0,
            self.threshold or 0,
            self.memory_effect,
            self.max_iterations,
            self.stop == "clique",
            self.p_syn,
            self.fill_erased,
        )


def checked_request(
    *,
    size: int,
    n_clusters: int,
    rule: str,
    select: Any,
    k: Any,
    default_k: int | None,
    threshold: Any,
    memory_effect: Any,
    max_iterations: Any,
    stop: Any,
    p_syn: Any,
    correction: Any = None,
    rho: Any = None,
    failures: Any = None,
    fill_erased: bool = False,
) -> Asked:
    """A request with every option in its range, or ParameterError."""
    rules = RULES if n_clusters else RULES[:1]
    checked_name("rule", rule, rules, "" if n_clusters else "the others need clusters")
    if not callable(select):
        known = [name for name in SELECTIONS if n_clusters or name not in NEED_CLUSTERS]
        checked_name("select", select, known, "a function f(scores, active) -> bool mask")
    if isinstance(select, str) and select in NEED_K and k is None:
        k = default_k
        if k is None:
            raise ParameterError("k", got="None", expected=f"a whole number, as select={select!r} needs", do="pass k=")
    if k is not None:
        k = checked_count("k", k, 1, size)
    if threshold is not None:
        threshold = checked_count("threshold", threshold, 0, 2**16 - 1)
    if correction is not None:
        checked_name("correction", correction, CORRECTIONS)
    if rho is not None:
        rho = checked_real("rho", rho, 0.0, 1.0)
    p_syn = checked_real("p_syn", p_syn, 0.0, 1.0)
    if failures is not None and p_syn > 0:
        raise ParameterError("failures", got=f"p_syn={p_syn:g} too", expected="recorded failures, or drawn ones")
    return Asked(
        rule,
        select,
        k,
        threshold,
        checked_count("memory_effect", memory_effect, 0, _MOST_GAMMA),
        checked_count("max_iterations", max_iterations, 1, 2**31 - 1),
        checked_name("stop", stop, ("fixed", "clique")),
        p_syn,
        correction,
        rho,
        failures,
        fill_erased,
    )


def checked_failures(failures: Any, size: int, n_items: int) -> Failures:
    """The links that fail in each volley of one item, as pairs of int arrays, or ParameterError."""
    if n_items != 1:
        raise ParameterError("failures", got=f"{n_items} cues", expected="one cue: failures are those of one item")
    made = []
    for volley, pair in enumerate(failures):
        what = f"failures of volley {volley}"
        try:
            pre, post = (np.asarray(side) for side in pair)
        except (TypeError, ValueError):
            raise ParameterError(what, got=repr(pair), expected="(pre, post), two arrays of units") from None
        if pre.shape != post.shape or pre.ndim != 1 or any(s.size and s.dtype.kind not in "iu" for s in (pre, post)):
            raise ParameterError(what, got=f"shapes {pre.shape}, {post.shape}", expected="two flat arrays of units")
        for side in (pre, post):
            if side.size and not (side.min() >= 0 and side.max() < size):
                raise ParameterError(what, got=f"units {side.min()} .. {side.max()}", expected=f"0 .. {size - 1}")
        links = np.unique(
            pre.astype(np.int64) * size + post.astype(np.int64)
        )  # a link fails once, however often listed
        made.append((links // size, links % size))
    return made
