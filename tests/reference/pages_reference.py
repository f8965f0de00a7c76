"""DRAM pages, burst after burst, with a dictionary of banks."""


def follow(fetches, burst_bytes, page_bytes, n_banks, policy):
    """(activates, bursts read, bursts written, hits, closed, conflicts) of (address, bytes, write) fetches."""
    opened = {}
    reads = writes = hits = closed = conflicts = 0
    for address, n_bytes, write in fetches:
        bursts = sorted({byte // burst_bytes for byte in range(address, address + n_bytes)})
        for i, burst in enumerate(bursts):
            page = burst * burst_bytes // page_bytes
            bank = page % n_banks
            if bank not in opened:
                closed += 1
            elif opened[bank] == page:
                hits += 1
            else:
                conflicts += 1
            opened[bank] = page
            reads, writes = reads + (not write), writes + write
            last = i + 1 == len(bursts) or bursts[i + 1] * burst_bytes // page_bytes != page
            if policy == "closed" and last:
                del opened[bank]
    return closed + conflicts, reads, writes, hits, closed, conflicts
