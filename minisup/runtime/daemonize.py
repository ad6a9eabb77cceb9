"""What is done once, around the life of the daemon: limits, privileges, the background, pidfile, AUTO logs.

Source: supervisor's ``options``: set_rlimits_or_exit, drop_privileges, _daemonize, write_pidfile, mktempfile and
clear_autochildlogdir.
"""

import errno
import grp
import os
import pwd
import re
import resource
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from minisup.errors import MinisupError
from minisup.specs import DaemonSpec, GroupSpec, LogSpec, ProcessSpec

Say = Callable[[str, str], None]
"""Takes a level word and a text, and brings them into the main log."""

_LIMITS = {
    "RLIMIT_NOFILE": (
        'The minimum number of file descriptors required to run this process is {wanted} as per the "minfds" '
        "command-line argument or config file setting. The current environment will only allow you to open {hard} file "
        "descriptors.  Either raise the number of usable file descriptors in your environment (see README.rst) or "
        "lower the minfds setting in the config file to allow the process to start."
    ),
    "RLIMIT_NPROC": (
        'The minimum number of available processes required to run this program is {wanted} as per the "minprocs" '
        "command-line argument or config file setting. The current environment will only allow you to open {hard} "
        "processes.  Either raise the number of usable processes in your environment (see README.rst) or lower the "
        "minprocs setting in the config file to allow the program to start."
    ),
}


def set_rlimits(minfds: int, minprocs: int) -> list[str]:
    """Raise the limits of descriptors and processes to at least these; never lowers one.

    Returns:
        INFO lines for the main log.

    Raises:
        MinisupError: a limit cannot be raised.
    """
    said = []
    for name, wanted in (("RLIMIT_NOFILE", minfds), ("RLIMIT_NPROC", minprocs)):
        kind = getattr(resource, name)
        soft, hard = resource.getrlimit(kind)
        if soft >= wanted or soft == resource.RLIM_INFINITY:
            continue
        if hard < wanted and hard != resource.RLIM_INFINITY:
            # QUIRK(supervisor): the error text names the wanted limit as the one that the environment allows.
            # tests/test_daemonize.py: test_a_limit_that_cannot_be_raised
            hard = wanted
        try:
            resource.setrlimit(kind, (wanted, hard))
        except (OSError, ValueError, OverflowError) as why:
            raise MinisupError(_LIMITS[name].format(wanted=wanted, hard=hard)) from why
        said.append(f"Increased {name} limit to {wanted}")
    return said


def drop_privileges(uid: int) -> str | None:
    """Become the user `uid` with all of its groups; nothing is done where we are that user already.

    Returns:
        Why it cannot be, in supervisord's words; None on success.
    """
    current = os.getuid()
    if current == uid:
        return None  # before the look-up: in a container the own uid often has no passwd entry
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return f"Can't find uid {uid}"
    if current != 0:
        return "Can't drop privilege as nonroot user"
    try:
        os.setgroups(groups_of(user))
    except OSError:
        return "Could not set groups of effective user"
    try:
        os.setgid(user.pw_gid)
    except OSError:
        return "Could not set group id of effective user"
    try:
        os.setuid(uid)
    except OSError as why:
        return f"Could not set user id of effective user: {why.strerror}"
    return None


def groups_of(user: pwd.struct_passwd) -> list[int]:
    """All groups of a user, the primary one first."""
    return [user.pw_gid, *(group.gr_gid for group in grp.getgrall() if user.pw_name in group.gr_mem)]


