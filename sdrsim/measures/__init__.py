"""How good a memory is: errors, overlaps, ranks, information and capacity, each with its interval.

Two rules: an interval over items of one network holds only while each stored item is cued once; over several networks
use `spread` and take whichever is wider. 'No slope' is an interval inside a margin (`no_slope`), not a large p.
"""

from sdrsim.measures.bits import Information, information
from sdrsim.measures.curves import NoSlope, capacity, no_slope
from sdrsim.measures.rates import Rate, spread
from sdrsim.measures.recall import BitError, bit_error, code_match, exact_error, overlap
from sdrsim.measures.scores import auc, rank_correlation

__all__ = [
    "BitError",
    "Information",
    "NoSlope",
    "Rate",
    "auc",
    "bit_error",
    "capacity",
    "code_match",
    "exact_error",
    "information",
    "no_slope",
    "overlap",
    "rank_correlation",
    "spread",
]
