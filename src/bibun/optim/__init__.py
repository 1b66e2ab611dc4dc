"""`bibun.optim`: composable gradient transformations, with Optax's names and semantics.

    tx = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(1e-2))
    state = tx.init(params)
    updates, state = tx.update(grads, state, params)
    params = optim.apply_updates(params, updates)
"""

from __future__ import annotations

from typing import Any

from bibun.optim import contrib, losses, tree_utils
from bibun.optim.accumulate import (
    MultiSteps,
    MultiStepsState,
    apply_every,
    skip_large_updates,
    skip_not_finite,
)
from bibun.optim.adabelief import adabelief, scale_by_belief
from bibun.optim.adadelta import adadelta, scale_by_adadelta
from bibun.optim.adafactor import FactoredState, adafactor, scale_by_factored_rms
from bibun.optim.adagrad import adagrad, scale_by_rss
from bibun.optim.adam import (
    ScaleByAdamState,
    adam,
    adamax,
    adamaxw,
    adamw,
    amsgrad,
    nadam,
    nadamw,
    scale_by_adam,
    scale_by_adamax,
    scale_by_amsgrad,
)
from bibun.optim.adan import adan, scale_by_adan
from bibun.optim.averaging import EmaState, ema
from bibun.optim.base import (
    EmptyState,
    GradientTransformation,
    GradientTransformationExtraArgs,
    apply_updates,
    chain,
    global_norm,
    identity,
    incremental_update,
    named_chain,
    periodic_update,
    safe_increment,
    set_to_zero,
    stateless,
    stateless_with_tree_map,
    tree_add,
    tree_scale,
    tree_sub,
    tree_vdot,
    with_extra_args_support,
)
from bibun.optim.clipping import (
    adaptive_grad_clip,
    clip,
    clip_by_block_rms,
    clip_by_global_norm,
    per_example_global_norm_clip,
    per_example_layer_norm_clip,
    unitwise_clip,
    unitwise_norm,
)
from bibun.optim.conditional import (
    ConditionallyMaskState,
    ConditionallyTransformState,
    conditionally_mask,
    conditionally_transform,
)
from bibun.optim.constraining import (
    centralize,
    flatten,
    keep_params_nonnegative,
    normalize_by_update_norm,
)
from bibun.optim.decay import add_decayed_weights
from bibun.optim.finite import ApplyIfFiniteState, all_finite, apply_if_finite, zero_nans
from bibun.optim.fromage import fromage
from bibun.optim.inject import InjectHyperparamsState, inject_hyperparams
from bibun.optim.lamb import lamb
from bibun.optim.lars import lars
from bibun.optim.lbfgs import (
    lbfgs,
    scale_by_backtracking_linesearch,
    scale_by_lbfgs,
    scale_by_zoom_linesearch,
    value_and_grad_from_state,
)
from bibun.optim.lion import lion, scale_by_lion
from bibun.optim.lookahead import LookaheadParams, LookaheadState, lookahead
from bibun.optim.losses import (
    binary_dice_loss,
    cosine_distance,
    cosine_similarity,
    dice_loss,
    generalized_kl_divergence,
    hinge_loss,
    huber_loss,
    kl_divergence,
    kl_divergence_with_log_targets,
    l2_loss,
    log_cosh,
    make_fenchel_young_loss,
    multiclass_generalized_dice_loss,
    multiclass_hinge_loss,
    multiclass_perceptron_loss,
    ntxent,
    perceptron_loss,
    poly_loss_cross_entropy,
    ranking_softmax_loss,
    safe_softmax_cross_entropy,
    sigmoid_binary_cross_entropy,
    sigmoid_focal_loss,
    smooth_labels,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
    sparsemax_loss,
    squared_error,
    triplet_margin_loss,
)
from bibun.optim.masking import (
    MaskedNode,
    MaskedState,
    PartitionState,
    freeze,
    masked,
    multi_transform,
    partition,
    selective_transform,
)
from bibun.optim.momentum import TraceState, trace
from bibun.optim.monitoring import (
    MonitorState,
    SnapshotState,
    measure_with_ema,
    monitor,
    snapshot,
)
from bibun.optim.novograd import novograd, scale_by_novograd
from bibun.optim.optimistic import optimistic_gradient_descent, scale_by_optimistic_gradient
from bibun.optim.polyak import polyak_sgd, scale_by_polyak
from bibun.optim.radam import radam, scale_by_radam
from bibun.optim.rmsprop import rmsprop, scale_by_rms, scale_by_stddev
from bibun.optim.rprop import rprop, scale_by_rprop
from bibun.optim.scaling import (
    scale,
    scale_by_learning_rate,
    scale_by_param_block_norm,
    scale_by_param_block_rms,
    scale_by_schedule,
    scale_by_sign,
    scale_by_trust_ratio,
)
from bibun.optim.schedules import (
    Schedule,
    constant_schedule,
    cosine_decay_schedule,
    cosine_onecycle_schedule,
    exponential_decay,
    inverse_time_decay,
    join_schedules,
    linear_onecycle_schedule,
    linear_schedule,
    piecewise_constant_schedule,
    piecewise_interpolate_schedule,
    polynomial_schedule,
    sgdr_schedule,
    warmup_constant_schedule,
    warmup_cosine_decay_schedule,
    warmup_exponential_decay_schedule,
)
from bibun.optim.sgd import add_noise, noisy_sgd, sgd, sign_sgd, signum
from bibun.optim.sm3 import scale_by_sm3, sm3
from bibun.optim.yogi import scale_by_yogi, yogi

