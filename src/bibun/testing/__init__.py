"""For tests of code written with bibun: are the derivatives right?"""

from __future__ import annotations

from bibun.testing.gradients import check_grads, check_jvp, check_vjp

__all__ = ["check_grads", "check_jvp", "check_vjp"]
