"""What is done once around the life of a daemon."""

import fcntl
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from minisup.errors import MinisupError
from minisup.runtime import daemonize
from minisup.runtime.daemonize import (
    clear_auto_logs,
    drop_privileges,
    generate_auto_log,
    mark_inherited_cloexec,
    remove_pidfile,
    set_rlimits,
    write_pidfile,
)

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="changing the user needs root")
ROOT = Path(__file__).parents[1]


def run(code: str, *args: str) -> str:
    """What a Python program printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *args], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr


class Limits:
    """The limits of a made-up environment."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, nofile: tuple[int, int], nproc: tuple[int, int], root: bool
    ) -> None:
        self.now = {resource.RLIMIT_NOFILE: nofile, resource.RLIMIT_NPROC: nproc}
        self.root = root
        monkeypatch.setattr(daemonize.resource, "getrlimit", self.now.__getitem__)
        monkeypatch.setattr(daemonize.resource, "setrlimit", self.set)

    def set(self, kind: int, limits: tuple[int, int]) -> None:
        if limits[1] > self.now[kind][1] and not self.root:
            raise ValueError("not allowed to raise maximum limit")
        self.now[kind] = limits


def test_limits_are_raised_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, (256, 4096), (100, -1), root=False)
    assert set_rlimits(1024, 200) == ["Increased RLIMIT_NOFILE limit to 1024", "Increased RLIMIT_NPROC limit to 200"]
    assert limits.now == {resource.RLIMIT_NOFILE: (1024, 4096), resource.RLIMIT_NPROC: (200, -1)}


def test_limits_are_never_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, (1_073_741_816, 1_073_741_816), (-1, -1), root=True)
    before = dict(limits.now)
    assert set_rlimits(1024, 200) == []
    assert limits.now == before


def test_root_raises_hard_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, (256, 512), (-1, -1), root=True)
    assert set_rlimits(1024, 200) == ["Increased RLIMIT_NOFILE limit to 1024"]
    assert limits.now[resource.RLIMIT_NOFILE] == (1024, 1024)


def test_a_limit_that_cannot_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(monkeypatch, (256, 512), (-1, -1), root=False)
    with pytest.raises(MinisupError) as files:
        set_rlimits(1024, 200)
    assert str(files.value) == (
        'The minimum number of file descriptors required to run this process is 1024 as per the "minfds" command-line '
        "argument or config file setting. The current environment will only allow you to open 1024 file descriptors.  "
        "Either raise the number of usable file descriptors in your environment (see README.rst) or lower the minfds "
        "setting in the config file to allow the process to start."
    )
    Limits(monkeypatch, (-1, -1), (1, 2), root=False)
    with pytest.raises(MinisupError) as processes:
        set_rlimits(1024, 200)
    assert str(processes.value) == (
        'The minimum number of available processes required to run this program is 200 as per the "minprocs" '
        "command-line argument or config file setting. The current environment will only allow you to open 200 "
        "processes.  Either raise the number of usable processes in your environment (see README.rst) or lower the "
        "minprocs setting in the config file to allow the program to start."
    )


def test_the_own_user_needs_no_passwd_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemonize.os, "getuid", lambda: 54321)
    assert drop_privileges(54321) is None


def test_privileges_that_cannot_be_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(daemonize.os, "getuid", lambda: 54321)
    assert drop_privileges(987654) == "Can't find uid 987654"
    assert drop_privileges(0) == "Can't drop privilege as nonroot user"
    monkeypatch.setattr(daemonize.os, "getuid", lambda: 0)
    for name, why in (
        ("setuid", "Could not set user id of effective user: Operation not permitted"),
        ("setgid", "Could not set group id of effective user"),
        ("setgroups", "Could not set groups of effective user"),
    ):
        for harmless in ("setuid", "setgid", "setgroups"):
            monkeypatch.setattr(daemonize.os, harmless, lambda *_: None)
        monkeypatch.setattr(daemonize.os, name, refuse)
        assert drop_privileges(1) == why


@needs_root
def test_privileges_are_dropped_for_good() -> None:
    code = """if True:
        import os
        from minisup.runtime.daemonize import drop_privileges
        print(drop_privileges(1), os.getresuid(), os.getresgid(), os.getgroups())
    """
    import pwd

    gid = pwd.getpwuid(1).pw_gid
    assert run(code) == f"None (1, 1, 1) ({gid}, {gid}, {gid}) [{gid}]\n"


DAEMON = """if True:
    import os, sys
    from minisup.runtime.daemonize import daemonize
    from minisup.specs import DaemonSpec
    log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    say = lambda level, text: os.write(log, f"{level} {text}\\n".encode())
    parent = os.getpid()
    done, write = os.pipe()
    if os.fork():
        os.close(write)
        os.read(done, 1)  # every holder of the other end has left
        os._exit(0)
    daemonize(DaemonSpec(directory=sys.argv[1], umask=0o027), say)
    links = {os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)}
    leader = os.getsid(0) == os.getpid() == os.getpgid(0)
    say("child", f"{links} {leader} {os.umask(0):03o} {os.getcwd()}")
"""


