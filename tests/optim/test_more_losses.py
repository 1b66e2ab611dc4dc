"""Losses of classes, masks, embeddings and ranks against their definitions in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import optim
from bibun.optim import losses

RNG = np.random.default_rng(0)
X = 3.0 * RNG.normal(size=(4, 5))
Y = RNG.dirichlet(np.ones(5), 4)
LABELS = RNG.integers(0, 5, 4)
KEPT = np.array([[1, 1, 0, 1, 1], [1, 0, 0, 1, 1], [1, 1, 1, 1, 1], [0, 1, 1, 0, 1]], bool)
ONE = np.eye(5)[LABELS]


def log_softmax(x, kept=None):
    e = np.exp(x) if kept is None else np.where(kept, np.exp(x), 0.0)
    return x - np.log(e.sum(-1, keepdims=True))


P = np.exp(log_softmax(X))
SIGNS = np.sign(X[::-1])
CASES = {
    "masked entropy": (lambda: losses.softmax_cross_entropy(X, Y, where=KEPT),
                       -np.where(KEPT, Y * log_softmax(X, KEPT), 0).sum(1)),
    "masked integers": (
        lambda: losses.softmax_cross_entropy_with_integer_labels(X[2:3], LABELS[2:3],
                                                                 where=KEPT[2:3]),
        -log_softmax(X[2:3])[0, LABELS[2:3]]),
    "safe": (lambda: losses.safe_softmax_cross_entropy(np.where(KEPT, X, -np.inf), KEPT * Y),
             -np.where(KEPT, Y * log_softmax(X, KEPT), 0).sum(1)),
    "poly": (lambda: losses.poly_loss_cross_entropy(X, Y, epsilon=1.5),
             -(Y * log_softmax(X)).sum(1) + 1.5 * (Y * (1 - P)).sum(1)),
    "kl": (lambda: losses.kl_divergence(np.log(P), Y, where=KEPT),
           (KEPT * Y * np.log(Y / P)).sum(1)),
    "kl of logs": (lambda: losses.kl_divergence_with_log_targets(np.log(P), np.log(Y)),
                   (Y * np.log(Y / P)).sum(1)),
    "generalized kl": (lambda: losses.generalized_kl_divergence(X, Y),
                       (Y * (np.log(Y) - X) + np.exp(X) - Y).sum(1)),
    "smooth": (lambda: losses.smooth_labels(ONE, 0.1, where=KEPT),
               0.9 * ONE + 0.1 / KEPT.sum(1, keepdims=True)),
    "perceptron": (lambda: losses.perceptron_loss(X, SIGNS), np.maximum(0, -X * SIGNS)),
    "sparsemax": (lambda: losses.sparsemax_loss(np.array([-2.0, 0.5, 2.0]), np.zeros(3)),
                  np.array([0.0, 1.5**2 / 4, 2.0])),
    "hinge": (lambda: losses.multiclass_hinge_loss(X, LABELS),
              (X + 1 - ONE).max(1) - (X * ONE).sum(1)),
    "multi perceptron": (lambda: losses.multiclass_perceptron_loss(X, LABELS),
                         X.max(1) - (X * ONE).sum(1)),
    "fenchel young": (lambda: losses.make_fenchel_young_loss(bnp.max)(X, Y),
                      X.max(1) - (X * Y).sum(1)),
    "cosine": (lambda: losses.cosine_similarity(X, Y, where=KEPT),
               (KEPT * X * Y).sum(1) / np.linalg.norm(KEPT * X, axis=1)
               / np.linalg.norm(KEPT * Y, axis=1)),
    "triplet": (lambda: losses.triplet_margin_loss(X, Y, X[::-1], margin=4.0),
                np.maximum(0, np.sqrt(((X - Y) ** 2).sum(1) + 1e-6)
                           - np.sqrt(((X - X[::-1]) ** 2).sum(1) + 1e-6) + 4.0)),
    "ranks": (lambda: losses.ranking_softmax_loss(X, ONE, where=KEPT, reduce_fn=None),
              -np.where(KEPT, ONE * log_softmax(X, KEPT), 0).sum(1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_by_the_definition(name: str) -> None:
    f, want = CASES[name]
    np.testing.assert_allclose(f(), want, atol=1e-12)
    np.testing.assert_allclose(bibun.jit(f)(), want, atol=1e-12)


def test_dice_counts_overlaps() -> None:
    logits = RNG.normal(size=(2, 4, 4, 3))
    masks = np.eye(3)[RNG.integers(0, 3, (2, 4, 4))]
    p = np.exp(log_softmax(logits))
    both, ours, theirs = ((v).sum((1, 2)) for v in (p * masks, p, masks))
    below = both + 0.3 * (ours - both) + 0.7 * (theirs - both) + 0.5
    want = 1 - (both + 0.5) / below
    got = losses.dice_loss(logits, masks, smooth=0.5, alpha=0.3, beta=0.7, reduction="none")
    np.testing.assert_allclose(got, want, atol=1e-12)
    whole = losses.dice_loss(
        logits, masks, smooth=0.5, alpha=0.3, beta=0.7, ignore_background=True, reduction="sum"
    )
    np.testing.assert_allclose(whole, want[:, 1:].sum(1), atol=1e-12)
    w = 1 / (masks.sum((0, 1, 2)) ** 2 + 1e-7)
    plain = losses.dice_loss(logits, masks, reduction="none")
    np.testing.assert_allclose(
        losses.multiclass_generalized_dice_loss(logits, masks),
        np.mean(np.asarray(plain) * w / w.sum() * 3), atol=1e-12,
    )  # fmt: skip
    with pytest.raises(ValueError, match="shape"):
        losses.dice_loss(logits, masks[:1])
    with pytest.raises(ValueError, match="reduction"):
        losses.dice_loss(logits, masks, reduction="max")


def test_ntxent_against_a_loop() -> None:
    x, y, t = RNG.normal(size=(6, 3)), np.array([0, 1, 0, 2, 1, 0]), 0.5
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    near = np.exp(unit @ unit.T / t)
    parts = [
        -np.log(near[i, j] / (near[i, j] + near[i, y != y[i]].sum()))
        for i in range(6) for j in range(6) if i != j and y[i] == y[j]
    ]  # fmt: skip
    np.testing.assert_allclose(losses.ntxent(x, y, t), np.mean(parts), atol=1e-12)
    assert np.isfinite(bibun.grad(lambda x: losses.ntxent(x, y))(x)).all()


def test_gradients_do_not_see_what_is_left_out() -> None:
    g = bibun.grad(lambda x: bnp.sum(losses.softmax_cross_entropy(x, Y, where=KEPT)))(X)
    assert np.isfinite(g).all()
    np.testing.assert_array_equal(np.asarray(g)[~KEPT], 0.0)


# transformations --------------------------------------------------------------------------------


def test_conditions_on_the_step_and_on_arguments() -> None:
    tx = optim.conditionally_mask(optim.trace(1.0), lambda step: step != 1)
    s, got = tx.init(0.0), []
    for _ in range(4):
        u, s = bibun.jit(tx.update)(bnp.asarray(1.0), s)
        got.append(float(u))
    assert got == [1.0, 0.0, 2.0, 3.0]  # the sum does not see the second gradient
    seen = optim.conditionally_transform(
        optim.scale(10.0), lambda step, loss: loss > 1.0, forward_extra_args=True
    )
    s = seen.init(0.0)
    assert [float(seen.update(1.0, s, loss=v)[0]) for v in (0.5, 2.0)] == [1.0, 10.0]


def test_frozen_and_flattened() -> None:
    p = {"a": bnp.array([1.0, 2.0]), "b": bnp.array([[3.0], [4.0]])}
    u, _ = optim.freeze({"a": True, "b": False}).update(
        p, optim.freeze({"a": True, "b": False}).init(p)
    )
    np.testing.assert_array_equal(u["a"], 0.0)
    np.testing.assert_array_equal(u["b"], p["b"])
    plain, flat = optim.adam(0.1), optim.flatten(optim.adam(0.1))
    a, b = plain.update(p, plain.init(p), p)[0], flat.update(p, flat.init(p), p)[0]
    np.testing.assert_allclose(a["b"], b["b"], rtol=1e-14)
    assert flat.init(p)[0].mu.shape == (4,)


def test_monitors_see_and_change_nothing() -> None:
    tx = optim.monitor(
        {"norm": optim.global_norm, "mean": optim.measure_with_ema(optim.global_norm, 0.5)}
    )
    s = tx.init([0.0, 0.0])
    for g in ([3.0, 4.0], [6.0, 8.0]):
        u, s = tx.update(g, s)
        assert u == g
    assert float(s.measurements["norm"]) == 10.0
    assert float(s.measurements["mean"]) == pytest.approx((0.25 * 5 + 0.5 * 10) / 0.75)


def test_monitors_in_a_compiled_loop() -> None:
    tx = optim.chain(
        optim.monitor(
            {"norm": optim.global_norm, "mean": optim.measure_with_ema(optim.global_norm, 0.5)}
        ),
        optim.sgd(0.25),
    )

    def step(carry, _):
        p, s = carry
        u, s = tx.update(2.0 * p, s, p)
        return (optim.apply_updates(p, u), s), s[0].measurements["norm"]

    p = bnp.array([3.0, 4.0])
    (_, s), norms = bibun.lax.scan(step, (p, tx.init(p)), None, length=3)
    np.testing.assert_allclose(norms, [10.0, 5.0, 2.5])
    want = (0.125 * 10.0 + 0.25 * 5.0 + 0.5 * 2.5) / 0.875
    np.testing.assert_allclose(s[0].measurements["mean"], want)


def test_clipping_example_by_example() -> None:
    grads = {"a": RNG.normal(size=(7, 3)), "b": RNG.normal(size=(7, 2, 2))}
    rows = np.concatenate([grads["a"], grads["b"].reshape(7, 4)], axis=1)
    size = np.linalg.norm(rows, axis=1)
    want = (np.minimum(1, 2.0 / size)[:, None] * rows).sum(0)
    total, count = optim.per_example_global_norm_clip(grads, 2.0)
    np.testing.assert_allclose(np.concatenate([total["a"], np.ravel(total["b"])]), want, atol=1e-12)
    assert int(count) == (size > 2.0).sum()
    layers, counts = optim.per_example_layer_norm_clip(grads, 2.0, uniform=False)
    bound = 2.0 * np.sqrt(3 / 7)
    norms = np.linalg.norm(grads["a"], axis=1)
    np.testing.assert_allclose(
        layers["a"], (np.minimum(1, bound / norms)[:, None] * grads["a"]).sum(0), atol=1e-12
    )
    assert int(counts["a"]) == (norms > bound).sum()
    with pytest.raises(ValueError, match="axis 0"):
        optim.per_example_global_norm_clip({"a": bnp.ones(3), "b": bnp.asarray(1.0)}, 1.0)


def test_units_along_an_axis_of_ones_choice() -> None:
    g, p = bnp.array([[3.0, 4.0], [0.3, 0.4]]), bnp.ones((2, 2))
    u, _ = optim.adaptive_grad_clip(0.5, axis=1).update(g, None, p)
    limit = 0.5 * np.sqrt(2)
    want = np.stack([np.array([3.0, 4.0]) / 5 * limit, np.array([0.3, 0.4])])
    np.testing.assert_allclose(u, want, rtol=1e-12)


def test_settings_of_precision_and_seed() -> None:
    p = bnp.zeros(2)
    s = optim.MultiSteps(optim.sgd(1.0), 2, accumulator_dtype="float32").init(p)
    assert s.acc_grads.dtype == np.float32
    assert optim.scale_by_novograd(mu_dtype="float32").init(p).mu.dtype == np.float32
    injected = optim.inject_hyperparams(optim.sgd, hyperparam_dtype="float32")(0.1)
    assert injected.init(p).hyperparams["learning_rate"].dtype == np.float32
    a = optim.add_noise(0.1, 0.5, 3)
    b = optim.add_noise(0.1, 0.5, seed=3)
    np.testing.assert_array_equal(a.update(p, a.init(p))[0], b.update(p, b.init(p))[0])
    with pytest.raises(ValueError, match="key or a seed"):
        optim.add_noise(0.1, 0.5)


def test_signum_and_amsgrad_by_hand() -> None:
    tx = optim.signum(0.1, beta=0.9)
    s, m = tx.init(0.0), 0.0
    for g in (1.0, -0.05, -5.0, -1.0):
        u, s = tx.update(bnp.asarray(g), s)
        m = 0.9 * m + 0.1 * g
        assert float(u) == pytest.approx(-0.1 * np.sign(m))
    tx = optim.amsgrad(0.1, bias_correction_mu=False, bias_correction_nu=False)
    s, m, v, top = tx.init(0.0), 0.0, 0.0, 0.0
    for g in (1.0, -3.0, 0.5):
        u, s = tx.update(bnp.asarray(g), s)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        top = max(top, v)
        assert float(u) == pytest.approx(-0.1 * m / (np.sqrt(top) + 1e-8), rel=1e-12)


def test_signs_of_lion() -> None:
    g = bnp.array([0.2, -30.0])
    for mode, want in (
        ("hard", [1.0, -1.0]), ("refined", [0.02, -1.0]), ("smooth", np.tanh([0.04, -6.0]))
    ):  # fmt: skip
        tx = optim.scale_by_lion(mode=mode, smooth_beta=2.0)
        np.testing.assert_allclose(tx.update(g, tx.init(g))[0], want, rtol=1e-12)
    with pytest.raises(ValueError, match="mode"):
        optim.scale_by_lion(mode="soft")
