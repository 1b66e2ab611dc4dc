"""The Python Array API standard 2024.12: every name, with its keywords, and its behaviour.

`SIGNATURES` is the standard's list. A call written by it must bind to bibun's function with the
same defaults; the behaviours are held against NumPy on arrays that Hypothesis makes.
"""

from __future__ import annotations

import inspect
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import bibun
import bibun.numpy as xp

SIGNATURES = """
arange(start, /, stop=None, step=1, *, dtype=None, device=None)
asarray(obj, /, *, dtype=None, device=None, copy=None)
empty(shape, *, dtype=None, device=None)
empty_like(x, /, *, dtype=None, device=None)
eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None)
from_dlpack(x, /, *, device=None, copy=None)
full(shape, fill_value, *, dtype=None, device=None)
full_like(x, /, fill_value, *, dtype=None, device=None)
linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True)
meshgrid(*arrays, indexing='xy')
ones(shape, *, dtype=None, device=None)
ones_like(x, /, *, dtype=None, device=None)
tril(x, /, *, k=0)
triu(x, /, *, k=0)
zeros(shape, *, dtype=None, device=None)
zeros_like(x, /, *, dtype=None, device=None)
astype(x, dtype, /, *, copy=True, device=None)
can_cast(from_, to, /)
finfo(type, /)
iinfo(type, /)
isdtype(dtype, kind)
result_type(*arrays_and_dtypes)
clip(x, /, min=None, max=None)
take(x, indices, /, *, axis=None)
take_along_axis(x, indices, /, *, axis=-1)
matmul(x1, x2, /)
matrix_transpose(x, /)
tensordot(x1, x2, /, *, axes=2)
vecdot(x1, x2, /, *, axis=-1)
broadcast_arrays(*arrays)
broadcast_to(x, /, shape)
concat(arrays, /, *, axis=0)
expand_dims(x, /, *, axis=0)
flip(x, /, *, axis=None)
moveaxis(x, source, destination, /)
permute_dims(x, /, axes)
repeat(x, repeats, /, *, axis=None)
reshape(x, /, shape, *, copy=None)
roll(x, /, shift, *, axis=None)
squeeze(x, /, axis)
stack(arrays, /, *, axis=0)
tile(x, repetitions, /)
unstack(x, /, *, axis=0)
argmax(x, /, *, axis=None, keepdims=False)
argmin(x, /, *, axis=None, keepdims=False)
count_nonzero(x, /, *, axis=None, keepdims=False)
nonzero(x, /)
searchsorted(x1, x2, /, *, side='left', sorter=None)
where(condition, x1, x2, /)
unique_all(x, /)
unique_counts(x, /)
unique_inverse(x, /)
unique_values(x, /)
argsort(x, /, *, axis=-1, descending=False, stable=True)
sort(x, /, *, axis=-1, descending=False, stable=True)
cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False)
cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False)
max(x, /, *, axis=None, keepdims=False)
mean(x, /, *, axis=None, keepdims=False)
min(x, /, *, axis=None, keepdims=False)
prod(x, /, *, axis=None, dtype=None, keepdims=False)
std(x, /, *, axis=None, correction=0.0, keepdims=False)
sum(x, /, *, axis=None, dtype=None, keepdims=False)
var(x, /, *, axis=None, correction=0.0, keepdims=False)
all(x, /, *, axis=None, keepdims=False)
any(x, /, *, axis=None, keepdims=False)
diff(x, /, *, axis=-1, n=1, prepend=None, append=None)
__array_namespace_info__()
linalg.cholesky(x, /, *, upper=False)
linalg.cross(x1, x2, /, *, axis=-1)
linalg.det(x, /)
linalg.diagonal(x, /, *, offset=0)
linalg.eigh(x, /)
linalg.eigvalsh(x, /)
linalg.inv(x, /)
linalg.matmul(x1, x2, /)
linalg.matrix_norm(x, /, *, keepdims=False, ord='fro')
linalg.matrix_power(x, n, /)
linalg.matrix_rank(x, /, *, rtol=None)
linalg.matrix_transpose(x, /)
linalg.outer(x1, x2, /)
linalg.pinv(x, /, *, rtol=None)
linalg.qr(x, /, *, mode='reduced')
linalg.slogdet(x, /)
linalg.solve(x1, x2, /)
linalg.svd(x, /, *, full_matrices=True)
linalg.svdvals(x, /)
linalg.tensordot(x1, x2, /, *, axes=2)
linalg.trace(x, /, *, offset=0, dtype=None)
linalg.vecdot(x1, x2, /, *, axis=-1)
linalg.vector_norm(x, /, *, axis=None, keepdims=False, ord=2)
fft.fft(x, /, *, n=None, axis=-1, norm='backward')
fft.ifft(x, /, *, n=None, axis=-1, norm='backward')
fft.fftn(x, /, *, s=None, axes=None, norm='backward')
fft.ifftn(x, /, *, s=None, axes=None, norm='backward')
fft.rfft(x, /, *, n=None, axis=-1, norm='backward')
fft.irfft(x, /, *, n=None, axis=-1, norm='backward')
fft.rfftn(x, /, *, s=None, axes=None, norm='backward')
fft.irfftn(x, /, *, s=None, axes=None, norm='backward')
fft.hfft(x, /, *, n=None, axis=-1, norm='backward')
fft.ihfft(x, /, *, n=None, axis=-1, norm='backward')
fft.fftfreq(n, /, *, d=1.0, dtype=None, device=None)
fft.rfftfreq(n, /, *, d=1.0, dtype=None, device=None)
fft.fftshift(x, /, *, axes=None)
fft.ifftshift(x, /, *, axes=None)
"""
UNARY = {
    "abs": "iufc", "acos": "fc", "acosh": "fc", "asin": "fc", "asinh": "fc", "atan": "fc",
    "atanh": "fc", "bitwise_invert": "biu", "ceil": "iuf", "conj": "iufc", "cos": "fc",
    "cosh": "fc", "exp": "fc", "expm1": "fc", "floor": "iuf", "imag": "c", "isfinite": "iufc",
    "isinf": "iufc", "isnan": "iufc", "log": "fc", "log1p": "fc", "log2": "fc", "log10": "fc",
    "logical_not": "b", "negative": "iufc", "positive": "iufc", "real": "iufc",
    "reciprocal": "f", "round": "iufc", "sign": "iufc", "signbit": "f", "sin": "fc", "sinh": "fc",
    "square": "iufc", "sqrt": "fc", "tan": "fc", "tanh": "fc", "trunc": "iuf",
}  # fmt: skip
BINARY = {
    "add": "iufc", "atan2": "f", "bitwise_and": "biu", "bitwise_left_shift": "iu",
    "bitwise_or": "biu", "bitwise_right_shift": "iu", "bitwise_xor": "biu", "copysign": "f",
    "divide": "fc", "equal": "biufc", "floor_divide": "f", "greater": "iuf",
    "greater_equal": "iuf", "hypot": "f", "less": "iuf", "less_equal": "iuf", "logaddexp": "f",
    "logical_and": "b", "logical_or": "b", "logical_xor": "b", "maximum": "iuf",
    "minimum": "iuf", "multiply": "iufc", "nextafter": "f", "not_equal": "biufc", "pow": "f",
    "remainder": "f", "subtract": "iufc",
}  # fmt: skip
_RENAMED = {"bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift"}
DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
    "float64", "complex64", "complex128",
]  # fmt: skip


