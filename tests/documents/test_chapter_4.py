"""Document 1, chapter 4: indices, slices in scan; out of bounds now raises."""

from __future__ import annotations

import numpy as np
import pytest

import bibun


def test_4_1_recompilation_is_visible() -> None:
    """What the document finds with a memory profiler, `explain()` says."""
    f = bibun.jit(lambda x: x * 2.0)
    for n in (1, 2, 2, 3):
        f(np.ones(n))
    text = f.explain()
    assert text.splitlines()[0] == "<lambda>: 3 traces"
    assert "f64[1] became f64[2]" in text
    assert "f64[2] became f64[3]" in text


def test_4_2_checkpoint() -> None:
    """The section has no listing; what it promises: the same gradient, less kept."""
    import bibun.numpy as jnp
    from bibun import grad
    from bibun.lax import scan

    def f(x, c):
        step = lambda h, _: (jnp.sin(h * c), None)
        return scan(step, x, None, 50)[0]

    want = grad(f)(0.3, 1.1)
    assert float(grad(bibun.checkpoint(f))(0.3, 1.1)) == pytest.approx(float(want), rel=1e-14)
    assert float(bibun.jit(grad(bibun.checkpoint(f)))(0.3, 1.1)) == pytest.approx(
        float(want), rel=1e-13
    )


def test_4_3_out_of_bounds_raises() -> None:
    import bibun.numpy as jnp

    a = jnp.array([1, 2, 3])
    assert [int(a[k]) for k in (0, 1, 2)] == [1, 2, 3]
    with pytest.raises(IndexError, match=r"index 3 .*axis 0 with size 3") as caught:
        a[0], a[1], a[2], a[3], a[4]
    assert "a[0], a[1], a[2], a[3], a[4]" in str(caught.value)  # the user's line
    with pytest.raises(IndexError, match=r"index 3 .*size 3[\s\S]*jnp.take\(a, 3\)"):
        jnp.take(a, 3)


def test_4_4_assigning_to_indices() -> None:
    import bibun.numpy as jnp

    a = jnp.zeros(5)
    indx = jnp.array([1, 2])
    val = jnp.array([10.0, 3.0])
    with pytest.raises(TypeError, match=r"\.at\["):
        a[indx] = val
    a = a.at[indx].set(val)
    assert np.array_equal(a, [0.0, 10.0, 3.0, 0.0, 0.0])
    added = a.at[jnp.array([0, 1])].add(jnp.array([1.0, 2.0]))
    assert np.array_equal(added, [1.0, 12.0, 3.0, 0.0, 0.0])


def test_4_5_slices_in_scan(capsys: pytest.CaptureFixture[str]) -> None:
    import bibun.numpy as jnp
    from bibun.lax import dynamic_slice, scan

    N = 30
    M = 10
    a = jnp.arange(N)

    print(dynamic_slice(a, (10,), (M,)))
    assert capsys.readouterr().out == "[10 11 12 13 14 15 16 17 18 19]\n"

    c = jnp.array([1, 3, 7])

    def scan_slice():
        def f(icarry, factor):
            element = dynamic_slice(a, (icarry,), (M,))
            return icarry + M, element * factor

        _, result = scan(f, 0, c)
        return result

    print(scan_slice())
    assert capsys.readouterr().out == (
        "[[  0   1   2   3   4   5   6   7   8   9]\n"
        " [ 30  33  36  39  42  45  48  51  54  57]\n"
        " [140 147 154 161 168 175 182 189 196 203]]\n"
    )
    assert np.array_equal(bibun.jit(scan_slice)(), scan_slice())
