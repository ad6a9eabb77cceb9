"""A wheel in a folder of its own: git repositories, a hub, spokes; nothing is left when the test is over.

Two ways to run it. `Wheel` starts hub and spokes as plain processes, WHEEL_ROOT in front of every path: that needs no
rights. `Containers` starts each in mount, pid, uts and network namespaces of its own, on a root that is an overlay
over ours, with the four folders of the wheel bound to /config, /data, /log and /run: what a container engine does. The
mounts belong to a keeper, and vanish with it; a layer stays as long as the wheel, so that a container can be started
again.
"""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from daemon import MARK, MINISUP, PATIENCE, ROOT, Daemon, marked, until
from oracle.peer import oracle_venv

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TARGET = "supervisor/supervisord.conf"
READY = "the configuration is ready"
"""What the hub says when it begins to idle."""

SKELETON = """\
; The settings of the skeleton that wheels of Radial share.
[supervisord]
childlogdir={root}/log                  ; AUTO logs
pidfile=/%(here)s/supervisord.pid       ; beside the link
nodaemon=true                           ; a container's
{user}                                  ; all of it may be needed
umask=022
identifier=supervisor
directory={root}/data                   ; where programs begin
nocleanup=true                          ; others write there, too
{more}
[supervisorctl]
serverurl=unix:///%(here)s/supervisor.sock

[unix_http_server]
file=/%(here)s/supervisor.sock          ; beside the link

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files={root}/config/supervisor/conf.d/*.ini   ; one of each spoke
"""

PROGRAM = """\

[program:{name}]
command={command}
numprocs=1
autostart=false
autorestart=false
startsecs=0                     ; it runs as soon as it is there
startretries=0
exitcodes=0,1
stopsignal=TERM
stopwaitsecs=10
{user}
stdout_logfile={root}/log/%(host_node_name)s/%(program_name)s_stdout.log
stdout_logfile_maxbytes=50MB
stdout_logfile_backups=10
stdout_capture_maxbytes=1MB
stderr_logfile={root}/log/%(host_node_name)s/%(program_name)s_stderr.log
stderr_logfile_maxbytes=50MB
stderr_logfile_backups=10
stderr_capture_maxbytes=1MB
serverurl=unix:///%(here)s/supervisor.sock
"""

STAYS = "sh -c 'echo $0 began; echo $0 complains aloud, as always >&2; exec sleep 1000' %(program_name)s"
"""The command of a program that says something on both outputs, and stays."""


def _user(root: str) -> str:
    return "user=root" if not root or os.geteuid() == 0 else ";"


def skeleton(root: str = "", more: str = "") -> str:
    """supervisord.conf of a wheel; `more` are further lines of [supervisord]."""
    return SKELETON.format(root=root, user=_user(root), more=more)


def ini(group: str, programs: Mapping[str, str], root: str = "", priority: int = 1, **options: object) -> str:
    """The .ini of a spoke: a group, its programs and their commands; `options` are further lines of each program."""
    text = f"[group:{group}]\nprograms={','.join(programs)}\npriority={priority}\n"
    for name, command in programs.items():
        text += PROGRAM.format(name=name, command=command, root=root, user=_user(root))
        text += "".join(f"{key}={value}\n" for key, value in options.items())
    return text


# --- git -------------------------------------------------------------------------------------------------------------


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, with nobody's settings; what it said."""
    settings = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=none")
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *settings, *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(folder: Path, files: Mapping[str, str], branch: str = "config", message: str = "a change") -> None:
    """Write files into a repository, which is made if it is not there, and commit them on a branch."""
    if not folder.exists():
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet")
        git(folder, "checkout", "--quiet", "--orphan", branch)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if name.endswith(".sh"):
            path.chmod(0o755)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def mode(path: Path) -> int:
    """The permissions of a file, links not followed."""
    return stat.S_IMODE(path.lstat().st_mode)