def find(path: str) -> Any:
    found: Any = xp
    for part in path.split("."):
        found = getattr(found, part)
    return found


def parsed(line: str) -> tuple[str, inspect.Signature]:
    name, rest = line.split("(", 1)
    scope: dict[str, Any] = {}
    exec(f"def f({rest}: pass", scope)
    return name, inspect.signature(scope["f"])


@pytest.mark.parametrize("line", SIGNATURES.strip().splitlines())
def test_signature(line: str) -> None:
    name, wanted = parsed(line)
    ours = inspect.signature(find(name))
    P = inspect.Parameter
    # a call by the standard binds: positional ones by place, keywords by name
    positional = [
        p for p in wanted.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)
    ]
    plain = [p.name for p in wanted.parameters.values() if p.kind is P.POSITIONAL_OR_KEYWORD]
    keywords = plain + [p.name for p in wanted.parameters.values() if p.kind is P.KEYWORD_ONLY]
    ours.bind(*[object()] * len(positional), **dict.fromkeys(keywords, object()))
    ours.bind(*[object()] * (len(positional) + len(plain)))
    for p in wanted.parameters.values():  # and leaving it out means the same
        mine = ours.parameters.get(p.name)
        if p.default is P.empty or mine is None or p.kind is p.POSITIONAL_ONLY:
            continue
        same = {("step", None), ("dtype", float), ("prepend", None), ("norm", None)}
        same.add(("correction", None))  # then NumPy's ddof=0 holds
        if (p.name, mine.default) in same or repr(mine.default) == repr(p.default):
            continue
        assert mine.default == p.default or callable(mine.default), (p, mine)


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_elementwise_names(name: str) -> None:
    count = 1 if name in UNARY else 2
    inspect.signature(find(name)).bind(*[object()] * count)


