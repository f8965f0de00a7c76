"""Which DRAM page is open in which bank: one pass over a stream of fetches."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled

Ints = NDArray[np.int64]

READS, WRITES, HITS, CLOSED, CONFLICTS, N_COUNTS = 0, 1, 2, 3, 4, 5
NONE = -1  # no page is open


@compiled
def follow_pages(
    addresses: Ints,
    n_bytes: Ints,
    writes: NDArray[np.bool_],
    groups: NDArray[np.int32],
    burst_bytes: int,
    page_bytes: int,
    closing: bool,
    opened: Ints,
    counts: Ints,
) -> None:
    """Count bursts by direction and by the state they find their page in.

    Counts are kept apart by group, ``(n_groups, N_COUNTS)``; a burst that opens a page belongs to its own group.
    `opened` (n_banks,) holds the page open in each bank, `NONE` at the begin; page p lies in bank ``p % n_banks``.
    `closing`: pages are closed behind the fetch that opened them. Pages hold whole bursts.
    """
    for i in range(len(addresses)):
        if n_bytes[i] == 0:
            continue
        address, stop = addresses[i] - addresses[i] % burst_bytes, addresses[i] + n_bytes[i]
        while address < stop:
            page = address // page_bytes
            end = min(stop, (page + 1) * page_bytes)
            n = (end - address + burst_bytes - 1) // burst_bytes
            bank = page % len(opened)
            if opened[bank] == page:
                state = HITS
            elif opened[bank] == NONE:
                state = CLOSED
            else:
                state = CONFLICTS
            group = groups[i]
            counts[group, state] += 1
            counts[group, HITS] += n - 1
            counts[group, WRITES if writes[i] else READS] += n
            opened[bank] = NONE if closing else page
            address = (page + 1) * page_bytes
