"""Vector code of the winners: the units of a plane settled eight words at a time.

Rules and helpers as in `simd.py`. Twins: `winners._winners_in_windows`, `winners._winners_across`, `portable.kth_best`.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sdrsim.kernels.simd import CHUNK, I32, I64, _at, _int, _splat


def _every_lane(b, word):
    first = b.insert_element(ir.Constant(CHUNK, ir.Undefined), word, ir.Constant(I32, 0))
    return b.shuffle_vector(first, ir.Constant(CHUNK, ir.Undefined), _splat(I32, 8, 0))


def _fill_words(b, word, span):
    """All ones in each run of `span` words (1, 2, 4 or 8) in which there is a one."""
    step = 1
    while step < span:
        partner = ir.Constant(ir.VectorType(I32, 8), [lane ^ step for lane in range(8)])
        word = b.or_(word, b.shuffle_vector(word, word, partner))
        step *= 2
    return b.sext(b.icmp_unsigned("!=", word, _splat(I64, 8, 0)), CHUNK)


def _fill_fields(b, word, top, shift):
    """All ones in each field of a word in which there is a one; `top` has the highest bit of every field."""
    low = b.not_(top)
    hit = b.and_(b.or_(b.add(b.and_(word, low), low), word), top)
    return b.or_(b.sub(hit, b.lshr(hit, shift)), hit)


def make_narrower(span):
    """narrow(planes, n_planes, n_chunks, masks, top, shift): leave the units that share the maximum of their cluster.

    `masks` (uint64[n_chunks, 8]) holds the units that may win and takes the winners; a maximum of 0 has none. A cluster
    is `span` words, or, for span 0, a field of ``shift + 1`` bits (which divides 64); `top` as in `_fill_fields`.
    """

    def codegen(context, b, signature, args):
        planes, n_planes, n_chunks, masks, top, shift = args
        top, shift, zero = _every_lane(b, top), _every_lane(b, shift), _splat(I64, 8, 0)
        mask, some = cgutils.alloca_once_value(b, zero), cgutils.alloca_once_value(b, zero)

        def fill(word):
            return _fill_words(b, word, span) if span else _fill_fields(b, word, top, shift)

        with cgutils.for_range(b, n_chunks) as chunk:
            place = _at(b, masks, b.mul(chunk.index, _int(64)), CHUNK)
            b.store(b.load(place, align=8), mask)
            b.store(zero, some)
            above = b.mul(b.mul(b.add(chunk.index, _int(1)), n_planes), _int(64))
            with cgutils.for_range(b, n_planes) as loop:
                offset = b.sub(above, b.mul(b.add(loop.index, _int(1)), _int(64)))  # from the top plane down
                units = b.load(mask)
                kept = b.and_(units, b.load(_at(b, planes, offset, CHUNK), align=8))
                b.store(b.or_(kept, b.and_(units, b.not_(fill(kept)))), mask)
                b.store(b.or_(b.load(some), kept), some)
            b.store(b.and_(b.load(mask), fill(b.load(some))), place, align=8)
        return context.get_dummy_value()

    @intrinsic
    def narrow(typingctx, planes, n_planes, n_chunks, masks, top, shift):
        sig = types.void(types.uintp, types.intp, types.intp, types.uintp, types.uint64, types.uint64)
        return sig, codegen

    return narrow


def _settle_codegen(context, b, signature, args):
    planes, n_planes, n_chunks, p, q, flip, equal, above = args
    flip, count = _every_lane(b, flip), cgutils.alloca_once_value(b, _splat(I64, 8, 0))
    ctpop = cgutils.get_or_insert_function(b.module, ir.FunctionType(CHUNK, [CHUNK]), "llvm.ctpop.v8i64")
    with cgutils.for_range(b, n_chunks) as loop:
        here = b.mul(loop.index, _int(64))
        chunk = b.add(planes, b.mul(here, n_planes))
        at_p, at_q = (b.load(_at(b, chunk, b.mul(x, _int(64)), CHUNK), align=8) for x in (p, q))
        in_equal, in_above = _at(b, equal, here, CHUNK), _at(b, above, here, CHUNK)
        units = b.load(in_equal, align=8)
        surely = b.and_(b.and_(units, at_p), flip)
        b.store(b.or_(b.load(in_above, align=8), surely), in_above, align=8)
        units = b.and_(units, b.xor(at_p, flip))
        b.store(units, in_equal, align=8)
        b.store(b.add(b.load(count), b.call(ctpop, [b.and_(units, at_q)])), count)
    lanes, total = b.load(count), _int(0)
    for lane in range(8):
        total = b.add(total, b.extract_element(lanes, ir.Constant(I32, lane)))
    return total


@intrinsic
def settle(typingctx, planes, n_planes, n_chunks, p, q, flip, equal, above):
    """One plane of the k-th best: keep the units of `equal` that have bit p (flip 0), or put those that have it into
    `above` and keep the others (flip all ones); returns how many of the kept ones have bit q."""
    words = types.uintp
    sig = types.int64(words, types.intp, types.intp, types.intp, types.intp, types.uint64, words, words)
    return sig, _settle_codegen