def test_constants_dtypes_and_inspection() -> None:
    assert (xp.e, xp.pi, xp.inf, xp.newaxis) == (np.e, np.pi, np.inf, None)
    assert np.isnan(xp.nan)
    for name in DTYPES:
        assert xp.zeros(2, dtype=getattr(xp, name)).dtype == np.dtype(name)
    info = xp.__array_namespace_info__()
    assert info.capabilities() == {
        "boolean indexing": True,
        "data-dependent shapes": True,
        "max dimensions": 64,
    }
    assert info.default_device() in info.devices()
    assert info.default_dtypes(device="cpu") == {
        "real floating": np.float64,
        "complex floating": np.complex128,
        "integral": np.int64,
        "indexing": np.int64,
    }
    assert set(info.dtypes()) == set(DTYPES)
    kinds = {
        "bool": 1, "signed integer": 4, "unsigned integer": 4, "integral": 8, "real floating": 2,
        "complex floating": 2, "numeric": 12, ("bool", "integral"): 9,
    }  # fmt: skip
    for kind, number in kinds.items():
        assert len(info.dtypes(kind=kind)) == number
    assert xp.__array_api_version__ == "2024.12"


def test_array_object() -> None:
    x = xp.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert (x.dtype, x.device, x.ndim, x.shape, x.size) == (np.float64, "cpu", 2, (2, 3), 6)
    assert x.T.shape == x.mT.shape == (3, 2)
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2024.12") is xp
    with pytest.raises(ValueError, match="2099"):
        x.__array_namespace__(api_version="2099.01")
    assert x.to_device("cpu") is x
    with pytest.raises(ValueError, match="one device"):
        x.to_device("gpu")
    with pytest.raises(ValueError, match="one device"):
        xp.zeros(2, device="tpu:1")
    assert xp.zeros(2, device=x.device).device == x.device
    assert np.shares_memory(np.from_dlpack(x), np.asarray(x))
    assert x.__dlpack_device__()[0] == 1  # kDLCPU
    assert bool(xp.asarray(3.0)) is True
    assert int(xp.asarray(3)) == 3
    assert complex(xp.asarray(2.0)) == 2 + 0j
    assert [10, 20][xp.asarray(1)] == 20  # __index__
    y = x
    y += 1.0  # binds a new array
    assert float(y[0, 0] - x[0, 0]) == 1.0


# Behaviours, NumPy as the oracle ------------------------------------------------------------------


