"""Adafactor and the newer optimizers: against Optax's numbers, and against their own recurrences.

The figures are what Optax 0.2.8 gave for the same seven steps in double precision (schedules
and some factors are single precision there, hence the tolerance).
"""

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import optim
from bibun.optim import contrib
from tests.optim.steps import seven_steps


def start():
    return {
        "a": bnp.array([0.3, 0.5]), "b": bnp.array([[2.0, 0.4, -0.3], [-1.0, 0.7, 0.1]])
    }


CASES = {
    "adafactor": (lambda: optim.adafactor(0.1),
        [0.617335542, 0.236300073, 1.93717133, 1.13765432,
         0.49892209, -0.169695802, 1.38995425, 0.869775632]),
    "adafactor2": (lambda: optim.adafactor(
        0.1, min_dim_size_to_factor=2, momentum=0.9, weight_decay_rate=0.01),
        [0.375940344, 0.3823287, 1.9628688, 0.62962031,
         -0.0206164811, -0.664118421, 0.838316597, 0.278960222]),
    "sf": (lambda: contrib.schedule_free(optim.sgd(0.05), 0.05),
        [0.426725792, -0.86333198, 2.04348416, 0.526037103,
         -0.137845986, -0.801729076, 0.810558427, 0.241515779]),
    "sfsgd": (lambda: contrib.schedule_free_sgd(0.05, warmup_steps=3, weight_decay=0.1),
        [0.389333957, -0.687576408, 2.00312965, 0.477612138,
         -0.189801773, -0.857215685, 0.763646671, 0.191577604]),
    "sfadamw": (lambda: contrib.schedule_free_adamw(0.05, warmup_steps=3, weight_decay=0.1),
        [0.428406979, 0.351413693, 2.09874979, 0.549551682,
         -0.136662383, -0.824121832, 0.842973109, 0.255671507]),
    "prodigy": (lambda: contrib.prodigy(estim_lr0=1e-2, weight_decay=0.01),
        [0.401062976, 0.399214209, 2.10074443, 0.500113511,
         -0.199930414, -0.899916378, 0.800160912, 0.200085254]),
    "prodigy2": (lambda: contrib.prodigy(
        optim.linear_schedule(0.1, 1.0, 5), estim_lr0=1e-2, safeguard_warmup=True, beta3=0.8),
        [0.342724781, 0.457058146, 2.04284749, 0.443105546,
         -0.25686132, -0.956840056, 0.743084956, 0.143121764]),
    "dadapt": (lambda: contrib.dadapt_adamw(estim_lr0=1e-2, weight_decay=0.01),
        [0.616764418, 0.0130529639, 2.16592197, 0.966716507,
         0.298769291, -0.382879966, 1.24417384, 0.683004589]),
    "dog": (lambda: contrib.dog(init_step=("heuristic", 0.01), weight_decay=0.01),
        [0.317097997, 0.165066064, 2.00555653, 0.413702789,
         -0.282733224, -0.979169238, 0.712175366, 0.115230212]),
    "dog2": (lambda: contrib.dog(0.5, init_step=("learning_rate", 0.01)),
        [0.313523884, 0.228591446, 2.00476607, 0.410770808,
         -0.286602119, -0.983975046, 0.70964492, 0.111896696]),
    "dog3": (lambda: contrib.dog(0.5, init_step=("distance", 0.01)),
        [0.301105899, 0.475317209, 2.00038362, 0.400845775,
         -0.298952031, -0.998749838, 0.700759121, 0.10093243]),
    "dowg": (lambda: contrib.dowg(),
        [0.315789581, 0.182456879, 2.00556362, 0.412557418,
         -0.284382797, -0.981323012, 0.711246081, 0.113868754]),
    "momo": (lambda: contrib.momo(0.1, weight_decay=0.1),
        [0.341061852, -0.781215339, 1.88637974, 0.41992671,
         -0.22164649, -0.863219691, 0.694886654, 0.144966767]),
    "momo2": (lambda: contrib.momo(0.1, lower_bound=-1.0, adapt_lower_bound=True),
        [0.355997699, -0.713572326, 2.01956385, 0.443797717,
         -0.245599968, -0.934997653, 0.739253868, 0.148341567]),
    "momoadam": (lambda: contrib.momo_adam(0.1, weight_decay=0.1),
        [0.691624559, -0.189122853, 1.96160207, 1.05190259,
         0.402718183, -0.250841414, 1.32354651, 0.774908973]),
    "momoadam2": (lambda: contrib.momo_adam(0.1, lower_bound=1.0, adapt_lower_bound=True),
        [0.657816684, -0.176688099, 2.09830319, 1.09853152,
         0.402474271, -0.297986461, 1.39049147, 0.801432797]),
    "ademamix": (lambda: contrib.ademamix(
        0.05, b3=0.99, alpha=optim.linear_schedule(0.0, 5.0, 4), weight_decay=0.01),
        [0.557297067, 0.0981939859, 2.23618953, 0.806065683,
         0.10887531, -0.589103269, 1.10384045, 0.507482526]),
    "sademamix": (lambda: contrib.simplified_ademamix(0.01, alpha=2.0),
        [0.581528105, 0.0977452978, 2.22074929, 0.820974889,
         0.126788241, -0.570507956, 1.11603026, 0.524103079]),
    "adopt": (lambda: contrib.adopt(0.05),
        [0.382619655, 0.412600423, 2.08449203, 0.492588453,
         -0.206106769, -0.905222766, 0.791817549, 0.193216652]),
    "adopt2": (lambda: contrib.adopt(0.05, nesterov=True, use_clipping=False),
        [0.39849555, 0.393253432, 2.10021275, 0.516803605,
         -0.180511809, -0.878691254, 0.815218885, 0.218095752]),
    "plateau": (lambda: optim.chain(
        optim.sgd(0.3),
        contrib.reduce_on_plateau(factor=0.5, patience=1, accumulation_size=2, cooldown=1)),
        [101817.144, -1.51144465, -27582.6647, -28373.8289,
         -28719.9632, -29066.0976, -28225.4856, -28522.1722]),
    "blockrms": (lambda: optim.chain(
        optim.scale_by_param_block_norm(), optim.scale_by_param_block_rms(), optim.scale(-0.01)),
        [0.313374747, 0.315463009, 2.03871044, 0.487366488,
         -0.19134649, -0.870059469, 0.778243479, 0.196489497]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_seven_steps(name):
    make, want = CASES[name]
    np.testing.assert_allclose(seven_steps(make(), start()), want, atol=5e-8)


def test_adafactor_keeps_rows_and_columns():
    """The first step of a factored matrix, by the paper's equations."""
    g = np.random.default_rng(0).normal(size=(3, 5))
    tx = optim.scale_by_factored_rms(min_dim_size_to_factor=2)
    s = tx.init(bnp.zeros((3, 5)))
    assert s.v_row.shape == (3,) and s.v_col.shape == (5,) and s.v.shape == (1,)
    u, _ = tx.update(bnp.array(g), s, bnp.zeros((3, 5)))
    rows, columns = (g**2).mean(1), (g**2).mean(0)
    v = np.outer(rows, columns) / rows.mean()
    np.testing.assert_allclose(u, g / np.sqrt(v), rtol=1e-12)
    whole = optim.scale_by_factored_rms(factored=False)
    u, _ = whole.update(bnp.array(g), whole.init(bnp.zeros((3, 5))), bnp.zeros((3, 5)))
    np.testing.assert_allclose(u, np.sign(g), rtol=1e-12)


@pytest.mark.parametrize(
    "make", [contrib.prodigy, contrib.dadapt_adamw, contrib.dog, contrib.dowg, contrib.momo],
    ids=lambda m: m.__name__,
)  # fmt: skip
def test_no_learning_rate_is_needed(make):
    """A quadratic far from its start: each finds its step sizes; the mean of the last half."""
    tx, target = optim.with_extra_args_support(make()), bnp.array([30.0, -20.0])
    x = bnp.zeros(2)
    s = tx.init(x)

    @bibun.jit
    def step(x, s):
        v, g = bibun.value_and_grad(lambda x: bnp.sum((x - target) ** 2))(x)
        u, s = tx.update(g, s, x, value=v)
        return optim.apply_updates(x, u), s

    late = []
    for i in range(2000):
        x, s = step(x, s)
        if i >= 1000:
            late.append(np.asarray(x))
    np.testing.assert_allclose(np.mean(late, axis=0), target, atol=1.0)


def test_schedule_free_averages_what_sgd_walks():
    """x is the mean of z; the loop's parameters lie between: by hand."""
    tx, y = contrib.schedule_free(optim.sgd(0.1), 0.1, b1=0.7), 1.0
    s, z, x = tx.init(y), 1.0, 1.0
    for t in range(1, 6):
        g = 3.0 * float(y)
        u, s = tx.update(g, s, y)
        y = float(optim.apply_updates(y, u))
        z -= 0.1 * g
        x += (z - x) / t
        assert y == pytest.approx(0.3 * z + 0.7 * x, rel=1e-12)
        assert float(contrib.schedule_free_eval_params(s, y)) == pytest.approx(x, rel=1e-12)


def test_arguments_that_cannot_be():
    with pytest.raises(ValueError, match="b1"):
        contrib.schedule_free(optim.sgd(0.1), 0.1, b1=0.0)
    with pytest.raises(ValueError, match="init_step"):
        contrib.dog(init_step=("guess", 1.0))
    with pytest.raises(ValueError, match="factor"):
        contrib.reduce_on_plateau(factor=1.5)
    with pytest.raises(ValueError, match="rtol"):
        contrib.reduce_on_plateau(rtol=0.0)
