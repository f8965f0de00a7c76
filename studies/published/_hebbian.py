"""What the studies of the Hebbian memories share: rates over networks, comparisons with a stated family-wise level."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from sdrsim import measures
from sdrsim.files.table import Table
from sdrsim.studies.check import Check

__all__ = ["FALSE_ALARM", "against", "rate", "worst_t"]

FALSE_ALARM = 1e-4  # of a family of comparisons


def rate(t: Table, name: str, n_trials: int) -> measures.Rate:
    """Mean over networks of a share: the interval over networks or that of all trials, whichever is wider."""
    return measures.spread(t[name], n_trials=n_trials * len(t))


def against(
    name: str, t: Table, column: str, target: float, n_theirs: int, n_ours: int, source: str, n_family: int
) -> Check:
    """A share over networks against that of an earlier run of `n_theirs` trials, at a level shared by `n_family`.

    Ours may be off by Student's t times the standard error, the spread over networks or the binomial, whichever is
    wider; theirs by the acceptance region of the binomial at the pooled share (exact, for shares of a few hits).
    """
    from scipy.stats import binom
    from scipy.stats import t as student

    values, n = np.asarray(t[column], np.float64), len(t)
    mean = float(values.mean())
    pooled = (mean * n_ours * n + target * n_theirs) / (n_ours * n + n_theirs)
    pooled = min(max(pooled, 1 / (n_ours * n + n_theirs)), 1 - 1 / (n_ours * n + n_theirs))
    ours = max(values.std(ddof=1) / np.sqrt(n), np.sqrt(pooled * (1 - pooled) / (n_ours * n)))
    tail = FALSE_ALARM / n_family / 2
    region = np.array([binom.ppf(tail, n_theirs, pooled), binom.isf(tail, n_theirs, pooled)]) / n_theirs
    limit = float(student.isf(tail, n - 1) * ours + np.abs(region - pooled).max())
    more: dict[str, Any] = {"n": n * n_ours, "kind": "prototype", "source": source}
    return Check.within(name, mean, target, limit, **more)


def worst_t(
    name: str, groups: Iterable[tuple[Any, float]], bias: float = 0.0, kind: str = "theory", source: str = ""
) -> Check:
    """Largest |t| of means over networks against expected values, `bias` taken off each distance first."""
    from scipy.stats import t as student

    far, n = [], 2
    for values, expected in groups:
        v = np.asarray(values, np.float64)
        n = len(v)
        error = v.std(ddof=1) / np.sqrt(n)
        off = max(0.0, abs(float(v.mean()) - expected) - bias)
        far.append(off / error if error > 0 else (0.0 if off < 1e-12 else np.inf))
    limit = float(student.isf(FALSE_ALARM / max(1, len(far)) / 2, n - 1))
    told = f"{source}; {len(far)} points, family-wise level {FALSE_ALARM:g}" + (
        f", bias {bias:g} allowed" if bias else ""
    )
    return Check.at_most(name, max(far, default=0.0), limit, n=n, kind=kind, source=told)