def arrays(dtype: str, **kwargs: Any) -> Any:
    kind = np.dtype(dtype).kind
    if kind in "iu":
        low = 0 if kind == "u" else -8
        elements: Any = st.integers(low, 8)
    elif kind == "b":
        elements = st.booleans()
    elif kind == "f":
        elements = st.sampled_from([-2.5, -1.0, -0.0, 0.0, 0.5, 1.5, 3.0, np.inf, -np.inf, np.nan])
    else:
        elements = st.sampled_from([0.5 + 0.5j, -1.0 + 2.0j, 1.5 - 0.25j, -0.75 - 0.5j])
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    return hnp.arrays(dtype, kwargs.pop("shape", shapes), elements=elements)


def same(got: Any, want: Any, dtype: Any = None) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert got.dtype == (want.dtype if dtype is None else dtype), (got.dtype, want.dtype)
    tolerance = {"f": 4, "c": 16}.get(got.dtype.kind, 0)
    if tolerance:
        eps = np.finfo(got.dtype).eps
        assert np.allclose(got, want, rtol=tolerance * eps, atol=tolerance * eps, equal_nan=True)
    else:
        assert np.array_equal(got, want)


UNARY_CASES = [(n, d) for n, kinds in UNARY.items() for d in DTYPES if np.dtype(d).kind in kinds]
BINARY_CASES = [(n, d) for n, kinds in BINARY.items() for d in DTYPES if np.dtype(d).kind in kinds]
FEW = settings(max_examples=6, deadline=None, derandomize=True)


@pytest.mark.parametrize(("name", "dtype"), UNARY_CASES)
@given(st.data())
@settings(parent=FEW)
@pytest.mark.filterwarnings("ignore")
def test_unary(name: str, dtype: str, data: Any) -> None:
    x = data.draw(arrays(dtype))
    with np.errstate(all="ignore"):
        same(find(name)(xp.asarray(x)), getattr(np, name)(x))


@pytest.mark.parametrize(("name", "dtype"), BINARY_CASES)
@given(st.data())
@settings(parent=FEW)
@pytest.mark.filterwarnings("ignore")
def test_binary(name: str, dtype: str, data: Any) -> None:
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
    x, y = (data.draw(arrays(dtype, shape=s)) for s in shapes.input_shapes)
    if "shift" in name:
        y = np.abs(y) % 7
        if dtype == "int8":
            x, y = x // 2, y % 4
    numpys = getattr(np, _RENAMED.get(name, name))
    with np.errstate(all="ignore"):
        same(find(name)(xp.asarray(x), xp.asarray(y)), numpys(x, y))


def test_special_values() -> None:
    """Rows of the standard's tables of special cases."""
    f = lambda name, *args: float(find(name)(*map(xp.asarray, args)))
    inf, nan = np.inf, np.nan
    assert f("pow", nan, 0.0) == 1.0
    assert f("pow", 1.0, nan) == 1.0
    assert f("pow", -1.0, inf) == 1.0
    assert f("pow", 0.0, -1.0) == inf
    assert np.copysign(1.0, f("pow", -0.0, 3.0)) == -1.0
    assert f("hypot", inf, nan) == inf
    assert np.isnan(f("maximum", nan, 1.0))
    assert f("logaddexp", -inf, -inf) == -inf
    assert f("atan2", 0.0, -0.0) == np.pi
    assert f("atan2", -0.0, -0.0) == -np.pi
    assert np.copysign(1.0, f("round", -0.4)) == -1.0
    assert (f("round", 2.5), f("round", 3.5)) == (2.0, 4.0)
    assert f("floor_divide", -2.5, inf) == -1.0
    assert f("floor_divide", -2.5, 0.0) == -inf
    assert np.isnan(f("remainder", inf, 2.0))
    assert f("remainder", -1.0, inf) == inf
    assert np.isnan(f("floor_divide", inf, 2.0))
    assert f("expm1", -inf) == -1.0
    assert f("log1p", -1.0) == -inf
    assert f("nextafter", 1.0, 2.0) == 1.0 + 2.0**-52
    assert bool(xp.signbit(xp.asarray(-0.0)))
    assert complex(xp.sign(xp.asarray(3 + 4j))) == pytest.approx(0.6 + 0.8j)


