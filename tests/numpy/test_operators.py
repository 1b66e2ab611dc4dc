"""Operators and methods of arrays and tracers; Python numbers; NumPy's protocols."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import bibun
import bibun.numpy as bnp
from bibun.array import Array
from bibun.config import config
from bibun.errors import ConcretizationError, TracerError

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow, operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip
BITWISE = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]
DTYPES = ["bool", "int8", "int32", "int64", "uint8", "uint64", "float32", "float64", "complex64",
          "complex128"]  # fmt: skip


@pytest.mark.parametrize("op", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", [2, 2.5, np.float64(1.5), np.array([3.0, 0.5]), True])
def test_with_arrays_and_numbers(op, other):
    x = np.array([1.5, -2.25])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(np.asarray(op(bnp.array(x), other)), op(x, other))
        np.testing.assert_allclose(np.asarray(op(other, bnp.array(x))), op(other, x))
    assert isinstance(op(bnp.array(x), other), Array)
    assert isinstance(op(other, bnp.array(x)), Array)


@pytest.mark.parametrize("op", BITWISE, ids=lambda f: f.__name__)
def test_bits(op):
    x, y = np.array([5, 12, -3]), np.array([1, 3, 2])
    np.testing.assert_array_equal(np.asarray(op(bnp.array(x), bnp.array(y))), op(x, y))
    np.testing.assert_array_equal(np.asarray(op(bnp.array(x), 2)), op(x, 2))
    np.testing.assert_array_equal(np.asarray(op(9, bnp.array(y))), op(9, y))


def test_unary():
    x = np.array([1.4, -2.5])
    b = bnp.array(x)
    np.testing.assert_array_equal(np.asarray(-b), -x)
    np.testing.assert_array_equal(np.asarray(+b), x)
    np.testing.assert_array_equal(np.asarray(abs(b)), abs(x))
    np.testing.assert_array_equal(np.asarray(~bnp.array([1, -2])), ~np.array([1, -2]))
    np.testing.assert_array_equal(np.asarray(round(b)), np.round(x))
    assert [int(v) for v in divmod(bnp.array(-7), 2)] == [-4, 1]


def jax_lattice(a, b):
    """JAX's promotion of two strong dtypes, written out."""
    a, b = np.dtype(a), np.dtype(b)
    if a == b:
        return a
    kinds = {a.kind, b.kind}
    if "b" in kinds:
        return b if a.kind == "b" else a
    if kinds <= {"i", "u"}:
        joined = np.promote_types(a, b)
        return joined
    if kinds & {"i", "u"}:
        return a if a.kind in "fc" else b
    return np.promote_types(a, b)


@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", DTYPES)
def test_promotion(a, b):
    x, y = bnp.ones(2, a), bnp.ones(2, b)
    assert (x + y).dtype == jax_lattice(a, b)
    assert bnp.promote_types(a, b) == jax_lattice(a, b)
    assert bibun.make_program(operator.add)(x, y).program.outputs[0].type.dtype == (x + y).dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scalar,kind", [(2, "i"), (2.5, "f"), (1j, "c"), (True, "b")])
def test_python_numbers_are_weak(dtype, scalar, kind):
    x = bnp.ones(2, dtype)
    rank = "buifc".index
    if "biufc".find(kind) <= "biufc".find(x.dtype.kind) or (kind == "i" and x.dtype.kind in "iu"):
        want = x.dtype
    elif kind == "i":
        want = np.dtype("int64")
    elif kind == "f":
        want = np.dtype("float64")
    else:
        want = np.dtype("complex64" if dtype == "float32" else "complex128")
    assert rank(kind) >= 0
    assert (x * scalar).dtype == want
    assert (scalar * x).dtype == want
    assert bibun.make_program(lambda v: v * scalar)(x).program.outputs[0].type.dtype == want


