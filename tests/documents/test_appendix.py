"""Document 1, appendices A.1 and B.1."""

from __future__ import annotations

import numpy as np
import pytest


def test_a_1_double_precision() -> None:
    from bibun.config import config

    before = config.enable_x64
    try:
        config.update("jax_enable_x64", True)
        import bibun.numpy as jnp

        assert jnp.ones(1).dtype == jnp.float64
        with config.using(enable_x64=False):
            assert jnp.ones(1).dtype == jnp.float32
    finally:
        config.update("enable_x64", before)


def test_a_1_where_the_nan_comes_from() -> None:
    import bibun.numpy as jnp
    from bibun import grad, jit
    from bibun.config import config

    f = lambda x: jnp.sum(jnp.log(x - 1.0))
    try:
        config.update("jax_debug_nans", True)
        with pytest.raises(FloatingPointError, match=r"log[\s\S]*test_appendix.py"):
            f(jnp.array([2.0, 0.5]))
        with pytest.raises(FloatingPointError, match=r"log[\s\S]*test_appendix.py"):
            jit(f)(jnp.array([2.0, 0.5]))
        g = lambda x: jnp.sqrt(x) * 0.0  # forward: 0; backward: 0 · inf
        assert float(g(0.0)) == 0.0
        for h in (grad(g), jit(grad(g))):
            result = h(0.0)  # the cotangent 0 is absorbed: no nan arises
            assert float(result) == 0.0
    finally:
        config.update("debug_nans", False)
    assert np.isnan(float(f(jnp.array([2.0, 0.5]))))


def test_b_1_1_has_aux(capsys: pytest.CaptureFixture[str]) -> None:
    import bibun.numpy as jnp
    from bibun import value_and_grad

    def f(x):
        value = jnp.sum(x**2)
        aux = jnp.sum(jnp.abs(x))
        return value, aux

    x = jnp.array([1.0, 2.0, 3.0])
    (value, aux), grad = value_and_grad(f, has_aux=True)(x)

    print("value:", value)
    print("aux:", aux)
    print("grad:", grad)
    assert capsys.readouterr().out == "value: 14.0\naux: 6.0\ngrad: [2. 4. 6.]\n"
