"""Explicit vector code: LLVM intrinsics stand here (columns of cells), in `simd_sums.py`, `simd_winners.py` and
`simd_draw.py`, and nowhere else. Everything has a portable twin in `portable.py`.

Numba cannot vectorise loops with many outputs (each store may alias each row), so these functions emit LLVM vectors
themselves. A vector cannot leave an intrinsic: the loop stands inside it, accumulators stay in registers, results go to
memory. The code is plain LLVM IR and runs on any CPU; only three-input logic and look-up in registers ask for AVX-512.

All arguments are addresses (``array.ctypes.data``) and sizes; nothing is checked here. The arrays behind the addresses
must outlive the call, and callers in `sums.py` and `winners.py` hold the rules (padding, plane counts).
"""

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16  # lanes of the vertical (transposed) loops

I16, I32, I64, F32 = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
CHUNK = ir.VectorType(I64, 8)  # 512 units of a packed row


def _host_has(feature):
    """Whether compiled code may use a CPU feature: the host's, unless numba was told to build for another CPU."""
    name, features = (getattr(numba.config, which, None) for which in ("CPU_NAME", "CPU_FEATURES"))
    if name or features:
        return f"+{feature}" in (features or "")
    return bool(binding.get_host_cpu_features().get(feature, False))


HAS_TERNARY_LOGIC = _host_has("avx512f")


def _ternary(b, x, y, z, truth):
    kind = ir.FunctionType(CHUNK, [CHUNK, CHUNK, CHUNK, I32])
    function = cgutils.get_or_insert_function(b.module, kind, "llvm.x86.avx512.pternlog.q.512")
    return b.call(function, [x, y, z, ir.Constant(I32, truth)])


def _full_adder(b, x, y, z):
    """Three bits of one weight -> (sum, carry)."""
    if HAS_TERNARY_LOGIC:  # the instruction overwrites an input: a carry formed from the sum needs no copy of one
        total = _ternary(b, z, x, y, 0x96)
        return total, _ternary(b, x, y, total, 0xD4)  # x where x = y, else what the sum is not
    t = b.xor(x, y)
    return b.xor(t, z), b.or_(b.and_(x, y), b.and_(t, z))


def _at(b, address, offset, kind):
    """Typed pointer to ``address + offset`` bytes."""
    return b.inttoptr(b.add(address, offset), kind.as_pointer())


def _int(value):
    return ir.Constant(I64, value)


def _splat(kind, lanes, value):
    return ir.Constant(ir.VectorType(kind, lanes), [value] * lanes)


def _or_rows_codegen(context, b, signature, args):
    table, n_rows, n_chunks, mask = args
    rows = b.inttoptr(table, I64.as_pointer())
    changed = cgutils.alloca_once_value(b, ir.Constant(CHUNK, [0] * 8))
    with cgutils.for_range(b, n_rows) as row:
        base = b.load(b.gep(rows, [row.index]))
        with cgutils.for_range(b, n_chunks) as chunk:
            offset = b.mul(chunk.index, _int(64))
            place = _at(b, base, offset, CHUNK)
            bits = b.load(_at(b, mask, offset, CHUNK), align=8)
            old = b.load(place, align=8)
            new = b.or_(old, bits)
            b.store(new, place, align=8)
            b.store(b.add(b.load(changed), b.zext(b.icmp_unsigned("!=", new, old), CHUNK)), changed)
    total = _int(0)
    for lane in range(8):
        total = b.add(total, b.extract_element(b.load(changed), ir.Constant(I32, lane)))
    return total


@intrinsic
def or_rows(typingctx, table, n_rows, n_chunks, mask):
    """OR `mask` (uint64[8 * n_chunks], zero beyond the row) into the rows of an address table, 64 bytes at a time;
    returns how many words changed.

    A row that is no multiple of 8 words long is written past its end with what stands there: rows lie one after another
    and the matrix has slack, so nothing changes; but two threads must not write neighbouring rows.
    """
    return types.intp(types.uintp, types.intp, types.intp, types.uintp), _or_rows_codegen


