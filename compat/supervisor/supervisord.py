"""The daemon, for who calls it by ``python -m supervisor.supervisord`` or by `main`."""

import sys
from collections.abc import Sequence

from supervisor import _missing
from supervisor.states import SupervisorStates, getProcessStateDescription

__getattr__ = _missing.names_of("supervisor.supervisord")


def main(args: Sequence[str] | None = None, test: bool = False) -> None:
    """Be the daemon, until it ends.

    Args:
        args: the command line; None for our own.
        test: ignored.

    Raises:
        SystemExit: it could not start; why is on stderr.
    """
    from minisup.cli.run import run

    code = run("supervisord", sys.argv[1:] if args is None else args)
    if code:
        sys.exit(code)


if __name__ == "__main__":
    import minisup.__main__  # its first statement holds signals back
    from minisup.cli.main import main as enter

    enter(["supervisord", *sys.argv[1:]])
