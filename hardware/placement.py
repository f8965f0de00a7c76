"""Where a run's arrays, codes and sums lie on a chip, and what is assumed of it beyond what was simulated."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from math import isfinite
from types import MappingProxyType
from typing import Any

import numpy as np

from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.hardware.levels import in_bytes

__all__ = ["POLICIES", "Placement"]

POLICIES = ("auto", "cache", "pin", "stream", "off_chip")
_CHOICES = {
    "policy": POLICIES,
    "codes": ("on_chip", "off_chip"),
    "encoding": ("aer", "bitmap", "auto"),
    "accumulators": ("reg", "sram"),
    "spill": ("weights", "activations"),
    "overlap": ("full", "none"),
    "page_policy": ("open", "closed"),
    "dram_time": ("throughput", "latency"),
}


@dataclass(frozen=True)
class Placement:
    """Where things lie; every option in words.

    Parameters
    ----------
    on_chip_bytes : int or None
        Capacity of the farthest memory on the chip; nearer ones that are not smaller are left out. 0: nothing is kept
        on the chip. None: the card's own.
    policy : {'auto', 'cache', 'pin', 'stream', 'off_chip'}
        For arrays that `tensors` does not name. ``cache``: rows come in when they are touched, the least recently used
        leave (needs a trace, or `popularity`). ``pin``: whole on the chip, or refused. ``stream``: every access comes
        from off the chip, in order, through the chip; what fits whole stays. ``off_chip``: never kept. ``auto``: cache
        where there is a trace; else pinned where all fit; else cache with rows drawn uniformly, and labelled so.
    tensors : dict of str to str
        Name or pattern (``"W"``, ``"level*/U"``) -> one of the policies, or ``pin:LEVEL``. The first that fits counts.
    popularity : 'uniform', float or None
        A cache without a trace: rows drawn independently, uniformly or by a Zipf law with this exponent.
    codes : {'on_chip', 'off_chip'}
        Where codes are written and read again between steps.
    encoding : {'aer', 'bitmap', 'auto'}
        Codes as addresses of active units, as they were counted; as a bit for every unit; or the shorter of the two.
        The last two need `n_items`. Block codes: `sdrsim.hardware.encodings`.
    accumulators : {'reg', 'sram'}
        Sums kept in registers, written out once and read by the comparison; or read and written at every addition.
    accumulator_bits : int or None
        Bits of a sum. None: 16 over elements of up to 8 bits, else 32, or 64 over 64-bit elements.
    spill : {'weights', 'activations'}
        Who leaves the chip first when room is short. Codes and sums are touched at every step, so that least recently
        used means 'weights'.
    weight_bits : int or None
        Bits of an element, assumed in the place of those simulated.
    batch : int
        Items that share a row fetched for several of them; needs `n_items`, and no trace.
    silent_store : bool
        Words that a store leaves as they were are not written back.
    overlap : {'full', 'none'}
        Time: the longest of compute and memories, or their sum.
    page_policy : {'open', 'closed'}
        Of the DRAM.
    dram_time : {'throughput', 'latency'}
        Bursts at full bandwidth, or one after another with the wait for their page.
    gated_fraction : float
        Share of the time in which what leaks is switched off.
    routes : dict of str to (int, int)
        Name or pattern of a projection -> cores its codes travel between, over the mesh of the card.

    Raises
    ------
    sdrsim.errors.ParameterError
        A negative capacity, an unknown choice, a share outside 0 .. 1.

    Examples
    --------
    >>> Placement(on_chip_bytes=1 << 20)
    Placement(1 MiB on the chip, auto)
    >>> Placement(on_chip_bytes=1 << 20, tensors={"patterns": "stream"}).policy_of("patterns")
    'stream'
    """

    on_chip_bytes: int | None = None
    policy: str = "auto"
    tensors: Mapping[str, str] = field(default_factory=dict)
    popularity: str | float | None = None
    codes: str = "on_chip"
    encoding: str = "aer"
    accumulators: str = "reg"
    accumulator_bits: int | None = None
    spill: str = "weights"
    weight_bits: int | None = None
    batch: int = 1
    silent_store: bool = True
    overlap: str = "full"
    page_policy: str = "open"
    dram_time: str = "throughput"
    gated_fraction: float = 0.0
    routes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("tensors", "routes"):
            object.__setattr__(self, what, _named(what, getattr(self, what)))
        for what, least in (("on_chip_bytes", 0), ("accumulator_bits", 1), ("weight_bits", 1), ("batch", 1)):
            _whole(what, getattr(self, what), least, optional=what != "batch")
        for what, choices in _CHOICES.items():
            _choice(what, getattr(self, what), choices)
        for name, policy in self.tensors.items():
            _choice(f"policy of {name!r}", policy.partition(":")[0] if isinstance(policy, str) else policy, POLICIES)
            if ":" in policy and not policy.startswith("pin:"):
                raise ParameterError(f"policy of {name!r}", got=repr(policy), expected="pin:LEVEL, or one word")
        if not isinstance(self.silent_store, (bool, np.bool_)):
            raise ParameterError("silent_store", got=repr(self.silent_store), expected="True or False")
        if self.popularity is not None and not (isinstance(self.popularity, str) and self.popularity == "uniform"):
            number = isinstance(self.popularity, (int, float)) and not isinstance(self.popularity, bool)
            if not number or not (isfinite(self.zipf) and self.zipf >= 0):
                expected = "'uniform', or the exponent of a Zipf law, 0 or more"
                raise ParameterError("popularity", got=repr(self.popularity), expected=expected)
        if not isinstance(self.gated_fraction, (int, float)) or not 0 <= self.gated_fraction <= 1:
            raise ParameterError("gated_fraction", got=repr(self.gated_fraction), expected="0 .. 1")
        for name, route in self.routes.items():
            if not isinstance(route, (tuple, list)) or len(route) != 2:
                raise ParameterError(f"route of {name!r}", got=repr(route), expected="(core, core)")
            for core in route:
                _whole(f"core of {name!r}", core, 0)

    @property
    def zipf(self) -> float:
        """Exponent of the law that rows are drawn by; 0 is uniform."""
        return 0.0 if self.popularity in (None, "uniform") else float(self.popularity or 0)

    def policy_of(self, tensor: str) -> str:
        """What holds for an array: ``cache``, ``pin:core``, ..."""
        return next((policy for name, policy in self.tensors.items() if fnmatchcase(tensor, name)), self.policy)

    def route_of(self, projection: str) -> tuple[int, int] | None:
        """Cores between which the codes of a projection travel; None: they stay where they are."""
        return next((route for name, route in self.routes.items() if fnmatchcase(projection, name)), None)

    def unused(self, tensors: list[str], projections: list[str]) -> list[str]:
        """Names and patterns that fit nothing."""
        lost = [name for name in self.tensors if not any(fnmatchcase(t, name) for t in tensors)]
        return lost + [name for name in self.routes if not any(fnmatchcase(p, name) for p in projections)]

    def __repr__(self) -> str:
        size = (
            "the card's own memories" if self.on_chip_bytes is None else f"{in_bytes(self.on_chip_bytes)} on the chip"
        )
        own = [f"{name}={policy}" for name, policy in self.tensors.items()]
        said = ("on_chip_bytes", "policy", "tensors", "routes")
        others = [f.name for f in fields(self) if f.name not in said and getattr(self, f.name) != f.default]
        own += [f"{name}={getattr(self, name)!r}" for name in others]
        own += [f"{name} over {a} -> {b}" for name, (a, b) in self.routes.items()]
        return f"Placement({', '.join([size, self.policy, *own])})"


def _named(what: str, given: Any) -> Mapping[str, Any]:
    """A dict with names as keys, not to be changed."""
    if not isinstance(given, Mapping):
        raise ParameterError(what, got=repr(given), expected="a dict of names")
    if wrong := [name for name in given if not isinstance(name, str)]:
        raise ParameterError(what, got=repr(wrong[0]), expected="names as text")
    return MappingProxyType(dict(given))


def _whole(what: str, value: Any, least: int, optional: bool = False) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ParameterError(what, got=repr(value), expected=f"a whole number from {least} on")


def _choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise ParameterError(what, got=repr(value), expected=", ".join(choices), do=did_you_mean(str(value), choices))
