"""A real browser for tests: Chromium, headless, and what its console said.

It prints the page as it stands after its scripts (`--dump-dom`). Where there is no Chromium
(Debian: apt-get install chromium) the tests that need it are skipped, and say so.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
needs_a_browser = pytest.mark.skipif(
    BROWSER is None, reason="no chromium here (Debian: apt-get install chromium)"
)


def visit(address: str, profile: Path) -> tuple[str, list[str]]:
    """The page at an address after its scripts have run, and the lines of the console.

    profile: a folder for the browser's own files.
    """
    done = subprocess.run(
        [
            str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0",
            "--window-size=1100,900", "--virtual-time-budget=20000", "--dump-dom", address,
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
