"""NumPy names beyond the everyday ones: ufunc methods, bits, r_ and c_, quantiles, files."""

from __future__ import annotations

import functools
import io
import operator
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp

BINARY = ["add", "multiply", "maximum", "minimum", "subtract", "logaddexp", "hypot", "true_divide"]


@pytest.mark.parametrize("name", BINARY)
def test_ufunc_methods(name: str) -> None:
    x = np.random.default_rng(0).uniform(0.5, 2.0, (3, 4))
    ours, numpys = getattr(bnp, name), getattr(np, name)
    assert np.allclose(ours.outer(x[0], x[1]), numpys.outer(x[0], x[1]), rtol=1e-15)
    for axis in (0, 1):
        got = ours.reduce(bnp.asarray(x), axis=axis)
        assert np.allclose(got, numpys.reduce(x, axis=axis), rtol=1e-14)
        got = ours.accumulate(bnp.asarray(x), axis=axis)
        assert np.allclose(got, numpys.accumulate(x, axis=axis), rtol=1e-14)
    kept = ours.reduce(bnp.asarray(x), axis=1, keepdims=True)
    assert kept.shape == (3, 1)
    # the same, asked for by NumPy's own ufunc, and differentiated
    assert np.allclose(numpys.reduce(bnp.asarray(x)), numpys.reduce(x), rtol=1e-14)
    f = lambda v: bnp.sum(numpys.outer(v, v[:2]))
    h = 1e-6
    g = bibun.jit(bibun.grad(f))(x[0])
    for k in range(4):
        e = h * np.eye(4)[k]
        assert float(g[k]) == pytest.approx(float(f(x[0] + e) - f(x[0] - e)) / 2 / h, rel=1e-5)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "maximum", "minimum", "power"])
