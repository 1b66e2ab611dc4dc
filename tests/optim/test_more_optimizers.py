"""Adan, Rprop, lookahead, optimistic, Polyak's steps, Fromage: against Optax's numbers.

The figures are what Optax printed for the same seven steps in double precision, except for
Rprop, whose steps are counted here (Optax gives each step one update late).
"""

import functools

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import optim
from tests.optim.steps import f, flat, seven_steps


def start():
    return {"a": bnp.array([0.3, 0.5]), "b": bnp.array([[2.0], [-1.0]])}


CASES = {
    "adan": (lambda: optim.adan(0.1, weight_decay=0.01),
             [0.3937007428, -0.1903033764, 2.6603110548, -0.3103558802]),
    "optimistic": (lambda: optim.optimistic_gradient_descent(0.02, 0.8, 1.2),
                   [0.272163173, -0.2972931899, 2.0273791906, -0.9214996939]),
    "polyak": (lambda: optim.polyak_sgd(0.05),
               [0.28795906, -1.009192528, 2.0841382439, -0.7643019197]),
    "polyak+": (lambda: optim.polyak_sgd(0.5, f_min=0.2, eps=0.1, variant="sps+"),
                [0.6233876441, -1.6224699602, 2.1618337647, 0.3973452744]),
    "fromage": (lambda: optim.fromage(0.1),
                [0.3122003927, 0.1697540044, 2.397152681, 0.5003948619]),
    "adabelief": (lambda: optim.adabelief(0.1, nesterov=True),
                  [0.3720652076, -0.3760625099, 2.8018218307, -0.0502938456]),
    "nadam": (lambda: optim.nadam(0.1),
              [0.3605670337, -0.2210910097, 2.6994500316, -0.2384331076]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_seven_steps(name):
    make, want = CASES[name]
    np.testing.assert_allclose(seven_steps(make(), start()), want, atol=2e-10)


def test_lookahead():
    tx = optim.lookahead(optim.adam(0.1), 3, 0.4, reset_state=True)
    p = optim.LookaheadParams.init_synced(start())
    s = tx.init(p)
    for _ in range(7):
        u, s = tx.update(bibun.grad(f)(p.fast), s, p)
        p = optim.apply_updates(p, u)
    np.testing.assert_allclose(
        flat(p.fast), [0.202372479, 0.1615532168, 2.3397243584, -0.6661634818], atol=2e-10)
    np.testing.assert_allclose(
        flat(p.slow), [0.3023724692, 0.2615532167, 2.2397243636, -0.7661634805], atol=2e-10)
    with pytest.raises(TypeError, match="init_synced"):
        tx.update(start(), s, start())


def test_rprop_by_hand():
    tx = optim.rprop(0.1)
    s, got = tx.init(0.0), []
    for g in (1.0, 2.0, -5.0, -1.0, -0.1, 0.0):
        u, s = tx.update(bnp.asarray(g), s)
        got.append(float(u))
    # grows by 1.2; turns, so waits, halved; goes on with that size; grows; no gradient, no step
    np.testing.assert_allclose(got, [-0.1, -0.12, 0.0, 0.06, 0.072, 0.0], rtol=1e-12)


def test_optimistic_steps_settle_a_game():
    """min over x, max over y of x y: plain steps spiral outwards."""
    tx = optim.optimistic_gradient_descent(0.1)
    x = bnp.array([1.0, 1.0])
    s = tx.init(x)
    for _ in range(1500):
        u, s = tx.update(bnp.array([x[1], -x[0]]), s)
        x = optim.apply_updates(x, u)
    assert float(bnp.abs(x).max()) < 1e-3


def test_errors():
    with pytest.raises(ValueError, match="sps"):
        optim.polyak_sgd(variant="max")
    with pytest.raises(ValueError, match="sync_period"):
        optim.lookahead(optim.sgd(1.0), 0, 0.5)
    with pytest.raises(TypeError, match="number"):
        optim.fromage(lambda count: 0.1)


def test_multi_steps_leaves_out_what_it_is_told_to():
    tx = optim.MultiSteps(optim.sgd(1.0), 2, should_skip_update_fn=optim.skip_not_finite)
    s, got = tx.init(0.0), []
    for g in (1.0, np.nan, 3.0, np.inf, 5.0, 7.0):
        u, s = bibun.jit(tx.update)(bnp.asarray(g), s, bnp.asarray(0.0))
        got.append((float(u), int(s.skip_state["num_not_finite"])))
    assert got == [(0.0, 0), (0.0, 1), (-2.0, 0), (0.0, 1), (0.0, 0), (-6.0, 0)]
    large = functools.partial(optim.skip_large_updates, max_squared_norm=10.0)
    tx = optim.MultiSteps(optim.sgd(1.0), 1, should_skip_update_fn=large)
    assert float(tx.update(4.0, tx.init(0.0), 0.0)[0]) == 0
    assert float(tx.update(3.0, tx.init(0.0), 0.0)[0]) == -3


def test_injected_numbers_may_be_traced():
    tx = optim.inject_hyperparams(optim.novograd)(0.1, weight_decay=0.0)
    plain = optim.novograd(0.1)
    p, g = bnp.array([1.0, -2.0]), bnp.array([0.5, 0.25])
    u, _ = bibun.jit(tx.update)(g, tx.init(p), p)
    np.testing.assert_allclose(u, plain.update(g, plain.init(p), p)[0], rtol=1e-14)
    with pytest.raises(TypeError, match="schedule"):
        optim.rprop(lambda count: 0.1)
