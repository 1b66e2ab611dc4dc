"""`python -m bibun`: the `bibun` command where its script is not on the path."""

import sys

from bibun.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
