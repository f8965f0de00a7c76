"""Bits of a pattern under two counting conventions, bits per synapse, compressed capacity."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from sdrsim.errors import ParameterError
from sdrsim.models.hebbian.theory.checks import Reals, above_none, given, one_of, real, share, together, whole

__all__ = ["binary_entropy", "bits_per_synapse", "compressed_capacity", "pattern_bits"]

Convention = Literal["channel", "subsets"]


def binary_entropy(p: ArrayLike) -> Reals:
    """``I(p) = -p log2 p - (1 - p) log2(1 - p)``, in bits.

    Examples
    --------
    >>> binary_entropy([0, .5, .11]).round(3).tolist()
    [0.0, 1.0, 0.5]
    """
    return given(_entropy(share("p", p)))


def pattern_bits(n_units: ArrayLike, n_active: ArrayLike, convention: Convention = "channel") -> Reals:
    """Bits of a random pattern of k of N units, counted in one of two ways.

    Parameters
    ----------
    n_units : int or array, 1 or more
        N.
    n_active : int or array, 0 .. n_units
        k.
    convention : 'channel' or 'subsets'
        'channel': N independent units of activity k / N, ``N I(k / N)`` (Palm 1980; Knoblauch, Palm & Sommer 2010);
        'subsets': patterns known to have exactly k active units, ``log2 C(N, k)``, a little less.

    Raises
    ------
    ParameterError
        Counts out of range, an unknown convention.

    Examples
    --------
    >>> [round(float(pattern_bits(2048, 11, c)), 1) for c in ("channel", "subsets")]
    [98.8, 95.7]
    """
    n, k = together(n_units=whole("n_units", n_units, 1), n_active=whole("n_active", n_active))
    above_none("n_active", k, "n_units", n)
    if one_of("convention", convention, ("channel", "subsets")) == "channel":
        return given(n * _entropy(k / n))
    from scipy.special import gammaln

    return given((gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)) / np.log(2))


def bits_per_synapse(
    n_patterns: ArrayLike,
    n_units: ArrayLike,
    n_active: ArrayLike,
    n_synapses: ArrayLike,
    convention: Convention = "channel",
) -> Reals:
    """Bits of all stored patterns over the number of synapses: ``M bits / n_synapses``.

    As if every pattern came back without error and the cue told nothing: an auto-associative memory that completes
    patterns gives back less (``measures.information`` takes off what the cues told).

    Parameters
    ----------
    n_patterns : float or array, 0 or more
        M; also a capacity that is no whole number.
    n_units, n_active : int or array
        N and k.
    n_synapses : int or array, 1 or more
        As one counts them: ``N**2`` for two populations, ``N (N - 1) / 2`` for pairs of one, or ``N (N - 1)``.
    convention : 'channel' or 'subsets'
        As in `pattern_bits`.

    Raises
    ------
    ParameterError
        Counts out of range, an unknown convention.

    Examples
    --------
    >>> [round(float(bits_per_synapse(18_248, 2048, 11, 2048**2, c)), 2) for c in ("channel", "subsets")]
    [0.43, 0.42]
    """
    m, synapses, bits = together(
        n_patterns=real("n_patterns", n_patterns, 0.0, np.inf, ends="low"),
        n_synapses=whole("n_synapses", n_synapses, 1),
        n_units=pattern_bits(n_units, n_active, convention),
    )
    return given(m * bits / synapses)


def compressed_capacity(bits_per_synapse: ArrayLike, density: ArrayLike) -> Reals:
    """Information per physical bit of the optimally compressed matrix: ``C / I(p1)`` (Knoblauch, Palm & Sommer 2010).

    A matrix of density p1 compresses to ``I(p1)`` bits a synapse; for p1 towards 0 or 1 (the inhibitory network) this
    exceeds the capacity of the plain matrix.

    Parameters
    ----------
    bits_per_synapse : float or array, 0 or more
        C.
    density : float or array, 0 .. 1, ends left out
        p1.

    Examples
    --------
    >>> round(float(compressed_capacity(.2, density=.05)), 3)
    0.698
    """
    c, p = together(
        bits_per_synapse=real("bits_per_synapse", bits_per_synapse, 0.0, np.inf, ends="low"),
        density=share("density", density),
    )
    if np.any((p == 0) | (p == 1)):
        raise ParameterError("density", got="0 or 1", expected="between: an empty or full matrix compresses to nothing")
    return given(c / _entropy(p))


def _entropy(p: Reals) -> Reals:
    with np.errstate(divide="ignore", invalid="ignore"):
        on, off = p * np.log2(p), (1 - p) * np.log1p(-p) / np.log(2)
    return np.asarray(-np.where(p == 0, 0.0, on) - np.where(p == 1, 0.0, off))
