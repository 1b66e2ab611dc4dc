"""The progress bar of a run: draws, step size, divergences, acceptance."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np


class Progress:
    """A context manager; `update` is called by chain threads after each chunk.

    `rate`: the bar moves when so many draws have come (None: after each chunk).
    """

    def __init__(self, total: int, num_chains: int, show: bool, rate: int | None = None) -> None:
        self.total = total * num_chains
        self.num_chains = num_chains
        self.show = show
        self.lock = threading.Lock()
        self.divergences = [0] * num_chains
        self.bar: Any = None
        self.rate = 1 if rate is None else rate
        self.waiting = 0  # draws that the bar does not show yet

    def __enter__(self) -> Progress:
        if self.show:
            from tqdm import tqdm

            self.bar = tqdm(total=self.total, unit="draw", file=sys.stderr, dynamic_ncols=True)
        return self

    def update(self, chain: int, n: int, state: Any, divergences: int, label: str) -> None:
        if self.bar is None:
            return
        step = float(np.asarray(state.adapt_state.step_size))
        accept = float(np.asarray(state.mean_accept_prob))
        with self.lock:
            self.divergences[chain] = divergences
            self.waiting += n
            if self.waiting < self.rate and self.bar.n + self.waiting < self.total:
                return
            which = f"chain {chain + 1}/{self.num_chains} " if self.num_chains > 1 else ""
            self.bar.set_description(which + label, refresh=False)
            self.bar.set_postfix_str(
                f"step {step:.2e}, divergences {sum(self.divergences)}, accept {accept:.2f}",
                refresh=False,
            )
            self.bar.update(self.waiting)
            self.waiting = 0

    def __exit__(self, *exc: object) -> None:
        if self.bar is not None:
            self.bar.close()
