"""The operating system as it is: spawn, kill, reap, and the signals to ourselves.

Two ways to spawn. `subprocess.Popen` forks by vfork(2), which costs a third of fork(2) and loses no signal between
fork and exec; it serves every program that keeps our user. Where the user changes, or where Popen reports that the
program cannot be executed, `_fork` does it again by hand: only a child of our own can say on its stderr what went
wrong and end with 127, as supervisord's does.

Descriptors are never closed in a loop: everything we open is close-on-exec, and what we inherited is made so at the
start (`minisup.runtime.daemonize.mark_inherited_cloexec`).
"""

import os
import select
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any, NamedTuple

from minisup import signals
from minisup.core.words import Instant
from minisup.runtime.daemonize import drop_privileges
from minisup.runtime.system import Child, Command, CommandProblem, errno_name
from minisup.specs import ProcessSpec

DEFAULT_PATH = "/bin:/usr/bin:/usr/local/bin"
"""Where commands are looked for when neither the program nor the daemon has a PATH."""
NOT_SPAWNED = "supervisor: child process was not spawned\n"
LAST_MOMENT = 2.0
"""Seconds in which a program of our own that is told to end tidies up."""
CANNOT_RUN = 127
"""The exit code of a child that could not become its program."""


class PosixSystem:
    """`minisup.runtime.system.System` on Linux."""

    def now(self) -> Instant:
        return Instant(time.monotonic(), time.time())

    def resolve(self, spec: ProcessSpec) -> Command:
        try:
            argv = shlex.split(spec.command)
        except ValueError as error:
            raise CommandProblem.not_executable(f"can't parse command {spec.command!r}: {error}") from None
        if not argv:
            raise CommandProblem.not_executable("command is empty")
        path, status = _find(argv[0], spec.environment.get("PATH", os.environ.get("PATH", DEFAULT_PATH)))
        if status is None:
            raise CommandProblem.not_found(f"can't find command {path!r}")
        if stat.S_ISDIR(status.st_mode):
            raise CommandProblem.not_executable(f"command at {path!r} is a directory")
        if not status.st_mode & 0o111:
            raise CommandProblem.not_executable(f"command at {path!r} is not executable")
        if not os.access(path, os.X_OK):
            raise CommandProblem.not_executable(f"no permission to run command {path!r}")
        return Command(path, argv)

    def spawn(
        self, spec: ProcessSpec, command: Command, environment: Mapping[str, str], stdin: int | None = None
    ) -> Child:
        pipes = _Pipes(spec.redirect_stderr, stdin)
        try:
            pid = self.launch(spec, command, environment, pipes.theirs)
        except BaseException:
            pipes.close_ours()
            raise
        finally:
            pipes.close_theirs()
        return Child(pid, pipes.stdin, pipes.stdout, pipes.stderr)

    def launch(self, spec: ProcessSpec, command: Command, environment: Mapping[str, str], theirs: list[int]) -> int:
        """Start a child with these as its standard descriptors; its pid."""
        if spec.uid is None or spec.uid == os.geteuid():
            try:
                # Everything is close-on-exec; looking for more costs a walk over /proc per child.
                return execute(spec, command, environment, theirs, close_fds=False)
            except (OSError, ValueError, subprocess.SubprocessError):
                pass
        return _fork(spec, command, environment, theirs)

    def kill(self, pid: int, signum: int, group: bool) -> None:
        assert pid > 0, "0 and -1 are whole groups of processes, ours among them"
        os.kill(-pid if group else pid, signum)

    def reap(self) -> tuple[int, int] | None:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        return (pid, status) if pid else None


def _find(word: str, path: str) -> tuple[str, os.stat_result | None]:
    """The first entry of that name, executable or not.

    QUIRK(supervisor): a directory or plain file of that name earlier in PATH is fatal.
    test_posix.py: test_first_wins_even_if_it_cannot_run
    """
    candidates = [word] if "/" in word else [os.path.join(folder, word) for folder in path.split(":")]
    for candidate in candidates:
        try:
            return candidate, os.stat(candidate)
        except (OSError, ValueError):  # the latter: a NUL character
            continue
    return word, None


class _Pipes:
    """The pipes of a child: our ends as attributes, theirs in `theirs` (0, 1, 2). A `stdin` that is given is lent."""

    def __init__(self, redirect_stderr: bool, stdin: int | None) -> None:
        self.theirs: list[int] = []
        self.stdout = -1
        self.stdin: int | None = None
        self.stderr: int | None = None
        self._lent = stdin
        try:
            if stdin is None:
                stdin, self.stdin = self._pair(0)
            self.theirs.append(stdin)
            self.stdout, theirs = self._pair(1)
            self.theirs.append(theirs)
            if redirect_stderr:
                self.theirs.append(theirs)
            else:
                self.stderr, theirs = self._pair(1)
                self.theirs.append(theirs)
        except OSError as error:
            self.close_ours()
            self.close_theirs()
            error.filename = "pipe"
            raise

    @staticmethod
    def _pair(theirs: int) -> tuple[int, int]:
        ends = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ends[1 - theirs], False)
        return ends

    def close_ours(self) -> None:
        for fd in (self.stdin, self.stdout, self.stderr):
            if fd is not None and fd >= 0:
                os.close(fd)

    def close_theirs(self) -> None:
        for fd in {*self.theirs} - {self._lent}:
            os.close(fd)


