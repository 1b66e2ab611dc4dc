"""Gather and scatter with XLA's dimension numbers, against their definition in loops."""

import itertools

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.errors import ShapeError
from bibun.testing import check_grads

X = np.random.default_rng(2).normal(size=(5, 4, 3))
G, S = lax.GatherDimensionNumbers, lax.ScatterDimensionNumbers
# dimension numbers, slice sizes, rows of indices
CASES = {
    "rows": (G((1, 2), (0,), (0,)), (1, 4, 3), [[1], [4], [2]]),
    "windows first": (G((0, 1), (0,), (0,)), (1, 2, 3), [[1], [4], [2]]),
    "components exchanged": (G((2,), (0, 1), (1, 0)), (1, 1, 2), [[[1, 0], [3, 4]]] * 2),
    "one beyond": (G((0, 2), (1,), (0, 2)), (2, 1, 2), [[0, 0], [3, 1], [7, 0], [-1, 0]]),
    "one window": (G((0, 1, 2), (), (1,)), (2, 2, 3), [1]),
    "everything": (G((1, 2, 3), (), ()), (5, 4, 3), np.zeros((2, 0), int)),
    "batching": (G((1,), (1,), (1,), (0,), (0,)), (1, 1, 3), [[1], [3], [0], [2], [2]]),
}


def loops(d, sizes, rows, mode):
    """For each element of the result: the element of X (None where filled)."""
    rows = np.asarray(rows)
    window = [k for k in range(X.ndim) if k not in (*d[1], *d[3])]
    rank = rows.ndim - 1 + len(window)
    free = [j for j in range(rank) if j not in d.offset_dims]
    shape = [0] * rank
    for j, n in zip(free, rows.shape[:-1], strict=True):
        shape[j] = n
    for j, k in zip(d.offset_dims, window, strict=True):
        shape[j] = sizes[k]
    places = {}
    for at in itertools.product(*map(range, shape)):
        row = tuple(at[j] for j in free)
        start, inside = [0] * X.ndim, True
        for i, k in zip(rows[row], d.start_index_map, strict=True):
            top = X.shape[k] - sizes[k]
            inside &= 0 <= i <= top
            start[k] = int(np.clip(i, 0, top))
        for k, j in zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True):
            start[k] = row[j]
        for j, k in zip(d.offset_dims, window, strict=True):
            start[k] += at[j]
        places[at] = tuple(start) if inside or mode == "clip" else None
    return shape, places


@pytest.mark.parametrize("mode", ["clip", "fill"])
@pytest.mark.parametrize("case", CASES)
def test_gather(case, mode):
    d, sizes, rows = CASES[case]
    shape, places = loops(d, sizes, rows, mode)
    want = np.empty(shape)
    for at, place in places.items():
        want[at] = -7.0 if place is None else X[place]

    def f(x, i):
        return lax.gather(x, i, d, sizes, mode=mode, fill_value=-7)

    for run in (f, bibun.jit(f)):
        np.testing.assert_array_equal(run(X, np.asarray(rows)), want)
    check_grads(lambda x: f(x, np.asarray(rows)), (X,), order=1)
    many = np.stack([np.asarray(rows), np.asarray(rows)[::-1]])
    both = bibun.vmap(f, in_axes=(None, 0))(X, many)
    np.testing.assert_array_equal(both, [f(X, m) for m in many])


@pytest.mark.parametrize("mode", ["clip", "drop"])
@pytest.mark.parametrize("case", CASES)
def test_scatter(case, mode):
    d, sizes, rows = CASES[case]
    shape, places = loops(d, sizes, rows, "clip" if mode == "clip" else "fill")
    new = np.random.default_rng(8).normal(size=shape)
    want = {"scatter": X.copy(), "scatter_add": X.copy(), "scatter_sub": X.copy(),
            "scatter_mul": X.copy(), "scatter_min": X.copy(), "scatter_max": X.copy()}  # fmt: skip
    for at, place in places.items():
        if place is not None:
            want["scatter"][place] = new[at]
            want["scatter_add"][place] += new[at]
            want["scatter_sub"][place] -= new[at]
            want["scatter_mul"][place] *= new[at]
            want["scatter_min"][place] = min(want["scatter_min"][place], new[at])
            want["scatter_max"][place] = max(want["scatter_max"][place], new[at])
    for name, expected in want.items():
        def f(x, u, name=name):
            return getattr(lax, name)(x, np.asarray(rows), u, S(*d), mode=mode)

        np.testing.assert_allclose(f(X, new), expected, rtol=1e-14)
        np.testing.assert_allclose(bibun.jit(f)(X, new), expected, rtol=1e-14)
    check_grads(lambda x, u: lax.scatter_add(x, np.asarray(rows), u, S(*d), mode=mode), (X, new),
                order=1)  # fmt: skip


def test_out_of_bounds_raises_unless_asked():
    d, rows = G((1,), (0,), (0,)), bnp.array([[0], [9]])
    x = bnp.ones((3, 2))
    for run in (lambda f: f, bibun.jit):
        with pytest.raises(IndexError, match="9.*axis 0 with size 3"):
            run(lambda a, i: lax.gather(a, i, d, (1, 2)))(x, rows)
        with pytest.raises(IndexError, match="scatter_add"):
            run(lambda a, i: lax.scatter_add(a, i, bnp.ones((2, 2)), S(*d)))(x, rows)
    assert np.isnan(np.asarray(lax.gather(x, rows, d, (1, 2), mode="fill"))[1]).all()
    with pytest.raises(ValueError, match="mode must be"):
        lax.gather(x, rows, d, (1, 2), mode="wrap")
    with pytest.raises(ShapeError, match="does not fit"):
        lax.gather(x, rows, d, (2, 2))
    with pytest.raises(ShapeError, match="expected updates"):
        lax.scatter(x, rows[:1], bnp.ones((3, 2)), S(*d))


def test_apply_and_take():
    d = S((1, 2), (0,), (0,))
    y = lax.scatter_apply(X, np.array([[1], [3], [1]]), bnp.sin, d, update_shape=(3, 4, 3))
    want = X.copy()
    want[[1, 3]] = np.sin(X[[1, 3]])
    np.testing.assert_allclose(y, want, rtol=1e-15)
    taken = lax.index_take(X, (np.array([1, -1]), np.array([2, 0])), (0, 2))
    np.testing.assert_array_equal(taken, X[[1, -1], :, [2, 0]])