PROMOTION = [("int8", "int16", "int16"), ("int8", "uint8", "int16"), ("uint32", "int32", "int64"),
             ("float32", "float64", "float64"), ("float32", "complex64", "complex64"),
             ("float64", "complex64", "complex128"), ("uint8", "uint64", "uint64"),
             ("int64", "uint32", "int64")]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "wanted"), PROMOTION)
def test_promotion(a: str, b: str, wanted: str) -> None:
    x, y = xp.ones(2, dtype=a), xp.ones(2, dtype=b)
    assert xp.result_type(a, y) == (x + y).dtype == xp.concat([x, y]).dtype == np.dtype(wanted)
    assert xp.where(xp.asarray([True, False]), x, y).dtype == np.dtype(wanted)
    assert (x + 1).dtype == x.dtype  # Python scalars do not promote


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "uint32", "float32"])
def test_accumulation_dtype(dtype: str) -> None:
    """sum, prod and the cumulative ones: integers at least as wide as the default."""
    x = xp.ones((2, 3), dtype=dtype)
    kind = np.dtype(dtype).kind
    wanted = {"b": np.int64, "i": np.int64, "u": np.uint64, "f": np.float32}[kind]
    for name in ("sum", "prod"):
        assert find(name)(x).dtype == wanted
        assert find(name)(x, dtype=xp.float64).dtype == np.float64
    if kind != "b":
        for name in ("cumulative_sum", "cumulative_prod"):
            assert find(name)(x, axis=0).dtype == wanted
    assert xp.count_nonzero(x, axis=0).dtype == np.int64
    assert xp.argmax(x).dtype == xp.nonzero(x)[0].dtype == np.int64


def finite(shape: Any = None) -> Any:
    shapes = shape or hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)
    return hnp.arrays("float64", shapes, elements=st.floats(-9, 9, width=16))


@given(finite(), st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_statistics(x: np.ndarray, data: Any) -> None:
    axis = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    keep = data.draw(st.booleans())
    a = xp.asarray(x)
    for name in ("max", "min", "sum", "prod", "mean"):
        got = find(name)(a, axis=axis, keepdims=keep)
        want = getattr(np, name)(x, axis=axis, keepdims=keep)
        assert np.allclose(got, want, rtol=1e-13, atol=1e-13)
        assert got.shape == want.shape
    n = x.size if axis is None else x.shape[axis]
    if n > 1:
        for name in ("std", "var"):
            got = find(name)(a, axis=axis, correction=1.0, keepdims=keep)
            want = getattr(np, name)(x, axis=axis, ddof=1, keepdims=keep)
            assert np.allclose(got, want, rtol=1e-12, atol=1e-12)
    for name in ("all", "any"):
        same(
            find(name)(a, axis=axis, keepdims=keep), getattr(np, name)(x, axis=axis, keepdims=keep)
        )
    for name in ("argmax", "argmin"):
        same(
            find(name)(a, axis=axis, keepdims=keep), getattr(np, name)(x, axis=axis, keepdims=keep)
        )
    same(
        xp.count_nonzero(a, axis=axis, keepdims=keep), np.count_nonzero(x, axis=axis, keepdims=keep)
    )
    line = 0 if axis is None else axis
    for first in (False, True):
        for name in ("cumulative_sum", "cumulative_prod"):
            got = find(name)(a, axis=line, include_initial=first)
            want = getattr(np, name)(x, axis=line, include_initial=first)
            assert got.shape == want.shape
            assert np.allclose(got, want, rtol=1e-12, atol=1e-12)
    same(xp.diff(a, axis=line, prepend=a, n=1), np.diff(x, axis=line, prepend=x, n=1))


@given(finite(), st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_manipulation(x: np.ndarray, data: Any) -> None:
    a = xp.asarray(x)
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    order = data.draw(st.permutations(range(x.ndim)))
    same(xp.permute_dims(a, tuple(order)), np.transpose(x, order))
    same(xp.flip(a, axis=axis), np.flip(x, axis))
    same(xp.flip(a), np.flip(x))
    shift = data.draw(st.integers(-5, 5))
    same(xp.roll(a, shift, axis=axis), np.roll(x, shift, axis))
    same(xp.roll(a, shift), np.roll(x, shift))
    same(xp.expand_dims(a, axis=axis), np.expand_dims(x, axis))
    same(xp.squeeze(xp.expand_dims(a, axis=0), axis=0), x)
    same(xp.stack([a, -a], axis=axis), np.stack([x, -x], axis=axis))
    same(xp.concat([a, -a], axis=axis), np.concatenate([x, -x], axis=axis))
    same(xp.concat([a, a], axis=None), np.concatenate([x, x], axis=None))
    parts = xp.unstack(a, axis=axis)
    assert isinstance(parts, tuple)
    for got, want in zip(parts, np.unstack(x, axis=axis), strict=True):
        same(got, want)
    times = tuple(data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=4)))
    same(xp.tile(a, times), np.tile(x, times))
    counts = data.draw(hnp.arrays("int64", x.shape[axis], elements=st.integers(0, 3)))
    same(xp.repeat(a, xp.asarray(counts), axis=axis), np.repeat(x, counts, axis))
    same(xp.repeat(a, 2), np.repeat(x, 2))
    same(xp.moveaxis(a, axis, 0), np.moveaxis(x, axis, 0))
    same(xp.reshape(a, (-1,)), x.reshape(-1))
    same(xp.broadcast_to(a, (2, *x.shape)), np.broadcast_to(x, (2, *x.shape)))