class Mute:
    """A git server that takes a call and never says a word."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE)
        self._calls: list[socket.socket] = []
        self.address = f"git://127.0.0.1:{self._socket.getsockname()[1]}/skeleton"

    def called(self) -> None:
        """Wait for a call."""
        self._calls.append(self._socket.accept()[0])

    def hung_up(self) -> None:
        """Wait until the caller is gone."""
        self._calls[-1].settimeout(PATIENCE)
        while self._calls[-1].recv(4096):
            pass

    def close(self) -> None:
        for one in (*self._calls, self._socket):
            one.close()


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


# --- the wheel -------------------------------------------------------------------------------------------------------


class Spoke(Daemon):
    """A spoke or a hub; made by `Wheel.start`.

    Attributes:
        run: its folder under /run/supervisor.
        logs: its folder under /log.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", at: Path, run: Path, logs: Path, wrapped: bool, began: int
    ) -> None:
        super().__init__(process, at, wrapped)
        self._began = began
        self.run = run
        self.logs = logs
        link = at / "s"  # short: a unix socket has at most 108 bytes of path
        link.unlink(missing_ok=True)
        link.symlink_to(run / "supervisor.sock")

    def main_log(self) -> str:
        return self.log("supervisord.log") or self.shown()

    def log(self, name: str) -> str:
        """The text of one of its logs so far."""
        path = self.logs / name
        return path.read_text() if path.exists() else ""

    def shown(self) -> str:
        """What was on the container's output so far, in this life."""
        return (self.folder / "shown").read_bytes()[self._began :].decode()

    def shows(self, text: str, times: int = 1) -> str:
        """Wait until the output holds `text` so many times; the output."""

        def look() -> str:
            shown = self.shown()
            if shown.count(text) < times:
                assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{shown}"
                return ""
            return shown

        return until(look, lambda: f"{text!r} in\n{self.shown()}\n{self.log('supervisord.log')}")

    def complaint(self, code: int = 1) -> str:
        """Wait until it has ended with `code`; its last line, without the name in front."""
        assert self.wait() == code, self.shown()
        return self.shown().splitlines()[-1].removeprefix("minisup: ")

    def states(self) -> dict[str, str]:
        """The state of every process it knows, by ``group:name``."""
        return {f"{row['group']}:{row['name']}": row["statename"] for row in self.rpc.getAllProcessInfo()}


