"""How a family of distributions is made: standard forms in, SciPy's functions out.

A module of this package is one family. It writes the functions of the *standard* variable
(location 0, scale 1) that it knows best, as functions of `(z, *shapes)`, and `continuous` or
`discrete` makes `logpdf, pdf, cdf, sf, logcdf, logsf, ppf, isf` of them: dtypes promoted,
location and scale taken out, values outside the support and for parameters outside their
domain put in. Points outside are replaced before a formula sees them, so that gradients are
right everywhere. What is not given is derived: `pdf = exp(logpdf)`, `sf = 1 - cdf`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

from bibun.array import Value
from bibun.numpy import broadcast_arrays, finfo
from bibun.numpy._common import promote_inexact, public, value
from bibun.numpy.elementwise import where
from bibun.ops import elementwise as el
from bibun.ops.stop_gradient import stop_gradient
from bibun.scipy.stats import _discrete

Form = Callable[..., Any]
REAL_LINE = (-math.inf, math.inf)

_WHAT = {
    "logpdf": "Logarithm of the density", "pdf": "Density",
    "logpmf": "Logarithm of the probability", "pmf": "Probability",
    "cdf": "Distribution function", "logcdf": "Logarithm of the distribution function",
    "sf": "Survival function, 1 - cdf", "logsf": "Logarithm of the survival function",
    "ppf": "Quantile function, the inverse of cdf", "isf": "Inverse of the survival function",
}  # fmt: skip

_DOC = """{what} of {title}.

    {arguments}. Differentiable in every argument.{note}

    >>> from bibun.scipy.stats import {name}
    >>> round(float({name}.{function}({given})), 6)
    {result}
    """


class Continuous:
    """The standard forms of a continuous family, and what is derived from them.

    `support(*shapes)` gives its ends (numbers or values), `inside(*shapes)` a point between;
    `valid(*shapes)` whether the shapes are in their domain; `finite`: the forms need finite z.
    """

    def __init__(
        self, logpdf: Form, cdf: Form | None = None, sf: Form | None = None,
        logcdf: Form | None = None, logsf: Form | None = None, ppf: Form | None = None,
        isf: Form | None = None, support: Callable[..., tuple[Any, Any]] | tuple[Any, Any]
        = REAL_LINE, valid: Callable[..., Any] | None = None, inside: Any = 1.0,
        finite: bool = False,
    ) -> None:  # fmt: skip
        if cdf is not None:
            own = sf is not None
            sf = sf or (lambda z, *a: 1 - cdf(z, *a))
            logcdf = logcdf or (_log_of(cdf, sf) if own else lambda z, *a: el.log(cdf(z, *a)))
            logsf = logsf or _log_of(sf, cdf)
        if ppf is not None and isf is None:
            isf = lambda p, *a: ppf(1 - p, *a)  # noqa: E731
        self.forms = {
            "logpdf": logpdf, "cdf": cdf, "sf": sf, "logcdf": logcdf, "logsf": logsf,
            "ppf": ppf, "isf": isf,
        }  # fmt: skip
        self.support = support if callable(support) else lambda *shapes: support
        self.valid = valid
        self.finite = finite
        self.inside = inside if callable(inside) else lambda *shapes: inside

    # What a function is below and above the support.
    BEYOND = {
        "logpdf": (-math.inf, -math.inf), "cdf": (0.0, 1.0), "sf": (1.0, 0.0),
        "logcdf": (-math.inf, 0.0), "logsf": (0.0, -math.inf),
    }  # fmt: skip

    def at(self, function: str, z: Value, shapes: Sequence[Value]) -> Value:
        """A function of the standard variable."""
        low, high = self.support(*shapes)
        below, above = self.BEYOND[function]
        out_below = None if _is_number(low, -math.inf) else z < low
        if _is_number(high, math.inf):
            out_above = z == math.inf if self.finite else None
        else:
            out_above = z > high
        safe = self.inside(*shapes)
        x = z
        for out in (out_below, out_above):
            if out is not None:
                x = where(out, safe, x)
        y = self.forms[function](x, *shapes)
        if out_below is not None:
            y = where(out_below, below, y)
        return y if out_above is None else where(out_above, above, y)


def _log_of(f: Form, complement: Form) -> Form:
    """log f, by way of its complement where f is near 1."""

    def log(z: Any, *a: Any) -> Any:
        y, rest = f(z, *a), complement(z, *a)
        high = y > 0.5
        return where(high, el.log1p(-where(high, rest, 0.0)), el.log(where(high, 0.5, y)))

    return log


def floats(name: str, *xs: Any) -> list[Value]:
    """Arguments as arrays of their common floating dtype."""
    out = [value(name, f"{i + 1}", x) for i, x in enumerate(promote_inexact(name, *xs))]
    if out[0].dtype.kind == "c":
        raise TypeError(f"{name}: expected real numbers, got {out[0].dtype}")
    return out


def _is_number(x: Any, wanted: float) -> bool:
    return isinstance(x, int | float) and x == wanted


def continuous(
    family: str,
    module: dict[str, Any],
    forms: Continuous,
    *,
    title: str,
    shapes: Sequence[str] = (),
    note: str = "",
    example: tuple[str, str, str],
) -> None:
    """Put the functions of a family into its module, with SciPy's signatures."""
    count = len(shapes)

    def split(name: str, x: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        names = [*shapes, "loc", "scale"]
        if len(args) > len(names) or set(kwargs) - set(names[len(args) :]):
            raise TypeError(
                f"{name} takes (x{''.join(', ' + s for s in shapes)}, loc=0, scale=1), got "
                f"{1 + len(args)} positional arguments and {sorted(kwargs)}"
            )
        given = dict(zip(names, args, strict=False)) | kwargs
        missing = [s for s in shapes if s not in given]
        if missing:
            raise TypeError(f"{name}: missing shape parameter {', '.join(missing)}")
        loc, scale = given.get("loc", 0), given.get("scale", 1)
        extra = [v for v, d in ((loc, 0), (scale, 1)) if not _is_number(v, d)]
        found = floats(name, x, *(given[s] for s in shapes), *extra)
        rest = found[1 + count :]
        loc_ = rest.pop(0) if not _is_number(loc, 0) else None
        scale_ = rest.pop(0) if not _is_number(scale, 1) else None
        return [found[0], found[1 : 1 + count], loc_, scale_]

    def guard(y: Value, params: Sequence[Value], scale: Value | None) -> Value:
        """nan for parameters outside their domain."""
        good = None
        if forms.valid is not None:
            good = forms.valid(*params)
        if scale is not None:
            positive = scale > 0
            good = positive if good is None else good & positive
        return y if good is None else where(good, y, math.nan)

    def of_value(function: str) -> Callable[..., Value]:
        base = "logpdf" if function == "pdf" else function

        def f(x: Any, *args: Any, **kwargs: Any) -> Value:
            x, params, loc, scale = split(f"{family}.{function}", x, args, kwargs)
            z = x if loc is None else x - loc
            if scale is not None:
                z = z / scale
            y = forms.at(base, z, params)
            if base == "logpdf" and scale is not None:
                y = y - el.log(scale)
            y = where(x != x, x, y)
            return guard(el.exp(y) if function == "pdf" else y, params, scale)

        return f

    def of_probability(function: str) -> Callable[..., Value]:
        def f(q: Any, *args: Any, **kwargs: Any) -> Value:
            p, params, loc, scale = split(f"{family}.{function}", q, args, kwargs)
            outside = (p < 0) | (p > 1) | (p != p)
            z = forms.forms[function](where(outside, 0.5, p), *params)
            if scale is not None:
                z = z * scale
            if loc is not None:
                z = z + loc
            return guard(where(outside, math.nan, z), params, scale)

        return f

    names = ["logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"]
    have = [n for n in names if n == "pdf" or forms.forms[n] is not None]
    made = {n: (of_probability if n in ("ppf", "isf") else of_value)(n) for n in have}
    _publish(family, module, made, title, (*shapes, "loc=0", "scale=1"), note, example)


def discrete(
    family: str,
    module: dict[str, Any],
    *,
    title: str,
    shapes: Sequence[str],
    logpmf: Form,
    cdf: Form | None = None,
    sf: Form | None = None,
    support: Callable[..., tuple[Any, Any]],
    valid: Callable[..., Any],
    note: str = "",
    example: tuple[str, str, str],
) -> None:
    """Put the functions of a family on the integers into its module.

    Without `cdf` or `sf`, probabilities are added up, over a support with a finite beginning.
    """

    def arguments(name: str, k: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        names = [*shapes, "loc"]
        given = dict(zip(names, args, strict=False)) | kwargs
        unknown = set(given) - set(names)
        if len(args) > len(names) or unknown or any(s not in given for s in shapes):
            raise TypeError(f"{name} takes (k, {', '.join(shapes)}, loc=0), got {sorted(given)}")
        k, *params = floats(name, k, *(given[s] for s in shapes))
        return k, params, given.get("loc", 0)

    def from_origin(name: str, k: Any, args: Any, kwargs: Any) -> tuple[Value, list[Value]]:
        k, params, loc = arguments(name, k, args, kwargs)
        return (k if _is_number(loc, 0) else k - loc), params

    def mass(function: str) -> Callable[..., Value]:
        def f(k: Any, *args: Any, **kwargs: Any) -> Value:
            k, params = from_origin(f"{family}.{function}", k, args, kwargs)
            low, high = support(*params)
            inside = (k >= low) & (k <= high) & (el.floor(k) == k)
            y = where(inside, logpmf(where(inside, k, low), *params), -math.inf)
            y = where(k != k, k, y)
            return where(valid(*params), el.exp(y) if function == "pmf" else y, math.nan)

        return f

    def probability(k: Value, params: Sequence[Value], upper: bool) -> Value:
        """P(X <= k), or (`upper`) P(X > k), for any k."""
        low, high = support(*params)
        whole = el.floor(k)
        below, above = whole < low, whole >= high
        safe = where(below | above, low, whole)
        form = sf if upper else cdf
        if form is None:
            pmf = lambda j, *a: el.exp(logpmf(j, *a))  # noqa: E731
            y = _discrete.summed(pmf, low, high, safe, params, upper)
        else:
            y = form(safe, *params)
        first, last = (1.0, 0.0) if upper else (0.0, 1.0)
        return where(below, first, where(above, last, y))

    def quantile(function: str) -> Callable[..., Value]:
        upper = function == "isf"

        def f(q: Any, *args: Any, **kwargs: Any) -> Value:
            p, params, loc = arguments(f"{family}.{function}", q, args, kwargs)
            p, *params = broadcast_arrays(*(stop_gradient(v) for v in (p, *params)))
            good = valid(*params) & (p >= 0) & (p <= 1)
            low, high = (where(good, end, 0.0) for end in support(*params))
            # p may come from a distribution function whose last bits differ from this one's
            fuzz = 64 * float(finfo(p.dtype).eps)

            def reached(k: Value) -> Value:
                y = probability(k, params, upper)
                return y <= p * (1 + fuzz) if upper else y >= p * (1 - fuzz)

            k = _discrete.least(reached, low, high)
            first, last = (1.0, 0.0) if upper else (0.0, 1.0)
            k = where(p == first, low - 1, where(p == last, high, k))
            return where(good, k + loc, math.nan)

        return f

    def cumulative(function: str) -> Callable[..., Value]:
        upper = function in ("sf", "logsf")

        def f(k: Any, *args: Any, **kwargs: Any) -> Value:
            k, params = from_origin(f"{family}.{function}", k, args, kwargs)
            y = where(k != k, k, probability(k, params, upper))
            y = el.log(y) if function.startswith("log") else y
            return where(valid(*params), y, math.nan)

        return f

    made = {n: mass(n) for n in ("logpmf", "pmf")}
    made |= {n: cumulative(n) for n in ("cdf", "sf", "logcdf", "logsf")}
    made |= {n: quantile(n) for n in ("ppf", "isf")}
    _publish(family, module, made, title, (*shapes, "loc=0"), note, example)


def _publish(
    family: str, module: dict[str, Any], made: dict[str, Any], title: str,
    parameters: Sequence[str], note: str, example: tuple[str, str, str],
) -> None:  # fmt: skip
    """Name, document and place the functions; `example` is (x, shapes, results in order)."""
    point, rest, results = example
    for (n, f), result in zip(made.items(), results.split(), strict=True):
        x = _FIRST.get(n, "x")
        given = ", ".join(filter(None, ("0.3" if x == "q" else point, rest)))
        doc = _DOC.format(
            what=_WHAT[n], title=title, name=family, function=n, given=given, result=result,
            arguments=f"{n}({', '.join((x, *parameters))})", note=f" {note}" if note else "",
        )  # fmt: skip
        module[n] = public(n, module["__name__"], doc)(f)
        f.__signature__ = inspect.Signature([_parameter(p) for p in (x, *parameters)])
        module.setdefault("__test__", {})[n] = doc
    module["__all__"] = sorted(made)


_FIRST = {"ppf": "q", "isf": "q", "logpmf": "k", "pmf": "k"}


def _parameter(text: str) -> inspect.Parameter:
    name, _, default = text.partition("=")
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(
        name, kind, default=int(default) if default else inspect.Parameter.empty
    )
