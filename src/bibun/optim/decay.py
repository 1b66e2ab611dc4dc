"""Weight decay: a pull towards zero, added to the updates."""

from __future__ import annotations

from typing import Any

from bibun import tree
from bibun.optim.base import EmptyState, GradientTransformation, need_params
from bibun.optim.masking import masked


def add_decayed_weights(weight_decay: Any = 0.0, mask: Any = None) -> GradientTransformation:
    """`update + weight_decay * param`; only for the leaves that `mask` marks.

    >>> from bibun import optim
    >>> tx = optim.add_decayed_weights(0.1)
    >>> float(tx.update(1.0, tx.init(2.0), 2.0)[0])
    1.2
    """

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        need_params(params, "add_decayed_weights")
        return tree.map(lambda g, p: g + weight_decay * p, updates, params), state

    tx = GradientTransformation(lambda params: EmptyState(), update)
    return tx if mask is None else masked(tx, mask)