class Wheel:
    """Folders that containers share, and repositories to fill them from.

    Args:
        folder: of all of it.

    Attributes:
        root: what stands before /config and the others for those who run in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = str(folder)
        self.config, self.data, self.log, self.run = (folder / name for name in ("config", "data", "log", "run"))
        self.git = folder / "git"
        self.started: list[Spoke] = []
        for path in (self.git, self.run):
            path.mkdir()

    # -- what there is to run --

    def source(self, name: str) -> str:
        """The address of a repository, as the containers know it."""
        return f"{self.root}/git/{name}"

    def publish(self, name: str, files: Mapping[str, str], branch: str = "config") -> str:
        """Put a commit into a repository; its address."""
        commit(self.git / name, files, branch)
        return self.source(name)

    def publish_skeleton(self, more: str = "") -> str:
        """Put the skeleton into a repository; its address."""
        return self.publish("skeleton", {TARGET: skeleton(self.root, more), "README": "skeleton\n"}, "master")

    def publish_spoke(self, name: str, *programs: str) -> str:
        """Put a spoke whose programs only stay into a repository; its address."""
        text = ini(f"{name}-group", dict.fromkeys(programs or (name,), STAYS), self.root)
        return self.publish(name, {f"supervisor/conf.d/{name}.ini": text})

    def fill(self, *inis: str, more: str = "") -> None:
        """Write a configuration as if a hub had been here; `more` are further lines of [supervisord]."""
        for path in (self.config / "supervisor/conf.d", self.data, self.log):
            path.mkdir(parents=True, exist_ok=True)
        (self.config / TARGET).write_text(skeleton(self.root, more))
        for number, text in enumerate(inis):
            (self.config / f"supervisor/conf.d/{number}.ini").write_text(text)

    # -- who runs --

    def wrap(self, id: str) -> list[str]:
        """What goes in front of a command to run it in a container."""
        return []

    def environment(self, id: str) -> dict[str, str]:
        """Everything that is set in a container."""
        own = self.folder / "tmp" / id
        own.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join([str(Path(MINISUP).parent), os.environ["PATH"]])
        return {"PATH": path, "HOSTNAME": id, "WHEEL_ROOT": self.root, "TMPDIR": str(own), "HOME": str(own)}

    def start(self, id: str, *command: str, env: Mapping[str, str] | None = None) -> Spoke:
        """Start a container; again, where there was one of that name: what it left in its own folders is there."""
        environment = {**self.environment(id), MARK: str(self.folder), **(env or {})}
        at = self.folder / "at" / id
        at.mkdir(parents=True, exist_ok=True)
        wrapper = self.wrap(id)
        began = (at / "shown").stat().st_size if (at / "shown").exists() else 0
        with open(at / "shown", "ab") as output:
            process = subprocess.Popen(
                [*wrapper, *command],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        name = environment.get("SPOKE_ID") or environment["HOSTNAME"]
        spoke = Spoke(process, at, self.run / "supervisor" / name, self.log / name, bool(wrapper), began)
        self.started.append(spoke)
        return spoke

    def spoke(self, name: str, *words: str, id: str = "", **env: str) -> Spoke:
        """Start a spoke; ``NAME-host`` unless `id` is given. `env` are variables of its environment."""
        return self.start(id or f"{name}-host", MINISUP, "spoke", *words, env={"SPOKE_NAME": name, **env})

    def hub(self, mode: str = "dynamic", *wheels: str, id: str = "hub", **env: str) -> Spoke:
        """Start a hub of the skeleton and these wheels."""
        sources = {f"WHEEL_REPO_{number}": wheel for number, wheel in enumerate(wheels)}
        environment = {"SUPERVISOR_REPO": self.source("skeleton"), **sources, **env}
        return self.start(id, MINISUP, "hub", mode, env=environment)

    def hub_ends(self, mode: str = "dynamic", *wheels: str, id: str = "hub", **env: str) -> str:
        """Start a hub, wait until its work is done, and stop it; what it said."""
        hub = self.hub(mode, *wheels, id=id, **env)
        if mode != "static":
            hub.shows(READY)
            hub.send(signal.SIGTERM)
        assert hub.wait() == 0, hub.shown()
        return hub.shown()

    @property
    def lock(self) -> Path:
        """The folder that says that the hub works."""
        return self.run / "hub.lock"

    def gits(self) -> list[int]:
        """The pids of every git that runs for this wheel."""
        return [pid for pid in marked(self.folder) if b"git" in Path(f"/proc/{pid}/comm").read_bytes()]

    def close(self) -> None:
        """End everything that was started."""
        for spoke in self.started:
            spoke.clean()
        while left := marked(self.folder):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)


@contextlib.contextmanager
def wheel(folder: Path) -> Iterator[Wheel]:
    """A wheel of plain processes."""
    found = Wheel(folder)
    try:
        yield found
    finally:
        found.close()


# --- containers ------------------------------------------------------------------------------------------------------

KEEPER = 'mount -t tmpfs layers "$1" && echo ready && exec cat'
"""Has the layers of all containers in its mount namespace until its stdin is closed."""

CONTAINER = """\
set -e
layer=$1 wheel=$2 host=$3 more=$4
shift 4
mkdir -p "$layer/up" "$layer/work" "$layer/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/up,workdir=$layer/work" "$layer/root"
cd "$layer/root"
mkdir -p own config data log run git names
for folder in config data log run git names; do mount --bind "$wheel/$folder" "$folder"; done
for folder in $more; do mkdir -p ".$folder"; mount --bind "$folder" ".$folder"; done
mount --rbind /dev dev
mount -t proc proc proc
hostname "$host"
ip link set lo up
exec chroot . "$@"
"""

NAMESPACES = ["--mount", "--pid", "--uts", "--net"]


class Containers(Wheel):
    """A wheel whose hub and spokes are PID 1, each on a root of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.root = ""
        names = folder / "names"  # first in the PATH of all containers
        for path in (self.config, self.data, self.log, names, folder / "layers"):
            path.mkdir()
        (names / "supervisord").symlink_to(MINISUP)
        (names / "supervisorctl").symlink_to(oracle_venv() / "bin/supervisorctl")
        keeper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", KEEPER, "sh", str(folder / "layers")]
        self._keeper = subprocess.Popen(keeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"ready\n"

    def wrap(self, id: str) -> list[str]:
        ours = {str(ROOT), sys.prefix, sys.base_prefix, str(oracle_venv())}
        more = sorted(path for path in ours if os.stat(path).st_dev != os.stat("/").st_dev)
        return [
            *("nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt"),
            *("unshare", *NAMESPACES, "--propagation", "private", "--fork", "--kill-child"),
            *("sh", "-c", CONTAINER, "sh", str(self.folder / "layers" / id), str(self.folder), id, " ".join(more)),
        ]

    def environment(self, id: str) -> dict[str, str]:
        return {"PATH": f"/names:{PATH}", "HOSTNAME": id, "TMPDIR": "/own", "HOME": "/own"}

    def ask(self, *command: str, inside: Spoke | None = None) -> tuple[int, str]:
        """Run a command in a container of its own, or in a running one; its exit code and all that it said."""
        if inside is None:
            wrapper = self.wrap("axle")
        else:
            pid = inside.pid
            wrapper = ["nsenter", f"--target={pid}", *NAMESPACES, f"--root=/proc/{pid}/root", f"--wd=/proc/{pid}/root"]
        environment = {**self.environment("axle"), MARK: str(self.folder)}
        done = subprocess.run(
            [*wrapper, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=3 * PATIENCE,
        )
        return done.returncode, done.stdout.decode()

    def ctl(self, spoke: Spoke, *words: str) -> tuple[int, str]:
        """The real supervisorctl, asking from another container of the wheel."""
        return self.ask("supervisorctl", "-s", f"unix:///run/supervisor/{spoke.run.name}/supervisor.sock", *words)

    def kill(self, spoke: Spoke) -> None:
        """As ``docker kill`` does."""
        spoke.forget()
        os.kill(spoke.pid, signal.SIGKILL)
        spoke.wait()

    def close(self) -> None:
        super().close()
        self._keeper.communicate()


def _no_containers() -> str:
    """Why there can be none; empty where they can be."""
    if os.geteuid() != 0:
        return "needs root"
    if missing := [tool for tool in ("git", "ip", "nsenter", "unshare") if shutil.which(tool) is None]:
        return f"needs {', '.join(missing)}"
    overlay = (
        'mount -t tmpfs none "$1" && cd "$1" && mkdir up work root && '
        "mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root"
    )
    command: Sequence[str] = ["unshare", *NAMESPACES, "--propagation", "private", "--fork", "sh", "-c", overlay, "sh"]
    if subprocess.run([*command, "/mnt"], capture_output=True).returncode:
        return "needs the right to make namespaces and overlays"
    return ""


NO_CONTAINERS = _no_containers()
needs_containers = pytest.mark.skipif(bool(NO_CONTAINERS), reason=NO_CONTAINERS)


@contextlib.contextmanager
def containers(folder: Path) -> Iterator[Containers]:
    """A wheel of containers."""
    found = Containers(folder)
    try:
        yield found
    finally:
        found.close()
