"""Arrays without a reference count, for compiled code that hands many arrays from function to function.

Numba counts references with atomic instructions at every call; for a step of a few microseconds that passes a tuple of
twenty arrays through ten functions, counting was half of the time (measured: 0.45 -> 0.24 us for one function).
"""

from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["borrowed"]


@intrinsic
def borrowed(typingctx, array):  # type: ignore[no-untyped-def]
    """The same array, uncounted: its owner must outlive every use, as a caller in Python does for its arguments."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        made = context.make_array(signature.args[0])(context, builder, value=args[0])
        made.meminfo = cgutils.get_null_value(made.meminfo.type)
        made.parent = cgutils.get_null_value(made.parent.type)
        return made._getvalue()

    return array(array), codegen