def _vertical(b, base, n, stride_bytes, kind, start, body):
    """Loop k = 0 .. n - 1 over LANES neighbouring cells of row k; `body(k, cells, state) -> state`; the last state."""
    cells = ir.VectorType(kind, LANES)
    state = [cgutils.alloca_once_value(b, value) for value in start]
    with cgutils.for_range(b, n) as loop:
        here = b.load(_at(b, base, b.mul(loop.index, stride_bytes), cells), align=2)
        for slot, value in zip(state, body(loop.index, here, [b.load(s) for s in state])):
            b.store(value, slot)
    return [b.load(s) for s in state]


def _store_lanes(b, value, address, align=4):
    b.store(value, _at(b, address, _int(0), value.type), align=align)


def _make_column_max(kind):
    def codegen(context, b, signature, args):
        base, n, stride, out = args

        def body(k, cells, state):
            if kind is F32:
                return [b.select(b.fcmp_ordered(">", cells, state[0]), cells, state[0])]
            return [b.select(b.icmp_unsigned(">", cells, state[0]), cells, state[0])]

        (best,) = _vertical(b, base, n, stride, kind, [_splat(kind, LANES, 0)], body)
        _store_lanes(b, best, out, 2)
        return context.get_dummy_value()

    @intrinsic
    def column_max(typingctx, base, n, stride_bytes, out):
        return types.void(types.uintp, types.intp, types.intp, types.uintp), codegen

    return column_max


def _make_column_ties(kind):
    """ties(base, n, stride, floor, n_ties, last): per lane, how many cells reach `floor` and the last k that does."""

    def codegen(context, b, signature, args):
        base, n, stride, floor, n_ties, last = args
        level = b.load(_at(b, floor, _int(0), ir.VectorType(kind, LANES)), align=2)
        index = ir.VectorType(I32, LANES)

        def body(k, cells, state):
            hit = b.fcmp_ordered(">=", cells, level) if kind is F32 else b.icmp_unsigned(">=", cells, level)
            here = _broadcast(b, b.trunc(k, I32), index)
            return [b.add(state[0], b.zext(hit, index)), b.select(hit, here, state[1])]

        zero = _splat(I32, LANES, 0)
        count, where = _vertical(b, base, n, stride, kind, [zero, zero], body)
        _store_lanes(b, count, n_ties)
        _store_lanes(b, where, last)
        return context.get_dummy_value()

    @intrinsic
    def column_ties(typingctx, base, n, stride_bytes, floor, n_ties, last):
        sig = types.void(types.uintp, types.intp, types.intp, types.uintp, types.uintp, types.uintp)
        return sig, codegen

    return column_ties


def _broadcast(b, scalar, vector):
    first = b.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(I32, 0))
    return b.shuffle_vector(first, ir.Constant(vector, ir.Undefined), _splat(I32, LANES, 0))


def _column_total_codegen(context, b, signature, args):
    base, n, stride, total, last = args
    index, zero = ir.VectorType(I32, LANES), _splat(F32, LANES, 0.0)

    def body(k, cells, state):
        positive = b.fcmp_ordered(">", cells, zero)
        here = _broadcast(b, b.trunc(k, I32), index)
        return [b.fadd(state[0], cells), b.select(positive, here, state[1])]

    amount, where = _vertical(b, base, n, stride, F32, [zero, _splat(I32, LANES, -1)], body)
    _store_lanes(b, amount, total)
    _store_lanes(b, where, last)
    return context.get_dummy_value()


@intrinsic
def column_total(typingctx, base, n, stride_bytes, total, last):
    """Per lane: float32 sum over k in rising order, and the last k whose cell is > 0 (-1: none)."""
    sig = types.void(types.uintp, types.intp, types.intp, types.uintp, types.uintp)
    return sig, _column_total_codegen


def _column_pick_codegen(context, b, signature, args):
    base, n, stride, level, out = args
    bar = b.load(_at(b, level, _int(0), ir.VectorType(F32, LANES)), align=4)
    index = ir.VectorType(I32, LANES)

    def body(k, cells, state):
        running = b.fadd(state[0], cells)
        passed = b.fcmp_ordered("<=", running, bar)
        return [running, b.add(state[1], b.zext(passed, index))]

    _, count = _vertical(b, base, n, stride, F32, [_splat(F32, LANES, 0.0), _splat(I32, LANES, 0)], body)
    _store_lanes(b, count, out)
    return context.get_dummy_value()