def test_into_the_background(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run(DAEMON, str(tmp_path), str(log)) == ""
    assert sorted(log.read_text().splitlines()) == [
        "blather supervisord forked; parent exiting",
        f"child {{'/dev/null'}} True 027 {tmp_path}",
        "info daemonizing the supervisord process",
        f"info set current directory: '{tmp_path}'",
    ]


def test_into_the_background_without_the_directory(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run(DAEMON, "/nonexistent", str(log)) == ""
    why = "critical can't chdir into '/nonexistent': [Errno 2] No such file or directory: '/nonexistent'"
    assert why in log.read_text().splitlines()


class Said(list[tuple[str, str]]):
    def say(self, level: str, text: str) -> None:
        self.append((level, text))


def test_pidfile(tmp_path: Path) -> None:
    said = Said()
    path = tmp_path / "pid"
    path.write_text("stale, and longer than ours\n")
    pidfile = write_pidfile(str(path), said.say)
    assert path.read_text() == f"{os.getpid()}\n"
    assert said == [("info", f"supervisord started with pid {os.getpid()}")]
    remove_pidfile(pidfile)
    assert not path.exists()
    remove_pidfile(pidfile)


def test_a_pidfile_that_cannot_be_written(tmp_path: Path) -> None:
    said = Said()
    path = str(tmp_path / "none" / "pid")
    pidfile = write_pidfile(path, said.say)
    assert pidfile is None
    assert said == [("critical", f"could not write pidfile {path}")]
    remove_pidfile(pidfile)


def test_the_pidfile_of_a_successor_stays(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    pidfile = write_pidfile(str(path), Said().say)
    path.write_text("1\n")
    remove_pidfile(pidfile)
    assert path.read_text() == "1\n"


def test_an_auto_log(tmp_path: Path) -> None:
    path = Path(generate_auto_log(str(tmp_path), "cat", "stderr", "super:visor"))
    assert path.parent == tmp_path
    assert path.name.startswith("cat-stderr---super:visor-")
    assert path.name.endswith(".log")
    assert len(path.name) == len("cat-stderr---super:visor-xxxxxxxx.log")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b""
    assert generate_auto_log(str(tmp_path), "cat", "stderr", "super:visor") != str(path)
    with pytest.raises(FileNotFoundError):
        generate_auto_log(str(tmp_path / "none"), "cat", "stdout", "x")


def test_clear_auto_logs(tmp_path: Path) -> None:
    ours = {"a-stdout---s.p-x1.log", "a-stdout---s.p-x1.log.1", "a-stdout---s.p-x1.log.12345", "b---s.p-y.logfile"}
    others = {"a-stdout---sxp-x1.log", "a-stdout---other-x1.log", "---s.p-x.log", "main.log", "a-stdout---s.p-.log"}
    for name in ours | others:
        (tmp_path / name).touch()
    said = Said()
    clear_auto_logs(str(tmp_path), "s.p", said.say)
    assert set(os.listdir(tmp_path)) == others
    assert said == []


def test_clear_auto_logs_in_trouble(tmp_path: Path) -> None:
    said = Said()
    clear_auto_logs(str(tmp_path / "none"), "s", said.say)
    (tmp_path / "a-stdout---s-x.log").mkdir()
    clear_auto_logs(str(tmp_path), "s", said.say)
    assert said == [
        ("warn", "Could not clear childlog dir"),
        ("warn", f"Failed to clean up '{tmp_path}/a-stdout---s-x.log'"),
    ]


def test_inherited_descriptors_stay_ours() -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    mark_inherited_cloexec()
    assert fcntl.fcntl(writer, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    assert os.get_inheritable(1)
    os.close(reader)
    os.close(writer)


def test_a_start_without_standard_descriptors(tmp_path: Path) -> None:
    code = """if True:
        import os, sys
        from minisup.runtime.daemonize import fill_standard_descriptors
        fill_standard_descriptors()
        with open(sys.argv[1], "w") as result:
            print([os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)], result.fileno(), file=result)
    """
    run(
        "import os, sys; [os.close(fd) for fd in (0, 1, 2)]; "
        "os.execv(sys.executable, [sys.executable, '-S', '-c', *sys.argv[1:]])",
        code,
        str(tmp_path / "result"),
    )
    assert (tmp_path / "result").read_text() == "['/dev/null', '/dev/null', '/dev/null'] 3\n"


def test_subreaper() -> None:
    code = """if True:
        import ctypes
        from minisup.runtime.daemonize import become_subreaper
        done, value = become_subreaper(), ctypes.c_int()
        ctypes.CDLL(None).prctl(37, ctypes.byref(value), 0, 0, 0)
        print(done, value.value)
    """
    assert run(code) == "True 1\n"