def test_ufunc_at(name: str) -> None:
    x = np.array([1.0, 2.0, 3.0])
    want = x.copy()
    getattr(np, name).at(want, [0, 2, 0], [3.0, 0.5, 2.0])
    got = getattr(bnp, name).at(bnp.asarray(x), bnp.array([0, 2, 0]), bnp.array([3.0, 0.5, 2.0]))
    if name != "power":  # a repeated index: the last power holds
        assert np.array_equal(got, want)
    with pytest.raises(ValueError, match="immutable"):
        bnp.add.at(bnp.ones(2), 0, 1.0, inplace=True)
    with pytest.raises(TypeError, match="immutable"):
        np.add.at(bnp.ones(2), 0, 1.0)
    with pytest.raises(TypeError, match=r"hypot.at"):
        bnp.hypot.at(bnp.ones(2), 0, 1.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_frexp_and_spacing(dtype: str) -> None:
    limits = np.finfo(dtype)
    x = np.array([0.0, 1.0, -3.7, limits.smallest_subnormal, limits.tiny / 2, limits.max, np.inf,
                  -np.inf, np.nan, -0.0, -limits.max], dtype)  # fmt: skip
    m, e = bnp.frexp(bnp.asarray(x))
    wanted_m, wanted_e = np.frexp(x)
    finite = np.isfinite(x)
    assert np.array_equal(m, wanted_m, equal_nan=True)
    assert np.array_equal(np.asarray(e)[finite], wanted_e[finite])
    assert np.array_equal(bnp.spacing(bnp.asarray(x)), np.spacing(x), equal_nan=True)
    g = bibun.vmap(bibun.grad(lambda v: bnp.frexp(v)[0]))(bnp.array([3.0, -0.3]))
    assert np.array_equal(g, [0.25, 2.0])


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_bits(order: str, axis: int | None) -> None:
    x = np.random.default_rng(1).integers(0, 2, (11, 9))
    packed = bnp.packbits(bnp.asarray(x), axis, order)
    assert np.array_equal(packed, np.packbits(x, axis, order))
    assert packed.dtype == np.uint8
    for count in (None, 7, -3, 200):
        got = bnp.unpackbits(packed, axis, count, order)
        assert np.array_equal(got, np.unpackbits(np.asarray(packed), axis, count, order))


def test_r_and_c() -> None:
    a, b = np.array([1, 2, 3]), np.array([4, 5, 6])
    m = np.ones((2, 2))
    for r, c in ((np.r_, np.c_),):
        pairs = [
            (bnp.r_[1:4, 0, 4], r[1:4, 0, 4]),
            (bnp.r_[-1:1:6j, [0] * 3, 5, 6], r[-1:1:6j, [0] * 3, 5, 6]),
            (bnp.r_["0,2", a, b], r["0,2", a, b]),
            (bnp.r_["0,2,0", a, b], r["0,2,0", a, b]),
            (bnp.r_["1,2,0", a, b], r["1,2,0", a, b]),
            (bnp.r_["-1", m, m[:, :1]], r["-1", m, m[:, :1]]),
            (bnp.c_[a, b], c[a, b]),
            (bnp.c_[a[None], 0, 0, b[None]], c[a[None], 0, 0, b[None]]),
        ]
    for got, want in pairs:
        assert np.array_equal(got, want)
        assert got.shape == want.shape
    assert np.array_equal(bibun.grad(lambda x: bnp.sum(bnp.c_[x, 2 * x] ** 2))(a * 1.0), 10.0 * a)
    with pytest.raises(ValueError, match="axis,ndmin"):
        bnp.r_["r", a]


METHODS = [
    "linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf",
    "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased",
    "normal_unbiased",
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_quantile_methods(method: str) -> None:
    x = np.random.default_rng(2).normal(size=(7, 3))
    q = np.array([0.0, 0.1, 0.25, 0.33, 0.5, 0.7, 0.95, 1.0])
    for n in (1, 2, 5, 7):
        got = bnp.quantile(bnp.asarray(x[:n]), q, axis=0, method=method)
        assert np.allclose(got, np.quantile(x[:n], q, axis=0, method=method), rtol=1e-12), n
    y = x.copy()
    y[2, 1] = np.nan
    got = bnp.nanquantile(bnp.asarray(y), 0.3, axis=0, method=method)
    assert np.allclose(got, np.nanquantile(y, 0.3, axis=0, method=method), rtol=1e-12)


def test_weighted_quantile() -> None:
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    w[0] = 2
    q = [0.0, 0.2, 0.5, 1.0]
    kw: Any = {"axis": 0, "method": "inverted_cdf"}
    got = bnp.quantile(bnp.asarray(x), bnp.asarray(q), weights=w, **kw)
    assert np.array_equal(got, np.quantile(x, q, weights=w, **kw))
    full = rng.uniform(0.1, 1.0, x.shape)
    got = bibun.jit(lambda v: bnp.percentile(v, 40.0, weights=full, **kw))(x)
    assert np.array_equal(got, np.percentile(x, 40.0, weights=full, **kw))
    with pytest.raises(ValueError, match="inverted_cdf"):
        bnp.quantile(bnp.ones(3), 0.5, weights=bnp.ones(3))


def test_put_place_trim_mask_indices() -> None:
    x = np.arange(12.0).reshape(3, 4)
    want = x.copy()
    np.put(want, [0, -1, 5], [7.0, 8.0])
    assert np.array_equal(bnp.put(bnp.asarray(x), [0, -1, 5], [7.0, 8.0]), want)
    want = x.copy()
    np.place(want, x > 6, [1.0, 2.0])
    assert np.array_equal(bibun.jit(lambda v: bnp.place(v, v > 6, [1.0, 2.0]))(x), want)
    z = np.pad(x + 1, 1)
    assert np.array_equal(bnp.trim_zeros(bnp.asarray(z)), x + 1)
    assert bnp.trim_zeros(bnp.asarray(z), "f", axis=1).shape == (5, 5)
    for got, wanted in zip(bnp.mask_indices(3, bnp.tril), np.mask_indices(3, np.tril), strict=True):
        assert np.array_equal(got, wanted)
    f = bibun.jit(lambda: bnp.mask_indices(3, bnp.tril, size=6)[0])
    assert np.array_equal(f(), np.mask_indices(3, np.tril)[0])
    with pytest.raises(IndexError):
        bnp.put(bnp.ones(3), 5, 1.0)


def test_files() -> None:
    x = np.random.default_rng(4).normal(size=(2, 3))
    file = io.BytesIO()
    bnp.save(file, bnp.asarray(x))
    file.seek(0)
    assert np.array_equal(np.load(file), x)
    file = io.BytesIO()
    bnp.savez(file, bnp.asarray(x), y=bnp.arange(3))
    file.seek(0)
    found = bnp.load(file)
    assert np.array_equal(found["arr_0"], x)
    assert np.array_equal(found["y"], [0, 1, 2])
    assert np.array_equal(bnp.fromstring("1,2", sep=","), [1.0, 2.0])


def test_cov_in_single_precision_and_options_of_text() -> None:
    x = np.random.default_rng(5).normal(size=(2, 9))
    assert bnp.cov(x, dtype=bnp.float32).dtype == np.float32
    assert bnp.corrcoef(x, dtype=bnp.float32).dtype == np.float32
    assert bnp.array_str(bnp.array([1.23456]), precision=2) == "[1.23]"


def test_frompyfunc_counts_and_has_methods() -> None:
    f = lambda a, b: a * b + 1
    ours, numpys = bnp.frompyfunc(f, 2, 1, identity=1), np.frompyfunc(f, 2, 1, identity=1)
    x = np.array([2.0, 3.0, -1.0])
    assert float(ours.reduce(bnp.asarray(x))) == numpys.reduce(x)
    assert np.array_equal(ours.accumulate(bnp.asarray(x)), numpys.accumulate(x).astype(float))
    assert np.array_equal(ours.outer(bnp.asarray(x), x), numpys.outer(x, x).astype(float))
    assert float(ours.reduce(bnp.zeros(0))) == numpys.reduce(np.zeros(0)) == 1
    with pytest.raises(TypeError, match="nin=2"):
        ours(x)
    with pytest.raises(TypeError, match="nout=2"):
        bnp.frompyfunc(f, 2, 2)(x, x)

    def add(a: Any, b: Any) -> Any:  # not the sum that its name says
        return a * b

    assert float(bnp.frompyfunc(add, 2, 1).reduce(bnp.asarray(x))) == -6.0


def test_options_that_change_the_result() -> None:
    x, y = np.array([3, 1, 2, 5]), np.array([1])
    assert np.array_equal(bnp.setdiff1d(bnp.asarray(x), y, True), np.setdiff1d(x, y, True))
    filled = bibun.jit(lambda v: bnp.setdiff1d(v, y, True, size=4, fill_value=-1))(x)
    assert np.array_equal(filled, [3, 2, 5, -1])
    assert np.array_equal(bibun.jit(lambda k: bnp.delete(bnp.asarray(x), k))(1), np.delete(x, 1))
    two = bibun.jit(lambda k: bnp.delete(bnp.asarray(x), k, assume_unique_indices=True))
    assert np.array_equal(two(np.array([0, -1])), np.delete(x, [0, -1]))
    got = bnp.polydiv(np.array([1.0, 0.0, -1.0]), np.array([1.0, 1.0]), trim_leading_zeros=True)
    for a, b in zip(got, np.polydiv([1, 0, -1], [1, 1]), strict=True):
        assert np.array_equal(a, b)
    got = bnp.polymul(np.array([0, 0, 1, 2]), np.array([0, 2]), trim_leading_zeros=True)
    assert np.array_equal(got, np.polymul([0, 0, 1, 2], [0, 2]))
    small = bnp.array([100, 100], "int8")
    assert bnp.sum(small, promote_integers=False) == np.sum(np.asarray(small), dtype="int8")
    assert bnp.argsort(bnp.asarray(x), dtype="int32").dtype == np.int32
    a = np.random.default_rng(0).normal(size=(4, 3))
    u, s, vh = bnp.linalg.svd(a, False, subset_by_index=(1, 3))
    assert np.allclose(u.T @ a @ vh.T, np.diag(s)) and s.shape == (2,)
    assert np.allclose(s, np.linalg.svd(a, compute_uv=False)[1:])
    lower = np.tril(a[:3])
    got = bnp.linalg.eigvalsh(lower, symmetrize_input=False)
    assert np.allclose(got, np.linalg.eigvalsh(lower))
    assert bnp.convolve(x, y, preferred_element_type="float32").dtype == np.float32


@pytest.mark.parametrize(
    "call",
    [
        lambda x: bnp.sort(x, kind="quick"), lambda x: bnp.partition(x, 9),
        lambda x: bnp.searchsorted(x, 1, method="linear"), lambda x: bnp.array(x, order="Z"),
        lambda x: bnp.isin(x, x, method="hash"), lambda x: bnp.digitize(x, x, method="hash"),
        lambda x: bnp.linalg.svd(bnp.eye(3), False, subset_by_index=(2, 1)),
        lambda x: bnp.linalg.svd(bnp.eye(3), subset_by_index=(0, 1)),
        lambda x: bnp.linalg.slogdet(bnp.eye(2), method="qz"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(call: Any) -> None:
    with pytest.raises(ValueError, match=r"must be one of|out of range|subset_by_index"):
        call(bnp.arange(3))
    with pytest.raises(TypeError, match="out="):
        bnp.stack([bnp.ones(2)], out=np.ones(2))
    with pytest.raises(TypeError, match="out="):
        bnp.round(1.5, out=np.ones(2))


PADDED = [
    {"mode": "reflect", "reflect_type": "odd"}, {"mode": "symmetric", "reflect_type": "odd"},
    {"mode": "linear_ramp", "end_values": ((1, -2), (0, 5))}, {"mode": "mean"},
    {"mode": "mean", "stat_length": ((2, 3), (1, 9))}, {"mode": "median"}, {"mode": "minimum"},
    {"mode": "maximum", "stat_length": 2}, {"mode": "edge"}, {"mode": "wrap"},
    {"mode": "reflect"},
]  # fmt: skip


@pytest.mark.parametrize("options", PADDED, ids=str)
def test_pad(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    widths = ((2, 5), (0, 3))  # more than the array is long, on one side
    for x in (rng.normal(size=(3, 4)), rng.integers(-9, 9, (3, 4)), rng.normal(size=(3, 4)) * 1j):
        if x.dtype.kind == "c" and options["mode"] in ("median", "minimum", "maximum"):
            continue
        want = np.pad(x, widths, **options)
        for run in (lambda f: f, bibun.jit):
            got = run(lambda v: bnp.pad(v, widths, **options))(x)
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)
    from bibun.testing import check_grads

    check_grads(lambda v: bnp.pad(v, widths, **options), (rng.normal(size=(3, 4)),), order=1)


@pytest.mark.parametrize("options", [o for o in PADDED if "end_values" not in o], ids=str)
def test_pad_of_what_is_long(options: dict[str, Any]) -> None:
    """No square of the length: 200 000 doubles would take 298 GiB."""
    x = np.sin(np.arange(200_000.0))
    options = {"mode": options["mode"], "reflect_type": options.get("reflect_type", "even")}
    if options["mode"] not in ("reflect", "symmetric"):
        del options["reflect_type"]
    np.testing.assert_allclose(
        bnp.pad(x, (3, 7), **options), np.pad(x, (3, 7), **options), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_odd_pads_that_turn_over_again_and_again(n: int, mode: Any) -> None:
    for x in (np.arange(1.0, n + 1) ** 2, np.arange(n, dtype=np.uint8) * 3, np.array([7] * n)):
        for widths in ((11, 0), (0, 8), (7, 12)):
            want = np.pad(x, widths, mode, reflect_type="odd")
            got = bnp.pad(x, widths, mode, reflect_type="odd")
            assert got.dtype == want.dtype
            assert np.array_equal(got, want), (x, widths)
    # what is not a number stays on its side
    y = np.array([np.inf, 1.0, 2.0, 4.0])
    assert np.array_equal(bnp.pad(y, (0, 2), mode, reflect_type="odd"),
                          np.pad(y, (0, 2), mode, reflect_type="odd"))  # fmt: skip


def test_pad_by_a_function_and_by_axes() -> None:
    x = np.arange(6.0).reshape(2, 3)

    def own(vector: Any, width: Any, axis: int, options: Any) -> None:
        vector[: width[0]] = options["fill"]
        vector[len(vector) - width[1] :] = options["fill"] * 2

    def ours(vector: Any, width: Any, axis: int, options: Any) -> Any:
        vector = vector.at[: width[0]].set(options["fill"])
        return vector.at[vector.shape[0] - width[1] :].set(options["fill"] * 2)

    widths = ((1, 2), (0, 1))
    assert np.array_equal(bnp.pad(x, widths, ours, fill=7.0), np.pad(x, widths, own, fill=7))
    assert np.array_equal(bnp.pad(x, {-1: (1, 2)}), np.pad(x, {-1: (1, 2)}))
    with pytest.raises(ValueError, match="mode must be one of"):
        bnp.pad(x, 1, "mirror")
    with pytest.raises(TypeError, match="unknown arguments"):
        bnp.pad(x, 1, fill=3)


def test_unsigned_indices_into_nothing() -> None:
    for dtype in ("uint8", "uint64", "int8"):
        none = bnp.array([], dtype=dtype)
        assert bnp.bincount(none).shape == (0,)
        for mode in ("clip", "drop"):
            assert bnp.zeros(0).at[none].add(1, mode=mode).shape == (0,)


def test_argwhere_of_a_number() -> None:
    assert bnp.argwhere(3.0).shape == (1, 0) and bnp.argwhere(0.0).shape == (0, 0)
    assert bibun.jit(lambda x: bnp.argwhere(x, size=3))(1.0).shape == (3, 0)


def flipped(f: Any, y: Any, x: Any) -> Any:
    return f(x, y)


EXACT = {"less": operator.lt, "equal": operator.eq, "not_equal": operator.ne,
         "greater_equal": operator.ge}  # fmt: skip


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint32", "int64", "uint64"])
def test_comparisons_with_integers_that_the_dtype_cannot_hold(dtype: str) -> None:
    """They are what they are in mathematics, eager and compiled."""
    ends = np.iinfo(dtype)
    x = np.array([0, 1, 100, ends.min, ends.max], dtype)
    for number in (-300, -1, 300, 2**40, ends.max + 1, ends.min - 1, 2**80):
        for name in EXACT:
            exact = EXACT[name]
            wanted = [exact(int(v), number) for v in x]
            for op in (exact, getattr(bnp, name)):
                f = functools.partial(flipped, op, number)
                for run in (f, bibun.jit(f), bibun.vmap(f)):
                    assert np.array_equal(run(bnp.asarray(x)), wanted)


def test_fills_that_the_dtype_cannot_hold() -> None:
    for run in (lambda f: f, bibun.jit):
        with pytest.raises(OverflowError, match="300"):
            run(lambda x: bnp.full_like(x, 300))(bnp.zeros(2, "uint8"))
