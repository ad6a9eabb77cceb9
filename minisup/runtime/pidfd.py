"""The operating system for programs inside a program that is not ours: a pidfd per child.

The host may have children of its own, a handler for SIGCHLD, threads, and descriptors that our children must not get.
So nobody here asks for just any child (waitpid(-1)), sets a handler, or forks Python code: a child is spawned by
vfork(2) and exec in C, and what cannot be executed is said at once, where the daemon's child says it on its stderr.

A host that itself waits for all children, or ignores SIGCHLD, takes the status of ours away. The pidfd still tells of
their end; they count as ended with exit code `UNKNOWN`, and the log says why.
"""

import os
import pwd
import select
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from minisup.errors import MinisupError
from minisup.runtime.daemonize import groups_of
from minisup.runtime.posix import PosixSystem, execute
from minisup.runtime.remains import Remains
from minisup.runtime.system import Command, CommandProblem
from minisup.specs import ProcessSpec

UNKNOWN = 255
"""The exit code of a child whose status somebody else has taken."""
STOLEN = (
    "cannot know how process {} ended, it counts as exit code {}: something in this program waits for all children "
    "(waitpid(-1)) or ignores SIGCHLD"
)


class PidfdSystem(PosixSystem):
    """`minisup.runtime.system.System` inside a host.

    Its `fileno` is readable when there is something to `reap`.

    Args:
        remains: is told of births and deaths.
        say: takes (level word, text).

    Raises:
        MinisupError: the system has no pidfds.
    """

    def __init__(self, remains: Remains, say: Callable[[str, str], None]) -> None:
        self._remains = remains
        self._say = say
        self._epoll = select.epoll()
        self._fds: dict[int, int] = {}  # by pid
        self._pids: dict[int, int] = {}  # by pidfd
        self._gone: deque[int] = deque()  # ended, and taken away before there was a pidfd
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._bell, select.EPOLLIN)
        try:
            os.close(os.pidfd_open(os.getpid()))
        except OSError as why:
            self.close()
            raise MinisupError(f"cannot be embedded here: pidfd_open(2) fails: {why.strerror}") from None

    def fileno(self) -> int:
        return self._epoll.fileno()

    def close(self) -> None:
        """Close all pidfds; what has ended is reaped for the last time."""
        for fd in self._pids:
            try:
                os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
            except ChildProcessError:
                pass
            os.close(fd)
        self._pids.clear()
        self._fds.clear()
        self._epoll.close()
        os.close(self._bell)

    def launch(self, spec: ProcessSpec, command: Command, environment: Mapping[str, str], theirs: list[int]) -> int:
        try:
            pid = execute(spec, command, environment, theirs, **_as_user(spec.uid))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise CommandProblem.not_executable(_why(error, spec, command)) from None
        self._remains.born(pid)
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._gone.append(pid)
            os.eventfd_write(self._bell, 1)
            return pid
        self._fds[pid] = fd
        self._pids[fd] = pid
        self._epoll.register(fd, select.EPOLLIN)
        return pid

    def kill(self, pid: int, signum: int, group: bool) -> None:
        if group:
            super().kill(pid, signum, group)
        elif pid in self._fds:
            signal.pidfd_send_signal(self._fds[pid], signum)
        else:
            raise ProcessLookupError(3, os.strerror(3))

    def reap(self) -> tuple[int, int] | None:
        if self._gone:
            return self._bury(self._gone.popleft(), None)
        for fd, _ in self._epoll.poll(0):
            if fd == self._bell:
                os.eventfd_read(fd)
                continue
            pid = self._pids.pop(fd)
            try:
                found = os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
            except ChildProcessError:
                found = None
            del self._fds[pid]
            os.close(fd)
            return self._bury(pid, found)
        return None

    def _bury(self, pid: int, found: os.waitid_result | None) -> tuple[int, int]:
        self._remains.died(pid)
        if found is None:
            self._say("error", STOLEN.format(pid, UNKNOWN))
            return pid, UNKNOWN << 8
        if found.si_code == os.CLD_EXITED:
            return pid, found.si_status << 8
        return pid, found.si_status | (0x80 if found.si_code == os.CLD_DUMPED else 0)


def _as_user(uid: int | None) -> dict[str, Any]:
    if uid is None or uid == os.geteuid():
        return {}
    if os.geteuid() != 0:
        raise PermissionError(1, "Can't drop privilege as nonroot user")
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        raise ValueError(f"Can't find uid {uid}") from None
    return {"user": uid, "group": user.pw_gid, "extra_groups": groups_of(user)}


def _why(error: Exception, spec: ProcessSpec, command: Command) -> str:
    why = error.strerror if isinstance(error, OSError) else str(error)
    if isinstance(error, OSError) and spec.directory and error.filename == spec.directory:
        return f"cannot run {spec.name!r} in directory {spec.directory!r}: {why}"
    return f"cannot run {spec.name!r}: {command.path!r}: {why}"