@given(finite(), st.data())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_sorting_searching_and_sets(x: np.ndarray, data: Any) -> None:
    x = np.round(x)
    a = xp.asarray(x)
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    same(xp.sort(a, axis=axis), np.sort(x, axis))
    same(xp.argsort(a, axis=axis), np.argsort(x, axis, stable=True))
    same(xp.sort(a, axis=axis, descending=True), -np.sort(-x, axis))
    # stable, descending: equal ones stay in their order
    same(xp.argsort(a, axis=axis, descending=True), np.argsort(-x, axis, stable=True))
    for got, want in zip(xp.unique_all(a), np.unique_all(x), strict=True):
        same(got, want)
    same(xp.unique_values(a), np.unique_values(x))
    counts = xp.unique_counts(a)
    assert int(xp.sum(counts.counts)) == x.size
    inverse = xp.unique_inverse(a)
    same(xp.take(inverse.values, inverse.inverse_indices), x)
    line = np.sort(x.reshape(-1))
    for side in ("left", "right"):
        same(xp.searchsorted(xp.asarray(line), a, side=side), np.searchsorted(line, x, side=side))
    for got, want in zip(xp.nonzero(a), np.nonzero(x), strict=True):
        same(got, want)
    same(xp.where(a > 0, a, 0.0), np.where(x > 0, x, 0.0))
    order = np.argsort(x, axis)
    same(xp.take_along_axis(a, xp.asarray(order), axis=axis), np.take_along_axis(x, order, axis))
    same(a[a > 0], x[x > 0])


@given(finite((3, 4)), finite((4, 2)))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_products(x: np.ndarray, y: np.ndarray) -> None:
    a, b = xp.asarray(x), xp.asarray(y)
    close = lambda got, want: np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-11)
    close(xp.matmul(a, b), x @ y)
    close(a @ b, x @ y)
    close(xp.tensordot(a, b, axes=1), x @ y)
    close(xp.tensordot(a, b, axes=((1,), (0,))), x @ y)
    close(xp.vecdot(a, b.mT[:1]), (x * y.T[:1]).sum(-1))
    close(xp.vecdot(1j * a, a), np.vecdot(1j * x, x))  # conjugates the first
    close(xp.matrix_transpose(a), x.T)
    close(xp.linalg.outer(a[0], b[:, 0]), np.outer(x[0], y[:, 0]))


