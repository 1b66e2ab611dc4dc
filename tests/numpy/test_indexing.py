"""`x[...]`, `.at[...]`, take: NumPy's answers on every path, and errors that say where."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import bibun
import bibun.numpy as bnp
from bibun.errors import ConcretizationError
from bibun.numpy.at import update
from bibun.numpy.indexing import plan_index, read
from bibun.trace.replay import replay

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


@st.composite
def indexed(draw):
    """(shape, an index that fits it): ints, slices, None, ..., integer and boolean arrays."""
    shape = draw(SHAPES)
    parts, k = [], 0
    core = draw(st.sampled_from([(), (2,), (3, 1), (1, 2)]))
    dots = draw(st.integers(0, len(shape)))
    while k < len(shape):
        n = shape[k]
        if draw(st.integers(0, 9)) == 0:
            parts.append(None)
        if k == dots and draw(st.booleans()):
            skip = draw(st.integers(0, len(shape) - k))
            parts.append(Ellipsis)
            k += skip
            dots = -1
            continue
        kind = draw(st.sampled_from(["int", "slice", "full", "array", "array", "mask"]))
        if kind == "int":
            parts.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            parts.append(draw(st.slices(n)))
        elif kind == "full":
            parts.append(slice(None))
        elif kind == "array":
            own = draw(st.sampled_from([core, core[-1:], ()])) if core else ()
            parts.append(draw(hnp.arrays(np.int64, own, elements=st.integers(-n, n - 1))))
        else:
            count = int(np.prod(core, dtype=int)) if len(core) == 1 else 1
            mask = np.zeros(n, bool)
            mask[: min(count, n)] = True
            parts.append(mask if min(count, n) == count else slice(None))
        k += 1
    if draw(st.booleans()) and len(parts) > 1 and dots >= 0:
        parts = parts[:-1]
    return shape, tuple(parts)


def data(shape):
    return np.arange(np.prod(shape), dtype=float).reshape(shape) + 1


def to_bibun(index):
    return tuple(bnp.array(p) if isinstance(p, np.ndarray) else p for p in index)


def numpy_get(x, index):
    try:
        return x[index]
    except IndexError:
        return None


@settings(max_examples=400, deadline=None)
@given(indexed())
def test_getitem_is_numpys(case):
    shape, index = case
    x = data(shape)
    want = numpy_get(x, index)
    b = bnp.array(x)
    if want is None:
        with pytest.raises(IndexError):
            b[to_bibun(index)]
        return
    np.testing.assert_array_equal(np.asarray(b[to_bibun(index)]), want)
    general = read(b, plan_index(shape, to_bibun(index)))  # the way of traced values
    assert general.shape == want.shape
    np.testing.assert_array_equal(np.asarray(general), want)


@settings(max_examples=300, deadline=None)
@given(indexed(), st.sampled_from(["set", "add", "multiply", "min", "max"]), st.booleans())
def test_at_is_numpys(case, how, scalar):
    shape, index = case
    x = data(shape)
    want = numpy_get(x, index)
    if want is None:
        return
    new = 5.5 if scalar else np.linspace(-3, 30, want.size).reshape(want.shape)
    copy = x.copy()
    if how == "set":
        copy[index] = new
    else:
        {"add": np.add, "multiply": np.multiply, "min": np.minimum, "max": np.maximum}[how].at(
            copy, index, new
        )
    b, v = bnp.array(x), new if scalar else bnp.array(new)
    np.testing.assert_array_equal(np.asarray(getattr(b.at[to_bibun(index)], how)(v)), copy)
    np.testing.assert_array_equal(x, data(shape))
    general = update(b, to_bibun(index), v, how, "promise_in_bounds", False)
    np.testing.assert_array_equal(np.asarray(general), copy)


@settings(max_examples=60, deadline=None)
@given(indexed())
def test_traced_indices(case):
    """Integer arrays (and numbers) that are only known at run time."""
    shape, index = case
    x = data(shape)
    want = numpy_get(x, index)
    places = [i for i, p in enumerate(index)
              if isinstance(p, int) or (isinstance(p, np.ndarray) and p.dtype != bool)]  # fmt: skip
    if want is None or not places:
        return

    def f(x, *traced):
        full = list(to_bibun(index))
        for i, t in zip(places, traced, strict=True):
            full[i] = t
        return x[tuple(full)], x.at[tuple(full)].add(1.0)

    args = [bnp.array(x), *(bnp.array(index[i]) for i in places)]
    closed = bibun.make_program(f)(*args)
    got, added = replay(closed.program, [*closed.consts, *args])
    # NumPy takes a 0-d integer array for a number, unless there are other arrays.
    np.testing.assert_array_equal(np.asarray(got), want)
    copy = x.copy()
    np.add.at(copy, index, 1.0)
    np.testing.assert_array_equal(np.asarray(added), copy)


@settings(max_examples=40, deadline=None)
@given(indexed())
def test_gradient_of_a_read_is_a_write(case):
    shape, index = case
    x = data(shape)
    want = numpy_get(x, index)
    if want is None:
        return
    w = np.cos(np.arange(want.size)).reshape(want.shape)
    g = bibun.grad(lambda v: bnp.sum(v[to_bibun(index)] * w))(bnp.array(x))
    copy = np.zeros_like(x)
    np.add.at(copy, index, w)
    np.testing.assert_allclose(np.asarray(g), copy, atol=1e-12)


class TestErrors:
    x = bnp.arange(6.0).reshape(2, 3)

    @pytest.mark.parametrize("index,said", [
        (5, "index 5 is out of bounds for axis 0 with size 2"),
        ((0, -4), "index -4 is out of bounds for axis 1 with size 3"),
        ((slice(None), np.array([0, 3])), "index 3 is out of bounds for axis 1 with size 3"),
    ])  # fmt: skip
    def test_out_of_bounds_says_where(self, index, said):
        with pytest.raises(IndexError) as caught:
            self.x[index]
        assert said in str(caught.value)
        assert "test_indexing.py" in str(caught.value)
        assert "self.x[index]" in str(caught.value)

    def test_out_of_bounds_in_at_and_take(self):
        with pytest.raises(IndexError, match="index 9 is out of bounds for axis 0 with size 2"):
            self.x.at[9].set(1.0)
        with pytest.raises(IndexError, match="index 7 is out of bounds for axis 1 with size 3"):
            bnp.take(self.x, bnp.array([0, 7]), axis=1)

    def test_out_of_bounds_of_a_traced_index(self):
        f = bibun.make_program(lambda x, i: x[i])
        closed = f(self.x, 0)
        with pytest.raises(IndexError, match="5 is out of bounds for axis 0 with size 2"):
            replay(closed.program, [*closed.consts, self.x, bnp.array(5)])
        with pytest.raises(IndexError, match="5 is out of bounds for axis 0 with size 2"):
            bibun.vmap(lambda i: self.x[i])(bnp.array([0, 5]))

    def test_traced_mask_names_where_and_size(self):
        with pytest.raises(ConcretizationError, match="size="):
            bibun.make_program(lambda x: x[x > 0])(self.x)

    def test_traced_slice_names_dynamic_slice(self):
        with pytest.raises(ConcretizationError, match="dynamic_slice_in_dim"):
            bibun.make_program(lambda x, i: x[i:])(self.x, 1)

    def test_assignment_names_at(self):
        with pytest.raises(TypeError, match=r"x\.at\[index\]\.set"):
            self.x[0] = 1.0

    @pytest.mark.parametrize("index", [1.5, "a", (0, 0, 0), bnp.array([0.5])])
    def test_wrong_indices(self, index):
        with pytest.raises((TypeError, IndexError)):
            self.x[index]

    def test_a_float_does_not_fit_into_integers(self):
        with pytest.raises(TypeError, match="astype"):
            bnp.arange(3).at[0].set(0.5)

    def test_values_that_do_not_broadcast(self):
        with pytest.raises(ValueError, match="do not broadcast"):
            self.x.at[0].set(bnp.zeros(2))


class TestModes:
    x = bnp.array([1.0, 2.0, 3.0])
    far = np.array([-1, 0, 3, 7, -9])

    def test_get(self):
        got = self.x.at[self.far].get(mode="fill", fill_value=-5.0)
        np.testing.assert_array_equal(np.asarray(got), [3.0, 1.0, -5.0, -5.0, -5.0])
        assert np.isnan(np.asarray(self.x.at[7].get(mode="fill")))
        got = self.x.at[self.far].get(mode="clip")
        np.testing.assert_array_equal(np.asarray(got), [3.0, 1.0, 3.0, 3.0, 1.0])

    def test_set(self):
        got = self.x.at[self.far].add(10.0, mode="drop")
        np.testing.assert_array_equal(np.asarray(got), [11.0, 2.0, 13.0])
        got = self.x.at[bnp.array(7)].set(9.0, mode="drop")
        np.testing.assert_array_equal(np.asarray(got), [1.0, 2.0, 3.0])
        got = self.x.at[7].set(9.0, mode="clip")
        np.testing.assert_array_equal(np.asarray(got), [1.0, 2.0, 9.0])

    def test_unknown_mode(self):
        with pytest.raises(ValueError, match="mode"):
            self.x.at[0].set(1.0, mode="bounce")
        with pytest.raises(ValueError, match="mode"):
            bnp.take(self.x, 0, mode="bounce")

    def test_arithmetic_updates(self):
        np.testing.assert_allclose(np.asarray(self.x.at[1].divide(4.0)), [1.0, 0.5, 3.0])
        np.testing.assert_allclose(np.asarray(self.x.at[1].power(3.0)), [1.0, 8.0, 3.0])
        np.testing.assert_allclose(np.asarray(self.x.at[1].subtract(4.0)), [1.0, -2.0, 3.0])
        np.testing.assert_allclose(np.asarray(self.x.at[1:].apply(bnp.negative)), [1, -2, -3])

    def test_masks_may_be_traced_in_at(self):
        f = lambda x: bnp.sum(x.at[x > 1.5].set(0.0) * x)
        closed = bibun.make_program(f)(self.x)
        (got,) = replay(closed.program, [*closed.consts, self.x])
        assert float(got) == 1.0
        np.testing.assert_array_equal(np.asarray(bibun.grad(f)(self.x)), [2.0, 0.0, 0.0])


def test_put_along_axis():
    x, i = np.zeros((2, 3)), np.array([[2], [0]])
    got = bnp.put_along_axis(bnp.array(x), i, 7.0, axis=1)
    np.put_along_axis(x, i, 7.0, axis=1)
    np.testing.assert_array_equal(np.asarray(got), x)


@pytest.mark.parametrize("size", [1, 3, 6])
def test_sizes_make_dynamic_results_static(size):
    mask = bnp.array([False, True, True, False, True])

    def f(m):
        return bnp.nonzero(m, size=size, fill_value=-1)[0], bnp.unique(m, size=2)

    closed = bibun.make_program(f)(mask)
    got, values = replay(closed.program, [*closed.consts, mask])
    np.testing.assert_array_equal(np.asarray(got), ([1, 2, 4] + [-1] * 3)[:size])
    np.testing.assert_array_equal(np.asarray(values), [False, True])


def test_unique_with_size_gives_all_parts():
    x = np.array([3.0, 1.0, 3.0, 2.0])
    f = lambda v: bnp.unique(
        v, return_index=True, return_inverse=True, return_counts=True, size=5, fill_value=0.0
    )
    closed = bibun.make_program(f)(bnp.array(x))
    values, index, inverse, counts = replay(closed.program, [*closed.consts, bnp.array(x)])
    np.testing.assert_array_equal(np.asarray(values), [1, 2, 3, 0, 0])
    np.testing.assert_array_equal(np.asarray(index)[:3], [1, 3, 0])
    np.testing.assert_array_equal(np.asarray(inverse), [2, 0, 2, 1])
    np.testing.assert_array_equal(np.asarray(counts), [1, 1, 2, 0, 0])


@pytest.mark.parametrize("how", ["add", "multiply", "min", "max"])
def test_values_broadcast_against_two_axes_of_indices(how: str) -> None:
    place = np.arange(9)[:, None] * 4 + np.arange(8)  # NumPy 2.4's ufunc.at reads past the end here
    x, v = np.full(40, 2.0), np.arange(1.0, 9.0)
    whole = getattr(bnp.asarray(x).at[place], how)(np.broadcast_to(v, place.shape).copy())
    for run in (lambda f: f, bibun.jit):
        got = run(lambda x: getattr(x.at[place], how)(bnp.asarray(v)))(bnp.asarray(x))
        assert np.array_equal(got, whole)


def test_negative_indices_that_do_not_count_from_the_end() -> None:
    x, i = np.arange(6.0).reshape(2, 3), np.array([[0, -1], [2, 1]])
    take = lambda i, **how: bnp.take_along_axis(x, i, 1, wrap_negative_indices=False, **how)
    for run in (lambda f: f, bibun.jit):
        with pytest.raises(IndexError, match="-1"):
            run(take)(i)
        assert np.array_equal(run(take)(abs(i)), np.take_along_axis(x, abs(i), 1))
        filled = run(lambda i: take(i, mode="fill", fill_value=7.0))(i)
        assert np.array_equal(filled, [[0.0, 7.0], [5.0, 4.0]])
        clipped = run(lambda i: take(i, mode="clip"))(i)
        assert np.array_equal(clipped, [[0.0, 0.0], [5.0, 4.0]])
    assert bnp.ravel_multi_index((1, 2), (2, 3), dtype="int32").dtype == np.int32
