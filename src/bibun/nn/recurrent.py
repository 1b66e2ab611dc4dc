"""Recurrent cells, and `RNN`, which runs one along a sequence.

A cell is a function `(carry, x) -> (carry, y)`. `LSTMCell` (Hochreiter and Schmidhuber 1997)
keeps a memory c beside its output h; `GRUCell` (Cho et al. 2014) one state with two gates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.nn.activations import sigmoid, tanh
from bibun.nn.initializers import orthogonal, zeros
from bibun.nn.lift import Carry, StateAxes, scan
from bibun.nn.linear import Linear, default_kernel_init
from bibun.nn.module import Module
from bibun.nn.rngs import Rngs


class RNNCellBase(Module):
    """Base class of cells: `initialize_carry`, and how many axes of features an input has."""

    num_feature_axes = 1
    hidden_features: int
    carry_init: Any = None
    param_dtype: Any = None
    _carries = 1

    def initialize_carry(
        self, input_shape: Sequence[int], rngs: Any = None, carry_init: Any = None
    ) -> Any:
        """The first carry for inputs of a shape: zeros, or what `carry_init` draws."""
        init = carry_init or self.carry_init or zeros
        shape = (*input_shape[:-1], self.hidden_features)
        source = rngs.carry if isinstance(rngs, Rngs) else rngs
        if source is None and init is not zeros:
            raise ValueError("initialize_carry with carry_init needs rngs")
        keys = [None if source is None else source() for _ in range(self._carries)]
        carry = tuple(init(k, shape, self.param_dtype) for k in keys)
        return carry if self._carries > 1 else carry[0]

    def _keep(self, in_features: int, hidden_features: int, **more: Any) -> None:
        self.in_features = in_features
        self.hidden_features = hidden_features
        for name, value in more.items():
            setattr(self, name, value)


class SimpleCell(RNNCellBase):
    """h' = activation(W x + b + U h); with `residual`, h' += h.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> cell = nn.SimpleCell(2, 3, rngs=nn.Rngs(0))
    >>> h, y = cell(cell.initialize_carry((5, 2)), bnp.ones((5, 2))); y.shape
    (5, 3)
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        *,
        dtype: Any = None,
        param_dtype: Any = None,
        carry_init: Any = None,
        residual: bool = False,
        activation_fn: Callable[..., Any] = tanh,
        kernel_init: Any = default_kernel_init,
        recurrent_kernel_init: Any = orthogonal(),  # noqa: B008
        bias_init: Any = zeros,
        rngs: Any,
    ) -> None:
        self._keep(in_features, hidden_features, residual=residual, activation_fn=activation_fn,
                   carry_init=carry_init, param_dtype=param_dtype)  # fmt: skip
        common = {"dtype": dtype, "param_dtype": param_dtype, "rngs": rngs}
        self.dense_h = Linear(hidden_features, hidden_features, use_bias=False,
                              kernel_init=recurrent_kernel_init, **common)  # fmt: skip
        self.dense_i = Linear(in_features, hidden_features, kernel_init=kernel_init,
                              bias_init=bias_init, **common)  # fmt: skip

    def __call__(self, carry: Any, x: Any) -> tuple[Any, Any]:
        h = self.dense_i(x) + self.dense_h(carry)
        h = self.activation_fn(h + carry if self.residual else h)
        return h, h


class _GatedCell(RNNCellBase):
    """A cell with gates: linear maps of the input, and of h, by the names of `_gates`.

    Each name of the first list is a map of `_width` times the hidden features from the input,
    each of the second one from h; the bias is in those of `_biased` (0: input, 1: h).
    """

    _gates: tuple[tuple[str, ...], tuple[str, ...]] = (("dense_i",), ("dense_h",))
    _width = 1
    _biased = 1

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        *,
        gate_fn: Callable[..., Any] = sigmoid,
        activation_fn: Callable[..., Any] = tanh,
        kernel_init: Any = default_kernel_init,
        recurrent_kernel_init: Any = orthogonal(),  # noqa: B008
        bias_init: Any = zeros,
        dtype: Any = None,
        param_dtype: Any = None,
        carry_init: Any = None,
        rngs: Any,
    ) -> None:
        self._keep(in_features, hidden_features, gate_fn=gate_fn, activation_fn=activation_fn,
                   carry_init=carry_init, param_dtype=param_dtype)  # fmt: skip
        sides = ((in_features, kernel_init), (hidden_features, recurrent_kernel_init))
        for k, (names, (size, init)) in enumerate(zip(self._gates, sides, strict=True)):
            for name in names:
                layer = Linear(size, self._width * hidden_features, use_bias=k == self._biased,
                               kernel_init=init, bias_init=bias_init, dtype=dtype,
                               param_dtype=param_dtype, rngs=rngs)  # fmt: skip
                setattr(self, name, layer)

    def _maps(self, x: Any, h: Any) -> tuple[list[Any], list[Any]]:
        """The gates' inputs from x and from h."""
        first, second = (
            [part for name in names for part in
             bnp.split(getattr(self, name)(a), self._width, axis=-1)]
            for names, a in zip(self._gates, (x, h), strict=True)
        )  # fmt: skip
        return first, second


