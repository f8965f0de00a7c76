"""Vector code for whole rows: AND or OR of the rows of an address table, 512 units at a time.

Rules and helpers as in `simd.py`; twins in `portable.py` (`and_rows`, `join_rows`). What stands at `out` takes part: all ones
before an AND, zeros before an OR. Tables are padded to whole groups with an address that is in them already.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sdrsim.kernels.simd import CHUNK, I64, _at, _int

ROW_GROUP = 4  # rows taken together: tables are padded to a multiple of it


def make_combiner(operation, n_side):
    """combine(table, n_groups, first, n_steps, out): rows of a table into ``uint64[.., 8]`` at `out`, chunk by chunk.

    From chunk `first` on, n_steps * n_side chunks, `n_side` of them at a time in registers along all rows;
    `n_side` 0 runs along the chunks with ROW_GROUP rows at a time instead: for long rows that are in no cache.
    """

    def join(b, x, y):
        return b.and_(x, y) if operation == "and" else b.or_(x, y)

    def rows_of(b, table, group):
        rows = b.inttoptr(table, I64.as_pointer())
        first = b.mul(group, _int(ROW_GROUP))
        return [b.load(b.gep(rows, [b.add(first, _int(r))])) for r in range(ROW_GROUP)]

    def gathered(b, addresses, offset):
        loads = [b.load(_at(b, address, offset, CHUNK), align=8) for address in addresses]
        while len(loads) > 1:
            loads = [join(b, x, y) for x, y in zip(loads[::2], loads[1::2])]
        return loads[0]

    def across(context, b, signature, args):
        table, n_groups, first, n_steps, out = args
        slots = [cgutils.alloca_once(b, CHUNK) for _ in range(n_side)]
        with cgutils.for_range(b, n_steps) as step:
            offset = b.mul(b.add(first, b.mul(step.index, _int(n_side))), _int(64))
            places = [b.add(offset, _int(64 * side)) for side in range(n_side)]
            for slot, place in zip(slots, places):
                b.store(b.load(_at(b, out, place, CHUNK), align=8), slot)
            with cgutils.for_range(b, n_groups) as group:
                addresses = rows_of(b, table, group.index)
                for slot, place in zip(slots, places):
                    b.store(join(b, b.load(slot), gathered(b, addresses, place)), slot)
            for slot, place in zip(slots, places):
                b.store(b.load(slot), _at(b, out, place, CHUNK), align=8)
        return context.get_dummy_value()

    def along(context, b, signature, args):
        table, n_groups, first, n_steps, out = args
        with cgutils.for_range(b, n_groups) as group:
            addresses = rows_of(b, table, group.index)
            with cgutils.for_range(b, n_steps) as step:
                offset = b.mul(b.add(first, step.index), _int(64))
                place = _at(b, out, offset, CHUNK)
                b.store(join(b, b.load(place, align=8), gathered(b, addresses, offset)), place, align=8)
        return context.get_dummy_value()

    codegen = across if n_side else along

    @intrinsic
    def combine(typingctx, table, n_groups, first, n_steps, out):
        return types.void(types.uintp, types.intp, types.intp, types.intp, types.uintp), codegen

    return combine
