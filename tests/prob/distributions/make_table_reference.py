"""Write table_reference.json: NumPyro's log densities and shapes for the rows of rows.py.

Run with a Python that has NumPyro (never one of bibun's dependencies):
    JAX_ENABLE_X64=1 python tests/prob/distributions/make_table_reference.py
"""

from __future__ import annotations

import json
import pathlib
import sys


def main() -> None:
    import jax.numpy as jnp
    import numpy as np
    import numpyro
    import numpyro.distributions as dist
    from rows import ROWS

    dist.transforms = numpyro.distributions.transforms
    table = {}
    for row in ROWS:
        if not row.same_as_numpyro:
            continue
        params = {
            k: jnp.array(v) if isinstance(v, np.ndarray) else v for k, v in row.params.items()
        }
        try:
            d = row.build(dist, **params)
            lp = np.asarray(d.log_prob(jnp.array(row.values)))
        except Exception as error:
            print(f"{row.label}: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        table[row.label] = {
            "log_prob": lp.tolist(), "batch_shape": list(d.batch_shape),
            "event_shape": list(d.event_shape),
        }  # fmt: skip
    path = pathlib.Path(__file__).with_name("table_reference.json")
    path.write_text(json.dumps({"numpyro": numpyro.__version__, "rows": table}, indent=0) + "\n")


if __name__ == "__main__":
    main()
