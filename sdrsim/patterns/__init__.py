"""Codes and cues to test memories with: random, block, correlated; erased, inserted, moved, occluded, binarised.

Every draw is keyed by (seed, function, item): the first items are the same for any `n`, so loads are nested and points
of a scan paired. ``first_item=`` continues a stream: items 100 .. 199 are ``n=100, first_item=100``.
"""

from sdrsim.patterns.fresh import correlated, random_block, random_sparse
from sdrsim.patterns.images import binarise, occlude
from sdrsim.patterns.noise import erase, insert, move_units

__all__ = ["binarise", "correlated", "erase", "insert", "move_units", "occlude", "random_block", "random_sparse"]
