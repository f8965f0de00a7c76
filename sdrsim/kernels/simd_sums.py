"""Vector code of the dendritic sums: carry-save counters over packed rows, and bit planes to counts.

Rules and helpers as in `simd.py`; portable twins in `portable.py`. A counter holds bit planes: plane w of 512 units is
one vector of weight 2**w. Rows come in through a tree of full adders, two groups at a time; an odd group comes last.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sdrsim.kernels.simd import CHUNK, I16, I64, _at, _full_adder, _int, _splat

GROUP = 8  # rows: address tables are padded to a multiple of it

I8 = ir.IntType(8)
_ZERO = ir.Constant(CHUNK, [0] * 8)


def _add_tree(b, counters, load, first, n):
    """Add rows first .. first + n - 1 (n a power of 2) to each chunk's planes; returns what weighs n, one per chunk."""
    if n == 1:
        return load(first)
    half = n // 2
    left, right = _add_tree(b, counters, load, first, half), _add_tree(b, counters, load, first + half, half)
    weight, carries = half.bit_length() - 1, []
    for planes, x, y in zip(counters, left, right):  # neighbouring chunks in turn: one waits while the other adds
        planes[weight], carry = _full_adder(b, planes[weight], x, y)
        carries.append(carry)
    return carries


def _add_rows(b, counters, load, n):
    """Add n rows, `load(r) -> a vector per chunk`, to each chunk's planes; what overflows the top plane is lost."""
    for planes, carry in zip(counters, _add_tree(b, counters, load, 0, n)):
        for w in range(n.bit_length() - 1, len(planes)):
            planes[w], carry = b.xor(planes[w], carry), b.and_(planes[w], carry)


def _for_rows(b, table, n_groups, body):
    """body(n, address): for two groups of the table at a time and for the odd one; ``address(r)`` reads the table.

    Addresses are read where they are used: sixteen at once would not fit the registers (10 % of the time, measured).
    """
    rows = b.inttoptr(table, I64.as_pointer())

    def some(first_group, n):
        first = b.mul(first_group, _int(GROUP))
        body(n * GROUP, lambda r: b.load(b.gep(rows, [b.add(first, _int(r))])))

    n_pairs = b.lshr(n_groups, _int(1))
    with cgutils.for_range(b, n_pairs) as loop:
        some(b.shl(loop.index, _int(1)), 2)
    done = b.shl(n_pairs, _int(1))
    with b.if_then(b.icmp_signed("<", done, n_groups)):
        some(done, 1)


def make_row_counter(n_planes, n_side):
    """count(table, n_groups, first, n_steps, out): add up GROUP * n_groups rows, `n_side` 64-byte chunks side by side.

    `table` holds row addresses (uint64). From chunk `first` on, n_steps * n_side chunks are summed; their bit planes go
    to ``uint64[.., n_planes, 8]`` at `out`, which has a place for chunk 0 too. Planes stay in registers until then. A
    carry out of the top plane is lost: the caller keeps ``n_rows < 2**n_planes``.
    """

    def codegen(context, b, signature, args):
        table, n_groups, first, n_steps, out = args
        slots = [[cgutils.alloca_once(b, CHUNK) for _ in range(n_planes)] for _ in range(n_side)]
        with cgutils.for_range(b, n_steps) as step:
            chunk = b.add(first, b.mul(step.index, _int(n_side)))
            offset, here = b.mul(chunk, _int(64)), b.add(out, b.mul(chunk, _int(64 * n_planes)))
            for slot in (slot for side in slots for slot in side):
                b.store(_ZERO, slot)

            def body(n, address):
                def load(r):
                    start = b.add(address(r), offset)
                    return [b.load(_at(b, start, _int(64 * c), CHUNK), align=8) for c in range(n_side)]

                counters = [[b.load(slot) for slot in side] for side in slots]
                _add_rows(b, counters, load, n)
                for side, planes in zip(slots, counters):
                    for slot, plane in zip(side, planes):
                        b.store(plane, slot)

            _for_rows(b, table, n_groups, body)
            for c in range(n_side):
                for w in range(n_planes):
                    b.store(b.load(slots[c][w]), _at(b, here, _int(64 * (c * n_planes + w)), CHUNK), align=8)
        return context.get_dummy_value()

    @intrinsic
    def count(typingctx, table, n_groups, first, n_steps, out):
        return types.void(types.uintp, types.intp, types.intp, types.intp, types.uintp), codegen

    return count


def make_tile_counter(n_planes):
    """count(table, n_groups, first, n_chunks, out): as `make_row_counter` over a tile, a few rows at a time along it.

    The planes stay in memory; reads run on: for long rows that are in no cache.
    """

    def codegen(context, b, signature, args):
        table, n_groups, first, n_chunks, out = args
        begin = b.add(out, b.mul(first, _int(64 * n_planes)))
        with cgutils.for_range(b, b.mul(n_chunks, _int(n_planes))) as loop:
            b.store(_ZERO, _at(b, begin, b.mul(loop.index, _int(64)), CHUNK), align=8)

        def body(n, address):
            with cgutils.for_range(b, n_chunks) as loop:
                offset = b.mul(b.add(first, loop.index), _int(64))
                here = b.add(begin, b.mul(loop.index, _int(64 * n_planes)))
                places = [_at(b, here, _int(64 * w), CHUNK) for w in range(n_planes)]
                planes = [b.load(place, align=8) for place in places]
                _add_rows(b, [planes], lambda r: [b.load(_at(b, address(r), offset, CHUNK), align=8)], n)
                for plane, place in zip(planes, places):
                    b.store(plane, place, align=8)

        _for_rows(b, table, n_groups, body)
        return context.get_dummy_value()

    @intrinsic
    def count(typingctx, table, n_groups, first, n_chunks, out):
        return types.void(types.uintp, types.intp, types.intp, types.intp, types.uintp), codegen

    return count


def make_expander(n_planes, kind=I16):
    """expand(planes, n_words, out): bit planes uint64[n_planes, 8] of one chunk -> 64 counts per word, uint16 or uint8.

    A word of a plane is a mask of 64 lanes: ``count += mask ? 2**p : 0``, in bytes for the eight lowest planes. With
    uint8 the planes above must be empty.
    """

    def codegen(context, b, signature, args):
        planes, n_words, out = args
        mask, lanes, wide = ir.VectorType(ir.IntType(1), 64), ir.VectorType(I8, 64), ir.VectorType(I16, 64)
        with cgutils.for_range(b, n_words) as loop:
            total = ir.Constant(lanes, [0] * 64)
            for p in range(n_planes if kind is I16 else min(n_planes, 8)):
                if p == 8:
                    total = b.zext(total, wide)
                offset = b.add(b.mul(loop.index, _int(8)), _int(64 * p))
                bits = b.bitcast(b.load(_at(b, planes, offset, I64)), mask)
                unit = _splat(I8 if p < 8 else I16, 64, 1 << p)
                total = b.select(bits, b.add(total, unit), total)
            if kind is I16 and n_planes <= 8:
                total = b.zext(total, wide)
            b.store(total, _at(b, out, b.mul(loop.index, _int(8 * kind.width)), total.type), align=1)
        return context.get_dummy_value()

    @intrinsic
    def expand(typingctx, planes, n_words, out):
        return types.void(types.uintp, types.intp, types.uintp), codegen

    return expand
