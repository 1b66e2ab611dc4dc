"""Low-rank adaptation (Hu et al. 2021): a large map stays as it is, and a thin one is learnt."""

from __future__ import annotations

from typing import Any

from bibun.nn.initializers import he_uniform, zeros
from bibun.nn.linear import Linear, promote
from bibun.nn.module import Module
from bibun.nn.rngs import stream_of
from bibun.nn.variables import Param, Variable


class LoRAParam(Param):
    """A parameter of a low-rank map: `wrt=nn.LoRAParam` trains these alone."""

    __slots__ = ()


class LoRA(Module):
    """`x @ a @ b` through `lora_rank` features, plus `base_module(x)` if there is one.

    b begins with zeros: at first nothing is added. lora_param_type: the kind of Variable.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> base = nn.Linear(3, 4, rngs=nn.Rngs(0))
    >>> layer = nn.LoRA(3, 2, 4, base_module=base, rngs=nn.Rngs(1))
    >>> x = bnp.ones((5, 3))
    >>> bool((layer(x) == base(x)).all()), nn.count(layer, nn.LoRAParam)
    (True, 14)
    """

    def __init__(
        self,
        in_features: int,
        lora_rank: int,
        out_features: int,
        *,
        base_module: Any = None,
        dtype: Any = None,
        param_dtype: Any = None,
        a_initializer: Any = he_uniform(),  # noqa: B008
        b_initializer: Any = zeros,
        lora_param_type: type[Variable] = LoRAParam,
        rngs: Any,
    ) -> None:
        if base_module is not None and not callable(base_module):
            raise TypeError(f"LoRA: base_module must be callable, got {base_module!r}")
        key = stream_of(rngs, "params")
        self.lora_a = lora_param_type(a_initializer(key(), (in_features, lora_rank), param_dtype))
        self.lora_b = lora_param_type(b_initializer(key(), (lora_rank, out_features), param_dtype))
        self.in_features = in_features
        self.out_features = out_features
        self.base_module = base_module
        self.dtype = dtype

    def __call__(self, x: Any) -> Any:
        given, a, b = promote(self.dtype, x, self.lora_a, self.lora_b)
        y = given @ a @ b
        return y if self.base_module is None else y + self.base_module(x)


class LoRALinear(Linear):
    """A `Linear` with a `LoRA` beside it; `lora_dtype` and `lora_param_dtype` are that one's.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> layer = nn.LoRALinear(3, 4, lora_rank=2, rngs=nn.Rngs(0))
    >>> layer(bnp.ones((5, 3))).shape, sorted(nn.state(layer, nn.LoRAParam).lora)
    ((5, 4), ['lora_a', 'lora_b'])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        lora_rank: int,
        lora_dtype: Any = None,
        lora_param_dtype: Any = None,
        a_initializer: Any = he_uniform(),  # noqa: B008
        b_initializer: Any = zeros,
        lora_base_module: Any = None,
        lora_param_type: type[Variable] = LoRAParam,
        rngs: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_features, out_features, rngs=rngs, **kwargs)
        self.lora = LoRA(in_features, lora_rank, out_features, base_module=lora_base_module,
                         dtype=lora_dtype, param_dtype=lora_param_dtype,
                         a_initializer=a_initializer, b_initializer=b_initializer,
                         lora_param_type=lora_param_type, rngs=rngs)  # fmt: skip

    def __call__(self, x: Any) -> Any:
        return super().__call__(x) + self.lora(x)
