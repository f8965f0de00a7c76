"""Codes and sums: what is written and read between steps, where it lies, and the room it takes from the rows."""

from collections.abc import Iterable
from math import ceil

from sdrsim.errors import ParameterError
from sdrsim.hardware.chip import Chip, Rooms
from sdrsim.hardware.moves import Ledger
from sdrsim.hardware.placement import Placement
from sdrsim.hardware.runs import Part, Run

__all__ = ["buffer_bytes", "count_buffers", "sum_bits"]


def sum_bits(part: Part, placement: Placement) -> int:
    """Bits of one sum."""
    if placement.accumulator_bits is not None:
        return placement.accumulator_bits
    bits = placement.weight_bits or part.element_bits
    return 16 if bits <= 8 else max(32, bits)


def buffer_bytes(run: Run, placement: Placement) -> int:
    """Room for one code in, one code out and the sums of each projection, in bytes.

    A projection that adds rows has a sum for each element of a row, and codes of as many bits as it has rows and
    elements; one that multiplies or compares whole rows has a sum a row, and its code is as long as a row.
    """
    total = 0
    for name in {part.projection for part in run.parts if part.counts["sums"] or part.counts["code_bits"]}:
        part = next(part for part in run.parts if part.projection == name)
        tensor, across = part.tensor, part.tensor.arithmetic != "add"
        n_sums = tensor.n_rows if across else part.row_elements
        code_bits = 8 * tensor.row_bytes if across else tensor.n_rows + part.row_elements
        total += ceil(code_bits / 8) + ceil(n_sums * sum_bits(part, placement) / 8)
    return total


def count_buffers(
    run: Run, chip: Chip, placement: Placement, rooms: Rooms, taken: int, ledger: Ledger, n_items: int | None
) -> None:
    """Codes (role activation) and sums (role state) into the ledger.

    Parameters
    ----------
    taken : int
        Bytes of rows that stay on the chip before the buffers do (`Placement.spill`).
    """
    shares = rooms.share(buffer_bytes(run, placement), taken)
    codes = [(part, bits) for part in run.parts if (bits := _code_bits(part, placement, n_items))]
    if placement.codes == "off_chip":
        _off(codes, "activation", chip, ledger)
    else:
        _spread(codes, "activation", shares, chip, ledger)
    per_synop = placement.accumulators == "sram"
    sums = [(part, (part.counts["synops" if per_synop else "sums"]) * sum_bits(part, placement)) for part in run.parts]
    _spread([(part, bits) for part, bits in sums if bits], "state", shares, chip, ledger)
    if not per_synop:
        _count_registers(run, chip, placement, ledger)


def _code_bits(part: Part, placement: Placement, n_items: int | None) -> int:
    """Bits of the codes of a part as they are encoded: addresses as counted, or a bit for every unit of an item."""
    counted = part.counts["code_bits"]
    if placement.encoding == "aer" or not counted or part.tensor.arithmetic != "add" or not part.tensor.row_bytes:
        return counted
    if n_items is None:
        expected = "how many items the run had, for bitmaps"
        raise ParameterError("n_items", got=None, expected=expected, do="or Placement(encoding='aer')")
    bitmap = n_items * (part.tensor.n_rows + part.row_elements)
    return bitmap if placement.encoding == "bitmap" else min(counted, bitmap)


def _ways(bits: int, role: str) -> tuple[tuple[str, int], ...]:
    """Bits written and read. A sum is written once and read once. Of the codes that were counted half came in and were
    read, half went out and were written: who sends or receives them counts the other side.
    """
    if role == "state":
        return ("write", bits), ("read", bits)
    return ("write", bits // 2), ("read", bits - bits // 2)


def _spread(items: Iterable[tuple[Part, int]], role: str, shares: list[float], chip: Chip, ledger: Ledger) -> None:
    """At the memories that hold the buffers, as far as they do; the rest is off the chip."""
    for part, bits in items:
        left = bits
        for share, level in zip(shares, chip.near):
            here = min(left, round(share * bits))
            for what, n_bits in _ways(here, role):
                n = ceil(n_bits / level.word_bits)
                ledger.words((part.projection, part.phase, role), level, what, n, ceil(n_bits / 8))
            left -= here
        if left:
            _off([(part, left)], role, chip, ledger)


def _off(items: Iterable[tuple[Part, int]], role: str, chip: Chip, ledger: Ledger) -> None:
    """Off the chip: packed into bursts, in order."""
    for part, bits in items:
        far = chip.beyond(f"{role}s of {part.projection!r}")
        for what, n_bits in _ways(bits, role):
            n_bytes = ceil(n_bits / 8)
            n = ceil(n_bytes / far.burst_bytes)
            n_pages = ceil(n_bytes / far.page_bytes) if far.page_bytes else 0
            ledger.bursts((part.projection, part.phase, role), far, what == "write", n, n_pages, n_bytes)


def _count_registers(run: Run, chip: Chip, placement: Placement, ledger: Ledger) -> None:
    """Where the card prices registers: a sum is read and written at every addition."""
    for level in chip.card.on_chip:
        if level.kind == "reg":
            for part in run.parts:
                n = part.counts["synops"] * ceil(sum_bits(part, placement) / level.word_bits)
                for what in ("read", "write"):
                    ledger.words((part.projection, part.phase, "state"), level, what, n)
            return