class LSTMCell(_GatedCell):
    """Long short-term memory: c' = σ(f)·c + σ(i)·tanh(g), h' = σ(o)·tanh(c').

    The gates are `ii(x) + hi(h)` and so on, a matrix each, with biases in those of h.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> cell = nn.LSTMCell(2, 3, rngs=nn.Rngs(0))
    >>> (c, h), y = cell(cell.initialize_carry((5, 2)), bnp.ones((5, 2))); y.shape
    (5, 3)
    """

    _carries = 2
    _gates = (("ii", "if_", "ig", "io"), ("hi", "hf", "hg", "ho"))

    def __call__(self, carry: Any, x: Any) -> tuple[Any, Any]:
        c, h = carry
        i, f, g, o = (a + b for a, b in zip(*self._maps(x, h), strict=True))
        c = self.gate_fn(f) * c + self.gate_fn(i) * self.activation_fn(g)
        h = self.gate_fn(o) * self.activation_fn(c)
        return (c, h), h


class OptimizedLSTMCell(LSTMCell):
    """`LSTMCell` with the four gates in one matrix: two products a step instead of eight."""

    _gates = (("dense_i",), ("dense_h",))
    _width = 4


class GRUCell(_GatedCell):
    """Gated recurrent unit: h' = (1 - z)·n + z·h with n = tanh(W x + b + r·(U h)).

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> cell = nn.GRUCell(2, 3, rngs=nn.Rngs(0))
    >>> h, y = cell(cell.initialize_carry((5, 2)), bnp.ones((5, 2))); y.shape
    (5, 3)
    """

    _width = 3
    _biased = 0

    def __call__(self, carry: Any, x: Any) -> tuple[Any, Any]:
        (xr, xz, xn), (hr, hz, hn) = self._maps(x, carry)
        r, z = self.gate_fn(xr + hr), self.gate_fn(xz + hz)
        n = self.activation_fn(xn + r * hn)
        h = (1 - z) * n + z * carry
        return h, h


def flip_sequences(x: Any, seq_lengths: Any, time_axis: int) -> Any:
    """A sequence backwards; with lengths, each example's own part, what pads it left in place."""
    if seq_lengths is None:
        return bnp.flip(x, time_axis)
    moved = bnp.moveaxis(x, time_axis, -2)
    t = moved.shape[-2]
    lengths = bnp.asarray(seq_lengths)[..., None]
    places = bnp.arange(t)
    source = bnp.where(places < lengths, lengths - 1 - places, places)
    out = bnp.take_along_axis(moved, source[..., None], axis=-2)
    return bnp.moveaxis(out, -2, time_axis)


