"""SparseyClassifier: features from one presentation of each image, a read-out on their codes; scikit-learn's
protocol.
"""

from html import escape
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_count, checked_pair
from sdrsim.engine.codes import SDR
from sdrsim.errors import CodeError, ParameterError
from sdrsim.files.state import load_state, save_state
from sdrsim.models.sparsey.hierarchy import Hierarchy, Level
from sdrsim.models.sparsey.readout import Readout, ReadoutKind, checked_labels

__all__ = ["NotFittedError", "SparseyClassifier"]


class NotFittedError(ParameterError, AttributeError):
    """Asked for what fitting gives, before it; an AttributeError too, so that ``hasattr(clf, "classes_")`` works."""


class SparseyClassifier:
    """A sheet of macs over image apertures, and a class read-out on all active units.

    Learning: each image once, unsupervised; then a relabelling pass, in which the images are coded again by recognition
    (learning codes are drawn, test codes are arg max) and the read-out learns from those codes.

    Features are learned in the order of the images, and early ones take the units: bring the classes mixed, not sorted.

    Parameters
    ----------
    image_shape : (rows, columns)
    aperture, stride : int
        Side of the square each mac sees, and the step between macs.
    n_cms, n_cells : int
        Q, K of each mac.
    match, unit_cap, g_minus, pi_u_minus
        See `CodeSelection`; the defaults are those of preset 'features'.
    threshold : int
        Pixels above it are on.
    readout : 'linear' | 'counts' | 'hebb_count' | 'binary'
        See `Readout`.
    epochs : int
        Passes of the linear read-out over the codes. The features see each image once whatever this says.
    smoothing, rate : float
        Of the log counts, of the delta rule.
    n_threads : int
        Threads of the recognition passes; results do not depend on it.
    seed : int

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CodeError
        From `fit`, `partial_fit`, `predict`, ...: arguments, images or labels that cannot be. What was learned stays.

    Examples
    --------
    >>> from sdrsim.files import load_dataset
    >>> d = load_dataset("digits8")
    >>> clf = SparseyClassifier(image_shape=(8, 8), aperture=4, stride=1, n_cms=8, n_cells=16, threshold=7, epochs=4)
    >>> clf.fit(d.images[:500], d.labels[:500]).score(d.images[500:1000], d.labels[500:1000]) > 0.8
    True
    """

    def __init__(
        self,
        image_shape: tuple[int, int] = (28, 28),
        aperture: int = 9,
        stride: int = 3,
        n_cms: int = 10,
        n_cells: int = 32,
        match: Literal["fraction", "cosine", "jaccard"] = "cosine",
        unit_cap: float | None = 0.25,
        threshold: int = 127,
        readout: ReadoutKind = "linear",
        epochs: int = 1,
        seed: int = 0,
        *,
        g_minus: float = 0.2,
        pi_u_minus: float = 3,
        smoothing: float = 0.1,
        rate: float = 6.0,
        n_threads: int = 1,
    ) -> None:
        self.image_shape, self.aperture, self.stride = image_shape, aperture, stride
        self.n_cms, self.n_cells, self.match, self.unit_cap = n_cms, n_cells, match, unit_cap
        self.threshold, self.readout, self.epochs, self.seed = threshold, readout, epochs, seed
        self.g_minus, self.pi_u_minus = g_minus, pi_u_minus
        self.smoothing, self.rate, self.n_threads = smoothing, rate, n_threads
        self._hierarchy: Hierarchy | None = None
        self._readout: Readout | None = None

    # ---- scikit-learn's protocol --------------------------------------------------------------------------------

    _NAMES = (
        *("image_shape", "aperture", "stride", "n_cms", "n_cells", "match", "unit_cap", "threshold", "readout"),
        *("epochs", "seed", "g_minus", "pi_u_minus", "smoothing", "rate", "n_threads"),
    )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor arguments by name."""
        return {name: getattr(self, name) for name in self._NAMES}

    def set_params(self, **params: Any) -> "SparseyClassifier":
        """Change constructor arguments; what was learned is forgotten."""
        unknown = [name for name in params if name not in self._NAMES]
        if unknown:
            raise ParameterError(
                f"SparseyClassifier.{unknown[0]}", got="an unknown name", expected=", ".join(self._NAMES)
            )
        for name, value in params.items():
            setattr(self, name, value)
        if params:
            self._hierarchy = self._readout = None
        return self

    _estimator_type = "classifier"  # asked for by scikit-learn before 1.6

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks before cross-validation."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(two_d_array=False, three_d_array=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return self._readout is not None

    def fit(self, images: Any, labels: Any) -> "SparseyClassifier":
        """Learn from scratch: features from one pass over the images, then the read-out on their recognised codes.

        Parameters
        ----------
        images : (n, rows, columns) uint8
        labels : (n,) integers
        """
        codes, y = self._checked(images, labels)
        return self._learn(codes, y, *self._new())

    def partial_fit(self, images: Any, labels: Any, classes: Any = None) -> "SparseyClassifier":
        """Learn more images on top of what is known; new classes may appear (`classes` is accepted and not needed).

        The features come out as from one `fit` over all images; the read-out learns each image as the
        features of that moment code it.
        """
        codes, y = self._checked(images, labels)
        if self._hierarchy is None or self._readout is None:
            return self._learn(codes, y, *self._new())
        return self._learn(codes, y, self._hierarchy, self._readout)

    def predict(self, images: Any) -> NDArray[np.int64]:
        """(n,) labels."""
        return self._fitted().predict(self.transform(images))

    def decision_function(self, images: Any) -> NDArray[np.float32]:
        """(n, n_classes) read-out sums, in the order of `classes_`."""
        return self._fitted().scores(self.transform(images))

    def score(self, images: Any, labels: Any) -> float:
        """Share of images whose predicted label is right."""
        _, y = self._checked(images, labels)
        return float((self.predict(images) == y).mean())

    def transform(self, images: Any) -> SDR:
        """Codes of the sheet for images, by recognition."""
        self._fitted()
        return self.hierarchy.recognise(self._binary(images), n_threads=self.n_threads).sdr[0]

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Labels known so far, rising."""
        return self._fitted().classes

    @property
    def hierarchy(self) -> Hierarchy:
        """The sheet of macs, a `Hierarchy` of one level; an empty one before fitting."""
        return self._new()[0] if self._hierarchy is None else self._hierarchy

    # ---- inside ---------------------------------------------------------------------------------------------------

    def _learn(self, codes: SDR, y: NDArray[np.int64], hierarchy: Hierarchy, readout: Readout) -> "SparseyClassifier":
        n_threads = checked_count("n_threads", self.n_threads, 1, 2**16)
        hierarchy.learn(codes)
        readout.fit(hierarchy.recognise(codes, n_threads=n_threads).sdr[0], y)
        self._hierarchy, self._readout = hierarchy, readout
        return self

    def _new(self) -> tuple[Hierarchy, Readout]:
        """An empty sheet and read-out."""
        level = Level(
            aperture=(self.aperture, self.aperture),
            stride=(self.stride, self.stride),
            n_cms=self.n_cms,
            n_cells=self.n_cells,
            match=self.match,
            unit_cap=self.unit_cap,
            g_minus=self.g_minus,
            pi_u_minus=self.pi_u_minus,
        )
        hierarchy = Hierarchy(self.image_shape, [level], seed=self.seed)
        sheet = hierarchy.sheets[0]
        readout = Readout(
            sheet.size,
            sheet.n_macs * self.n_cms,
            self.n_cells,
            self.readout,
            smoothing=self.smoothing,
            rate=self.rate,
            epochs=self.epochs,
            seed=self.seed,
        )
        return hierarchy, readout

    def _binary(self, images: Any) -> SDR:
        rows, columns = checked_pair("image_shape", self.image_shape)
        if isinstance(self.threshold, bool) or not isinstance(self.threshold, (int, float, np.number)):
            raise ParameterError("threshold", got=repr(self.threshold), expected="a grey value")
        if np.isnan(self.threshold):
            raise ParameterError("threshold", got="NaN", expected="a grey value")
        try:
            array = np.asarray(images)
        except ValueError:
            raise CodeError("images", got="images of several shapes", expected=f"(n, {rows}, {columns})") from None
        if array.ndim != 3 or array.shape[1:] != (rows, columns):
            raise CodeError("images", got=f"shape {array.shape}", expected=f"(n, {rows}, {columns})")
        if array.dtype.kind not in "uif":
            raise CodeError(
                "images", got=str(array.dtype), expected="grey values (uint8)", do="pass uint8 and a threshold"
            )
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise CodeError("images", got="NaN", expected="grey values")
        return SDR.from_dense((array > self.threshold).reshape(len(array), rows * columns))

    def _checked(self, images: Any, labels: Any) -> tuple[SDR, NDArray[np.int64]]:
        codes = self._binary(images)
        if not len(codes):
            raise CodeError("images", got="none", expected="at least one")
        return codes, checked_labels(labels, len(codes))

    def _fitted(self) -> Readout:
        if self._readout is None:
            raise NotFittedError("SparseyClassifier", got="no images yet", do="fit it first")
        return self._readout

    def save(self, path: str | Path) -> Path:
        """Write arguments, features and read-out to an HDF5 checkpoint."""
        readout = self._fitted()
        sheet = self.hierarchy.sheets[0]
        arguments = {**self.get_params(), "image_shape": list(self.image_shape)}
        state = {"arguments": arguments, "sheet": sheet.state(), "readout": readout.state()}
        return save_state(path, "sparsey classifier", state)

    @classmethod
    def load(cls, path: str | Path) -> "SparseyClassifier":
        """A classifier from `save`; continues exactly where the saved one stood."""
        state = load_state(path, "sparsey classifier")
        arguments = dict(state["arguments"])
        arguments["image_shape"] = tuple(arguments["image_shape"])
        made = cls(**arguments)
        hierarchy, readout = made._new()
        hierarchy.sheets[0].restore(state["sheet"])
        readout.restore(state["readout"])
        made._hierarchy, made._readout = hierarchy, readout
        return made

    def __repr__(self) -> str:
        known = "nothing learned" if self._readout is None else f"{int(self._readout.n_seen.sum()):,} images learned"
        return (
            f"SparseyClassifier(image_shape={self.image_shape}, aperture {self.aperture}, stride {self.stride}, "
            f"Q {self.n_cms} x K {self.n_cells}, {self.match}, readout {self.readout!r}; {known})"
        )

    def _repr_html_(self) -> str:
        return f"<code>{escape(repr(self))}</code>"
