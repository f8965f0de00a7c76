"""Kanerva's sparse distributed memory: activation, overlap of access circles, read-out, critical distance.

Hard locations are uniform random addresses of n bits; a location is activated when its Hamming distance is at most
the radius. Activation and overlap are exact. A read sums the counters of the activated locations: mean and variance
of the sum are exact over random locations, addresses and data; the error of a bit takes the sum for normal.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.models.hebbian.theory.checks import Reals, above_none, given, real, together, whole

__all__ = [
    "KanervaRead",
    "kanerva_activated",
    "kanerva_activation",
    "kanerva_critical_distance",
    "kanerva_overlap",
    "kanerva_radius",
    "kanerva_read",
    "kanerva_signal_to_noise",
]


def kanerva_activation(n_bits: ArrayLike, radius: ArrayLike) -> Reals:
    """Probability that an address activates a random location: ``p = sum_{i <= r} C(n, i) 2**-n`` (Kanerva 1988).

    Parameters
    ----------
    n_bits : int or array, 1 or more
        n.
    radius : int or array, 0 or more
        r, largest Hamming distance.

    Examples
    --------
    >>> round(float(kanerva_activation(1000, radius=451)), 6)
    0.001072
    """
    n, r = together(n_bits=whole("n_bits", n_bits, 1), radius=whole("radius", radius))
    return given(_up_to(r, n))


def kanerva_activated(n_locations: ArrayLike, n_bits: ArrayLike, radius: ArrayLike) -> Reals:
    """Expected number of activated locations, ``N' p``.

    Parameters
    ----------
    n_locations : int or array, 0 or more
        N', hard locations.
    n_bits, radius : int or array
        As in `kanerva_activation`.

    Examples
    --------
    >>> round(float(kanerva_activated(1_000_000, 1000, radius=451)))
    1072
    """
    located, p = together(n_locations=whole("n_locations", n_locations), n_bits=kanerva_activation(n_bits, radius))
    return given(located * p)


def kanerva_radius(n_bits: ArrayLike, p_activate: ArrayLike) -> NDArray[np.int64]:
    """The smallest radius that activates a location with at least the probability asked for.

    Parameters
    ----------
    n_bits : int or array, 1 or more
    p_activate : float or array, above 0, up to 1

    Examples
    --------
    >>> int(kanerva_radius(1000, p_activate=.001))
    451
    """
    n, p = together(n_bits=whole("n_bits", n_bits, 1), p_activate=real("p_activate", p_activate, 0.0, 1.0, ends="high"))
    low, high = np.full(n.shape, -1.0), n.copy()
    while np.any(high - low > 1):
        middle = np.floor((low + high) / 2)
        enough = _up_to(middle, n) >= p
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high.astype(np.int64)[()]


def kanerva_overlap(n_bits: ArrayLike, radius: ArrayLike, distance: ArrayLike) -> Reals:
    """Probability that a random location is activated by both of two addresses at some distance of each other.

    A location that differs from the first address in i of the d bits in which the two differ, and in j of the others,
    lies at ``i + j`` and ``d - i + j``. So it is
    ``p2(d) = sum_i C(d, i) 2**-d P(Binomial(n - d, 1/2) <= r - max(i, d - i))``, exactly: the intersection of two
    access circles of Kanerva 1988.

    Parameters
    ----------
    n_bits, radius : int or array
        As in `kanerva_activation`.
    distance : int or array, 0 .. n_bits
        d, Hamming distance of the addresses.

    Examples
    --------
    >>> (1e6 * kanerva_overlap(1000, 451, [0, 100, 200, 500])).round(1).tolist()
    [1071.9, 285.8, 103.5, 1.1]
    """
    n, r, d = together(
        n_bits=whole("n_bits", n_bits, 1), radius=whole("radius", radius), distance=whole("distance", distance)
    )
    above_none("distance", d, "n_bits", n)
    shared = [_shared(int(a), int(b), int(c)) for a, b, c in zip(np.ravel(n), np.ravel(r), np.ravel(d))]
    return given(np.reshape(shared, n.shape))


class KanervaRead(NamedTuple):
    """One bit of a read-out: the sum of the counters of the activated locations, times the bit that was stored.

    signal : mean that the pattern itself leaves, ``N' p2(d)``
    bias : mean that the other patterns leave towards the bits of the cue, 0 unless the data are the addresses
    variance : of the sum
    bit_error : probability that a bit is read wrong; ties decided by a coin
    """

    signal: Reals
    bias: Reals
    variance: Reals
    bit_error: Reals


def kanerva_read(
    n_patterns: ArrayLike,
    n_locations: ArrayLike,
    n_bits: ArrayLike,
    radius: ArrayLike,
    distance: ArrayLike,
    autoassociative: bool = False,
) -> KanervaRead:
    """What a read gives at some distance from the address of a stored pattern.

    The locations that read and write share leave ``signal = N' p2(d)``. Each of the T - 1 other patterns leaves the
    number of locations it shares with the read, with a random sign:
    ``variance = N' p2(d) (1 - p2(d)) + (T - 1)(N' p**2 + N' (N' - 1) E[p2(D)**2])`` with D the distance of its
    address, binomial of n and 1/2. With ``E[p2(D)**2]`` taken for ``p**4`` this is the usual
    ``T N' p**2 (1 + N' p**2)``, too small for large memories (1.13 times p**4 for n = 1000, r = 451).

    Where each pattern is stored at itself, patterns near the cue share its bits and more locations with it: a bias
    ``(T - 1) N' m**2`` towards the bits of the cue, ``m = C(n - 1, r) 2**-n``. Right bits of the cue gain it, wrong
    ones fight it. The activated locations lean towards the cue by chance more or less, which moves all patterns
    alike: the variance grows by ``(T - 1)(T - 2) m**2 N' (p - m**2)`` and the covariance with the signal. `variance`
    and `bit_error` are then means over the bits. Derived here.

    Parameters
    ----------
    n_patterns : int or array, 1 or more
        T, the pattern that is read among them.
    n_locations : int or array, 1 or more
        N'.
    n_bits, radius, distance : int or array
        n, r, d, as in `kanerva_overlap`.
    autoassociative : bool
        Whether each pattern is its own address. False: data are random.

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast.

    Examples
    --------
    >>> read = kanerva_read(10_000, 1_000_000, 1000, radius=451, distance=[0, 100, 200])
    >>> read.signal.round().tolist(), read.bit_error.round(4).tolist()
    ([1072.0, 286.0, 103.0], [0.0, 0.0401, 0.2626])
    """
    from scipy.special import ndtr

    t, located, n, r, d = together(
        n_patterns=whole("n_patterns", n_patterns, 1),
        n_locations=whole("n_locations", n_locations, 1),
        n_bits=whole("n_bits", n_bits, 1),
        radius=whole("radius", radius),
        distance=whole("distance", distance),
    )
    above_none("distance", d, "n_bits", n)
    p, p2 = np.asarray(_up_to(r, n)), np.asarray(kanerva_overlap(n, r, d))
    square = np.reshape([_mean_square(int(a), int(b)) for a, b in zip(np.ravel(n), np.ravel(r))], n.shape)
    signal, bias = located * p2, np.zeros_like(p)
    more_right, more_wrong = np.zeros_like(p), np.zeros_like(p)
    variance = signal * (1 - p2) + (t - 1) * (located * p**2 + located * (located - 1) * square)
    if autoassociative:
        m = _lean(n, r)
        lean = [_shared_lean(int(a), int(b), int(c)) for a, b, c in zip(np.ravel(n), np.ravel(r), np.ravel(d))]
        agree = np.reshape(lean, n.shape)
        bias = (t - 1) * located * m**2
        variance = variance - (t - 1) * (located * m**2) ** 2 + (t - 1) * (t - 2) * m**2 * located * (p - m**2)
        more_right, more_wrong = 2 * (t - 1) * m * located * (agree - p2 * m), 2 * (t - 1) * m * located * p2 * m
    flipped = d / n
    with np.errstate(divide="ignore", invalid="ignore"):
        right = (signal + bias) / np.sqrt(np.maximum(variance + more_right, 0.0))
        wrong = (signal - bias) / np.sqrt(np.maximum(variance + more_wrong, 0.0))
    error = (1 - flipped) * ndtr(-np.nan_to_num(right, nan=0.0)) + flipped * ndtr(-np.nan_to_num(wrong, nan=0.0))
    variance = np.maximum(variance + (1 - flipped) * more_right + flipped * more_wrong, 0.0)
    return KanervaRead(given(signal), given(bias), given(variance), given(error))


def kanerva_signal_to_noise(
    n_patterns: ArrayLike, n_locations: ArrayLike, n_bits: ArrayLike, radius: ArrayLike, distance: ArrayLike = 0
) -> Reals:
    """Mean over standard deviation of a read-out bit, ``signal / sqrt(variance)`` of `kanerva_read`, random data.

    At the stored address about ``sqrt(N' p / (1 + T p (1 + N' p**2)))``.

    Examples
    --------
    >>> round(float(kanerva_signal_to_noise(10_000, 1_000_000, 1000, 451)), 2)
    6.47
    """
    read = kanerva_read(n_patterns, n_locations, n_bits, radius, distance)
    with np.errstate(divide="ignore", invalid="ignore"):
        return given(read.signal / np.sqrt(read.variance))


def kanerva_critical_distance(
    n_patterns: int, n_locations: int, n_bits: int, radius: int, autoassociative: bool = True
) -> int:
    """The distance beyond which reading again and again leads away from a stored pattern, in expectation.

    The smallest d above 0 at which the expected distance after one read, ``n bit_error(d)``, is not below d; n where
    there is none. By convention for patterns stored at themselves, since the answer is the next address.
    ``autoassociative=False`` leaves out the bias towards the cue. An estimate: the noise of a read is taken anew at
    every distance, and for normal. (Kanerva 1988 is quoted with about 209 for n = 1000, r = 451, N' = 1e6, T =
    10,000; here it is 229 with the bias and 153 without it, and 221 if the noise were ``T N' p**2``.)

    Parameters
    ----------
    n_patterns, n_locations, n_bits, radius : int
        T, N', n, r.
    autoassociative : bool

    Examples
    --------
    >>> kanerva_critical_distance(1000, 1_000_000, 1000, 451)
    347
    """
    d = np.arange(int(whole("n_bits", n_bits, 1)) + 1)
    error = kanerva_read(n_patterns, n_locations, n_bits, radius, d, autoassociative).bit_error
    lost = np.flatnonzero(n_bits * error[1:] >= d[1:])
    return int(lost[0]) + 1 if len(lost) else int(n_bits)


def _up_to(r: Reals, n: Reals) -> Reals:
    """P(Binomial(n, 1/2) <= r)."""
    from scipy.special import betainc

    inside = (r >= 0) & (r < n)
    at, many = np.where(inside, r, 0.0), np.where(inside, n, 1.0)
    return np.where(inside, betainc(many - at, at + 1, 0.5), np.where(r < 0, 0.0, 1.0))


def _halves(n: int) -> Reals:
    """(n + 1,): Binomial(n, 1/2)."""
    from scipy.special import gammaln

    i = np.arange(n + 1)
    with np.errstate(under="ignore"):
        return np.asarray(np.exp(gammaln(n + 1) - gammaln(i + 1) - gammaln(n - i + 1) - n * np.log(2)))


def _lean(n: Reals, r: Reals) -> Reals:
    """m = C(n - 1, r) 2**-n: mean of the product of one bit of an address and of a location, where it activates it."""
    from scipy.special import gammaln

    inside = (r >= 0) & (r < n)
    at, many = np.where(inside, r, 0.0), np.where(inside, n, 1.0)
    return np.where(inside, np.exp(gammaln(many) - gammaln(at + 1) - gammaln(many - at) - many * np.log(2)), 0.0)


@lru_cache(maxsize=1 << 16)
def _shared_lean(n: int, r: int, d: int) -> float:
    """The same where two addresses activate it, for a bit in which they agree (where they differ it is 0)."""
    if d == n:
        return 0.0
    i = np.arange(d + 1)
    return float(_halves(d) @ _lean(np.full(d + 1, float(n - d)), np.asarray(r - np.maximum(i, d - i), np.float64)))


@lru_cache(maxsize=1 << 16)
def _shared(n: int, r: int, d: int) -> float:
    i = np.arange(d + 1)
    return float(_halves(d) @ _up_to(np.asarray(r - np.maximum(i, d - i), np.float64), np.full(d + 1, float(n - d))))


@lru_cache(maxsize=256)
def _mean_square(n: int, r: int) -> float:
    """E[p2(D)**2] over D ~ Binomial(n, 1/2); distances that could add less than 1e-16 of it are left out."""
    chance = _halves(n)
    p = _shared(n, r, 0)
    matter = np.flatnonzero(chance * (n + 1) >= 1e-16 * p**2)
    return float(sum(chance[d] * _shared(n, r, int(d)) ** 2 for d in matter))