def test_weak_results_stay_weak():
    x = bnp.ones(2, bnp.float32)
    assert (x * (bnp.sqrt(2.0) + 1)).dtype == np.float32
    assert (x * bnp.asarray(2.0)).dtype == np.float32
    assert (x * bnp.where(True, 1.0, 2.0)).dtype == np.float32
    assert (x * np.float64(2.0)).dtype == np.float64
    assert (x * bnp.asarray(2.0).astype(float)).dtype == np.float64
    assert (x * bnp.asarray(2.0, dtype=float)).dtype == np.float64


def test_32_bit_mode():
    with config.using(enable_x64=False):
        assert bnp.zeros(2).dtype == np.float32
        assert bnp.array([1.0]).dtype == np.float32
        assert bnp.arange(3).dtype == np.int32
        assert bnp.sin(1.0).dtype == np.float32
        assert (bnp.arange(3) * 0.5).dtype == np.float32
        assert bnp.mean(bnp.arange(3)).dtype == np.float32


@settings(max_examples=60, deadline=None)
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_broadcasting(shapes):
    x, y = (np.arange(np.prod(s), dtype=float).reshape(s) for s in shapes.input_shapes)
    got = bnp.array(x) - bnp.array(y)
    np.testing.assert_array_equal(np.asarray(got), x - y)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        bnp.zeros(2) + bnp.zeros(3)


@pytest.mark.parametrize("bad", [[1, 2], "a", None, {}])
def test_wrong_operands(bad):
    with pytest.raises(TypeError):
        bnp.zeros(2) + bad
    with pytest.raises(TypeError, match="subtract"):
        bnp.subtract(bnp.zeros(2), bad)


def test_lists_are_refused_by_name():
    with pytest.raises(TypeError, match=r"sin: argument .*list.*bibun.numpy.array"):
        bnp.sin([1.0, 2.0])


def test_booleans_do_not_subtract():
    with pytest.raises(TypeError, match="subtract"):
        bnp.array([True]) - bnp.array([False])


