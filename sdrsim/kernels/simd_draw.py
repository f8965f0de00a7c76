"""Vector code of the draw over transposed cells: likelihoods looked up by count, summed down the columns, ranked.

Rules and helpers as in `simd.py`. A table of up to 128 entries stays in registers (AVX-512); a longer one is gathered.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sdrsim.kernels.simd import (
    F32,
    HAS_TERNARY_LOGIC,
    I16,
    I32,
    LANES,
    _at,
    _broadcast,
    _gather_lanes,
    _int,
    _splat,
)

TABLE = 128  # entries that may be read: tables are padded to it
_FLOATS, _SHORTS, _INDEX = (ir.VectorType(kind, LANES) for kind in (F32, I16, I32))


def _lookup(b, registers, places):
    """Entries of a table held in 2, 4 or 8 vectors of 16."""
    kind = ir.FunctionType(_FLOATS, [_FLOATS, _INDEX, _FLOATS])
    permute = cgutils.get_or_insert_function(b.module, kind, "llvm.x86.avx512.vpermi2var.ps.512")
    parts = [b.call(permute, [low, places, high]) for low, high in zip(registers[::2], registers[1::2])]
    bit = 32
    while len(parts) > 1:
        upper = b.icmp_unsigned("!=", b.and_(places, _splat(I32, LANES, bit)), _splat(I32, LANES, 0))
        parts = [b.select(upper, high, low) for low, high in zip(parts[::2], parts[1::2])]
        bit *= 2
    return parts[0]


def _columns(b, n_groups, n_cells, start, body):
    """For each group of LANES columns: state = start, then body(cell number, first lane, k, state) down the columns."""
    slots = [cgutils.alloca_once(b, value.type) for value in start]
    step = b.mul(n_groups, _int(LANES))

    def run(lane):
        for slot, value in zip(slots, start):
            b.store(value, slot)
        with cgutils.for_range(b, n_cells) as loop:
            made = body(b.add(b.mul(loop.index, step), lane), loop.index, [b.load(s) for s in slots])
            for slot, value in zip(slots, made):
                b.store(value, slot)
        return [b.load(s) for s in slots]

    return run


def _make_running(n_registers):
    def codegen(context, b, signature, args):
        table, counts, n_cells, n_groups, running, total, last = args
        registers = [b.load(_at(b, table, _int(64 * i), _FLOATS), align=4) for i in range(n_registers)]
        zero = _splat(F32, LANES, 0.0)

        def body(cell, k, state):
            places = b.zext(b.load(_at(b, counts, b.mul(cell, _int(2)), _SHORTS), align=2), _INDEX)
            value = _lookup(b, registers, places) if registers else _gather_lanes(b, table, places)
            now = b.fadd(state[0], value)
            b.store(now, _at(b, running, b.mul(cell, _int(4)), _FLOATS), align=4)
            here = _broadcast(b, b.trunc(k, I32), _INDEX)
            return [now, b.select(b.fcmp_ordered(">", value, zero), here, state[1])]

        columns = _columns(b, n_groups, n_cells, [zero, _splat(I32, LANES, -1)], body)
        with cgutils.for_range(b, n_groups) as group:
            lane = b.mul(group.index, _int(LANES))
            amount, where = columns(lane)
            b.store(amount, _at(b, total, b.mul(lane, _int(4)), _FLOATS), align=4)
            b.store(where, _at(b, last, b.mul(lane, _int(4)), _INDEX), align=4)
        return context.get_dummy_value()

    @intrinsic
    def run(typingctx, table, counts, n_cells, n_groups, running, total, last):
        """running[k, q] = sum of table[counts[0 .. k, q]], float32, rising k; totals, last k above 0 per column."""
        u = types.uintp
        return types.void(u, u, types.intp, types.intp, u, u, u), codegen

    return run


running_by_gather = _make_running(0)
running_32, running_64, running_128 = (
    (_make_running(n) for n in (2, 4, 8)) if HAS_TERNARY_LOGIC else (running_by_gather,) * 3
)


def _rank_codegen(context, b, signature, args):
    running, level, n_cells, n_groups, out = args
    with cgutils.for_range(b, n_groups) as group:
        lane = b.mul(group.index, _int(LANES))
        bar = b.load(_at(b, level, b.mul(lane, _int(4)), _FLOATS), align=4)

        def body(cell, k, state):
            here = b.load(_at(b, running, b.mul(cell, _int(4)), _FLOATS), align=4)
            return [b.add(state[0], b.zext(b.fcmp_ordered("<=", here, bar), _INDEX))]

        (count,) = _columns(b, n_groups, n_cells, [_splat(I32, LANES, 0)], body)(lane)
        b.store(count, _at(b, out, b.mul(lane, _int(4)), _INDEX), align=4)
    return context.get_dummy_value()


@intrinsic
def rank(typingctx, running, level, n_cells, n_groups, out):
    """out[q] = how many running sums of column q are <= its level: the winner of a draw there."""
    u = types.uintp
    return types.void(u, u, types.intp, types.intp, u), _rank_codegen
