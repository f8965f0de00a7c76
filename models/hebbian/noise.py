"""From analogue noise to insertions and erasures: a unit's noisy input, cut at a threshold.

Reconstruction from the abstract of Coyac, Gripon, Langlais & Berrou 2017 (synapses that fail and interference from
outside the network, coarsely quantised); the formulas are derived here.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.errors import ParameterError
from sdrsim.models.hebbian.theory.checks import given, one_of, real, share, together, whole

__all__ = ["NoiseRates", "quantize_noise"]

_Reals = NDArray[np.float64]


class NoiseRates(NamedTuple):
    """The binary asymmetric channel that a threshold makes of analogue noise.

    p_erase : probability that a unit that should be on stays below the threshold
    p_insert : probability that a unit that should be off reaches it
    """

    p_erase: _Reals
    p_insert: _Reals


def quantize_noise(
    n_afferents: ArrayLike,
    p_syn: ArrayLike,
    weight: ArrayLike,
    mean: ArrayLike,
    sd: ArrayLike,
    threshold: ArrayLike,
    exact: bool = False,
    interference: Literal["normal", "poisson"] = "normal",
) -> NoiseRates:
    """Erasure and insertion probability of a unit with unreliable afferents and interference, quantised to one bit.

    A unit that should be on receives S afferents of weight w, each with probability ``q = 1 - p_syn``, and the
    interference; one that should be off the interference alone. It is on when its input reaches the threshold theta:

    ``p_erase = Phi((theta - S q w - mu) / sqrt(S q (1 - q) w**2 + sigma**2))``,
    ``p_insert = 1 - Phi((theta - mu) / sigma)``.

    ``exact=True`` keeps the number of transmitted afferents binomial instead of normal, which matters for small S:
    ``p_erase = sum_s C(S, s) q**s (1 - q)**(S - s) Phi((theta - s w - mu) / sigma)``. Several thresholds (an array)
    cut the input into more than two levels: the differences of the probabilities are those of the levels.

    Parameters
    ----------
    n_afferents : int or array, 0 or more
        S, afferents that carry the external message to the unit.
    p_syn : float or array, 0 .. 1
        Probability that a synapse fails to transmit.
    weight : float or array, 0 or more
        w, in the unit of the threshold.
    mean, sd : float or array
        mu and sigma of the interference, sigma 0 or more.
    threshold : float or array
        theta.
    exact : bool
        Whether the afferents are binomial; True is needed with Poisson interference.
    interference : 'normal' or 'poisson'
        'normal': many weak sources. 'poisson': few strong ones, events of equal size whose number is Poisson, of the
        same mean and standard deviation: ``mean**2 / sd**2`` events of size ``sd**2 / mean`` (both above 0).

    Returns
    -------
    NoiseRates
        (p_erase, p_insert), float64, of the shape of all arguments together.

    Raises
    ------
    ParameterError
        Negative counts, weights or deviations, probabilities outside 0 .. 1, what is not finite, shapes that do not
        broadcast.

    Examples
    --------
    >>> rates = quantize_noise(n_afferents=20, p_syn=.3, weight=1, mean=0, sd=2.5, threshold=[6, 8, 10])
    >>> rates.p_erase.round(4).tolist(), rates.p_insert.round(6).tolist()
    ([0.0067, 0.0317, 0.108], [0.008198, 0.000687, 3.2e-05])
    """
    one_of("interference", interference, ("normal", "poisson"))
    s, lost, w, mu, sigma, theta = together(
        n_afferents=whole("n_afferents", n_afferents),
        p_syn=share("p_syn", p_syn),
        weight=real("weight", weight, 0.0, np.inf, ends="low"),
        mean=real("mean", mean, -np.inf, np.inf, ends="none"),
        sd=real("sd", sd, 0.0, np.inf, ends="low"),
        threshold=real("threshold", threshold, -np.inf, np.inf, ends="none"),
    )
    split = _normal
    if interference == "poisson":
        if not exact:
            raise ParameterError("exact", got="False", expected="True with Poisson interference", do="set exact=True")
        if np.any(mu <= 0) or np.any(sigma <= 0):
            raise ParameterError("mean, sd", got="0 or less", expected="above 0 with Poisson interference")
        split = _poisson
    _, inserted = split(theta, np.zeros_like(theta), mu, sigma)
    if exact:
        erased = _mixed(split, s, 1 - lost, w, mu, sigma, theta)
    else:
        deviation = np.sqrt(s * (1 - lost) * lost * w**2 + sigma**2)
        erased, _ = _normal(theta, s * (1 - lost) * w, mu, deviation)
    return NoiseRates(given(erased), given(inserted))


_Split = Callable[[_Reals, _Reals, _Reals, _Reals], tuple[_Reals, _Reals]]


def _mixed(split: _Split, s: _Reals, q: _Reals, w: _Reals, mu: _Reals, sigma: _Reals, theta: _Reals) -> _Reals:
    """Probability of staying below the threshold over the binomial number of transmitted afferents."""
    from scipy.special import gammaln, xlog1py, xlogy

    erased = np.zeros(s.shape)
    for n in range(int(s.max(initial=0)) + 1):
        room = np.maximum(s - n, 0)
        log = gammaln(s + 1) - gammaln(n + 1.0) - gammaln(room + 1) + xlogy(n, q) + xlog1py(room, -q)
        erased += np.where(n <= s, np.exp(np.where(n <= s, log, 0.0)), 0.0) * split(theta, n * w, mu, sigma)[0]
    return np.minimum(erased, 1.0)


def _reached(missing: _Reals, scale: _Reals) -> NDArray[np.bool_]:
    """Whether nothing is missing, up to rounding: three times .1 reach .3."""
    return missing <= 1e-12 * scale


def _normal(theta: _Reals, signal: _Reals, mean: _Reals, sd: _Reals) -> tuple[_Reals, _Reals]:
    """P(signal + Normal(mean, sd**2) < theta), and the rest; at sd = 0 a step."""
    from scipy.special import ndtr

    missing = theta - signal - mean
    with np.errstate(divide="ignore", invalid="ignore"):
        z = missing / sd
    on = _reached(missing, np.abs(theta) + signal + np.abs(mean)).astype(np.float64)
    return np.where(sd > 0, ndtr(z), 1 - on), np.where(sd > 0, ndtr(-z), on)


def _poisson(theta: _Reals, signal: _Reals, mean: _Reals, sd: _Reals) -> tuple[_Reals, _Reals]:
    """P(signal + g K < theta), and the rest: K ~ Poisson(mean**2 / sd**2), g = sd**2 / mean."""
    from scipy.special import pdtr, pdtrc

    size, rate = sd**2 / mean, (mean / sd) ** 2
    most = np.ceil((theta - signal) / size) - 1  # the largest number of events that stays below
    most -= _reached(theta - signal - most * size, np.abs(theta) + signal + size)
    some = np.maximum(most, 0)
    return np.where(most >= 0, pdtr(some, rate), 0.0), np.where(most >= 0, pdtrc(some, rate), 1.0)
