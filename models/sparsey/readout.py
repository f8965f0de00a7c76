"""Class read-outs from codes: binary and counted Hebbian weights, log counts (naive Bayes), softmax by the
delta rule.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_count
from sdrsim.engine.codes import as_sdr
from sdrsim.engine.seeds import checked_seed, stream
from sdrsim.errors import CodeError, FileFormatError, ParameterError
from sdrsim.models.sparsey.kernels.readout import class_scores, count_classes, delta_rule

__all__ = ["Readout", "ReadoutKind", "checked_labels"]

ReadoutKind = Literal["binary", "hebb_count", "counts", "linear"]
KINDS = ("binary", "hebb_count", "counts", "linear")
PAD = 16  # classes are padded to a multiple: one vector register of float32


class Readout:
    """Weights from the units of a code onto class units; arg max of the sums.

    Parameters
    ----------
    n_units, n_groups : int
        Units of the code, and units active in a full code (macs x CMs): scales the delta rule.
    kind : 'binary' | 'hebb_count' | 'counts' | 'linear'
        Binary Hebbian weights; their counts; log counts, ``score_c = log prior_c + sum log((n_ic + a) / (n_c + a K))``
        over the active units i, with n_c the wins of class c in the CM of i; softmax on the active units by the delta
        rule
        ``w_ci += rate / epoch * ([c = y] - p_c)``.
    n_cells : int
        K, units per CM.
    smoothing : float
        a of the log counts.
    rate : float
        The delta rule's step is rate / n_groups per active unit.
    epochs : int
        Passes of the delta rule over the codes of one `fit`.
    seed : int
        Keys the order in which each pass takes the codes: labels that come sorted would be unlearned one by one.

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CodeError
        Bad arguments, codes or labels; a refused call changes nothing.

    Examples
    --------
    >>> from sdrsim import SDR
    >>> codes = SDR.from_indices([[0, 2], [0, 3], [1, 3]], size=4)
    >>> out = Readout(4, 2, 2, "counts").fit(codes, [5, 5, 7])
    >>> out.predict(codes).tolist(), out.classes.tolist()
    ([5, 5, 7], [5, 7])
    """

    def __init__(
        self,
        n_units: int,
        n_groups: int,
        n_cells: int,
        kind: ReadoutKind = "linear",
        *,
        smoothing: float = 0.1,
        rate: float = 6.0,
        epochs: int = 1,
        seed: int = 0,
    ) -> None:
        if kind not in KINDS:
            raise ParameterError("readout", got=repr(kind), expected=", ".join(KINDS))
        self.n_units = checked_count("n_units", n_units, 1, 2**31 - 1)
        self.n_groups = checked_count("n_groups", n_groups, 1, self.n_units)
        self.n_cells = checked_count("n_cells", n_cells, 1, self.n_units)
        if self.n_units % self.n_cells:
            raise ParameterError("n_units", got=n_units, expected=f"a multiple of n_cells, {n_cells}")
        self.kind = kind
        self.smoothing, self.rate = _above_zero("smoothing", smoothing), _above_zero("rate", rate)
        self.epochs, self.seed = checked_count("epochs", epochs, 1, 2**31 - 1), checked_seed(seed)
        self.classes = np.zeros(0, np.int64)
        self.n_seen = np.zeros(0, np.int64)
        self._counts = np.zeros((n_units, 0), np.int64)
        self._weights = np.zeros((n_units, 0), np.float32)
        self._bias = np.zeros(0, np.float32)

    def fit(self, codes: Any, labels: Any) -> "Readout":
        """Learn the class of each code; more calls go on from what is there, and may bring new classes.

        Parameters
        ----------
        codes : codes over `n_units` units, n items
        labels : (n,) integers
        """
        codes = as_sdr(codes, self.n_units)
        y = checked_labels(labels, len(codes))
        self._admit(np.unique(y))
        place = np.searchsorted(self.classes, y)
        if self.kind == "linear":
            draws = stream(self.seed, f"order after {self.n_seen.sum()}")
            for epoch in range(1, self.epochs + 1):
                order = draws.permutation(len(codes))
                rate = self.rate / self.n_groups / epoch
                delta_rule(
                    codes.indptr, codes.indices, place, order, self._weights, self._bias, rate, len(self.classes)
                )
        else:
            count_classes(codes.indptr, codes.indices, place, self._counts)
        self.n_seen += np.bincount(place, minlength=len(self.classes))
        return self

    def scores(self, codes: Any) -> NDArray[np.float32]:
        """(n, n_classes) sums over the active units, classes in the order of `classes`."""
        if not len(self.classes):
            raise ParameterError("read-out", got="no classes yet", do="fit it first")
        codes = as_sdr(codes, self.n_units)
        weights, bias = self._weights_now()
        out = np.empty((len(codes), weights.shape[1]), np.float32)
        class_scores(codes.indptr, codes.indices, weights, bias, out)
        return out[:, : len(self.classes)]

    def predict(self, codes: Any) -> NDArray[np.int64]:
        """(n,) class of the highest score; the lower class among equals."""
        best: NDArray[np.int64] = self.classes[self.scores(codes).argmax(axis=1)]
        return best

    def _admit(self, labels: NDArray[np.int64]) -> None:
        """Make room for classes not seen before, keeping what is known."""
        classes = np.union1d(self.classes, labels)
        if len(classes) == len(self.classes):
            return
        place = np.searchsorted(classes, self.classes)
        width = PAD * -(-len(classes) // PAD)
        counts = np.zeros((self.n_units, len(classes)), np.int64)
        weights, bias = np.zeros((self.n_units, width), np.float32), np.zeros(width, np.float32)
        seen = np.zeros(len(classes), np.int64)
        if self.kind == "linear":
            weights[:, place], bias[place] = self._weights[:, : len(place)], self._bias[: len(place)]
            counts = np.zeros((self.n_units, 0), np.int64)
        else:
            counts[:, place] = self._counts
            weights = np.zeros((self.n_units, 0), np.float32)
        seen[place] = self.n_seen
        self.classes, self._counts, self._weights, self._bias, self.n_seen = classes, counts, weights, bias, seen

    def _weights_now(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self.kind == "linear":
            return self._weights, self._bias
        counts = self._counts.astype(np.float64)
        zero = np.zeros(len(self.classes), np.float32)
        if self.kind == "binary":
            return (counts > 0).astype(np.float32), zero
        if self.kind == "hebb_count":
            return counts.astype(np.float32), zero
        in_cm = counts.reshape(-1, self.n_cells, len(self.classes)).sum(axis=1, keepdims=True)
        in_cm = np.broadcast_to(in_cm, (len(in_cm), self.n_cells, len(self.classes))).reshape(counts.shape)
        a = self.smoothing
        weights = np.log((counts + a) / (in_cm + a * self.n_cells))
        prior = np.log(self.n_seen / self.n_seen.sum())
        return weights.astype(np.float32), prior.astype(np.float32)

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs, copied."""
        return {name: getattr(self, attribute).copy() for name, attribute in _KEPT.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state of a read-out of the same shape, or FileFormatError."""
        made = {name: np.array(state[name], getattr(self, attribute).dtype) for name, attribute in _KEPT.items()}
        n = len(made["classes"])
        width = PAD * -(-n // PAD) if self.kind == "linear" else 0
        counts, weights = (self.n_units, 0 if self.kind == "linear" else n), (self.n_units, width)
        bias = (PAD * -(-n // PAD),)
        expected = {"classes": (n,), "n_seen": (n,), "counts": counts, "weights": weights, "bias": bias}
        for name, shape in expected.items():
            if made[name].shape != shape:
                raise FileFormatError("state of a read-out", got=f"{name} {made[name].shape}", expected=shape)
        for name, attribute in _KEPT.items():
            setattr(self, attribute, made[name])


_KEPT = {"classes": "classes", "n_seen": "n_seen", "counts": "_counts", "weights": "_weights", "bias": "_bias"}


def _above_zero(what: str, x: Any) -> float:
    number = isinstance(x, (int, float, np.integer, np.floating)) and not isinstance(x, bool)
    if not number or not 0 < x < np.inf:
        raise ParameterError(what, got=repr(x), expected="a number above 0")
    return float(x)


def checked_labels(labels: Any, n: int) -> NDArray[np.int64]:
    """(n,) int64 labels, or CodeError."""
    try:
        y = np.asarray(labels)
    except ValueError:
        raise CodeError("labels", got="lists of several lengths", expected=f"{n} whole numbers") from None
    if y.ndim != 1 or y.dtype.kind not in "iu" or len(y) != n:
        raise CodeError("labels", got=f"{y.dtype} of shape {y.shape}", expected=f"{n} whole numbers")
    return y.astype(np.int64)
