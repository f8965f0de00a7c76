"""Information a memory gives back, in bits per pattern and per synapse, under a named counting convention."""

from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np

from sdrsim.engine.codes import SDR
from sdrsim.errors import ParameterError
from sdrsim.measures.recall import pair

__all__ = ["Information", "information"]

_CONVENTION = (
    "each unit counts as an independent binary channel with the mean activity, miss and false-alarm rates of the "
    "sample (transinformation, Knoblauch, Palm & Sommer 2010)"
)
_GAIN = "; what the cues already told, counted alike, is taken off (completion)"


@dataclass(frozen=True)
class Information:
    """Bits per pattern, bits per synapse (None when the number of synapses is not known), how they were counted."""

    bits_per_pattern: float
    bits_per_synapse: float | None
    convention: str

    def __repr__(self) -> str:
        synapse = "" if self.bits_per_synapse is None else f", {self.bits_per_synapse:.4g} bits per synapse"
        return f"Information({self.bits_per_pattern:.4g} bits per pattern{synapse})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


def information(
    codes: Any,
    truth: Any,
    n_synapses: int | None = None,
    *,
    n_stored: int | None = None,
    cues: Any = None,
    size: int | None = None,
) -> Information:
    """Transinformation between what was stored and what came back.

    With activity p, miss rate p10 and false-alarm rate p01 over all units and items, and the binary entropy
    ``h(q) = -q log2 q - (1 - q) log2(1 - q)``, a pattern over `size` units gives
    ``T = size * [h(p (1 - p10) + (1 - p) p01) - p h(p10) - (1 - p) h(p01)]`` bits
    (Knoblauch, Palm & Sommer 2010, Neural Comput. 22:289, transinformation of the binary channel). Per synapse:
    ``n_stored * T / n_synapses``.

    Without errors this is ``size * h(k / size)``, a little more than ``log2 C(size, k)`` for patterns known to have k
    active units, and more than ``n_clusters * log2(cluster_size)`` for block codes.

    Parameters
    ----------
    codes, truth : SDR, bool or 0/1 uint8 ``(n, size)``, indices ``(n, k)``, CSR
        Recalled and stored, item by item.
    n_synapses : int, optional
        Binary or graded synapses of the memory, as it counts them itself (``memory.n_synapses``).
    n_stored : int, optional
        Items in the memory, where `truth` is a sample of them; otherwise the items of `truth`.
    cues : codes, optional
        What the memory was given: their own transinformation is taken off, which leaves what recall added.
    size : int, optional
        Units; needed when everything is given as indices.

    Raises
    ------
    CodeError, ParameterError
        Codes that do not fit each other; counts below 1.

    Examples
    --------
    >>> from sdrsim import measures
    >>> i = measures.information([[1, 2], [3, 4]], [[1, 2], [3, 4]], n_synapses=64, size=8)
    >>> i
    Information(6.49 bits per pattern, 0.2028 bits per synapse)
    """
    got, want = pair(codes, truth, size)
    bits, convention = want.size * _channel(got, want), _CONVENTION
    if cues is not None:
        bits -= want.size * _channel(*pair(cues, want, None))
        convention += _GAIN
    for name, count in (("n_synapses", n_synapses), ("n_stored", n_stored)):
        if count is not None and (isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1):
            raise ParameterError(name, got=repr(count), expected="a whole number, 1 or more")
    stored = len(want) if n_stored is None else int(n_stored)
    return Information(bits, None if n_synapses is None else stored * bits / int(n_synapses), convention)


def _channel(got: SDR, want: SDR) -> float:
    """Transinformation per unit, in bits."""
    n_on, n_units = int(want.n_active.sum()), len(want) * want.size
    n_hit, n_out = int(got.overlap(want).sum()), int(got.n_active.sum())
    on, off = n_on, n_units - n_on
    noise = on * _entropy((n_on - n_hit) / on if on else 0.0) + off * _entropy((n_out - n_hit) / off if off else 0.0)
    return _entropy(n_out / n_units) - noise / n_units


def _entropy(q: float) -> float:
    return 0.0 if q <= 0 or q >= 1 else -q * log2(q) - (1 - q) * log2(1 - q)
