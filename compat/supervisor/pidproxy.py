"""The command ``pidproxy``: runs a command, and hands signals on to the process that its pidfile names.

For programs that hide behind another process: supervisord's signals go to pidproxy, and from there to the pid that
the pidfile says at that moment. It ends

- with the command; or with the process of the pidfile, where the command has put itself into the background:
  that is, where the pidfile was written after our start and names somebody who lives;
- after TERM, INT or QUIT, when the process that it was handed to has ended.

QUIRK(supervisor): the exit code is 0, whatever that of the command is. tests/test_compat_pidproxy.py: end
"""

import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

USAGE = """\
Usage: pidproxy PIDFILE COMMAND [ARGUMENT ...]

Runs COMMAND, whose path is that from the working directory, and hands the signals TERM, HUP, INT, QUIT, USR1 and USR2
on to the process whose number is in PIDFILE.
"""

FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT)
LAST = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class PidProxy:
    """One command, and its pidfile."""

    pid: int | None = None

    def __init__(self, args: Sequence[str]) -> None:
        """Understand ``[our name, pidfile, command, arguments ...]``; prints the usage and exits with 1 otherwise."""
        if len(args) < 3:
            self.usage()
            sys.exit(1)
        self.pidfile = args[1]
        self.cmdargs = list(args[2:])
        self.abscmd = os.path.abspath(args[2])
        self._last: int | None = None
        self._begun = 0.0
        self._wakeup = -1

    def go(self) -> None:
        """Run the command, and come back when it is over; exits with 127 where it cannot be run."""
        self.setsignals()
        self._begun = time.time()
        ignored = [signal.SIGPIPE, signal.SIGXFSZ]  # by Python, and by nobody else
        try:
            self.pid = os.posix_spawn(self.abscmd, self.cmdargs, os.environ, setsigmask=[], setsigdef=ignored)
        except OSError as why:
            sys.stderr.write(f"pidproxy: cannot run {self.abscmd!r}: {why.strerror}\n")
            sys.exit(127)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        while (wanted := self._awaited()) is not None:
            self._wait(wanted)

    def usage(self) -> None:
        """Print the usage."""
        print(USAGE, end="")

    def setsignals(self) -> None:
        """Install the handlers."""
        for number in FORWARDED:
            signal.signal(number, self.passtochild)
        signal.signal(signal.SIGCHLD, self.reap)
        reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self._wakeup = reading

    def reap(self, sig: int, frame: FrameType | None) -> None:
        """A child ended: that wakes us up, and nothing more."""

    def passtochild(self, sig: int, frame: FrameType | None) -> None:
        """Hand a signal on."""
        pid = self._pid()
        if pid is None:
            print(f"Can't read child pidfile {self.pidfile}!", flush=True)
            return
        try:
            os.kill(pid, sig)
        except OSError as why:
            print(f"Can't signal {pid} of child pidfile {self.pidfile}: {why.strerror}", flush=True)
            return
        if sig in LAST:
            self._last = pid

    def _pid(self) -> int | None:
        try:
            with open(self.pidfile) as file:
                pid = int(file.read())
        except (OSError, ValueError):
            return None
        return pid if 0 < pid < 1 << 31 else None

    def _awaited(self) -> int | None:
        """Who must end before we do; None when it is over."""
        if self.pid is not None and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.pid = None
        if self._last is not None:
            return self._last if _lives(self._last) else None
        return self.pid or self._daemon()

    def _daemon(self) -> int | None:
        """The process in the background that the command has left behind: of an older pidfile we know nothing."""
        try:
            written = os.stat(self.pidfile).st_mtime
        except OSError:
            return None
        pid = self._pid()
        return pid if pid is not None and written >= self._begun - 1 and _lives(pid) else None

    def _wait(self, pid: int) -> None:
        """Until a signal comes or this process ends, which need not be a child of ours."""
        try:
            watched = _pidfd(pid)
        except ProcessLookupError:
            return
        try:
            ready, _, _ = select.select([self._wakeup, *watched], [], [], None if watched else 0.1)
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
        finally:
            for fd in watched:
                os.close(fd)


def _pidfd(pid: int) -> list[int]:
    """A descriptor that becomes readable when the process ends; none where the system has no such thing.

    Raises:
        ProcessLookupError: there is no such process.
    """
    try:
        return [os.pidfd_open(pid)]
    except ProcessLookupError:
        raise
    except (AttributeError, OSError):
        return []


def _lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        watched = _pidfd(pid)
        if not watched:
            os.kill(pid, 0)
            return True
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    ended = select.select(watched, [], [], 0)[0]
    os.close(watched[0])
    return not ended


def main() -> None:
    """The command."""
    PidProxy(sys.argv).go()


if __name__ == "__main__":
    main()