class RNN(Module):
    """A cell along the time axis of (batch, time, features), or (time, batch, features).

    `reverse`: from the end (of each example, by `seq_lengths`); `keep_order`: outputs at the
    places of their inputs. Returns the outputs, with `return_carry` the carry before them.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> rnn = nn.RNN(nn.LSTMCell(2, 3, rngs=nn.Rngs(0)))
    >>> rnn(bnp.ones((5, 7, 2))).shape
    (5, 7, 3)
    """

    def __init__(
        self,
        cell: Any,
        *,
        time_major: bool = False,
        return_carry: bool = False,
        reverse: bool = False,
        keep_order: bool = False,
        unroll: int = 1,
        rngs: Any = None,
    ) -> None:
        self.cell = cell
        self.time_major = time_major
        self.return_carry = return_carry
        self.reverse = reverse
        self.keep_order = keep_order
        self.unroll = unroll
        self.rngs = rngs.carry.fork() if isinstance(rngs, Rngs) else rngs

    def __call__(
        self,
        inputs: Any,
        *,
        initial_carry: Any = None,
        seq_lengths: Any = None,
        return_carry: bool | None = None,
        time_major: bool | None = None,
        reverse: bool | None = None,
        keep_order: bool | None = None,
        rngs: Any = None,
    ) -> Any:
        def chosen(given: Any, own: Any) -> Any:
            return own if given is None else given

        inputs = bnp.asarray(inputs)
        return_carry = chosen(return_carry, self.return_carry)
        reverse = chosen(reverse, self.reverse)
        time = 0 if chosen(time_major, self.time_major) else (
            inputs.ndim - self.cell.num_feature_axes - 1)  # fmt: skip
        if reverse:
            inputs = flip_sequences(inputs, seq_lengths, time)
        carry = initial_carry
        if carry is None:
            shape = inputs.shape[:time] + inputs.shape[time + 1 :]
            carry = self.cell.initialize_carry(shape, chosen(rngs, self.rngs))
        every = seq_lengths is not None and return_carry

        def step(cell: Any, carry: Any, x: Any) -> Any:
            carry, y = cell(carry, x)
            return carry, ((carry, y) if every else y)

        carry = tree.map(lambda a: bnp.asarray(a).astype(bnp.result_type(a, inputs)), carry)
        carry, outputs = scan(
            step,
            in_axes=(StateAxes({...: Carry}), Carry, time),
            out_axes=(Carry, (0, time) if every else time),
            unroll=self.unroll,
        )(self.cell, carry, inputs)
        if every:
            carries, outputs = outputs
            last = bnp.asarray(seq_lengths) - 1
            carry = tree.map(lambda a: _pick(a, last), carries)
        if reverse and chosen(keep_order, self.keep_order):
            outputs = flip_sequences(outputs, seq_lengths, time)
        return (carry, outputs) if return_carry else outputs


def _pick(history: Any, last: Any) -> Any:
    """For each example, the entry of (time, *batch, features) at its last step."""
    index = bnp.reshape(last, (1, *last.shape, *[1] * (history.ndim - 1 - last.ndim)))
    index = bnp.broadcast_to(index, (1, *history.shape[1:]))
    return bnp.take_along_axis(history, index, axis=0)[0]


class Bidirectional(Module):
    """Two `RNN`s, one from each end, with their outputs side by side.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> both = nn.Bidirectional(nn.RNN(nn.GRUCell(2, 3, rngs=nn.Rngs(0))),
    ...     nn.RNN(nn.GRUCell(2, 3, rngs=nn.Rngs(1))))
    >>> both(bnp.ones((5, 7, 2))).shape
    (5, 7, 6)
    """

    def __init__(
        self,
        forward_rnn: Any,
        backward_rnn: Any,
        *,
        merge_fn: Callable[..., Any] = lambda a, b: bnp.concatenate([a, b], axis=-1),
        time_major: bool = False,
        return_carry: bool = False,
    ) -> None:
        self.forward_rnn = forward_rnn
        self.backward_rnn = backward_rnn
        self.merge_fn = merge_fn
        self.time_major = time_major
        self.return_carry = return_carry

    def __call__(
        self, inputs: Any, *, initial_carry: Any = None, seq_lengths: Any = None,
        return_carry: bool | None = None, time_major: bool | None = None, rngs: Any = None,
    ) -> Any:  # fmt: skip
        first, second = (None, None) if initial_carry is None else initial_carry
        common = {
            "seq_lengths": seq_lengths, "return_carry": True, "rngs": rngs,
            "time_major": self.time_major if time_major is None else time_major,
        }  # fmt: skip
        a, forward = self.forward_rnn(inputs, initial_carry=first, reverse=False, **common)
        b, backward = self.backward_rnn(inputs, initial_carry=second, reverse=True,
                                        keep_order=True, **common)  # fmt: skip
        merged = self.merge_fn(forward, backward)
        wants = self.return_carry if return_carry is None else return_carry
        return ((a, b), merged) if wants else merged
