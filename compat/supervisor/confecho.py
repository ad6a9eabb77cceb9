"""The command ``echo_supervisord_conf``: a configuration to start from."""

import sys
from typing import TextIO

from minisup.config.sample import sample


def main(out: TextIO = sys.stdout) -> None:
    """Write it."""
    out.write(sample())


if __name__ == "__main__":
    main()
