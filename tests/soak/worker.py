"""A batch of seeds in this process: `python -m tests.soak.worker FIRST COUNT LOG`.

Each line of LOG is JSON: {"start": seed, "source": …} before a program runs, {"done": seed,
"failure": text or null} after. A process that dies leaves a start without a done.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import time

LIMIT = 90  # seconds for one program; then the stacks are dumped and the process ends


def main(first: int, count: int, log: str) -> None:
    faulthandler.enable()
    from bibun.config import config
    from tests.soak.check import Different, check
    from tests.soak.generate import Generator

    config.update("cache_dir", "")
    config.update("verify", True)
    config.update("ragged_memory_limit", 1 << 28)
    with open(log, "a", buffering=1) as f:
        for seed in range(first, first + count):
            faulthandler.dump_traceback_later(LIMIT, exit=True)
            begin = time.perf_counter()
            failure = None
            program = None
            try:
                program = Generator(seed).program()
                f.write(json.dumps({"start": seed, "source": program.source()}) + "\n")
                check(program.source())
            except Different as e:
                failure = str(e)
            except Exception as e:
                import traceback

                failure = (
                    f"reference or generator: {type(e).__name__}: {e}\n{traceback.format_exc()}"
                )
            faulthandler.cancel_dump_traceback_later()
            mode = program.mode if program is not None else "?"
            f.write(
                json.dumps(
                    {
                        "done": seed,
                        "failure": failure,
                        "mode": mode,
                        "s": time.perf_counter() - begin,
                    }
                )
                + "\n"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
