"""`bibun.nn`: neural modules with the names of `flax.nnx`, and the functions of `jax.nn`.

    from bibun import nn, optim

    class MLP(nn.Module):
        def __init__(self, rngs):
            self.hidden = nn.Linear(2, 32, rngs=rngs)
            self.out = nn.Linear(32, 1, rngs=rngs)

        def __call__(self, x):
            return self.out(nn.tanh(self.hidden(x)))

    model = MLP(nn.Rngs(0))
    optimizer = nn.Optimizer(model, optim.adam(1e-3), wrt=nn.Param)

    @nn.jit
    def step(model, optimizer, x, y):
        loss, grads = nn.value_and_grad(lambda m: ((m(x) - y) ** 2).mean())(model)
        optimizer.update(model, grads)
        return loss

A module is an object that may change; it is also a pytree, so `bibun.jit`, `bibun.grad` and
`bibun.vmap` take it as it is. How both can be is in docs/design/nn.md.
"""

from __future__ import annotations

from bibun.nn import activations, initializers, metrics
from bibun.nn.activations import *  # noqa: F403
from bibun.nn.attention import (
    MultiHeadAttention,
    combine_masks,
    dot_product_attention,
    make_attention_mask,
    make_causal_mask,
)
from bibun.nn.control import cond, fori_loop, switch, while_loop
from bibun.nn.convolution import (
    Conv,
    ConvTranspose,
    avg_pool,
    convolve,
    max_pool,
    min_pool,
    pool,
)
from bibun.nn.filters import All, Everything, Not, Nothing, OfType, PathContains, WithTag
from bibun.nn.filters import Any_ as Any
from bibun.nn.graph import Dict, GraphDef, List, Object
from bibun.nn.lift import (
    Carry,
    DiffState,
    StateAxes,
    cached_partial,
    eval_shape,
    grad,
    jit,
    remat,
    scan,
    value_and_grad,
    vmap,
)
from bibun.nn.linear import Einsum, Embed, Linear, LinearGeneral, PReLU
from bibun.nn.lora import LoRA, LoRALinear, LoRAParam
from bibun.nn.marks import data, is_data, static
from bibun.nn.metrics import Metric, MultiMetric
from bibun.nn.module import (
    Module,
    Sequential,
    count,
    display,
    set_attributes,
    tabulate,
    view,
    with_attributes,
)
from bibun.nn.normalization import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from bibun.nn.optimizer import ModelAndOptimizer, Optimizer
from bibun.nn.recurrent import (
    RNN,
    Bidirectional,
    GRUCell,
    LSTMCell,
    OptimizedLSTMCell,
    RNNCellBase,
    SimpleCell,
    flip_sequences,
)
from bibun.nn.regularization import Dropout
from bibun.nn.reparameterization import SpectralNorm, WeightNorm
from bibun.nn.rngs import Rngs, RngStream, fork_rngs, reseed, restore_rngs, split_rngs
from bibun.nn.state import (
    State,
    call,
    clone,
    filter_state,
    find_duplicates,
    from_flat_state,
    graphdef,
    iter_children,
    iter_graph,
    iter_modules,
    map_state,
    merge,
    merge_state,
    pop,
    pure,
    replace_by_pure_dict,
    restore_int_paths,
    split,
    split_state,
    state,
    to_flat_state,
    to_pure_dict,
    update,
    variables,
)
from bibun.nn.variables import (
    BatchStat,
    Cache,
    Intermediate,
    MetricState,
    OptState,
    OptVariable,
    Param,
    Perturbation,
    RngCount,
    RngKey,
    RngState,
    Variable,
    register_variable_name,
    variable_name_from_type,
    variable_type_from_name,
)

__all__ = [
    "All", "Any", "BatchNorm", "BatchStat", "Bidirectional", "Cache", "Carry", "Conv",
    "ConvTranspose", "Dict", "DiffState", "Dropout", "Einsum", "Embed", "Everything", "GRUCell",
    "GraphDef", "GroupNorm", "InstanceNorm", "Intermediate", "LSTMCell", "LayerNorm", "Linear",
    "LinearGeneral", "List", "LoRA", "LoRALinear", "LoRAParam", "Metric", "MetricState",
    "ModelAndOptimizer", "Module", "MultiHeadAttention", "MultiMetric", "Not", "Nothing",
    "Object", "OfType", "OptState", "OptVariable", "OptimizedLSTMCell", "Optimizer", "PReLU",
    "Param", "PathContains", "Perturbation", "RMSNorm", "RNN", "RNNCellBase", "RngCount",
    "RngKey", "RngState", "RngStream", "Rngs", "Sequential", "SimpleCell", "SpectralNorm",
    "State", "StateAxes", "Variable", "WeightNorm", "WithTag", "avg_pool", "cached_partial",
    "call", "clone", "combine_masks", "cond", "convolve", "count", "data", "display",
    "dot_product_attention", "eval_shape", "filter_state", "find_duplicates", "flip_sequences",
    "fori_loop", "fork_rngs", "from_flat_state", "grad", "graphdef", "initializers", "is_data",
    "iter_children", "iter_graph", "iter_modules", "jit", "make_attention_mask",
    "make_causal_mask", "map_state", "max_pool", "merge", "merge_state", "metrics", "min_pool",
    "pool", "pop", "pure", "register_variable_name", "remat", "replace_by_pure_dict", "reseed",
    "restore_int_paths", "restore_rngs", "scan", "set_attributes", "split", "split_rngs",
    "split_state", "state", "static", "switch", "tabulate", "to_flat_state", "to_pure_dict",
    "update", "value_and_grad", "variable_name_from_type", "variable_type_from_name", "variables",
    "view", "vmap", "while_loop", "with_attributes", *activations.__all__,
]  # fmt: skip