def daemonize(spec: DaemonSpec, say: Say) -> None:
    """Go into the background: returns only in the child; the parent leaves with exit code 0.

    The child leads a new session, has /dev/null on its first three descriptors, and `spec.directory` and `spec.umask`.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    if os.fork():
        say("blather", "supervisord forked; parent exiting")
        os._exit(0)
    say("info", "daemonizing the supervisord process")
    if spec.directory:
        try:
            os.chdir(spec.directory)
        except OSError as why:
            say("critical", f"can't chdir into {spec.directory!r}: {why}")
        else:
            say("info", f"set current directory: {spec.directory!r}")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)
    os.setsid()
    os.umask(spec.umask)


class PidFile(NamedTuple):
    """A pidfile that this run wrote."""

    path: str
    device: int
    inode: int


def write_pidfile(path: str, say: Say) -> PidFile | None:
    """Write our pid to `path`, over whatever was there; None where that fails, which is said and costs nothing more."""
    pid = os.getpid()
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            os.write(fd, f"{pid}\n".encode())
            made = os.fstat(fd)
        finally:
            os.close(fd)
    except OSError:
        say("critical", f"could not write pidfile {path}")
        return None
    say("info", f"supervisord started with pid {pid}")
    return PidFile(path, made.st_dev, made.st_ino)


def remove_pidfile(pidfile: PidFile | None) -> None:
    """Remove a pidfile if it is still ours: the same file, with our pid in it."""
    if pidfile is None:
        return
    try:
        fd = os.open(pidfile.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would keep us for ever
        try:
            found = os.fstat(fd)
            ours = (found.st_dev, found.st_ino) == pidfile[1:] and os.read(fd, 32) == f"{os.getpid()}\n".encode()
        finally:
            os.close(fd)
        if ours:
            os.unlink(pidfile.path)
    except OSError:
        pass


_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_"  # what tempfile.mkstemp takes; importing it would cost 10 ms


def with_auto_logs(group: GroupSpec, daemon: DaemonSpec, say: Say) -> GroupSpec:
    """Make the AUTO logs of a group that becomes active, also for programs that never start.

    No folder to write to is no reason not to run: the output is read, and nobody keeps it.
    """

    def placed(process: ProcessSpec, channel: str, log: LogSpec) -> LogSpec:
        if not log.auto or log.path is not None:
            return log
        try:
            path = generate_auto_log(daemon.childlogdir, process.name, channel, daemon.identifier)
        except OSError as error:
            say("warn", f"cannot create a log of {process.name!r} in {daemon.childlogdir!r}: {error.strerror}")
            return log
        return replace(log, path=path)

    def made(process: ProcessSpec) -> ProcessSpec:
        stdout = placed(process, "stdout", process.stdout)
        stderr = process.stderr if process.redirect_stderr else placed(process, "stderr", process.stderr)
        return replace(process, stdout=stdout, stderr=stderr)

    return replace(group, processes=tuple(map(made, group.processes)))


def generate_auto_log(childlogdir: str, process: str, channel: str, identifier: str) -> str:
    """Create the empty file of an AUTO log, mode 0600, and return its path.

    Raises:
        OSError: it cannot be created.
    """
    for _ in range(100):
        chance = "".join(_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(8))
        path = os.path.join(childlogdir, f"{process}-{channel}---{identifier}-{chance}.log")
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            continue
        return path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)


def clear_auto_logs(childlogdir: str, identifier: str, say: Say) -> None:
    """Remove the AUTO logs, and their backups, that an earlier daemon of this identifier left."""
    # QUIRK(supervisor): the name needs only begin like one of ours. tests/test_daemonize.py: test_clear_auto_logs
    ours = re.compile(rf".+?---{re.escape(identifier)}-\S+\.log\.?\d{{0,4}}")
    try:
        names = os.listdir(childlogdir)
    except OSError:
        say("warn", "Could not clear childlog dir")
        return
    for name in filter(ours.match, names):
        path = os.path.join(childlogdir, name)
        try:
            os.unlink(path)
        except OSError:
            say("warn", f"Failed to clean up {path!r}")


def fill_standard_descriptors() -> None:
    """Put /dev/null where we were started without stdin, stdout or stderr.

    Must come before anything is opened: it would get one of these numbers, and a program's output with it.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(null, True)


def mark_inherited_cloexec() -> None:
    """Let no descriptor that we inherited reach our children; what we open ourselves never does (PEP 446).

    Costs one call per open descriptor, not one per possible descriptor: the limit may be a billion.
    """
    try:
        fds = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        fds = list(range(3, 256))  # no /proc: better some than none
    for fd in fds:
        if fd > 2:
            try:
                os.set_inheritable(fd, False)
            except OSError:
                pass  # the descriptor of the listing itself


_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Have orphaned descendants handed to us instead of to PID 1, see prctl(2); False where that is not possible."""
    import ctypes  # 10 ms, and most daemons never ask for it

    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
