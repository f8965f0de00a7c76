"""Arrays that grow as a kernel finds more to write."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled


@compiled
def room_for(array: NDArray[Any], n: int, more: int) -> NDArray[Any]:
    """The array, or a longer copy of its first n, with room for `more` behind them."""
    if n + more <= len(array):
        return array
    longer = np.empty(2 * (n + more), array.dtype)
    longer[:n] = array[:n]
    return longer
