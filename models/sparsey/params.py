"""MacParams: the numbers of a mac, checked, with the presets of the literature."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from sdrsim.engine.params import Params
from sdrsim.errors import ParameterError

__all__ = ["PRESETS", "CodeSelection", "MacParams"]

Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]  # strict: True and "2" are no numbers
Share = Annotated[Real, Field(gt=0, le=1)]
Shape = tuple[Real, Real, Real, Real]
PsiForm = Literal["richards", "richards_inside", "logistic2010", "core", "demo", "sparseypy"]

MOST_GAIN = 1e12  # of chi, and of the numbers in sigma: sums of psi over a CM stay well inside float32
RICHARDS_SIGMA: Shape = (0.1, 4.0, 1.0, 8.0)

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "rinkus2014": {},
    "rinkus2014_alt": {"psi": "richards_inside"},
    "rinkus2010": {"psi": "logistic2010"},
    "core": {"psi": "core"},
    "demo": {"psi": "demo"},
    "sparseypy": {"psi": "sparseypy", "chi": 1.5, "g_minus": 0.2, "gamma": 1.0},
    "features": {"match": "cosine", "unit_cap": 0.25, "pi_u_minus": 3, "g_minus": 0.2},
}
_SIGMA: Mapping[str, Shape] = {
    "richards": RICHARDS_SIGMA,
    "richards_inside": RICHARDS_SIGMA,
    "logistic2010": (1e4, 7.0, 26.0, -13.0),
    "core": (0.0, 0.0, 0.0, 0.0),
    "demo": (400.0, 0.5, 0.30, 0.20),
    "sparseypy": (8.0, 5.0, 1e-6, 0.0),
}


class CodeSelection(Params):
    """How a mac selects and learns codes: everything but its afferents. Symbols are those of Rinkus 2014, Table 1.

    Parameters
    ----------
    n_cms, n_cells : int
        Q competitive modules of K cells each.
    preset : str
        Defaults for what follows: 'rinkus2014' (the table of the specification), 'rinkus2014_alt' (exponent inside the
        denominator), 'rinkus2010' (logistic), 'core' (ratcheted inflection), 'demo' (the author's V-to-mu
        demonstration), 'sparseypy', 'features' (ours: cosine match and a per-unit critical period, for spatial codes
        of images).
        Anything given explicitly wins over the preset.
    match : 'fraction' | 'cosine' | 'jaccard'
        Form of U (eq 3): overlap / active; overlap / sqrt(active * set); overlap / union. The last two are ours.
    unit_cap : float in (0, 1] or None
        Strict critical period (ours): a unit with this share of its weights set learns no more, and wins while learning
        only on an exact match. Replaces `freeze_u`.
    norm : 'active_count' | 'pi_min'
        Divisor of U under 'fraction': the active inputs, or ``pi_u_minus`` as eq 3 prints it. The first reads 1 for
        every exact repeat but cannot see missing input; the second can.
    pi_u_minus, pi_u_plus : int, or float in (0, 1)
        Eq 1: fewest and most active features (pixels, or macs below) a mac answers to; a float below 1 is a share of
        all.
    g_minus, gamma, chi : float
        Eq 9: familiarity floor Gm, exponent, and range factor of the expansivity eta.
    psi : str, or callable f(v, g) -> array
        Eq 10: form of V to win likelihood; a callable gets V (an array of 0 .. 1) and the mac's G and is tabulated.
    sigma : four floats
        Shape of `psi`. Richards: sigma1..4. logistic2010: a, b, lambda, phi. demo: E, inflection, eccentricity at G =
        0 and its fall over G. sparseypy: lambda, phi, floor, unused. core: unused.
    winner : 'max' | 'draw'
        Recognition takes the best unit of each CM (ties drawn), or draws as learning does.
    lambda_u0 : float
        Eq 4: exponent of U on the first frame of a sequence; every item of the spatial memory is one.
    freeze_u : float in (0, 1] or None
        Critical period: a unit with this share of its weights set takes no new ones (it still wins).
    learn_if_g_below : float or None
        Write only items less familiar than this; None: always.

    Raises
    ------
    sdrsim.errors.ParameterError
        A value outside its range, an unknown name or preset.
    """

    n_cms: Annotated[int, Field(ge=1, le=4096, strict=True)] = 24
    n_cells: Annotated[int, Field(ge=2, le=32767, strict=True)] = 8
    preset: Literal["rinkus2014", "rinkus2014_alt", "rinkus2010", "core", "demo", "sparseypy", "features"] = (
        "rinkus2014"
    )
    match: Literal["fraction", "cosine", "jaccard"] = "fraction"
    unit_cap: Share | None = None
    norm: Literal["active_count", "pi_min"] = "active_count"
    pi_u_minus: Annotated[Real, Field(gt=0)] = 1
    pi_u_plus: Annotated[float, Field(gt=0, strict=True)] = math.inf
    g_minus: Annotated[Real, Field(ge=0, lt=1)] = 0.1
    gamma: Annotated[Real, Field(gt=0)] = 2.0
    chi: Annotated[Real, Field(ge=0, le=MOST_GAIN)] = 100.0
    psi: PsiForm | Callable[..., Any] = "richards"
    sigma: Shape = RICHARDS_SIGMA
    winner: Literal["max", "draw"] = "max"
    lambda_u0: Annotated[Real, Field(ge=0)] = 1.0
    freeze_u: Share | None = 0.5
    learn_if_g_below: Annotated[Real, Field(ge=0, le=1)] | None = None

    def __init__(self, **values: Any) -> None:
        given = set(values)
        super().__init__(**values)
        object.__setattr__(self, "__pydantic_fields_set__", given)  # so that `replace` lets a new preset speak

    @model_validator(mode="before")
    @classmethod
    def _preset_first(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        filled = {**PRESETS.get(str(values.get("preset", "rinkus2014")), {}), **values}
        psi = filled.get("psi", "richards")
        if "sigma" not in filled and isinstance(psi, str) and psi in _SIGMA:
            filled["sigma"] = _SIGMA[psi]
        return filled

    @field_validator("psi", mode="before")
    @classmethod
    def _known_form(cls, psi: Any) -> Any:
        if not callable(psi) and psi not in _SIGMA:
            raise ValueError(f"a function f(v, g), or one of {', '.join(_SIGMA)}")
        return psi

    @model_validator(mode="after")
    def _shape(self) -> Self:
        complaint = "" if callable(self.psi) else shape_complaint(self.psi, self.sigma)
        if complaint:
            expected = f"{complaint} (psi={self.psi!r})"
            raise ParameterError(f"{type(self).__name__}.sigma", got=self.sigma, expected=expected)
        return self

    def floor_features(self, n_features: int) -> float:
        """Eq 1's lower bound as a count, out of `n_features`; never below 1."""
        share = self.pi_u_minus * n_features if self.pi_u_minus < 1 else self.pi_u_minus
        return max(1.0, share)

    def ceiling_features(self, n_features: int) -> float:
        """Eq 1's upper bound as a count, out of `n_features`."""
        return self.pi_u_plus * n_features if self.pi_u_plus < 1 else self.pi_u_plus

    @property
    def n_units(self) -> int:
        """Q * K units."""
        return self.n_cms * self.n_cells