@intrinsic
def column_pick(typingctx, base, n, stride_bytes, level, out):
    """Per lane: how many running sums are <= level: the winner of a draw at height `level`."""
    sig = types.void(types.uintp, types.intp, types.intp, types.uintp, types.uintp)
    return sig, _column_pick_codegen


def _gather_lanes(b, base, places):
    """float32 table[places] for a vector of int32 places."""
    floats, pointers = ir.VectorType(F32, LANES), ir.VectorType(F32.as_pointer(), LANES)
    longs, everywhere = ir.VectorType(I64, LANES), ir.VectorType(ir.IntType(1), LANES)
    kind = ir.FunctionType(floats, [pointers, I32, everywhere, floats])
    load = cgutils.get_or_insert_function(b.module, kind, f"llvm.masked.gather.v{LANES}f32.v{LANES}p0")
    steps = b.mul(b.zext(places, longs), _splat(I64, LANES, 4))
    cells = b.inttoptr(b.add(_broadcast(b, base, longs), steps), pointers)
    every = ir.Constant(everywhere, [1] * LANES)
    return b.call(load, [cells, ir.Constant(I32, 4), every, ir.Constant(floats, ir.Undefined)])


def _gather_codegen(context, b, signature, args):
    table, places, n, out = args
    floats, shorts, index = (ir.VectorType(kind, LANES) for kind in (F32, I16, I32))
    with cgutils.for_range(b, n) as loop:
        here = b.load(_at(b, places, b.mul(loop.index, _int(2 * LANES)), shorts), align=2)
        values = _gather_lanes(b, table, b.zext(here, index))
        b.store(values, _at(b, out, b.mul(loop.index, _int(4 * LANES)), floats), align=4)
    return context.get_dummy_value()


@intrinsic
def gather(typingctx, table, places, n_groups, out):
    """out[i] = table[places[i]] for LANES * n_groups uint16 places and a float32 table."""
    return types.void(types.uintp, types.uintp, types.intp, types.uintp), _gather_codegen


def _interpolate_codegen(context, b, signature, args):
    curve, values, n, scale, shift, top, offset, gain, out = args
    floats, index = ir.VectorType(F32, LANES), ir.VectorType(I32, LANES)
    scale, shift, top, offset, gain = (_broadcast(b, x, floats) for x in (scale, shift, top, offset, gain))
    zero = _splat(F32, LANES, 0.0)
    with cgutils.for_range(b, n) as loop:
        step = b.mul(loop.index, _int(4 * LANES))
        place = b.fadd(b.fmul(b.load(_at(b, values, step, floats), align=4), scale), shift)
        place = b.select(b.fcmp_ordered(">", place, zero), place, zero)
        place = b.select(b.fcmp_ordered("<", place, top), place, top)
        left = b.fptosi(place, index)
        low, high = _gather_lanes(b, curve, left), _gather_lanes(b, b.add(curve, _int(4)), left)
        share = b.fsub(place, b.sitofp(left, floats))
        value = b.fadd(low, b.fmul(share, b.fsub(high, low)))
        b.store(b.fadd(offset, b.fmul(gain, value)), _at(b, out, step, floats), align=4)
    return context.get_dummy_value()


@intrinsic
def interpolate(typingctx, curve, values, n, scale, shift, top, offset, gain, out):
    """out = offset + gain * curve at ``values * scale + shift`` held in 0 .. top, linear between points.

    LANES * n float32. The curve has top + 2 points. Products and sums are rounded one by one, as in the portable twin.
    """
    f = types.float32
    return types.void(types.uintp, types.uintp, types.intp, f, f, f, f, f, types.uintp), _interpolate_codegen


column_max_u16, column_ties_u16 = _make_column_max(I16), _make_column_ties(I16)
column_max_f32, column_ties_f32 = _make_column_max(F32), _make_column_ties(F32)
