"""Vector code for whole rows: AND or OR of the rows of an address table, and packed words as a whole, 512 units at a
time.

Rules and helpers as in `simd.py`; twins in `portable.py` (`and_rows`, `join_rows`). Tables are padded to whole groups
with an address that is in them already.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sdrsim.kernels.simd import CHUNK, I64, _at, _int

ROW_GROUP = 4  # rows taken together: tables are padded to a multiple of it


def make_combiner(operation, n_side):
    """combine(table, n_groups, first, n_steps, out, keep): rows of a table into ``uint64[.., 8]`` at `out`, by chunks.

    From chunk `first` on, n_steps * n_side chunks, `n_side` of them at a time in registers along all rows;
    `n_side` 0 runs along the chunks with ROW_GROUP rows at a time instead: for long rows that are in no cache. What
    stands at `out` takes part when `keep` is not 0.
    """
    neutral = ir.Constant(CHUNK, [-1 if operation == "and" else 0] * 8)

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
        table, n_groups, first, n_steps, out, keep = args
        kept = b.icmp_signed("!=", keep, _int(0))
        slots = [cgutils.alloca_once(b, CHUNK) for _ in range(n_side)]
        with cgutils.for_range(b, n_steps) as step:
            offset = b.mul(b.add(first, b.mul(step.index, _int(n_side))), _int(64))
            places = [b.add(offset, _int(64 * side)) for side in range(n_side)]
            for slot, place in zip(slots, places):
                b.store(b.select(kept, b.load(_at(b, out, place, CHUNK), align=8), neutral), slot)
            with cgutils.for_range(b, n_groups) as group:
                addresses = rows_of(b, table, group.index)
                for slot, place in zip(slots, places):
                    b.store(join(b, b.load(slot), gathered(b, addresses, place)), slot)
            for slot, place in zip(slots, places):
                b.store(b.load(slot), _at(b, out, place, CHUNK), align=8)
        return context.get_dummy_value()

    def along(context, b, signature, args):
        table, n_groups, first, n_steps, out, keep = args
        with b.if_then(b.icmp_signed("==", keep, _int(0))), cgutils.for_range(b, n_steps) as step:
            b.store(neutral, _at(b, out, b.mul(b.add(first, step.index), _int(64)), CHUNK), align=8)
        with cgutils.for_range(b, n_groups) as group:
            addresses = rows_of(b, table, group.index)
            with cgutils.for_range(b, n_steps) as step:
                offset = b.mul(b.add(first, step.index), _int(64))
                place = _at(b, out, offset, CHUNK)
                b.store(join(b, b.load(place, align=8), gathered(b, addresses, offset)), place, align=8)
        return context.get_dummy_value()

    codegen = across if n_side else along

    @intrinsic
    def combine(typingctx, table, n_groups, first, n_steps, out, keep):
        return types.void(types.uintp, types.intp, types.intp, types.intp, types.uintp, types.intp), codegen

    return combine


def _any_bit(builder, chunk):
    """OR of the eight words of a chunk."""
    kind = ir.FunctionType(I64, [CHUNK])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.vector.reduce.or.v8i64"), [chunk])


@intrinsic
def and_words(typingctx, a, b, out, n_chunks):
    """out = a & b, n_chunks * 8 words at these addresses."""

    def codegen(context, builder, signature, args):
        left, right, to, n = args
        with cgutils.for_range(builder, n) as chunk:
            offset = builder.mul(chunk.index, _int(64))
            x, y = (builder.load(_at(builder, from_, offset, CHUNK), align=8) for from_ in (left, right))
            builder.store(builder.and_(x, y), _at(builder, to, offset, CHUNK), align=8)
        return context.get_dummy_value()

    return types.void(types.uintp, types.uintp, types.uintp, types.intp), codegen


@intrinsic
def move_words(typingctx, source, target, n_chunks):
    """Copy n_chunks * 8 words; returns the OR of the bits that changed."""

    def codegen(context, builder, signature, args):
        from_, to, n = args
        changed = cgutils.alloca_once_value(builder, ir.Constant(CHUNK, [0] * 8))
        with cgutils.for_range(builder, n) as chunk:
            offset = builder.mul(chunk.index, _int(64))
            new, place = builder.load(_at(builder, from_, offset, CHUNK), align=8), _at(builder, to, offset, CHUNK)
            old = builder.load(place, align=8)
            builder.store(builder.or_(builder.load(changed), builder.xor(new, old)), changed)
            builder.store(new, place, align=8)
        return _any_bit(builder, builder.load(changed))

    return types.uint64(types.uintp, types.uintp, types.intp), codegen


@intrinsic
def differ_words(typingctx, a, b, n_chunks):
    """OR of the bits in which n_chunks * 8 words at two places differ."""

    def codegen(context, builder, signature, args):
        left, right, n = args
        differ = cgutils.alloca_once_value(builder, ir.Constant(CHUNK, [0] * 8))
        with cgutils.for_range(builder, n) as chunk:
            offset = builder.mul(chunk.index, _int(64))
            x, y = (builder.load(_at(builder, from_, offset, CHUNK), align=8) for from_ in (left, right))
            builder.store(builder.or_(builder.load(differ), builder.xor(x, y)), differ)
        return _any_bit(builder, builder.load(differ))

    return types.uint64(types.uintp, types.uintp, types.intp), codegen


@intrinsic
def fill_words(typingctx, target, n_chunks, word):
    """Write one word to n_chunks * 8 places."""

    def codegen(context, builder, signature, args):
        to, n, value = args
        first = builder.insert_element(ir.Constant(CHUNK, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), 8), [0] * 8)
        chunk_of = builder.shuffle_vector(first, ir.Constant(CHUNK, ir.Undefined), lanes)
        with cgutils.for_range(builder, n) as chunk:
            builder.store(chunk_of, _at(builder, to, builder.mul(chunk.index, _int(64)), CHUNK), align=8)
        return context.get_dummy_value()

    return types.void(types.uintp, types.intp, types.uint64), codegen
