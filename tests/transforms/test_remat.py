"""checkpoint: same derivatives, fewer residuals, policies."""

from __future__ import annotations

import numpy as np
import pytest

from bibun.errors import ConcretizationError
from bibun.trace.core import need_concrete, type_of
from bibun.transforms import (
    checkpoint,
    checkpoint_policies,
    grad,
    hessian,
    jacrev,
    jvp,
    make_program,
    remat,
    vmap,
)
from bibun.transforms.linearize import linearize_flat
from tests.transforms.functions import (
    MATRIX,
    VECTOR,
    close,
    dot,
    energy,
    exp,
    layer,
    mul,
    num,
    sin,
    tanh,
    total,
)


def deep(x):
    return total(sin(exp(tanh(dot(MATRIX.T, tanh(dot(MATRIX, x)))))))


def residual_count(fun):
    _, linear, _ = linearize_flat(lambda x: [fun(x)], [VECTOR], [True])
    return len(linear.trace.const_values)


def test_same_value_and_derivatives():
    f = checkpoint(deep)
    close(f(VECTOR), deep(VECTOR))
    close(grad(f)(VECTOR), grad(deep)(VECTOR), 1e-12)
    close(hessian(f)(VECTOR), hessian(deep)(VECTOR), 1e-12)
    close(jvp(f, (VECTOR,), (VECTOR,))[1], jvp(deep, (VECTOR,), (VECTOR,))[1], 1e-12)
    xs = np.stack([VECTOR, 2 * VECTOR])
    close(vmap(grad(f))(xs), vmap(grad(deep))(xs), 1e-12)
    close(grad(lambda x: total(vmap(f)(x)))(xs), vmap(grad(deep))(xs), 1e-12)
    close(jacrev(remat(lambda x: layer(MATRIX, x)))(VECTOR),
          jacrev(lambda x: layer(MATRIX, x))(VECTOR), 1e-12)  # fmt: skip
    close(grad(checkpoint(lambda x: mul(f(x), energy(x))))(VECTOR),
          grad(lambda x: mul(deep(x), energy(x)))(VECTOR), 1e-12)  # fmt: skip


def test_only_inputs_and_captures_are_kept():
    assert residual_count(checkpoint(deep)) < residual_count(deep)
    # x, MATRIX and its transpose
    assert residual_count(checkpoint(deep)) == 3


def test_policies_keep_what_they_say():
    keep_dots = checkpoint(deep, policy=checkpoint_policies.dots_saveable)
    keep_all = checkpoint(deep, policy=checkpoint_policies.everything_saveable)
    for f in (keep_dots, keep_all):
        close(grad(f)(VECTOR), grad(deep)(VECTOR), 1e-12)
        close(hessian(f)(VECTOR), hessian(deep)(VECTOR), 1e-12)
    assert residual_count(checkpoint(deep)) < residual_count(keep_dots) < residual_count(keep_all)


def test_saved_values_are_not_computed_again():
    def count_dots(f):
        text = make_program(grad(f))(VECTOR).program
        seen = [0]

        def walk(p):
            for eq in p.equations:
                seen[0] += eq.op.name == "dot_general"
                if "program" in eq.params:
                    walk(eq.params["program"])

        walk(text)
        return seen[0]

    plain = count_dots(deep)
    again = count_dots(checkpoint(deep))
    kept = count_dots(checkpoint(deep, policy=checkpoint_policies.dots_saveable))
    assert again > kept == plain


def test_gradient_of_a_captured_value():
    def f(w):
        return total(checkpoint(lambda x: layer(w, x))(VECTOR))

    close(grad(f)(MATRIX), grad(lambda w: total(layer(w, VECTOR)))(MATRIX), 1e-12)


def test_decorator_with_options_static_arguments_and_errors():
    @checkpoint(static_argnums=(1,))
    def power(x, n):
        for _ in range(n):
            x = mul(x, x)
        return x

    assert num(grad(power)(2.0, 2)) == 32.0
    with pytest.raises(ConcretizationError):
        checkpoint(lambda x: x if need_concrete(x, "bool()") > 0 else mul(x, x))(1.0)
    assert type_of(checkpoint(lambda: 3.0)()).shape == ()
