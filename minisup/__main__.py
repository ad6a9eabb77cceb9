"""The entry point of the command `minisup`, of ``python -m minisup``, and of symlinks named ``supervisord``.

The first statement holds back the signals that tell a daemon to stop. To PID 1 of a container a signal without a
handler is lost for good, and a handler takes a while to install: until then they wait in the kernel. The daemon
(`minisup.runtime.posix.SignalCatcher`) lets them in; every other command lets them in at once.
"""

# The module behind `signal`: built in, while the latter takes 2 ms to import.
from _signal import (  # type: ignore[import-not-found]
    SIG_BLOCK,
    SIGHUP,
    SIGINT,
    SIGQUIT,
    SIGRTMIN,
    SIGTERM,
    SIGUSR2,
    pthread_sigmask,
)

pthread_sigmask(SIG_BLOCK, (SIGTERM, SIGINT, SIGQUIT, SIGRTMIN + 3, SIGHUP, SIGUSR2))

import sys  # noqa: E402


def main() -> None:
    """Run the command line and leave with its exit code."""
    from minisup.cli.main import main

    main(sys.argv)


if __name__ == "__main__":
    main()