def execute(spec: ProcessSpec, command: Command, environment: Mapping[str, str], theirs: list[int], **more: Any) -> int:
    """Start a child by vfork(2), in a process group of its own; its pid. Whoever calls this waits for it.

    Raises:
        OSError, ValueError, subprocess.SubprocessError: as `subprocess.Popen`, which also says what `more` is.
    """
    child = subprocess.Popen(
        command.argv,
        executable=command.path,
        stdin=theirs[0],
        stdout=theirs[1],
        stderr=theirs[2],
        env=environment,
        cwd=spec.directory,
        umask=-1 if spec.umask is None else spec.umask,
        process_group=0,
        **more,
    )
    child.returncode = 0  # only our own reaper waits for it
    return child.pid


def _fork(spec: ProcessSpec, command: Command, environment: Mapping[str, str], theirs: list[int]) -> int:
    """fork(2), with every signal held back until the child has forgotten our handlers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:  # pragma: no cover (no coverage in the child)
            _become(spec, command, environment, theirs)
        try:
            os.setpgid(pid, pid)  # here too: a stop of the group may come before the child got that far
        except OSError:
            pass  # it has executed its program already, or died
    except OSError as error:
        error.filename = "fork"
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _become(
    spec: ProcessSpec, command: Command, environment: Mapping[str, str], theirs: list[int]
) -> None:  # pragma: no cover (no coverage in the child)
    """In the child: become the program, or say why not. Never returns. Source: ``process._spawn_as_child``."""
    why = ""
    try:
        os.setpgid(0, 0)
        for fd, end in enumerate(theirs):
            os.dup2(end, fd, inheritable=True)
        forget_signals()
        problem = None if spec.uid is None else drop_privileges(spec.uid)
        if problem is not None:
            why = f"couldn't setuid to {spec.uid}: {problem}"
        elif not (why := _enter(spec.directory)):
            if spec.umask is not None:
                os.umask(spec.umask)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.execve(command.path, command.argv, dict(environment))
    except OSError as error:
        why = f"couldn't exec {command.argv[0]}: {errno_name(error)}"
    except BaseException as error:
        why = f"couldn't exec {command.path}: {type(error)}, {error}: file: {__file__} line: 0"
    finally:
        try:
            os.write(2, f"supervisor: {why}\n{NOT_SPAWNED}".encode(errors="replace"))
        finally:
            os._exit(CANNOT_RUN)


def _enter(directory: str | None) -> str:  # pragma: no cover (no coverage in the child)
    if directory is None:
        return ""
    try:
        os.chdir(directory)
    except OSError as error:
        return f"couldn't chdir to {directory}: {errno_name(error)}"
    return ""


# --- processes of anybody --------------------------------------------------------------------------------------------


class Relative(NamedTuple):
    """Whose child a process is, its process group, and when it was born (clock ticks since the system's start)."""

    parent: int
    group: int
    born: int


def relatives(pids: Iterable[int] | None = None) -> dict[int, Relative]:
    """All processes there are, or those of `pids` that are there; zombies are not. See proc_pid_stat(5)."""
    found = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()) if pids is None else pids:
        try:
            fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)  # twice as fast as `open`
            try:
                state, parent, group, *more = os.read(fd, 4096).rpartition(b") ")[2].split()
            finally:
                os.close(fd)
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if state not in b"ZX":
            found[pid] = Relative(int(parent), int(group), int(more[16]))
    return found


def look_at(path: str) -> os.stat_result:
    """What there is of that name.

    Raises:
        OSError: as stat(2).
    """
    return os.stat(path)


def hosts() -> str:
    """The text of hosts(5); empty where there is none."""
    try:
        with open("/etc/hosts", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


# --- signals to ourselves --------------------------------------------------------------------------------------------

CAUGHT = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGRTMIN + 3),
    *(signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGCHLD),
)
"""What a daemon answers to; the rest keeps its default."""
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGRTMIN + 3)
"""What tells us to leave."""


