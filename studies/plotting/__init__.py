"""Figures in the house style: generic axes, a theory beside every measurement, files fit for print.

Every function takes a matplotlib axis first and returns it; none of them needs pyplot or a display.
"""

from sdrsim.studies.plotting.codes import overlap_matrix, raster
from sdrsim.studies.plotting.curves import curve, trace
from sdrsim.studies.plotting.energy import energy
from sdrsim.studies.plotting.images import confusion, filmstrip, weights
from sdrsim.studies.plotting.saving import save
from sdrsim.studies.plotting.style import (
    DOUBLE_COLUMN,
    PALETTE,
    SHADES,
    SINGLE_COLUMN,
    dress,
    figure,
    house,
    mosaic,
    subplots,
)

__all__ = [
    "DOUBLE_COLUMN",
    "PALETTE",
    "SHADES",
    "SINGLE_COLUMN",
    "confusion",
    "curve",
    "dress",
    "energy",
    "figure",
    "filmstrip",
    "house",
    "mosaic",
    "overlap_matrix",
    "raster",
    "save",
    "subplots",
    "trace",
    "weights",
]
