"""Vector code of powers: sums and weights ``u ** s`` of many scores, ``u = scale (z - top) - t`` where that is above 0.

Rules and helpers as in `simd.py`; here 8 float64 lanes, whatever the scores are kept in. Twins: plain loops in
`tests/reference/entmax_reference.py`. Whole and half powers are multiplications. Any other power is
``exp2(s log2(u))`` with the logarithm in two float64: error below 2e-15 of the result for ``|s log2 u| < 1000``, about
1.1 ns a power in a sum with AVX-512. Every score goes through the same operations wherever it stands, so that equal
scores get equal bits.

The modes: 'whole' and 'half', ``u ** k`` and ``u ** (k + 1/2)`` by k multiplications; 'any', ``u ** s``; 'near',
``(1 + scale (z - top - t)) ** s``, which keeps its digits for large s; 'exp', ``exp(z - top)``.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sdrsim.kernels.simd import F32, I32, I64, _int

WIDE = 8
F64 = ir.DoubleType()
_REALS, _LONGS, _MASK = (ir.VectorType(kind, WIDE) for kind in (F64, I64, ir.IntType(1)))
_CELLS = {types.float32: F32, types.float64: F64}
_I8 = ir.IntType(8)
_LEAST = 2.3e-308  # just above the smallest normal number
_FAR = 1021.0  # powers of two beyond are not normal numbers

# log2(m) = C s + s**3 ATANH(s**2) with s = (m - 1) / (m + 1), C = 2 / log 2, m in 1/sqrt 2 .. sqrt 2;
# 2**f = 1 + f EXP2(f), f in -1/2 .. 1/2. Chebyshev fits in 60 digits, errors 2**-60 and 2**-55 of the result.
_C, _C_REST = 2.8853900817779268, 4.0710547481862066e-17
_ATANH = (0.9617966939259756, 0.577078016355598, 0.41219858310211616, 0.3205989004205735)
_ATANH += (0.2623078640447632, 0.22197651717179587, 0.19142793205820974, 0.18880010645456755)
_EXP2 = (0.6931471805599453, 0.24022650695910097, 0.0555041086648216, 0.009618129107606888, 0.0013333558146416936)
_EXP2 += (0.0001540353044173605, 1.525273382983612e-05, 1.321544258792169e-06, 1.0178062445845774e-07)
_EXP2 += (7.072585949269223e-09, 4.4549605981865186e-10)
_LOG2E, _LOG2E_REST = 1.4426950408889634, 2.0355273740931033e-17
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_ROUNDER = 6755399441055744.0  # 1.5 * 2**52: a sum with it is rounded to a whole number, which stands in its low bits


def _all(value, kind=_REALS):
    return ir.Constant(kind, [value] * WIDE)


def _spread(b, scalar, kind=_REALS):
    empty = ir.Constant(kind, ir.Undefined)
    first = b.insert_element(empty, scalar, ir.Constant(I32, 0))
    return b.shuffle_vector(first, empty, ir.Constant(ir.VectorType(I32, WIDE), [0] * WIDE))


def _call(b, name, *args, result=None):
    kind = ir.FunctionType(result or args[0].type, [a.type for a in args])
    return b.call(cgutils.get_or_insert_function(b.module, kind, name), args)


def _fma(b, x, y, z):
    return _call(b, f"llvm.fma.v{WIDE}f64", x, y, z)


def _polynomial(b, x, coefficients):
    """By pairs (Estrin): the chain of operations that wait for each other is short."""
    terms = [_all(c) for c in coefficients]
    while len(terms) > 1:
        terms = [_fma(b, high, x, low) for low, high in zip(terms[::2], terms[1::2])] + terms[len(terms) & ~1 :]
        x = b.fmul(x, x)
    return terms[0]


# ---- powers -------------------------------------------------------------------------------------------------------


def _log2(b, u, less_one=None):
    """log2 of normal numbers above 0 as a sum (high, low); `less_one`: u - 1 with more digits than u has."""
    bits, far = b.bitcast(u, _LONGS), _all(52, _LONGS)
    k = b.ashr(b.sub(bits, _all(_ROOT_HALF_BITS, _LONGS)), far)
    f = b.fsub(b.bitcast(b.sub(bits, b.shl(k, far)), _REALS), _all(1.0))
    if less_one is not None:
        f = b.select(b.icmp_signed("==", k, _all(0, _LONGS)), less_one, f)
    g = b.fadd(f, _all(2.0))
    g_rest = b.fsub(f, b.fsub(g, _all(2.0)))
    inverse = b.fdiv(_all(1.0), g)
    s = b.fmul(f, inverse)
    minus_s, z = b.fneg(s), b.fmul(s, s)
    s_rest = b.fmul(_fma(b, minus_s, g_rest, _fma(b, minus_s, g, f)), inverse)
    high = b.fmul(s, _all(_C))
    low = _fma(b, s, _all(_C_REST), _fma(b, s, _all(_C), b.fneg(high)))
    low = _fma(b, b.fmul(s, z), _polynomial(b, z, _ATANH), _fma(b, s_rest, _all(_C), low))
    whole = b.sitofp(k, _REALS)
    first = b.fadd(whole, high)
    low = b.fadd(b.fadd(b.fsub(whole, first), high), low)
    total = b.fadd(first, low)
    return total, b.fadd(b.fsub(first, total), low)


def _exp2(b, high, low):
    """2**(high + low), 0 below the normal numbers."""
    normal = b.fcmp_ordered(">", high, _all(-_FAR))
    x = b.select(normal, high, _all(-_FAR))
    x = b.select(b.fcmp_ordered("<", x, _all(_FAR)), x, _all(_FAR))
    rounded = b.fadd(x, _all(_ROUNDER))
    f = b.fadd(b.fsub(x, b.fsub(rounded, _all(_ROUNDER))), low)
    value = _fma(b, f, _polynomial(b, f, _EXP2), _all(1.0))
    steps = b.shl(b.bitcast(rounded, _LONGS), _all(52, _LONGS))
    return b.select(normal, b.bitcast(b.add(b.bitcast(value, _LONGS), steps), _REALS), _all(0.0))


def _power(b, u, s, less_one=None):
    high, low = _log2(b, u, less_one)
    x = b.fmul(s, high)
    rest = _fma(b, s, low, _fma(b, s, high, b.fneg(x)))
    return b.select(b.fcmp_ordered(">", u, _all(_LEAST)), _exp2(b, x, rest), _all(0.0))


def _exp(b, x):
    high = b.fmul(x, _all(_LOG2E))
    return _exp2(b, high, _fma(b, x, _all(_LOG2E_REST), _fma(b, x, _all(_LOG2E), b.fneg(high))))


def _raised(b, mode, us, given):
    """(u above 0 else 0, its power) of some vectors of z - top."""
    scale, t, s, k = given
    zero, one = _all(0.0), _all(1.0)
    if mode == "exp":
        return [(one, _exp(b, x)) for x in us]
    if mode == "near":
        ys = [b.fmul(scale, b.fsub(x, t)) for x in us]
        us = [b.fadd(y, one) for y in ys]
    else:
        ys, us = [None] * len(us), [_fma(b, scale, x, b.fneg(t)) for x in us]
    us = [b.select(b.fcmp_ordered(">", u, zero), u, zero) for u in us]
    if mode in ("any", "near"):
        return [(u, _power(b, u, s, y)) for u, y in zip(us, ys)]
    root = f"llvm.sqrt.v{WIDE}f64"
    first = [_call(b, root, u) if mode == "half" else b.select(b.fcmp_ordered(">", u, zero), one, zero) for u in us]
    slots = [cgutils.alloca_once_value(b, w) for w in first]
    for slot, w in zip(slots, first):
        b.store(w, slot)
    with cgutils.for_range(b, k):
        for slot, u in zip(slots, us):
            b.store(b.fmul(b.load(slot), u), slot)
    return [(u, b.load(slot)) for u, slot in zip(us, slots)]


# ---- loops over scores --------------------------------------------------------------------------------------------


def _cells(b, pointer, mask=None, fill=float("-inf")):
    """8 cells as float64; those outside the mask are `fill`, which counts for nothing."""
    cell = pointer.type.pointee
    kind = ir.VectorType(cell, WIDE)
    place = b.bitcast(pointer, kind.as_pointer())
    if mask is None:
        value = b.load(place, align=4)
    else:
        name = f"llvm.masked.load.v{WIDE}{'f32' if cell is F32 else 'f64'}.p0"
        rest = _all(fill, kind) if isinstance(fill, float) else fill
        value = _call(b, name, place, ir.Constant(I32, 4), mask, rest, result=kind)
    return value if cell is F64 else b.fpext(value, _REALS)


def _each(b, base, n, group, body):
    """``body(pointers, places, masks)`` for groups of vectors, then for what is left, a vector at a time, masked."""
    per = WIDE * group
    n_groups = b.sdiv(n, _int(per))
    with cgutils.for_range(b, n_groups) as loop:
        places = [b.add(b.mul(loop.index, _int(per)), _int(WIDE * j)) for j in range(group)]
        body([b.gep(base, [place]) for place in places], places, [None] * group)
    done = b.mul(n_groups, _int(per))
    n_left = b.sub(n, done)
    lanes = ir.Constant(_LONGS, list(range(WIDE)))
    with cgutils.for_range(b, b.sdiv(b.add(n_left, _int(WIDE - 1)), _int(WIDE))) as loop:
        at = b.mul(loop.index, _int(WIDE))
        mask = b.icmp_signed("<", lanes, _spread(b, b.sub(n_left, at), _LONGS))
        place = b.add(done, at)
        body([b.gep(base, [place])], [place], [mask])


def _folded(b, vectors, combine):
    """One number from some vectors, in a fixed order."""
    while len(vectors) > 1:
        vectors = [combine(x, y) for x, y in zip(vectors[::2], vectors[1::2])]
    value, width = vectors[0], WIDE
    while width > 1:
        width //= 2
        index = ir.VectorType(I32, width)
        halves = [b.shuffle_vector(value, value, ir.Constant(index, list(range(s, s + width)))) for s in (0, width)]
        value = combine(*halves)
    return b.extract_element(value, ir.Constant(I32, 0))


def _add_to(b, slot, value):
    b.store(b.fadd(b.load(slot), value), slot)


def _make_sums(mode, group):
    def codegen(context, b, signature, args):
        one, z, n, top, scale, t, s, k = args
        base = b.inttoptr(z, one.type.as_pointer())
        tops, *given = (_spread(b, x) for x in (top, scale, t, s))
        sums = [[cgutils.alloca_once_value(b, _all(0.0)) for _ in range(3)] for _ in range(group)]

        def body(pointers, places, masks):
            us = [b.fsub(_cells(b, p, m), tops) for p, m in zip(pointers, masks)]
            for (u, w), (whole, slope, count) in zip(_raised(b, mode, us, (*given, k)), sums):
                if mode == "near":
                    _add_to(b, whole, w)
                    w = b.select(b.fcmp_ordered(">", w, _all(0.0)), b.fdiv(w, u), w)
                else:
                    b.store(_fma(b, u, w, b.load(whole)), whole)
                _add_to(b, slope, w)
                _add_to(b, count, b.select(b.fcmp_ordered(">", u, _all(0.0)), _all(1.0), _all(0.0)))

        _each(b, base, n, group, body)
        totals = [_folded(b, [b.load(one[i]) for one in sums], b.fadd) for i in range(3)]
        return context.make_tuple(b, signature.return_type, totals)

    @intrinsic
    def sums(typingctx, one, z, n, top, scale, t, s, k):
        """(sum of u u**s, sum of u**s, how many u are above 0) of n scores of the kind of `one`.

        'near': (sum of the power, sum of the power over u, how many u are above 0).
        """
        f, i = types.float64, types.intp
        if one not in _CELLS:
            return None
        return types.UniTuple(f, 3)(one, types.uintp, i, f, f, f, f, i), codegen

    return sums


def _make_weights(mode):
    def codegen(context, b, signature, args):
        one, to_one, z, n, top, scale, t, s, k, tied, norm, out = args
        base, target = b.inttoptr(z, one.type.as_pointer()), b.inttoptr(out, to_one.type.as_pointer())
        tops, scales, ts, ss, ties, norms = (_spread(b, x) for x in (top, scale, t, s, tied, norm))
        special = b.fcmp_ordered(">", ties, _all(0.0))
        kind = ir.VectorType(to_one.type, WIDE)
        total = cgutils.alloca_once_value(b, _all(0.0))
        name = f"llvm.masked.store.v{WIDE}{'f32' if to_one.type is F32 else 'f64'}.p0"

        def body(pointers, places, masks):
            (pointer,), (place,), (mask,) = pointers, places, masks
            x = b.fsub(_cells(b, pointer, mask), tops)
            weight = cgutils.alloca_once_value(b, _all(0.0))
            b.store(_all(0.0), weight)
            if mode == "near":
                u = b.fadd(b.fmul(scales, b.fsub(x, ts)), _all(1.0))
            else:
                u = x if mode == "exp" else _fma(b, scales, x, b.fneg(ts))
            least = _all(-_FAR if mode == "exp" else 0.0)
            held = b.or_(b.fcmp_ordered(">", u, least), b.and_(special, b.fcmp_ordered("==", x, _all(0.0))))
            with b.if_then(b.icmp_unsigned("!=", b.bitcast(held, _I8), ir.Constant(_I8, 0))):
                ((_, w),) = _raised(b, mode, [x], (scales, ts, ss, k))
                w = b.select(b.and_(special, b.fcmp_ordered("==", x, _all(0.0))), ties, w)
                _add_to(b, total, w)
                b.store(b.fdiv(w, norms), weight)
            w = b.load(weight)
            w = w if to_one.type is F64 else b.fptrunc(w, kind)
            to = b.bitcast(b.gep(target, [place]), kind.as_pointer())
            if mask is None:
                b.store(w, to, align=4)
            else:
                _call(b, name, w, to, ir.Constant(I32, 4), mask, result=ir.VoidType())

        _each(b, base, n, 1, body)
        return _folded(b, [b.load(total)], b.fadd)

    @intrinsic
    def weights(typingctx, one, to_one, z, n, top, scale, t, s, k, tied, norm, out):
        """``out = u**s / norm`` of n scores; the sum of u**s. Kinds as `one` and `to_one`; `out` may be `z`.

        `tied` above 0 is the power of scores equal to `top`, whatever ``-t`` is.
        """
        f, i, u = types.float64, types.intp, types.uintp
        if one not in _CELLS or to_one not in _CELLS:
            return None
        return f(one, to_one, u, i, f, f, f, f, i, f, f, u), codegen

    return weights


sums_whole, sums_half = _make_sums("whole", 4), _make_sums("half", 4)
sums_any, sums_near = _make_sums("any", 4), _make_sums("near", 4)
weights_whole, weights_half, weights_any, weights_near, weights_exp = (
    _make_weights(mode) for mode in ("whole", "half", "any", "near", "exp")
)


def _keep_codegen(context, b, signature, args):
    one, z, n, top, scale, t, out = args
    base, target = b.inttoptr(z, one.type.as_pointer()), b.inttoptr(out, F64.as_pointer())
    tops, scales, ts = (_spread(b, x) for x in (top, scale, t))
    count = cgutils.alloca_once_value(b, _int(0))

    def body(pointers, places, masks):
        values = _cells(b, pointers[0], masks[0])
        held = b.fcmp_ordered(">", _fma(b, scales, b.fsub(values, tops), b.fneg(ts)), _all(0.0))
        held = held if masks[0] is None else b.and_(held, masks[0])  # the scale may be negative
        bits = b.bitcast(held, _I8)
        with b.if_then(b.icmp_unsigned("!=", bits, ir.Constant(_I8, 0))):
            at = b.load(count)
            name = f"llvm.experimental.vector.compress.v{WIDE}f64"
            packed = _call(b, name, values, held, ir.Constant(_REALS, ir.Undefined))
            b.store(packed, b.bitcast(b.gep(target, [at]), _REALS.as_pointer()), align=8)
            b.store(b.add(at, b.zext(_call(b, "llvm.ctpop.i8", bits), I64)), count)

    _each(b, base, n, 1, body)
    return b.load(count)


@intrinsic
def keep_above(typingctx, one, z, n, top, scale, t, out):
    """Those of n scores with u above 0, in order, as float64 into `out`, which has room for n + 8; how many.

    `out` may be `z`.
    """
    f, i, u = types.float64, types.intp, types.uintp
    return (i(one, u, i, f, f, f, u), _keep_codegen) if one in _CELLS else None


def _extremes_codegen(context, b, signature, args):
    one, z, n = args
    base = b.inttoptr(z, one.type.as_pointer())
    start = b.load(base)
    fill = _spread(b, start, ir.VectorType(one.type, WIDE))
    start = start if one.type is F64 else b.fpext(start, F64)
    best = [cgutils.alloca_once_value(b, _spread(b, start)) for _ in range(4)]
    odd = [cgutils.alloca_once_value(b, _all(0.0)) for _ in range(4)]

    def body(pointers, places, masks):
        for p, mask, slot, other in zip(pointers, masks, best, odd):
            value, old = _cells(b, p, mask, fill), b.load(slot)
            b.store(b.select(b.fcmp_ordered(">", value, old), value, old), slot)
            _add_to(b, other, b.fsub(value, value))  # NaN once a value is not finite

    _each(b, base, n, 4, body)
    top = _folded(b, [b.load(s) for s in best], lambda x, y: b.select(b.fcmp_ordered(">", x, y), x, y))
    return context.make_tuple(b, signature.return_type, [top, _folded(b, [b.load(s) for s in odd], b.fadd)])


@intrinsic
def extremes(typingctx, one, z, n):
    """(the largest of n scores, n at least 1; 0.0, or NaN where one of them is not finite)."""
    two = types.UniTuple(types.float64, 2)
    return (two(one, types.uintp, types.intp), _extremes_codegen) if one in _CELLS else None
