"""`Module`: the base class of models and layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bibun import numpy as bnp
from bibun import tree
from bibun.nn.filters import predicate
from bibun.nn.graph import Object, is_node
from bibun.nn.state import iter_children, iter_graph, iter_modules
from bibun.nn.variables import Perturbation, Variable, variable_type_from_name


class Module(Object):
    """Base class of models and layers.

    Attributes that are Variables, modules, arrays, or lists and dicts of these are data; all
    others are structure, and a change of one compiles again. A module is a pytree under every
    transformation. Inside `nn.jit`, `nn.grad` and the like it may change itself.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> class Line(nn.Module):
    ...     def __init__(self, rngs):
    ...         self.w = nn.Param(rngs.params.normal((2,)))
    ...         self.calls = nn.Variable(bnp.array(0))
    ...     def __call__(self, x):
    ...         self.calls.value += 1
    ...         return x @ self.w
    >>> line = Line(nn.Rngs(0))
    >>> y = nn.jit(lambda m, x: m(x))(line, bnp.ones((3, 2)))
    >>> y.shape, int(line.calls.value)
    ((3,), 1)
    """

    def sow(
        self,
        variable_type: type[Variable] | str,
        name: str,
        value: Any,
        reduce_fn: Callable[[Any, Any], Any] = lambda before, x: (*before, x),
        init_fn: Callable[[], Any] = tuple,
    ) -> bool:
        """Note a value under a name, to be taken out with `nn.pop`; tuples of all, by default.

        A kind that is no class is a name of one, see `nn.variable_type_from_name`.
        """
        kind = variable_type
        if isinstance(kind, str):
            kind = variable_type_from_name(kind, allow_register=True)
        held = self.__dict__.get(name)
        if held is None:
            setattr(self, name, kind(reduce_fn(init_fn(), value)))
        elif type(held) is not kind:
            raise ValueError(
                f"sow: {type(self).__name__}.{name} is a {type(held).__name__}, not a "
                f"{kind.__name__}"
            )
        else:
            # the number of values is structure, so a new box stands in for the old one
            setattr(self, name, kind(reduce_fn(held.value, value), **held._metadata))
        return True

    def perturb(
        self, name: str, value: Any, variable_type: type[Variable] | str = Perturbation
    ) -> Any:
        """value plus the Variable of this name, zeros when it is new: its gradient is value's.

        >>> from bibun import nn
        >>> import bibun.numpy as bnp
        >>> class Model(nn.Module):
        ...     def __call__(self, x):
        ...         return self.perturb("inside", 2.0 * x) ** 2
        >>> model = Model()
        >>> _ = model(bnp.array(3.0))
        >>> nn.grad(lambda m: m(bnp.array(3.0)), wrt=nn.Perturbation)(model).inside.value
        Array(12., dtype=float64)
        """
        kind = variable_type
        if isinstance(kind, str):
            kind = variable_type_from_name(kind, allow_register=True)
        if name not in self.__dict__:
            setattr(self, name, kind(bnp.zeros_like(value)))
        held = self.__dict__[name]
        if type(held) is not kind:
            raise ValueError(
                f"perturb: {type(self).__name__}.{name} is a {type(held).__name__}, not a "
                f"{kind.__name__}"
            )
        return value + held.value

    def set_attributes(self, *filters: Any, raise_if_not_found: bool = True, **values: Any) -> None:
        """Set attributes of all modules below that have them (and that a filter takes).

        Errors: ValueError where no module has one of them.
        """
        set_attributes(self, *filters, raise_if_not_found=raise_if_not_found, **values)

    def train(self, **attributes: Any) -> None:
        """Training: `deterministic` and `use_running_average` become False wherever they are."""
        modes = {"deterministic": False, "use_running_average": False}
        self.set_attributes(raise_if_not_found=False, **modes | attributes)

    def eval(self, **attributes: Any) -> None:
        """Evaluation: `deterministic` and `use_running_average` become True wherever they are."""
        modes = {"deterministic": True, "use_running_average": True}
        self.set_attributes(raise_if_not_found=False, **modes | attributes)

    def iter_modules(self) -> Iterator[tuple[Any, Module]]:
        """(path, module) of this and all below, children before their parents."""
        return iter_modules(self)

    def iter_children(self) -> Iterator[tuple[Any, Module]]:
        """(name, module) of the modules that are attributes of this one."""
        return iter_children(self)

    def __repr__(self) -> str:
        rows = [f"  {k}={_indented(v)},\n" for k, v in sorted(self.__dict__.items())]
        return f"{type(self).__name__}(\n{''.join(rows)})" if rows else f"{type(self).__name__}()"


def _indented(x: Any) -> str:
    if isinstance(x, list | dict) and any(isinstance(c, Object) for c in _items(x)):
        inside = "".join(f"  {_indented(c)},\n" for c in _items(x))
        return f"{type(x).__name__}(\n{inside})".replace("\n", "\n  ")
    text = f"<{x.__name__}>" if callable(x) and hasattr(x, "__name__") else repr(x)
    return text.replace("\n", "\n  ")


def _items(x: Any) -> Any:
    return x.values() if isinstance(x, dict) else x


class Sequential(Module):
    """Functions and modules one after the other; a tuple is passed on as several arguments.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> rngs = nn.Rngs(0)
    >>> net = nn.Sequential(nn.Linear(2, 8, rngs=rngs), nn.tanh, nn.Linear(8, 1, rngs=rngs))
    >>> net(bnp.ones((5, 2))).shape
    (5, 1)
    """

    def __init__(self, *layers: Any) -> None:
        self.layers = list(layers)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out: Any = None
        for k, layer in enumerate(self.layers):
            if k:
                args, kwargs = (out if isinstance(out, tuple) else (out,)), {}
            out = layer(*args, **kwargs)
        return out


def with_attributes(
    node: Any, *, only: Any = ..., raise_if_not_found: bool = True, **attributes: Any
) -> Any:
    """The same graph with other attributes: new modules, which share the Variables.

    `only`: the modules whose attributes change. Errors: ValueError for an attribute that none has.

    >>> from bibun import nn
    >>> net = nn.Sequential(nn.Linear(2, 2, rngs=nn.Rngs(0)), nn.Dropout(0.5, rngs=nn.Rngs(1)))
    >>> still = nn.view(net, deterministic=True)
    >>> still.layers[1].deterministic, net.layers[1].deterministic
    (True, False)
    >>> still.layers[0].kernel is net.layers[0].kernel
    True
    """
    made: dict[int, Any] = {}

    def copy(x: Any) -> Any:
        if isinstance(x, Variable):
            return x
        if not is_node(x):
            return x if x is None or tree.all_leaves([x], is_node) else tree.map(
                copy, x, is_leaf=is_node)  # fmt: skip
        if id(x) not in made:
            new = made[id(x)] = type(x).__new__(type(x))
            if isinstance(x, Object):
                new.__dict__.update((k, copy(v)) for k, v in x.__dict__.items())
            elif isinstance(x, dict):
                new.__init__()
                dict.update(new, {k: copy(v) for k, v in x.items()})
            else:
                new.__init__()
                list.extend(new, map(copy, x))
        return made[id(x)]

    new = copy(node)
    set_attributes(new, only, raise_if_not_found=raise_if_not_found, **attributes)
    return new


view = with_attributes


def set_attributes(
    node: Any, *filters: Any, raise_if_not_found: bool = True, **values: Any
) -> None:
    """`Module.set_attributes` of any graph."""
    takes = predicate(filters or ...)
    lacking = set(values)
    for path, m in list(iter_modules(node)):
        if takes(path, m):
            for name, value in values.items():
                if name in m.__dict__:
                    lacking.discard(name)
                    setattr(m, name, value)
    if lacking and raise_if_not_found:
        raise ValueError(f"set_attributes: no module has {sorted(lacking)}")


def display(*nodes: Any) -> None:
    """Print objects."""
    for x in nodes:
        print(x)


def count(node: Any, filter: Any = ...) -> int:
    """How many numbers the Variables of a graph hold."""
    takes = predicate(filter)
    return sum(
        bnp.size(a)
        for p, v in iter_graph(node)
        if isinstance(v, Variable) and takes(p, v)
        for a in tree.leaves(v.value)
        if hasattr(a, "shape")
    )


def tabulate(node: Any) -> str:
    """A table of the modules of a graph, with the Variables that each holds itself.

    >>> from bibun import nn
    >>> print(nn.tabulate(nn.Linear(2, 3, rngs=nn.Rngs(0))))
    path  module  variables                                            numbers
    .     Linear  bias: Param float64[3], kernel: Param float64[2, 3]        9
    """
    rows = [("path", "module", "variables", "numbers")]
    for path, m in reversed(list(iter_modules(node))):
        own = [(k, v) for k, v in sorted(vars(m).items()) if isinstance(v, Variable)]
        text = ", ".join(
            f"{k}: {type(v).__name__} {getattr(v.value, 'dtype', '')}"
            f"{list(getattr(v.value, 'shape', ()))}"
            for k, v in own
        )
        rows.append((".".join(map(str, path)) or ".", type(m).__name__, text, str(count(m))))
    widths = [max(len(r[k]) for r in rows) for k in range(4)]
    return "\n".join(
        "  ".join(
            [*(c.ljust(w) for c, w in zip(r[:3], widths, strict=False)), r[3].rjust(widths[3])]
        )
        for r in rows
    )
