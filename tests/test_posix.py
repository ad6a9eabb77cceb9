"""The real operating system behind the seam: what a child gets, and what it says when it cannot become its program."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from minisup.runtime import posix
from minisup.runtime.posix import PosixSystem, SignalCatcher
from minisup.runtime.system import Child, Command, CommandProblem
from minisup.specs import ProcessSpec

NARRATE = """
import json, os, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status") if line.startswith(("Sig", "Shd")))
fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
print(json.dumps(dict(
    pgid=os.getpgid(0) == os.getpid(), sid=os.getsid(0), cwd=os.getcwd(), umask=os.umask(0), argv=sys.argv, fds=fds,
    blocked=int(status["SigBlk"], 16), ignored=int(status["SigIgn"], 16), env=dict(os.environ), uid=os.getuid(),
    groups=os.getgroups(),
)))
"""

LIBC = 1 << 32 - 1 | 1 << 33 - 1
"""Signals that the C library keeps for itself: nobody can set them, and make(1) hands them on ignored."""


@pytest.fixture
def system() -> PosixSystem:
    return PosixSystem()


def spec(**values: object) -> ProcessSpec:
    return ProcessSpec(name="x", command="x", **values)  # type: ignore[arg-type]


def end(child: Child) -> tuple[str, str, int]:
    """Everything a child said on both outputs, and how it ended."""
    assert child.stdin is not None
    os.close(child.stdin)
    said = []
    for fd in (child.stdout, child.stderr):
        if fd is None:
            said.append("")
            continue
        os.set_blocking(fd, True)
        with os.fdopen(fd, "rb") as pipe:
            said.append(pipe.read().decode())
    _, status = os.waitpid(child.pid, 0)
    return said[0], said[1], status


def narrated(system: PosixSystem, wanted: ProcessSpec, **env: str) -> dict[str, object]:
    # -S and -I: the story is about what the child was given, not about what Python does with it
    command = Command(sys.executable, ["narrator", "-I", "-S", "-c", NARRATE, "a b"])
    out, err, status = end(system.spawn(wanted, command, {"LANG": "C", **env}))
    assert (err, status) == ("", 0)
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


class TestChild:
    def test_own_process_group_in_our_session(self, system: PosixSystem) -> None:
        told = narrated(system, spec())
        assert told["pgid"] is True
        assert told["sid"] == os.getsid(0)

    def test_three_descriptors_and_nothing_else(self, system: PosixSystem) -> None:
        read, write = os.pipe()  # close-on-exec, as everything that Python opens
        try:
            found = narrated(system, spec())["fds"]
            assert isinstance(found, list)
            assert found[:3] == [0, 1, 2]
            assert not {read, write} & set(found)
        finally:
            os.close(read)
            os.close(write)

    def test_no_signal_is_blocked_or_ignored(self, system: PosixSystem) -> None:
        told = narrated(system, spec())
        # The child is a Python: what it ignores, it ignores itself.
        python_ignores = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1 | LIBC
        assert told["blocked"] == 0
        assert int(str(told["ignored"])) & ~python_ignores == 0

    def test_sigpipe_is_not_ignored(self, system: PosixSystem) -> None:
        shell = Command("/bin/sh", ["sh", "-c", "grep SigIgn /proc/self/status"])
        out, _, _ = end(system.spawn(spec(), shell, {"PATH": os.environ["PATH"]}))
        assert int(out.split()[1], 16) & ~LIBC == 0

    def test_environment_is_exactly_what_was_given(self, system: PosixSystem) -> None:
        env = narrated(system, spec(), NAME="value")["env"]
        assert isinstance(env, dict)
        assert {name: env[name] for name in env if name != "LC_CTYPE"} == {"LANG": "C", "NAME": "value"}

    def test_directory_and_umask(self, system: PosixSystem, tmp_path: Path) -> None:
        told = narrated(system, spec(directory=str(tmp_path), umask=0o27))
        assert (told["cwd"], told["umask"]) == (str(tmp_path.resolve()), 0o27)

    def test_arguments_stay_whole(self, system: PosixSystem) -> None:
        assert narrated(system, spec())["argv"] == ["-c", "a b"]

    def test_redirected_stderr_is_the_same_pipe(self, system: PosixSystem) -> None:
        child = system.spawn(
            spec(redirect_stderr=True), Command("/bin/sh", ["sh", "-c", "echo one; echo two >&2; echo three"]), {}
        )
        assert child.stderr is None
        assert end(child)[0] == "one\ntwo\nthree\n"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    def test_user(self, system: PosixSystem) -> None:
        shell = Command("/bin/sh", ["sh", "-c", "id -u; id -G; grep SigBlk /proc/self/status"])
        out, err, status = end(system.spawn(spec(uid=65534), shell, {"PATH": os.environ["PATH"]}))
        lines = out.split("\n")
        assert (lines[0], status, err) == ("65534", 0, "")
        assert "0" not in lines[1].split()
        assert int(lines[2].split()[1], 16) == 0

    @pytest.mark.parametrize(
        "uid",
        [None, pytest.param(65534, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can change users"))],
    )
    def test_a_standard_input_that_is_lent(self, system: PosixSystem, uid: int | None) -> None:
        read, write = os.pipe()
        try:
            os.write(write, b"hello")
            child = system.spawn(
                spec(uid=uid), Command("/bin/sh", ["sh", "-c", "head -c 5"]), {"PATH": "/usr/bin:/bin"}, read
            )
            assert child.stdin is None
            out = b""
            os.set_blocking(child.stdout, True)
            while chunk := os.read(child.stdout, 99):
                out += chunk
            assert (out, os.waitpid(child.pid, 0)[1], os.get_inheritable(read)) == (b"hello", 0, False)
        finally:
            for fd in (read, write, child.stdout, child.stderr):
                os.close(fd)  # ours is open still


CANNOT = {
    "no such folder": (
        {"directory": "/no/such/folder"},
        Command("/bin/sh", ["sh", "-c", "true"]),
        "supervisor: couldn't chdir to /no/such/folder: ENOENT\n",
    ),
    "no such file": ({}, Command("/no/such/file", ["file"]), "supervisor: couldn't exec file: ENOENT\n"),
    "no interpreter line": ({}, Command("SCRIPT", ["script"]), "supervisor: couldn't exec script: ENOEXEC\n"),
}


class TestCannot:
    @pytest.mark.parametrize("values, argv, why", CANNOT.values(), ids=CANNOT)
    def test_child_says_why_and_ends_with_127(
        self, system: PosixSystem, tmp_path: Path, values: dict[str, object], argv: Command, why: str
    ) -> None:
        command = argv
        if command.path == "SCRIPT":
            script = tmp_path / "script"
            script.write_text("echo hello\n")
            script.chmod(0o755)
            command = Command(str(script), command.argv)
        out, err, status = end(system.spawn(spec(**values), command, {}))
        assert out == ""
        assert err == why + "supervisor: child process was not spawned\n"
        assert os.waitstatus_to_exitcode(status) == 127

    def test_on_stdout_where_stderr_is_redirected(self, system: PosixSystem) -> None:
        out, _, _ = end(system.spawn(spec(redirect_stderr=True), Command("/no/such/file", ["file"]), {}))
        assert out.endswith("supervisor: child process was not spawned\n")

    @pytest.mark.skipif(os.geteuid() != 0, reason="root is the one who can take rights away")
    def test_user_that_we_may_not_become(self, system: PosixSystem) -> None:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setuid(65534)
                _, err, status = end(system.spawn(spec(uid=1), Command("/bin/sh", ["sh", "-c", "true"]), {}))
                right = "supervisor: couldn't setuid to 1: Can't drop privilege as nonroot user\n" in err
                code = 0 if right and os.waitstatus_to_exitcode(status) == 127 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def program(folder: Path, name: str, mode: int = 0o755) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


class TestResolve:
    def problem(self, system: PosixSystem, command: str, path: str = "") -> tuple[int, str]:
        with pytest.raises(CommandProblem) as caught:
            system.resolve(ProcessSpec(name="x", command=command, environment={"PATH": path}))
        assert str(caught.value) in caught.value.fault.text
        return caught.value.fault.code, str(caught.value)

    def test_quotes_are_the_shells(self, system: PosixSystem, tmp_path: Path) -> None:
        program(tmp_path, "run")
        found = system.resolve(ProcessSpec(name="x", command=f"{tmp_path}/run 'a b'\n c\\ d \"e\"  ''"))
        assert found == Command(f"{tmp_path}/run", [f"{tmp_path}/run", "a b", "c d", "e", ""])

    def test_path_of_the_program_comes_first(self, system: PosixSystem, tmp_path: Path) -> None:
        path = program(tmp_path / "bin", "run")
        found = system.resolve(ProcessSpec(name="x", command="run", environment={"PATH": f"/no:{tmp_path}/bin"}))
        assert found == Command(str(path), ["run"])

    def test_first_wins_even_if_it_cannot_run(self, system: PosixSystem, tmp_path: Path) -> None:
        program(tmp_path / "one", "run", 0o644)
        program(tmp_path / "two", "run")
        code, text = self.problem(system, "run", f"{tmp_path}/one:{tmp_path}/two")
        assert (code, text) == (21, f"command at '{tmp_path}/one/run' is not executable")

    def test_problems(self, system: PosixSystem, tmp_path: Path) -> None:
        assert self.problem(system, "") == (21, "command is empty")
        assert self.problem(system, "a 'b") == (21, "can't parse command \"a 'b\": No closing quotation")
        assert self.problem(system, "/no/such") == (20, "can't find command '/no/such'")
        assert self.problem(system, "nosuch", "/bin") == (20, "can't find command 'nosuch'")
        assert self.problem(system, str(tmp_path)) == (21, f"command at '{tmp_path}' is a directory")


class TestSpawnErrors:
    def test_no_descriptors_left(self, system: PosixSystem, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[int] = []
        real = os.pipe2

        def pipe2(flags: int) -> tuple[int, int]:
            if len(opened) >= 2:
                raise OSError(24, "Too many open files")
            ends = real(flags)
            opened.extend(ends)
            return ends

        monkeypatch.setattr(os, "pipe2", pipe2)
        with pytest.raises(OSError, match="Too many") as caught:
            system.spawn(spec(), Command("/bin/true", ["true"]), {})
        assert caught.value.filename == "pipe"
        for fd in opened:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(fd)


class TestReap:
    def test_nothing_to_reap(self, system: PosixSystem) -> None:
        assert system.reap() is None

    def test_status_of_a_child(self, system: PosixSystem) -> None:
        child = system.spawn(spec(), Command("/bin/sh", ["sh", "-c", "exit 3"]), {})
        while (found := system.reap()) is None:
            time.sleep(0.001)  # waits for the child, not for a race to pass
        assert found == (child.pid, 3 << 8)
        for fd in (child.stdin, child.stdout, child.stderr):
            assert fd is not None
            os.close(fd)

    def test_kill_of_a_group(self, system: PosixSystem) -> None:
        child = system.spawn(spec(), Command("/bin/sh", ["sh", "-c", "sleep 60 & wait"]), {"PATH": os.environ["PATH"]})
        system.kill(child.pid, signal.SIGKILL, group=True)
        out, err, status = end(child)  # comes back at once: the sleep that holds the pipes is gone too
        assert (out, err, os.waitstatus_to_exitcode(status)) == ("", "", -9)


class TestSignalCatcher:
    def test_each_once_in_order_and_readable(self) -> None:
        catcher = SignalCatcher()
        try:
            for signum in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
                os.kill(os.getpid(), signum)
            assert catcher.pending
            assert os.read(catcher.fileno(), 1)
            assert list(catcher.take()) == [signal.SIGHUP, signal.SIGTERM]
            assert not catcher.pending
            assert list(catcher.take()) == []
        finally:
            catcher.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def test_what_came_before_is_not_lost(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGTERM)
        catcher = SignalCatcher()
        try:
            assert list(catcher.take()) == [signal.SIGTERM]
        finally:
            catcher.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def test_held_back_again_between_two_lives(self) -> None:
        SignalCatcher().close()
        try:
            os.kill(os.getpid(), signal.SIGHUP)  # would end us, were it let in
            assert signal.SIGHUP in signal.sigpending()
            catcher = SignalCatcher()
            assert list(catcher.take()) == [signal.SIGHUP]
            catcher.close()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def test_unknown_reason(self) -> None:
        assert posix.CANNOT_RUN == 127
