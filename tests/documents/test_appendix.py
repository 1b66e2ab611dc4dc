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


def test_b_2_1_two_corner_plots_in_one() -> None:
    """Two posteriors drawn over each other by handing the axes on."""
    arviz = pytest.importorskip("arviz")
    plt = pytest.importorskip("matplotlib.pyplot")
    import bibun.numpy as jnp
    import bibun.prob as numpyro
    import bibun.prob.distributions as dist
    from bibun import random
    from bibun.prob.infer import MCMC, NUTS

    def model(y):
        a = numpyro.sample("a", dist.Normal(0.0, 1.0))
        b = numpyro.sample("b", dist.Exponential(1.0))
        numpyro.sample("y", dist.Normal(a, b), obs=y)

    def posterior(y):
        mcmc = MCMC(NUTS(model), num_warmup=50, num_samples=60, progress_bar=False)
        mcmc.run(random.PRNGKey(0), y)
        return mcmc.to_arviz()

    p, p2 = posterior(jnp.array([0.1, 0.5, -0.2])), posterior(jnp.array([2.1, 2.5, 1.8]))
    axes = arviz.plot_pair(p, divergences=False, marginals=True, show=False)
    before = sum(len(ax.lines) + len(ax.collections) for ax in axes.flat if ax)
    axes2 = arviz.plot_pair(p2, divergences=False, marginals=True, show=False, ax=axes)
    assert axes2[1, 0] is axes[1, 0]
    assert sum(len(ax.lines) + len(ax.collections) for ax in axes.flat if ax) > before
    plt.close("all")
