"""What the code selection algorithm must give, in closed form: the lines drawn beside the Sparsey studies.

* one stored item: eqs 4 and 7 to 11 of Rinkus 2014 leave one number, the chance that the stored winner wins again;
* codes drawn at random (expansivity 1, as long as every item is novel): how familiar a further random item looks, and
  how often a stored one meets a rival that hears all of it. Both are exact, crosstalk of all orders included.
"""

from collections.abc import Callable
from math import exp, log

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from scipy.stats import hypergeom

from sdrsim.models.sparsey.params import MacParams

__all__ = ["one_item_overlap", "random_code_familiarity", "random_code_match"]

Floats = NDArray[np.float64]


def one_item_overlap(params: MacParams, similarity: ArrayLike) -> Floats:
    """Expected code overlap of a probe with the only stored item.

    The stored winner of each CM has V = similarity, its K - 1 rivals have V = 0, and G = V: the overlap is
    ``rho = psi(V) / (psi(V) + (K - 1) psi(0))`` (Rinkus 2014, eqs 7 to 11), for every form of psi.

    Parameters
    ----------
    params : MacParams
        All items of one size: then 'fraction' and 'cosine' agree, and eq 3 needs no more than the similarity.
    similarity : array_like of float, 0 .. 1
        Shared active inputs over active inputs.
    """
    values = np.atleast_1d(np.asarray(similarity, np.float64))
    out = []
    for v in values.tolist():
        g = v**params.lambda_u0
        best, rest = _psi(params, g, g), _psi(params, 0.0, g)
        out.append(best / (best + (params.n_cells - 1) * rest))
    return np.array(out)


def _psi(params: MacParams, v: float, g: float) -> float:
    """Eqs 9 and 10."""
    if callable(params.psi):
        return float(params.psi(np.array([v]), g)[0])
    rise = max(0.0, (g - params.g_minus) / (1 - params.g_minus))
    eta = 1 + rise**params.gamma * params.chi * params.n_cells
    a, b, c, d = params.sigma
    forms: dict[str, Callable[[], float]] = {
        "richards": lambda: 1 + (eta - 1) / (1 + a * exp(-b * (v - c))) ** d,
        "richards_inside": lambda: 1 + (eta - 1) / (1 + (a * exp(-b * (v - c))) ** d),
        "logistic2010": lambda: 1 + a * g**b / (1 + exp(-(c * v + d))),
        "core": lambda: eta if v >= 0.999 else max(1.0, eta / (1 + exp(-4 * (v - 0.5)))),
        "demo": lambda: 1 + a / (1 + exp(-(v - b) / (c - d * g))),
        "sparseypy": lambda: eta / (1 + exp(b - a * v)) + c,
    }
    return forms[params.psi]()


def random_code_familiarity(n_items: int, n_inputs: int, n_active: int, n_cells: int) -> Floats:
    """Expected G of a novel item after 0 .. `n_items` were stored under random codes; all items random.

    With F_m(t), the probability that at most t of its active inputs lie in the union of m random items, G is the
    mean over t of ``1 - E[prod over the K units of F_m(unit)(t)]``, the items falling uniformly on the units.

    Returns
    -------
    (n_items + 1,) float64
    """
    below = np.cumsum(_coverage(n_items, n_inputs, n_active), axis=1)[:, :-1]
    return np.asarray((1 - _spread_over(below, n_cells)).sum(axis=1) / n_active)


def random_code_match(n_items: int, n_inputs: int, n_active: int, n_cells: int) -> Floats:
    """Share of a stored item's winners that win again ('fraction', no freezing), for 1 .. `n_items` stored.

    The winner hears all of its item, and T rivals in its CM do so by chance; ties are drawn, so the share is
    ``E[1 / (1 + T)]``, the integral over s = 0 .. 1 of the generating function ``E[s**T]`` (here by Gauss-Legendre
    quadrature, exact for its degree K - 1).

    Returns
    -------
    (n_items,) float64
    """
    nodes, weights = np.polynomial.legendre.leggauss((n_cells + 1) // 2)
    s, weights = (nodes + 1) / 2, weights / 2
    covered = _coverage(n_items - 1, n_inputs, n_active)[:, -1:]
    rivals = _spread_over(1 - covered * (1 - s), n_cells - 1)
    return np.asarray(_joined(rivals, n_cells - 1, np.ones_like(rivals), 1) @ weights)


def _coverage(n_items: int, n_inputs: int, n_active: int) -> Floats:
    """(n_items + 1, n_active + 1): after m random items, the chance that c inputs of a given item are covered."""
    step = np.zeros((n_active + 1, n_active + 1))
    for c in range(n_active + 1):
        step[c, c:] = hypergeom.pmf(np.arange(n_active - c + 1), n_inputs, n_active - c, n_active)
    out = np.zeros((n_items + 1, n_active + 1))
    out[0, 0] = 1
    for m in range(n_items):
        out[m + 1] = out[m] @ step
    return out


def _spread_over(f: Floats, n_units: int) -> Floats:
    """For 0 .. n items dropped uniformly on the units: mean of the product over units of ``f[items there]``."""
    out, n_out, power, width = np.zeros(0), 0, f, 1
    while n_units:
        if n_units & 1:
            out, n_out = (power, width) if not n_out else (_joined(out, n_out, power, width), n_out + width)
        n_units >>= 1
        if n_units:
            power, width = _joined(power, width, power, width), 2 * width
    return out


def _joined(a: Floats, n_a: int, b: Floats, n_b: int) -> Floats:
    """Two groups of units as one: n items split binomially between them."""
    out, p = np.empty_like(a), n_a / (n_a + n_b)
    factorial = gammaln(np.arange(len(a)) + 1.0)
    left, right = np.arange(len(a)) * log(p) - factorial, np.arange(len(a)) * log(1 - p) - factorial
    for n in range(len(a)):
        split = np.exp(factorial[n] + left[: n + 1] + right[n::-1])
        out[n] = np.einsum("m,mt,mt->t", split, a[: n + 1], b[n::-1])
    return out