@given(st.integers(-50, 50), st.integers(-9, 9).filter(bool))
@settings(max_examples=60, deadline=None)
def test_integer_division_is_pythons(a, b):
    assert int(bnp.array(a) // bnp.array(b)) == a // b == int(bnp.array(a) // b)
    assert int(bnp.array(a) % bnp.array(b)) == a % b == int(bnp.array(a) % b)


def test_integer_division_by_zero_is_total():
    assert int(bnp.array(5) // bnp.array(0)) == 0
    assert int(bnp.array(5) % bnp.array(0)) == 0


# Python numbers ----------------------------------------------------------------------------------


def test_conversions():
    x = bnp.array(2.75)
    assert (float(x), int(x), bool(x), complex(x)) == (2.75, 2, True, 2.75 + 0j)
    assert [10, 11, 12][bnp.array(1)] == 11
    assert bnp.array([3.5]).item() == 3.5
    assert bnp.arange(3).tolist() == [0, 1, 2]
    assert len(bnp.zeros((4, 2))) == 4
    assert [float(v) for v in bnp.array([1.0, 2.0])] == [1.0, 2.0]
    assert 2.0 in bnp.array([1.0, 2.0])
    assert f"{x:.1f}" == "2.8"
    with pytest.raises(TypeError, match="any"):
        bool(bnp.zeros(2))
    with pytest.raises(TypeError):
        len(x)
    with pytest.raises(TypeError):
        [1, 2][bnp.array(0.5)]


def test_arrays_have_no_hash():
    with pytest.raises(TypeError):
        hash(bnp.zeros(2))


def test_control_flow_on_concrete_values_under_grad():
    assert float(bibun.grad(lambda x: x * x if x > 0 else -x)(3.0)) == 6.0
    assert float(bibun.grad(lambda x: x * x if x > 0 else -x)(-3.0)) == -1.0
    x = bnp.array([1.0, 2.0, 3.0])
    got = bibun.grad(lambda v: sum(w * w for w in v))(x)
    np.testing.assert_array_equal(np.asarray(got), [2.0, 4.0, 6.0])


@pytest.mark.parametrize("f,said", [
    (lambda x: math.exp(x), "instead of the one of math"),
    (lambda x: float(x), "stop_gradient"),
    (lambda x: np.array([x, 1.0]), "bibun.numpy.array"),
    (lambda x: np.asarray(x), "bibun.numpy.array"),
])  # fmt: skip
@pytest.mark.parametrize("transform", [bibun.grad, bibun.make_program])
def test_tracers_refuse_to_become_numbers(f, said, transform):
    with pytest.raises(ConcretizationError) as caught:
        transform(f)(2.0)
    assert said in str(caught.value)
    assert "test_operators.py" in str(caught.value)


def test_float_of_stop_gradient():
    got = bibun.grad(lambda x: x * float(bibun.lax.stop_gradient(x)))(3.0)
    assert float(got) == 3.0


def test_branch_on_a_traced_value_says_what_to_do():
    with pytest.raises(ConcretizationError, match="bibun.lax.cond"):
        bibun.make_program(lambda x: x if x > 0 else -x)(1.0)


def test_array_of_tracers():
    got = bibun.grad(lambda x: bnp.sum(bnp.array([x, [1.0, 2.0][1], x * x]) ** 2))(3.0)
    assert float(got) == 2 * 3 + 4 * 27
    with pytest.raises(ValueError, match="shape"):
        bnp.array([[1.0], [1.0, 2.0]])


# NumPy's protocols ---------------------------------------------------------------------------------


def test_array_protocol_shares_memory_and_is_read_only():
    x = bnp.array([1.0, 2.0])
    view = np.asarray(x)
    assert np.shares_memory(view, np.asarray(x))
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 5.0
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    copied = np.array(x)
    copied[0] = 9.0
    assert float(x[0]) == 1.0


def test_array_copies_asarray_shares():
    data = np.zeros(3)
    copied, shared = bnp.array(data), bnp.asarray(data)
    data[0] = 7.0
    assert float(copied[0]) == 0.0
    assert float(shared[0]) == 7.0


def test_ufuncs_and_functions_of_numpy_differentiate():
    x = np.array([0.5, 1.5])
    f = lambda v: np.sum(np.sin(v) * np.stack([v, v])[0] + np.maximum(v, 1.0))  # noqa: E731
    want = np.sin(x) + x * np.cos(x) + (x > 1)
    np.testing.assert_allclose(np.asarray(bibun.grad(f)(bnp.array(x))), want)


def test_ufunc_methods():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    b = bnp.array(x)
    np.testing.assert_array_equal(np.asarray(np.add.reduce(b)), np.add.reduce(x))
    np.testing.assert_array_equal(np.asarray(np.maximum.reduce(b, axis=1)), [2.0, 4.0])
    np.testing.assert_array_equal(np.asarray(np.add.accumulate(b)), np.add.accumulate(x))
    np.testing.assert_array_equal(
        np.asarray(np.multiply.outer(b[0], b)), np.multiply.outer(x[0], x)
    )
    out = np.zeros((2, 2))
    out += b
    np.testing.assert_array_equal(out, x)


def test_scipy_ufuncs():
    special = pytest.importorskip("scipy.special")
    pytest.importorskip("bibun.scipy.special")
    got = bibun.grad(lambda v: special.gammaln(v))(2.5)
    np.testing.assert_allclose(float(got), special.digamma(2.5), rtol=1e-12)


def test_what_numpy_alone_has():
    x = bnp.array([3.0, 1.0])
    assert np.array_split(x, 2)[1].shape == (1,)
    assert np.allclose(np.asarray(np.busday_count("2020-01-01", "2020-01-02")), 1)
    assert isinstance(np.real_if_close(x), Array)  # on the host, because the values are known
    with pytest.raises(TracerError, match="no bibun form"):
        bibun.grad(lambda v: np.real_if_close(v).sum())(x)


def test_dispatch_table():
    from bibun.numpy.dispatch import dispatch_table

    table = dispatch_table()
    served = [k for k, v in table.items() if v]
    assert len(served) > 250
    for name in ("numpy.exp", "numpy.stack", "numpy.linalg.solve", "numpy.einsum", "numpy.where"):
        assert table[name]


def test_array_namespace_and_dlpack():
    x = bnp.array([1.0, 2.0])
    assert x.__array_namespace__() is bnp
    shared = np.from_dlpack(x)
    np.testing.assert_array_equal(shared, [1.0, 2.0])
    assert not shared.flags.writeable
    assert float(bnp.from_dlpack(np.array([4.0]))[0]) == 4.0


# methods -----------------------------------------------------------------------------------------

METHODS = [
    ("sum", ()), ("sum", (0,)), ("mean", ()), ("prod", (1,)), ("max", ()), ("min", (0,)), ("std", ()),
    ("var", ()), ("argmax", ()), ("argmin", (1,)), ("cumsum", (0,)), ("cumprod", (1,)), ("all", ()),
    ("any", ()), ("reshape", (3, 2)), ("reshape", ((3, 2),)), ("reshape", (-1,)), ("ravel", ()),
    ("flatten", ()), ("transpose", ()), ("transpose", (1, 0)), ("transpose", ((1, 0),)),
    ("swapaxes", (0, 1)), ("squeeze", ()), ("take", (np.array([0, 2]), 1)), ("clip", (0.0, 1.0)),
    ("round", (1,)), ("conj", ()), ("diagonal", ()), ("repeat", (2,)), ("argsort", ()),
    ("dot", (np.ones(3),)), ("ptp", ()), ("copy", ()), ("astype", (np.float32,)), ("nonzero", ()),
]  # fmt: skip


@pytest.mark.parametrize("name,args", METHODS, ids=lambda v: v if isinstance(v, str) else "")
def test_methods(name, args):
    x = np.array([[1.5, -2.0, 0.25], [3.0, 0.5, -1.0]])
    want = np.ptp(x) if name == "ptp" else getattr(x, name)(*args)
    got = getattr(bnp.array(x), name)(*args)
    if isinstance(want, tuple):
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(np.asarray(g), w)
        return
    assert np.asarray(got).dtype == np.asarray(want).dtype
    np.testing.assert_allclose(np.asarray(got), want)
    closed = bibun.make_program(lambda v: getattr(v, name)(*args))
    if name != "nonzero":
        assert closed(bnp.array(x)).program.outputs[0].type.shape == np.shape(want)


def test_properties():
    x = bnp.zeros((2, 3, 4))
    assert (x.T.shape, x.mT.shape, x.ndim, x.size, x.nbytes) == ((4, 3, 2), (2, 4, 3), 3, 24, 192)
    z = bnp.array([1 + 2j])
    assert (float(z.real[0]), float(z.imag[0])) == (1.0, 2.0)
    assert bnp.array([1.5]).view(bnp.int64).dtype == np.int64


def test_scalar_types_call_and_compare():
    assert bnp.float32(2).dtype == bnp.float32 == np.float32
    assert np.dtype(bnp.int16) == np.int16
    assert bnp.zeros(2, bnp.complex64).dtype == bnp.complex64
    assert bnp.issubdtype(bnp.float32, bnp.floating)
    assert bnp.finfo(bnp.float32).eps == np.finfo(np.float32).eps
    assert isinstance(bnp.zeros(2), bnp.ndarray)


def test_dtypes_of_numpy_are_not_weak() -> None:
    single, double = np.dtype("float32"), np.dtype("float64")
    assert bnp.promote_types(single, double) == bnp.promote_types(double, single) == double
    assert bnp.result_type(np.float32(1.0), double) == double
    assert bnp.result_type(np.dtype("complex64"), np.dtype("complex128")) == np.complex128
    assert bnp.result_type(np.dtype("int32"), np.dtype("int64")) == np.int64
    assert bnp.promote_types(single, float) == single  # the Python type is
