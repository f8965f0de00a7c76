"""What the studies of binary Hebbian memories share: standard errors over networks, families of comparisons, counts.

One network that is asked many times varies far less than another one: with a single Willshaw network and cues of
repeated items a mean error spreads 2.6 to 2.9 times as widely as independent trials would. So items are distinct,
networks several, and a standard error is that over networks or that of independent trials, whichever is wider.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.engine.codes import SDR
from sdrsim.files.table import Table
from sdrsim.studies.check import Check

__all__ = [
    "LEVEL",
    "binomial_interval",
    "capacity_error",
    "distance",
    "exact",
    "family",
    "points",
    "quantile",
    "share_error",
    "wrong",
]

LEVEL = 0.0027
"""False alarms of a whole family of comparisons: what three standard errors allow a single one."""


def quantile(n_networks: int, n_points: int = 1, one_sided: bool = False) -> float:
    """Student's t that the worst of `n_points` exceeds with probability `LEVEL` at most; infinite for one network."""
    from scipy.stats import t as student

    sides = 1 if one_sided else 2
    return float(student.isf(LEVEL / sides / n_points, n_networks - 1)) if n_networks > 1 else float("inf")


def distance(values: ArrayLike, expected: float, floor: float = 0.0) -> float:
    """Mean of one value a network from what is expected, in standard errors: those over networks, `floor` at least."""
    v = np.asarray(values, np.float64)
    error = max(float(v.std(ddof=1)) / np.sqrt(len(v)), floor)
    return abs(float(v.mean()) - expected) / error if error > 0 else (0.0 if v.mean() == expected else float("inf"))


def share_error(p: float, n: int) -> float:
    """Standard error of a share of `n` independent trials."""
    return float(np.sqrt(p * (1 - p) / n))


def binomial_interval(k: int, n: int) -> tuple[float, float]:
    """Exact interval of a share of which `k` of `n` independent trials were seen (Clopper & Pearson 1934), at `LEVEL`.

    Examples
    --------
    >>> binomial_interval(0, 2000)[0], round(binomial_interval(0, 2000)[1], 4)
    (0.0, 0.0033)
    """
    from scipy.special import betaincinv

    low = float(betaincinv(k, n - k + 1, LEVEL / 2)) if k else 0.0
    return low, float(betaincinv(k + 1, n - k, 1 - LEVEL / 2)) if k < n else 1.0


def family(name: str, far: list[float], n: int, source: str, **more: Any) -> list[Check]:
    """One check for a family of comparisons over `n` networks: the farthest, in standard errors. None for none."""
    if not far:
        return []
    what = f"{source}; {len(far)} points, {n} networks, family-wise level {LEVEL:g}"
    limit = quantile(n, len(far))
    return [Check.at_most(f"{name}, worst |t|", max(far), limit, n=n, **{"kind": "theory", "source": what, **more})]


def points(table: Table, *names: str) -> Iterable[tuple[tuple[Any, ...], Table]]:
    """The rows that have the same values in these columns, in order of appearance."""
    keys = list(zip(*(table[name].tolist() for name in names)))
    for key in dict.fromkeys(keys):
        yield key, table.take(np.array([k == key for k in keys]))


def wrong(codes: SDR, truth: SDR) -> NDArray[np.int64]:
    """(n, 2): units missed and units too many, item by item."""
    same = codes.overlap(truth)
    return np.stack([truth.n_active - same, codes.n_active - same], axis=1)


def exact(codes: SDR, truth: SDR) -> float:
    """Share of items that came back exactly."""
    return float((wrong(codes, truth) == 0).all(axis=1).mean())


def capacity_error(low: float, high: float, n: int) -> float:
    """Standard error of a capacity from its 95 % jackknife interval over `n` networks."""
    from scipy.special import stdtrit

    return (high - low) / 2 / float(stdtrit(n - 1, 0.975)) if n > 1 else float("nan")
