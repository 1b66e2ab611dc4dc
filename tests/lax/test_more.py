"""The rest of JAX's names in lax."""

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.errors import DTypeError, ShapeError
from bibun.testing import check_grads

RNG = np.random.default_rng(4)


def test_reduce_precision_is_rounding_to_smaller_floats():
    x = np.concatenate([RNG.normal(size=300) * 10.0 ** RNG.integers(-9, 9, 300), [
        0.0, -0.0, np.inf, -np.inf, np.nan, 65504, 65519.9, 65520, 3.4e38, 1e300]])  # fmt: skip
    with np.errstate(over="ignore"):
        half, single = x.astype(np.float16), x.astype(np.float32)
    half[np.abs(half) < np.finfo(np.float16).smallest_normal] = 0
    single[np.abs(single) < np.finfo(np.float32).smallest_normal] = 0
    for run in (lambda f: f, bibun.jit):
        got = run(lambda a: lax.reduce_precision(a, 5, 10))(x)
        tiny = np.abs(x) < np.finfo(np.float16).smallest_normal * 1.01
        np.testing.assert_array_equal(np.where(tiny, 0, got), np.where(tiny, 0, half))
        assert (np.asarray(got)[np.abs(x) < 6.09e-5] == 0).all()
        np.testing.assert_array_equal(run(lambda a: lax.reduce_precision(a, 8, 23))(x), single)
    assert np.signbit(np.asarray(lax.reduce_precision(x, 5, 10)))[301]
    assert bibun.grad(lambda a: lax.reduce_precision(a, 8, 7) ** 2)(3.0) == 6.0
    with pytest.raises(DTypeError):
        lax.reduce_precision(1j, 5, 10)


def test_fft():
    x = RNG.normal(size=(3, 4, 6))
    np.testing.assert_allclose(lax.fft(x, "rfft", (4, 6)), np.fft.rfftn(x, axes=(1, 2)))
    c = np.fft.rfftn(x, axes=(1, 2))
    np.testing.assert_allclose(lax.fft(c, lax.FftType.IRFFT, (4, 6)), x, atol=1e-14)
    np.testing.assert_allclose(lax.fft(x + 0j, lax.FftType.IFFT, (6,)), np.fft.ifft(x))
    with pytest.raises(ShapeError, match="wants axes"):
        lax.fft(x, "fft", (5,))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "uint32", "int64", "uint64"])
def test_mulhi(dtype):
    info = np.iinfo(dtype)
    x, y = (RNG.integers(info.min, info.max, 40, dtype=dtype, endpoint=True) for _ in range(2))
    x[:2], y[:2] = info.min, [info.min, info.max]
    want = [(int(a) * int(b)) >> info.bits for a, b in zip(x, y, strict=True)]
    np.testing.assert_array_equal(lax.mulhi(x, y), np.array(want, dtype))


def test_selection_and_ragged_products():
    x = RNG.normal(size=(8, 3))
    values, at = lax.approx_min_k(x, 2, 0)
    np.testing.assert_array_equal(at, np.argsort(x, 0)[:2])
    np.testing.assert_array_equal(values, np.sort(x, 0)[:2])
    np.testing.assert_array_equal(lax.top_k(x, 2, axis=0)[0], np.sort(x, 0)[:-3:-1])
    w, sizes = RNG.normal(size=(3, 3, 2)), np.array([2, 0, 4])
    y = lax.ragged_dot(x, w, sizes)
    np.testing.assert_allclose(y[:2], x[:2] @ w[0])
    np.testing.assert_allclose(y[2:6], x[2:6] @ w[2])
    np.testing.assert_array_equal(y[6:], 0)
    check_grads(lambda a, b: lax.ragged_dot(a, b, sizes), (x, w), order=1)


def test_small_ones():
    x = bnp.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(lax.stack(lax.unstack(x, 1), 1), x)
    np.testing.assert_array_equal(lax.tile(x, (2, 1)), np.tile(x, (2, 1)))
    assert lax.dtype(np.float32(1)) == np.float32 and lax.broadcast_to_rank(x, 4).shape[0] == 1
    assert lax.reciprocal(4) == 0.25 and lax.empty((2,), int).dtype == np.int64
    np.testing.assert_array_equal(lax.broadcast_like(x[0], x), np.broadcast_to(x[0], (2, 3)))
    with pytest.raises(NotImplementedError, match="'cpu'"):
        lax.platform_dependent(1.0, tpu=lambda a: a)


def test_options_of_slices_and_switch():
    x = bnp.arange(5)
    assert lax.dynamic_slice(x, (-2,), (2,)).tolist() == [3, 4]
    for run in (lambda f: f, bibun.jit):
        with pytest.raises(IndexError, match="start -2"):
            run(lambda i: lax.dynamic_slice(x, (i,), (2,), allow_negative_indices=False))(-2)
        clipped = lambda i: lax.dynamic_index_in_dim(
            x, i, mode="clip", allow_negative_indices=False
        )
        assert run(clipped)(-2).tolist() == [0]
        put = lambda i: lax.dynamic_update_slice(
            x, bnp.array([9]), (i,), "clip", allow_negative_indices=(False,)
        )
        assert run(put)(-2).tolist() == [9, 1, 2, 3, 4]
    assert float(lax.switch(1, [lambda v: v, lambda v: -v], operand=3.0)) == -3.0
    a, b = np.ones((2, 3)), np.ones((4, 2))
    numbers = (((0,), (1,)), ((), ()))
    assert lax.dot(a, b, dimension_numbers=numbers).shape == (3, 4)


def test_special_functions_take_their_arguments_by_jaxs_names():
    assert float(lax.igamma(a=2.0, x=1.0)) == float(lax.igamma(2.0, 1.0))
    assert float(lax.zeta(2.0, q=3.0)) == float(lax.zeta(2.0, 3.0))
    slope = bibun.jit(bibun.grad(lambda a: lax.igamma(a, x=1.0)))(2.0)
    assert float(slope) == pytest.approx(float(lax.igamma_grad_a(a=2.0, x=1.0)), rel=1e-12)
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        lax.igamma(1.0, y=2.0)
