"""Vector code of whole-number dot products: bytes in panels of 16 patterns, two coordinates side by side.

``panel[j, lane, 2]`` holds coordinates 2 j and 2 j + 1 of a pattern as int8; a query has pairs of int16. A step adds 32
products to 16 sums of int32: one instruction, where the processor has it (LLVM finds it; none is named here). Sums are
exact as long as they fit int32. Rules and helpers as in `simd.py`. Twins: sums of NumPy in `tests/test_screen.py`.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sdrsim.kernels.simd import I32, I64, LANES, _at, _broadcast, _int

I8, I16 = ir.IntType(8), ir.IntType(16)
_BYTES, _SHORTS, _WIDE, _SUMS = (ir.VectorType(k, n) for k, n in ((I8, 32), (I16, 32), (I32, 32), (I32, 16)))
_EVEN, _ODD = (ir.Constant(ir.VectorType(I32, LANES), list(range(s, 2 * LANES, 2))) for s in (0, 1))


def _products(b, cells, pairs):
    """Sum of the two products in each of 16 lanes, of 32 int16 on both sides."""
    made, none = b.mul(b.sext(cells, _WIDE), b.sext(pairs, _WIDE)), ir.Constant(_WIDE, ir.Undefined)
    return b.add(b.shuffle_vector(made, none, _EVEN), b.shuffle_vector(made, none, _ODD))


def make_pair_tile(n_queries, n_panels):
    """tile(panels, stride, pairs, n, places, out, out_stride): int32 sums of a tile, written to `out`.

    Panels are `stride` bytes apart. ``pairs`` holds, for each of n steps, the two int16 of each query; step j is pair
    places[j] (int32) of a panel. Query q's sums of panel p go to ``out + q * out_stride + p * 64``.
    """

    def codegen(context, b, signature, args):
        panels, stride, pairs, n, places, out, out_stride = args
        slots = [[cgutils.alloca_once(b, _SUMS) for _ in range(n_panels)] for _ in range(n_queries)]
        for slot in (slot for side in slots for slot in side):
            b.store(ir.Constant(_SUMS, [0] * LANES), slot)
        with cgutils.for_range(b, n) as step:
            row = b.zext(b.load(b.gep(b.inttoptr(places, I32.as_pointer()), [step.index])), I64)
            here = b.add(panels, b.mul(row, _int(2 * LANES)))
            cells = [
                b.sext(b.load(_at(b, b.add(here, b.mul(stride, _int(p))), _int(0), _BYTES), align=1), _SHORTS)
                for p in range(n_panels)
            ]
            base = b.add(pairs, b.mul(step.index, _int(4 * n_queries)))
            for q, side in enumerate(slots):
                pair = _broadcast(b, b.load(_at(b, base, _int(4 * q), I32), align=2), _SUMS)
                for slot, column in zip(side, cells):
                    b.store(b.add(b.load(slot), _products(b, column, b.bitcast(pair, _SHORTS))), slot)
        for q, side in enumerate(slots):
            for p, slot in enumerate(side):
                place = b.add(b.mul(_int(q), out_stride), _int(4 * LANES * p))
                b.store(b.load(slot), _at(b, out, place, _SUMS), align=4)
        return context.get_dummy_value()

    @intrinsic
    def tile(typingctx, panels, stride, pairs, n, places, out, out_stride):
        u, i = types.uintp, types.intp
        return types.void(u, i, u, i, u, u, i), codegen

    return tile
