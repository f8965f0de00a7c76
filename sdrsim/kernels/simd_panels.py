"""Vector code of real-valued scores: patterns in panels of 16, one chain of fused multiply-adds a score.

A panel holds 16 patterns side by side: ``panel[k, lane]``. A score is a sum over k in one order, whatever runs beside
it, so that its bits depend on neither batch nor place. Cells are float32, float64 or int8 (widened as they are read).
Rules and helpers as in `simd.py`. Twins: plain loops in `tests/reference/panels_reference.py`.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sdrsim.kernels.simd import I32, I64, LANES, _at, _broadcast, _host_has, _int

I1, I8, I16 = ir.IntType(1), ir.IntType(8), ir.IntType(16)
_KINDS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int8: I8}
_PACKS = _host_has("avx512f")  # one register, of 16 lanes of 32 bits
_SUFFIX = {types.float32: "f32", types.float64: "f64"}


def _fma(b, kind, x, y, z):
    vector = ir.VectorType(_KINDS[kind], LANES)
    call = ir.FunctionType(vector, [vector] * 3)
    return b.call(cgutils.get_or_insert_function(b.module, call, f"llvm.fma.v{LANES}{_SUFFIX[kind]}"), [x, y, z])


def _size_of(b, kind, x):
    vector = ir.VectorType(_KINDS[kind], LANES)
    name = f"llvm.fabs.v{LANES}{_SUFFIX[kind]}"
    return b.call(cgutils.get_or_insert_function(b.module, ir.FunctionType(vector, [vector]), name), [x])


def _cells(b, address, kind, cell):
    """16 cells as the kind that sums are made in."""
    loaded = b.load(_at(b, address, _int(0), ir.VectorType(_KINDS[cell], LANES)), align=4 if cell != types.int8 else 1)
    return b.sitofp(loaded, ir.VectorType(_KINDS[kind], LANES)) if cell == types.int8 else loaded


def make_tile(n_queries, n_panels, indexed=False, distance=False, far=False):
    """tile(one, cell, panels, stride, x, n, places, out, out_stride): scores of a tile, added to what is in `out`.

    `one` and `cell` are scalars that name the kinds of sums and of cells. Panels are `stride` bytes apart. `x` holds,
    for each of n steps, the coordinate of each query; step j is row j of a panel, or with ``indexed`` row places[j]
    (int32). Query q's scores of panel p go to ``out + q * out_stride + p * 16 cells``. With ``distance`` the score is
    minus the sum of ``abs(x - pattern)``. With ``far``, for one query, panel p's scores go to ``out + p * out_stride``.
    """

    def codegen(context, b, signature, args):
        _, _, panels, stride, x, n, places, out, out_stride = args
        kind, cell = signature.args[0], signature.args[1]
        scalar, n_bytes = _KINDS[kind], _int(kind.bitwidth // 8)
        row_bytes = _int(LANES * cell.bitwidth // 8)
        vector = ir.VectorType(scalar, LANES)
        nothing = ir.Constant(vector, [0.0] * LANES)
        slots = [[cgutils.alloca_once(b, vector) for _ in range(n_panels)] for _ in range(n_queries)]
        for slot in (slot for side in slots for slot in side):
            b.store(nothing, slot)
        with cgutils.for_range(b, n) as step:
            row = step.index
            if indexed:
                row = b.zext(b.load(b.gep(b.inttoptr(places, I32.as_pointer()), [step.index])), I64)
            here = b.add(panels, b.mul(row, row_bytes))
            cells = [_cells(b, b.add(here, b.mul(stride, _int(p))), kind, cell) for p in range(n_panels)]
            base = b.add(x, b.mul(b.mul(step.index, _int(n_queries)), n_bytes))
            for q, side in enumerate(slots):
                value = b.load(_at(b, base, b.mul(_int(q), n_bytes), scalar), align=4)
                every = _broadcast(b, value, vector)
                for slot, column in zip(side, cells):
                    if distance:
                        b.store(b.fsub(b.load(slot), _size_of(b, kind, b.fsub(every, column))), slot)
                    else:
                        b.store(_fma(b, kind, every, column, b.load(slot)), slot)
        for q, side in enumerate(slots):
            for p, slot in enumerate(side):
                place = b.add(b.mul(_int(q), out_stride), b.mul(_int(p * LANES), n_bytes))
                target = _at(b, out, b.mul(_int(p), out_stride) if far else place, vector)
                b.store(b.fadd(b.load(target, align=4), b.load(slot)), target, align=4)
        return context.get_dummy_value()

    @intrinsic
    def tile(typingctx, one, cell, panels, stride, x, n, places, out, out_stride):
        if one not in _SUFFIX or cell not in _KINDS:
            return None
        u, i = types.uintp, types.intp
        return types.void(one, cell, u, i, u, i, u, u, i), codegen

    return tile


def _append_codegen(context, b, signature, args):
    floor, scores, n_groups, first, values, places, n = args
    kind = signature.args[0]
    scalar = _KINDS[kind]
    vector, index, mask = (ir.VectorType(k, LANES) for k in (scalar, I32, I1))
    size = _int(kind.bitwidth // 8)
    level = _broadcast(b, floor, vector)
    lanes = ir.Constant(index, list(range(LANES)))
    count = cgutils.alloca_once_value(b, n)
    b.store(n, count)
    bits_of = cgutils.get_or_insert_function(b.module, ir.FunctionType(I16, [I16]), "llvm.ctpop.i16")

    def packed(values_in, element, base, where, mask_in):
        """Packed in a register and stored whole, where there is an instruction; into memory takes it far longer."""
        kind_in, suffix = ir.VectorType(element, LANES), {"float": "f32", "double": "f64", "i32": "i32"}[str(element)]
        pointer = b.gep(b.inttoptr(base, element.as_pointer()), [where])
        if suffix == "f64" or not _PACKS:
            call, name = [kind_in, element.as_pointer(), mask], f"llvm.masked.compressstore.v{LANES}{suffix}"
            store = cgutils.get_or_insert_function(b.module, ir.FunctionType(ir.VoidType(), call), name)
            b.call(store, [values_in, pointer, mask_in])
            return
        name = f"llvm.experimental.vector.compress.v{LANES}{suffix}"
        call = cgutils.get_or_insert_function(b.module, ir.FunctionType(kind_in, [kind_in, mask, kind_in]), name)
        made = b.call(call, [values_in, mask_in, ir.Constant(kind_in, ir.Undefined)])
        b.store(made, b.bitcast(pointer, kind_in.as_pointer()), align=4)

    with cgutils.for_range(b, n_groups) as loop:
        here = b.load(_at(b, scores, b.mul(b.mul(loop.index, _int(LANES)), size), vector), align=4)
        above = b.fcmp_ordered(">", here, level)
        bits = b.bitcast(above, I16)
        with b.if_then(b.icmp_unsigned("!=", bits, ir.Constant(I16, 0)), likely=False):
            at = b.load(count)
            packed(here, scalar, values, at, above)
            start = b.trunc(b.add(first, b.mul(loop.index, _int(LANES))), I32)
            packed(b.add(_broadcast(b, start, index), lanes), I32, places, at, above)
            b.store(b.add(at, b.zext(b.call(bits_of, [bits]), I64)), count)
    return b.load(count)


@intrinsic
def append_above(typingctx, floor, scores, n_groups, first, values, places, n):
    """Append the scores above `floor`, and their places ``first + i`` (int32), to lists of n; the new n.

    16 * n_groups scores of the kind of `floor`; the lists have room for all of them, and what is behind n may change.
    """
    if floor not in _SUFFIX:
        return None
    u, i = types.uintp, types.intp
    return types.intp(floor, u, i, i, u, u, i), _append_codegen


def _largest_codegen(context, b, signature, args):
    floor, scores, n_groups = args
    kind = signature.args[0]
    vector = ir.VectorType(_KINDS[kind], LANES)
    best = cgutils.alloca_once_value(b, _broadcast(b, floor, vector))
    b.store(_broadcast(b, floor, vector), best)
    size = _int(LANES * kind.bitwidth // 8)
    with cgutils.for_range(b, n_groups) as loop:
        here, old = b.load(_at(b, scores, b.mul(loop.index, size), vector), align=4), b.load(best)
        b.store(b.select(b.fcmp_ordered(">", here, old), here, old), best)
    value, width = b.load(best), LANES
    while width > 1:
        width //= 2
        halves = [
            b.shuffle_vector(value, value, ir.Constant(ir.VectorType(I32, width), list(range(s, s + width))))
            for s in (0, width)
        ]
        value = b.select(b.fcmp_ordered(">", *halves), *halves)
    return b.extract_element(value, ir.Constant(I32, 0))


@intrinsic
def largest(typingctx, floor, scores, n_groups):
    """The largest of `floor` and 16 * n_groups scores of its kind."""
    if floor not in _SUFFIX:
        return None
    return floor(floor, types.uintp, types.intp), _largest_codegen


def _two_codegen(context, b, signature, args):
    floor, scores, n_groups = args
    scalar = _KINDS[signature.args[0]]
    vector = ir.VectorType(scalar, LANES)
    slots = [cgutils.alloca_once(b, vector) for _ in range(2)]
    b.store(_broadcast(b, floor, vector), slots[0])
    b.store(ir.Constant(vector, [float("-inf")] * LANES), slots[1])
    size = _int(LANES * signature.args[0].bitwidth // 8)

    def ordered(x, y):
        above = b.fcmp_ordered(">", x, y)
        return b.select(above, x, y), b.select(above, y, x)

    with cgutils.for_range(b, n_groups) as loop:
        here = b.load(_at(b, scores, b.mul(loop.index, size), vector), align=4)
        best, low = ordered(here, b.load(slots[0]))
        b.store(best, slots[0])
        b.store(ordered(low, b.load(slots[1]))[0], slots[1])
    (best, second), width = [b.load(slot) for slot in slots], LANES
    while width > 1:
        width //= 2
        masks = [ir.Constant(ir.VectorType(I32, width), list(range(s, s + width))) for s in (0, width)]
        best, low = ordered(*(b.shuffle_vector(best, best, mask) for mask in masks))
        second = ordered(low, ordered(*(b.shuffle_vector(second, second, mask) for mask in masks))[0])[0]
    values = [b.extract_element(v, ir.Constant(I32, 0)) for v in (best, second)]
    return context.make_tuple(b, signature.return_type, values)


@intrinsic
def two_largest(typingctx, floor, scores, n_groups):
    """The two largest of 16 * n_groups scores and of `floor`, which counts any number of times."""
    if floor not in _SUFFIX:
        return None
    return types.UniTuple(floor, 2)(floor, types.uintp, types.intp), _two_codegen


def _turn_codegen(context, b, signature, args):
    """Sixteen vectors at a time: in four stages blocks of 1, 2, 4, 8 lanes change places."""
    _, panel, n_groups, rows, stride = args
    kind = signature.args[0]
    vector, size = ir.VectorType(_KINDS[kind], LANES), _int(kind.bitwidth // 8)
    masks = {}
    for width in (1, 2, 4, 8):
        low = [lane if not lane & width else LANES + lane - width for lane in range(LANES)]
        high = [lane + width if not lane & width else LANES + lane for lane in range(LANES)]
        masks[width] = [ir.Constant(ir.VectorType(I32, LANES), mask) for mask in (low, high)]
    with cgutils.for_range(b, n_groups) as loop:
        base = b.add(panel, b.mul(b.mul(loop.index, _int(LANES * LANES)), size))
        turned = [b.load(_at(b, base, b.mul(_int(LANES * i), size), vector), align=4) for i in range(LANES)]
        for width, (low, high) in masks.items():
            for i in (i for i in range(LANES) if not i & width):
                pair = turned[i], turned[i + width]
                turned[i], turned[i + width] = (b.shuffle_vector(*pair, mask) for mask in (low, high))
        for lane, made in enumerate(turned):
            place = b.add(b.mul(stride, _int(lane)), b.mul(b.mul(loop.index, _int(LANES)), size))
            b.store(made, _at(b, rows, place, vector), align=4)
    return context.get_dummy_value()


@intrinsic
def turn_panel(typingctx, one, panel, n_groups, rows, stride):
    """The first 16 * n_groups coordinates of a panel as rows: pattern by pattern, `stride` bytes apart."""
    if one not in _SUFFIX:
        return None
    u, i = types.uintp, types.intp
    return types.void(one, u, i, u, i), _turn_codegen
