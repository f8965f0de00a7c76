"""What a Hopfield memory is given: real rows, or codes."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.errors import ParameterError

__all__ = ["Given", "given", "is_code", "real_rows"]


class Given(NamedTuple):
    """rows : (n, d) float; codes : the SDR they were, or None."""

    rows: NDArray[Any]
    codes: SDR | None


def given(what: str, x: Any, d: int | None, codes: bool | None) -> Given:
    """Rows from what a user passes.

    codes : True: codes are wanted; False: real numbers are (codes are taken as 0 and 1); None: x decides.
    """
    if codes or (codes is None and is_code(x)):
        sdr = as_sdr(x, d, what=what)
        return Given(sdr.dense().astype(np.float32), sdr)
    if is_code(x):
        rows: NDArray[Any] = as_sdr(x, d, what=what).dense().astype(np.float32)
    else:
        rows = real_rows(what, x)
    if d is not None and rows.shape[1] != d:
        raise ParameterError(what, got=f"{rows.shape[1]} coordinates", expected=f"{d}")
    return Given(rows, None)


def is_code(x: Any) -> bool:
    """Whether x says by its type that it is codes."""
    return isinstance(x, SDR) or hasattr(x, "tocsr") or getattr(x, "dtype", None) == np.bool_


def real_rows(what: str, x: Any) -> NDArray[Any]:
    """(n, d) finite float32 or float64, or ParameterError."""
    try:
        rows = np.asarray(x)
    except ValueError:
        raise ParameterError(what, got="rows of several lengths", expected="real numbers (n, d)") from None
    if rows.dtype.kind not in "fiub":
        raise ParameterError(what, got=f"{rows.dtype} values", expected="real numbers (n, d)")
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float64)
    if rows.ndim == 1:
        rows = rows[None]
    if rows.ndim != 2 or rows.shape[1] < 1:
        raise ParameterError(what, got=f"shape {np.shape(x)}", expected="(n, d) or (d,), d at least 1")
    if not np.isfinite(rows).all():
        raise ParameterError(what, got="NaN or infinity", expected="finite numbers", do="clean the data first")
    return rows