def shape_complaint(psi: str, sigma: Shape) -> str:
    """What is wrong with the shape of eq 10, or nothing: psi must be a finite number >= 0 for every V and G in
    0 .. 1.
    """
    s1, s2, s3, s4 = sigma
    if max(abs(s) for s in sigma) > MOST_GAIN:
        return f"numbers of at most {MOST_GAIN:g}"
    if psi in ("richards", "richards_inside") and (s1 < 0 or s4 < 0 or abs(s2) * (1 + abs(s3)) > 700):
        return "sigma1 >= 0, sigma4 >= 0 and exp(sigma2 * (1 + sigma3)) in range"
    if psi == "logistic2010" and (s1 < 0 or s2 < 0):
        return "a >= 0 and b >= 0"
    if psi == "demo" and (s1 < 0 or min(s3, s3 - s4) <= 0):
        return "E >= 0 and an eccentricity above 0 at every G"
    if psi == "sparseypy" and s3 < 0:
        return "a floor >= 0"
    return ""


class MacParams(CodeSelection):
    """Parameters of one mac: its afferents, and all of `CodeSelection`.

    Parameters
    ----------
    n_inputs : int
        Afferents of the mac (pixels, or cells of the macs below).
    **others
        See `CodeSelection`.

    Examples
    --------
    >>> p = MacParams(n_inputs=144, preset="features")
    >>> p.match, p.unit_cap, p.n_cms, p.n_cells
    ('cosine', 0.25, 24, 8)
    """

    n_inputs: Annotated[int, Field(ge=1, lt=2**31, strict=True)]

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.floor_features(self.n_inputs) > self.ceiling_features(self.n_inputs):
            got = f"pi_u_minus={self.pi_u_minus}, pi_u_plus={self.pi_u_plus} of {self.n_inputs} inputs"
            raise ParameterError("MacParams", got=got, expected="pi_u_minus <= pi_u_plus")
        return self

    def close_at(self) -> int:
        """Set weights at which a unit closes (`unit_cap`, or else `freeze_u`): n_set / n_inputs >= the share."""
        share = self.unit_cap if self.unit_cap is not None else self.freeze_u
        return 2**31 - 1 if share is None else math.ceil(share * self.n_inputs - 1e-9)