__all__ = [
    "ApplyIfFiniteState", "ConditionallyMaskState", "ConditionallyTransformState", "EmaState",
    "EmptyState", "FactoredState", "GradientTransformation", "GradientTransformationExtraArgs",
    "InjectHyperparamsState", "LookaheadParams", "LookaheadState", "MaskedNode", "MaskedState",
    "MonitorState", "MultiSteps", "MultiStepsState", "PartitionState", "ScaleByAdamState",
    "Schedule", "SnapshotState", "TraceState", "adabelief", "adadelta", "adafactor", "adagrad",
    "adam", "adamax", "adamaxw", "adamw", "adan", "adaptive_grad_clip", "add_decayed_weights",
    "add_noise", "all_finite", "amsgrad", "apply_every", "apply_if_finite", "apply_updates",
    "binary_dice_loss", "centralize", "chain", "clip", "clip_by_block_rms", "clip_by_global_norm",
    "conditionally_mask", "conditionally_transform", "constant_schedule", "contrib",
    "cosine_decay_schedule", "cosine_distance", "cosine_onecycle_schedule", "cosine_similarity",
    "dice_loss", "ema", "exponential_decay", "flatten", "freeze", "fromage",
    "generalized_kl_divergence", "global_norm", "hinge_loss", "huber_loss", "identity",
    "incremental_update", "inject_hyperparams", "inverse_time_decay", "join_schedules",
    "keep_params_nonnegative", "kl_divergence", "kl_divergence_with_log_targets", "l2_loss",
    "lamb", "lars", "lbfgs", "linear_onecycle_schedule", "linear_schedule", "lion", "log_cosh",
    "lookahead", "losses", "make_fenchel_young_loss", "masked", "measure_with_ema", "monitor",
    "multi_transform", "multiclass_generalized_dice_loss", "multiclass_hinge_loss",
    "multiclass_perceptron_loss", "nadam", "nadamw", "named_chain", "noisy_sgd",
    "normalize_by_update_norm", "novograd", "ntxent", "optimistic_gradient_descent", "partition",
    "per_example_global_norm_clip", "per_example_layer_norm_clip", "perceptron_loss",
    "periodic_update", "piecewise_constant_schedule", "piecewise_interpolate_schedule",
    "poly_loss_cross_entropy", "polyak_sgd", "polynomial_schedule", "projections", "radam",
    "ranking_softmax_loss", "rmsprop", "rprop", "safe_increment", "safe_softmax_cross_entropy",
    "scale", "scale_by_adadelta", "scale_by_adam", "scale_by_adamax", "scale_by_adan",
    "scale_by_amsgrad", "scale_by_backtracking_linesearch", "scale_by_belief",
    "scale_by_factored_rms", "scale_by_lbfgs", "scale_by_learning_rate", "scale_by_lion",
    "scale_by_novograd", "scale_by_optimistic_gradient", "scale_by_param_block_norm",
    "scale_by_param_block_rms", "scale_by_polyak", "scale_by_radam", "scale_by_rms",
    "scale_by_rprop", "scale_by_rss", "scale_by_schedule", "scale_by_sign", "scale_by_sm3",
    "scale_by_stddev", "scale_by_trust_ratio", "scale_by_yogi", "scale_by_zoom_linesearch",
    "selective_transform", "set_to_zero", "sgd", "sgdr_schedule", "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss", "sign_sgd", "signum", "skip_large_updates", "skip_not_finite", "sm3",
    "smooth_labels", "snapshot", "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels", "sparsemax_loss", "squared_error", "stateless",
    "stateless_with_tree_map", "trace", "tree_add", "tree_scale", "tree_sub", "tree_utils",
    "tree_vdot", "triplet_margin_loss", "unitwise_clip", "unitwise_norm",
    "value_and_grad_from_state", "warmup_constant_schedule", "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule", "with_extra_args_support", "yogi", "zero_nans",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "projections":  # stands on the solvers, which stand on this package
        import importlib

        return importlib.import_module("bibun.optim.projections")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
