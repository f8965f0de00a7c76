"""The read limit: XOR of the very rows a dendritic sum adds, written to read as fast as one thread can."""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sdrsim.kernels.simd import CHUNK, I64, _at, _full_adder, _int
from sdrsim.kernels.sums import GROUP, address_rows

SIDE = 4  # 64-byte chunks of a row read together: of 1, 2, 4, 8 and 16 the fastest, near and far


def _codegen(context, b, signature, args):
    table, n_groups, n_steps, out = args
    rows, zero = b.inttoptr(table, I64.as_pointer()), ir.Constant(CHUNK, [0] * 8)
    slots = [cgutils.alloca_once(b, CHUNK) for _ in range(SIDE)]
    with cgutils.for_range(b, n_steps) as step:
        offset = b.mul(step.index, _int(64 * SIDE))
        for slot in slots:
            b.store(zero, slot)
        with cgutils.for_range(b, n_groups) as loop:
            first = b.mul(loop.index, _int(GROUP))
            for r in range(0, GROUP, 2):
                here, there = (b.add(b.load(b.gep(rows, [b.add(first, _int(r + i))])), offset) for i in (0, 1))
                for c, slot in enumerate(slots):
                    x, y = (b.load(_at(b, start, _int(64 * c), CHUNK), align=8) for start in (here, there))
                    b.store(_full_adder(b, b.load(slot), x, y)[0], slot)  # the sum bit of three is their XOR
        for c, slot in enumerate(slots):
            b.store(b.load(slot), _at(b, out, b.add(offset, _int(64 * c)), CHUNK), align=8)
    return context.get_dummy_value()


@intrinsic
def _touch(typingctx, table, n_groups, n_steps, out):
    return types.void(types.uintp, types.intp, types.intp, types.uintp), _codegen


@numba.njit(nogil=True)
def touch_batch(matrix, indptr, indices, out):
    """XOR of the active rows of each query into `out` (n, n_words); rows of a multiple of 32 words."""
    table = np.empty(np.max(indptr[1:] - indptr[:-1]) + GROUP, np.uint64)
    for q in range(len(out)):
        n_groups = address_rows(matrix, 0, indices[indptr[q] : indptr[q + 1]], table)
        _touch(table.ctypes.data, n_groups, matrix.shape[1] // (8 * SIDE), out[q].ctypes.data)
