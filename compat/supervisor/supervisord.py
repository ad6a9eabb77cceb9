"""The daemon, for who calls it by ``python -m supervisor.supervisord``."""

import sys
from collections.abc import Sequence

from supervisor import _missing

__getattr__ = _missing.names_of("supervisor.supervisord")


def main(args: Sequence[str] | None = None, test: bool = False) -> None:
    """Be the daemon, until it ends; then the process ends.

    Args:
        args: the command line; None for our own.
        test: ignored.
    """
    from minisup.cli.main import main

    main(["supervisord", *(sys.argv[1:] if args is None else args)])


if __name__ == "__main__":
    import minisup.__main__  # its first statement holds signals back

    main()