class SignalCatcher:
    """Catches `CAUGHT` and makes `fileno()` readable when there is something to `take()`.

    A byte in a pipe could be lost when many signals come at once, so the numbers are kept apart: each at most once
    until taken, in the order of arrival, as supervisord does.
    """

    def __init__(self) -> None:
        self._caught: deque[int] = deque()
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._before = {signum: signal.signal(signum, self._catch) for signum in CAUGHT}
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        # All of them, also what our parent had blocked: children inherit the mask, and theirs is to be empty.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _catch(self, signum: int, frame: FrameType | None) -> None:
        if signum not in self._caught:
            self._caught.append(signum)

    @property
    def pending(self) -> bool:
        """Something can be taken."""
        return bool(self._caught)

    def fileno(self) -> int:
        return self._read

    def take(self) -> Iterable[int]:
        """The signals that came since the last call, each once."""
        try:
            while len(os.read(self._read, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass
        while self._caught:
            yield self._caught.popleft()

    def close(self) -> None:
        """Hold the signals back again and forget the handlers."""
        signal.pthread_sigmask(signal.SIG_BLOCK, set(CAUGHT) - {signal.SIGCHLD})
        while self._caught:  # nobody took them: they wait in the kernel for the next life
            if (signum := self._caught.popleft()) != signal.SIGCHLD:
                os.kill(os.getpid(), signum)
        signal.set_wakeup_fd(self._wakeup_before)
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        os.close(self._read)
        os.close(self._write)


def forget_signals() -> None:  # pragma: no cover (no coverage in the child)
    """In a child: every disposition as after a fresh start, also those that Python itself had set to ignore."""
    signal.set_wakeup_fd(-1)
    for signum in (*CAUGHT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(signum, signal.SIG_DFL)


def end_strays(seconds: float) -> int:
    """As PID 1, before leaving: TERM to everything left, `seconds` later KILL; reap them all.

    Returns:
        How many were reaped.
    """
    reaped = 0
    for signum, limit in ((signal.SIGTERM, seconds), (signal.SIGKILL, seconds)):
        until = time.monotonic() + limit
        try:
            os.kill(-1, signum)
        except ProcessLookupError:
            return reaped
        while (left := until - time.monotonic()) > 0:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return reaped
            if pid:
                reaped += 1
            else:
                signal.sigtimedwait({signal.SIGCHLD}, min(left, 0.05))
    return reaped


def note(text: str) -> None:
    """A line on stderr, for what happens before there is a log."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass


def run_to_end(argv: list[str], folder: str | None, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a program of our own to its end, in exactly this environment; its exit code and all it said.

    A signal of `ENDING` ends it too: it is told to, and killed when it does not in `LAST_MOMENT`.

    Raises:
        FileNotFoundError: there is no such program.
        Interrupted: we were told to stop meanwhile.
    """
    catcher = SignalCatcher()
    try:
        with subprocess.Popen(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        ) as child:
            said = _listen(child, catcher)
        return child.returncode, said.decode(errors="replace")
    finally:
        catcher.close()


def _listen(child: "subprocess.Popen[bytes]", catcher: SignalCatcher) -> bytes:
    """All that it says until its end: what it leaves behind may hold the pipe, and is not waited for."""
    assert child.stdout is not None
    pipe = child.stdout.fileno()
    os.set_blocking(pipe, False)
    said = bytearray()
    while True:
        select.select([pipe, catcher.fileno()], [], [])
        ending = [signum for signum in catcher.take() if signum in ENDING]
        if ending:
            _end_group(child)
            raise Interrupted(ending[0])
        over = child.poll() is not None  # asked before the pipe is read, so that nothing is missed
        try:
            while data := os.read(pipe, 65536):
                said += data
            return bytes(said)
        except BlockingIOError:
            if over:
                return bytes(said)


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(LAST_MOMENT)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)


class Interrupted(Exception):
    """We were told to stop; `signum` says by what."""

    def __init__(self, signum: int) -> None:
        super().__init__(signals.name(signum))
        self.signum = signum


def wait_until(true: Callable[[], bool], every: float, remind: Callable[[], None], seconds: float) -> None:
    """Come back when `true()` is, which is asked every `every` seconds; `remind` is called every `seconds`.

    As PID 1 it reaps meanwhile.

    Raises:
        Interrupted: we were told to stop.
    """
    catcher = SignalCatcher()
    try:
        remind_at = time.monotonic()
        while not true():
            if time.monotonic() >= remind_at:
                remind()
                remind_at += seconds
            select.select([catcher], [], [], every)
            _heed(catcher)
    finally:
        catcher.close()


def idle() -> int:
    """Be PID 1 of a container that has nothing to do: reap, and return the signal that says to leave."""
    catcher = SignalCatcher()
    try:
        while True:
            select.select([catcher], [], [])
            _heed(catcher)
    except Interrupted as end:
        return end.signum
    finally:
        catcher.close()


def _heed(catcher: SignalCatcher) -> None:
    for signum in catcher.take():
        if signum in ENDING:
            raise Interrupted(signum)
    if os.getpid() == 1:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


def become(argv: list[str]) -> None:
    """Become another program, with no signal held back; returns only by raising.

    Raises:
        OSError: it cannot be executed.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for signum in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(signum, signal.SIG_DFL)
    os.execvp(argv[0], argv)