def test_factorizations_are_named_tuples() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 4))
    s = x @ np.swapaxes(x, 1, 2) + np.eye(4)
    a = xp.asarray(s)
    w = xp.linalg.eigh(a)
    np.testing.assert_allclose((w.eigenvectors * w.eigenvalues[:, None, :]) @ w.eigenvectors.mT, s)
    q = xp.linalg.qr(a)
    np.testing.assert_allclose(q.Q @ q.R, s)
    u = xp.linalg.svd(a, full_matrices=False)
    np.testing.assert_allclose((u.U * u.S[:, None, :]) @ u.Vh, s)
    d = xp.linalg.slogdet(a)
    np.testing.assert_allclose(d.sign * xp.exp(d.logabsdet), np.linalg.det(s))
    lower, upper = xp.linalg.cholesky(a), xp.linalg.cholesky(a, upper=True)
    np.testing.assert_allclose(lower @ lower.mT, s)
    np.testing.assert_allclose(upper.mT @ upper, s)
    np.testing.assert_allclose(xp.linalg.matrix_norm(a), np.linalg.norm(s, axis=(1, 2)))
    np.testing.assert_allclose(xp.linalg.vector_norm(a, ord=3.0), (np.abs(s) ** 3).sum() ** (1 / 3))
    np.testing.assert_allclose(xp.linalg.trace(a, offset=1), np.trace(s, 1, 1, 2))


def test_creation() -> None:
    assert xp.eye(2, 3, k=1, dtype=xp.float32).dtype == np.float32
    same(xp.eye(2, 3, k=1), np.eye(2, 3, k=1))
    same(xp.linspace(0, 1, 5, endpoint=False), np.linspace(0, 1, 5, endpoint=False))
    same(xp.arange(5, dtype=xp.float32), np.arange(5, dtype="float32"))
    same(xp.arange(1, 8, 3), np.arange(1, 8, 3))
    same(xp.full((2,), True), np.full((2,), True))
    grids = xp.meshgrid(xp.arange(3), xp.arange(2), indexing="ij")
    for got, want in zip(
        grids, np.meshgrid(np.arange(3), np.arange(2), indexing="ij"), strict=True
    ):
        same(got, want)
    x = np.arange(12.0).reshape(3, 4)
    same(xp.tril(xp.asarray(x), k=-1), np.tril(x, -1))
    same(xp.triu(xp.asarray(x), k=1), np.triu(x, 1))
    y = np.ones(3)
    assert np.shares_memory(y, np.asarray(xp.asarray(y, copy=False)))
    assert not np.shares_memory(y, np.asarray(xp.asarray(y, copy=True)))
    assert xp.finfo(xp.float32).bits == 32
    assert xp.finfo(xp.complex64).dtype == np.float32
    assert xp.finfo(xp.ones(1)).smallest_normal == np.finfo("float64").smallest_normal
    assert xp.iinfo(xp.uint8).max == 255
    assert xp.can_cast(xp.int8, xp.int16)
    assert not xp.can_cast(xp.ones(1), xp.float32)
    assert xp.isdtype(xp.float32, ("real floating", "bool"))


def test_code_by_the_standard_differentiates_and_compiles() -> None:
    """What a library writes for any namespace works under the transformations."""

    def logsumexp(x: Any) -> Any:
        ns = x.__array_namespace__()
        top = ns.max(x, axis=-1, keepdims=True)
        total = ns.sum(ns.exp(x - top), axis=-1, keepdims=True)
        return ns.sum(ns.squeeze(ns.log(total) + top, axis=-1))

    x = np.random.default_rng(1).normal(size=(3, 5))
    want = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    for g in (bibun.grad(logsumexp), bibun.jit(bibun.grad(logsumexp))):
        np.testing.assert_allclose(g(x), want, rtol=1e-13)
