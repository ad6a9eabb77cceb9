"""docs/radial.md and examples/radial: the story is told again, the images, the compose file and the pod are tried.

There is no container engine here. What one would do with the files is done by hand: environments and commands are read
from them and run in front of a WHEEL_ROOT, and what cannot be run is compared with what minisup understands.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from daemon import until
from test_docs import ORACLE, ROOT, SCRIPTS, blocks, environment, pattern

from minisup.cli import spoke as spoke_cli
from minisup.spoke import hub as hubs
from minisup.spoke import plan

RADIAL = ROOT / "examples/radial"
STORY = (ROOT / "docs/radial.md").read_text()
PLACE = "/srv/try"
AXLE = {"/config", "/data", "/log", "/run"}
REPOSITORIES = ("skeleton", "web", "worker")
GIT = {
    **{f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name, for a unix socket has at most 108 bytes of path."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        yield Path(folder).resolve()


def surroundings(place: Path, **more: str) -> dict[str, str]:
    """An environment in which nothing of ours is set but WHEEL_ROOT and `more`."""
    base = environment(SCRIPTS, ORACLE, RADIAL / "images/spoke-base") | GIT
    for name in known_names(base) - {"WHEEL_ROOT"}:
        del base[name]
    base.pop("HOSTNAME", None)
    return base | {"TMPDIR": str(place), "WHEEL_ROOT": str(place / "wheel")} | more


class Asked(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def understood() -> set[str]:
    """The names that minisup looks for, WHEEL_REPO and WHEEL_BRANCH for all that begin so."""
    asked = Asked()
    plan.Spoke(asked, "host")
    plan.Hub(asked)
    return asked.names | {"SPOKE_CMD", "WHEEL_REPO", "WHEEL_BRANCH"}


def known_names(environ: dict[str, str]) -> set[str]:
    return {name for name in environ if re.sub(r"^(WHEEL_(REPO|BRANCH)).*", r"\1", name) in understood()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def use_a_free_port(ini: Path) -> None:
    ini.write_text(ini.read_text().replace(" 8000 ", f" {free_port()} --bind 127.0.0.1 "))


def make_repositories(place: Path) -> None:
    for name in REPOSITORIES:
        shutil.copytree(RADIAL / name, place / name)
    use_a_free_port(place / "web/supervisor/conf.d/web.ini")
    for name in REPOSITORIES:
        commit(place / name)


def commit(folder: Path) -> None:
    for words in (["init", "-q", "-b", "config"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, env=os.environ | GIT, check=True, timeout=60)


# --- the story ------------------------------------------------------------------------------------------------------


class Shell:
    """A shell that is given one command after the other, as at a terminal."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.errors = (folder / "errors.txt").open("w+")
        self.process = subprocess.Popen(
            ["bash"], cwd=folder, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors
        )

    def run(self, command: str) -> str:
        """What it shows on stdout."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\necho; echo '#over#'\n".encode())
        self.process.stdin.flush()
        shown = b""
        while not shown.endswith(b"\n#over#\n"):
            line = self.process.stdout.readline()
            assert line, f"the shell ended at {command!r}"
            shown += line
        return shown.removesuffix(b"\n#over#\n").decode()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"kill $(jobs -p) 2>/dev/null; wait\n")
        self.process.stdin.close()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()


def story() -> list[tuple[str, str]]:
    """(command, what it shows) of the transcript."""
    [body] = [body for language, body in blocks(STORY) if language == "console"]
    steps = (step.partition("\n") for step in body.removeprefix("$ ").split("\n$ "))
    return [(re.split(r" {2,}# ", command)[0], shown.strip()) for command, _, shown in steps]


def tell(place: Path, shell: Shell, command: str, expected: str) -> None:
    """Run a step until it shows what it should: a reader is slower than a test."""
    wanted = pattern(expected.replace(PLACE, str(place)))
    command = command.replace("~/minisup", str(ROOT))
    end = time.monotonic() + 20
    while True:
        shown = shell.run(command).strip()
        if wanted.fullmatch(shown):
            return
        assert command.split()[0] in ("cat", "grep", "supervisorctl"), f"$ {command}\n{shown}\ninstead of\n{expected}"
        assert time.monotonic() < end, f"$ {command}\n{shown}\ninstead of\n{expected}"
        time.sleep(0.05)


@pytest.mark.slow
def test_the_story(place: Path) -> None:
    shell = Shell(place, {name: text for name, text in surroundings(place).items() if name != "WHEEL_ROOT"})
    try:
        for command, expected in story():
            if command.startswith("kill -KILL"):  # all that the picture shows is there now
                until(lambda: tree() <= files(place / "wheel"), lambda: str(tree() ^ files(place / "wheel")))
                assert files(place / "wheel") - tree() == set()
            tell(place, shell, command, expected)
            if command.startswith("cp "):
                use_a_free_port(place / "web/supervisor/conf.d/web.ini")
                ini = place / "web/supervisor/conf.d/web.ini"
                ini.write_text(ini.read_text().replace(" --bind 127.0.0.1", ""))
        shell.errors.seek(0)
        assert "minisup: cannot" not in shell.errors.read()
    finally:
        shell.close()


def tree() -> set[str]:
    """The paths of the picture."""
    [picture] = [body for _, body in blocks(STORY) if body.startswith("wheel\n")]
    paths: set[str] = set()
    above: list[str] = []
    for line in picture.splitlines()[1:]:
        match = re.match(r"((?:│  |   |├─ |└─ )+)(\S+)", line)
        assert match, line
        above = [*above[: len(match[1]) // 3 - 1], match[2]]
        paths.add("/".join(above))
    return paths


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return {str(path) for path in found if ".git" not in path.parts and path.name != "time.txt.new"}


# --- tables of the document -----------------------------------------------------------------------------------------


def cells(heading: str) -> list[list[str]]:
    """The cells of all tables below a heading."""
    section = STORY.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert section, heading
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if line[:1] == "|"]
    return [row for row in rows if not set(row[0]) <= set("|- ")]


def test_every_variable_is_told() -> None:
    told = {name for name in (row[0].removesuffix("*") for row in cells("The environment")) if name.isupper()}
    assert told == understood()


def test_help_names_what_is_told() -> None:
    helps = spoke_cli.SPOKE_HELP + spoke_cli.HUB_HELP
    missing = [name for name in understood() if name not in helps]
    assert missing == ["PERMISSIONS_DEFAULT_FILE"]  # written as PERMISSIONS_DEFAULT_DIR, _FILE


def test_every_mode_is_told() -> None:
    rows = cells("The environment")
    assert tuple(mode for row in rows for mode in hubs.MODES if row[0] == f"`{mode}`") == hubs.MODES


def messages() -> list[str]:
    return [row[0].strip("`") for row in cells("Errors, and what to do") if row[0].startswith("`")]


# What it says -> the command, and what is set or broken before it.
ERRORS: dict[str, tuple[str, dict[str, str]]] = {
    "waiting for the hub: /run/hub.lock is still there": ("spoke", {"SPOKE_NAME": "web", "hub.lock": "made"}),
    "waiting for the hub: there is no /config/supervisor/supervisord.conf yet": (
        "spoke",
        {"SPOKE_NAME": "web", "supervisor": "gone"},
    ),
    "cannot start a spoke: SPOKE_NAME is not set": ("spoke", {}),
    "cannot start a spoke: SPOKE_NAME 'a/b' cannot be the name of a file": ("spoke", {"SPOKE_NAME": "a/b"}),
    "cannot start a spoke: there is no /config (is there a Hub container, and are its volumes here?)": (
        "spoke",
        {"SPOKE_NAME": "web", "config": "gone"},
    ),
    "cannot start a spoke as 'web-1': another spoke with this id lives (set SPOKE_ID where containers share a host "
    "name)": ("spoke", {"SPOKE_NAME": "web", "SPOKE_ID": "web-1", "lock": "taken"}),
    "cannot start the group of spoke 'wep': there is no wep-group (there are: web-group, worker-group)": (
        "spoke",
        {"SPOKE_NAME": "wep"},
    ),
    "/config/supervisor/conf.d/web.ini:7: cannot use autorestart 'treu' in [program:web]: none of true, false, "
    "unexpected": (
        "spoke",
        {"SPOKE_NAME": "web", "web.ini": "broken"},
    ),
    "cannot use --exit-on or SPOKE_EXIT_ON: invalid exit_on value 'always'": (
        "spoke",
        {"SPOKE_NAME": "web", "SPOKE_EXIT_ON": "always"},
    ),
    "cannot take the exit code from 'wep': there is no such program (there are: web-group:web, worker-group:clock, "
    "worker-group:reporter)": ("spoke --exit-code-from wep", {"SPOKE_NAME": "web"}),
    "cannot clone into '/config': it has files already and is no git repository": ("hub dynamic", {".git": "gone"}),
    "cannot pull '/web': fatal: couldn't find remote ref nightly": ("hub dynamic", {"WHEEL_BRANCH_1": "nightly"}),
    "cannot use SPOKE_CMD 'sh -c \"': No closing quotation": ("spoke ls", {"SPOKE_CMD": 'sh -c "'}),
    "cannot run '/app': No such file or directory": ("spoke /app", {}),
    "cannot fetch the configuration: git is not installed": ("hub dynamic", {"config": "gone", "PATH": "/nowhere"}),
    "cannot fetch the configuration: /config is there already (SPOKE_DETACH_MODE is on)": (
        "spoke",
        {"SPOKE_NAME": "web", "SPOKE_DETACH_MODE": "True"},
    ),
    "cannot clone '/nowhere': fatal: repository '/nowhere' does not exist": (
        "hub dynamic",
        {"config": "gone", "SUPERVISOR_REPO": "/nowhere"},
    ),
    "cannot merge '/other': Auto-merging supervisor/conf.d/web.ini CONFLICT (add/add): Merge conflict in "
    "supervisor/conf.d/web.ini Automatic merge failed; fix conflicts and then commit the result.": (
        "hub dynamic",
        {"WHEEL_REPO_3": "/other"},
    ),
    "the hub needs one mode: dynamic, static, static-update (minisup hub --help says more)": ("hub", {}),
    "cannot use PERMISSIONS_DEFAULT_DIR '9': it is not an octal mode": (
        "hub dynamic",
        {"PERMISSIONS_DEFAULT_DIR": "9"},
    ),
    "cannot use PERMISSIONS_EXCEPTIONS entry '/config/x': it is not PATH:MODE[:USER[:GROUP]]": (
        "hub dynamic",
        {"PERMISSIONS_EXCEPTIONS": "/config/x"},
    ),
}


def test_every_error_is_provoked() -> None:
    assert set(messages()) == set(ERRORS)


@contextmanager
def broken(place: Path, how: dict[str, str]) -> Iterator[dict[str, str]]:
    """A filled wheel, broken as asked; the environment of who meets it."""
    make_repositories(place)
    sources = {"SUPERVISOR_REPO": str(place / "skeleton"), "SUPERVISOR_BRANCH": "config"}
    sources |= {"WHEEL_REPO_1": str(place / "web"), "WHEEL_REPO_2": str(place / "worker")}
    wheel = place / "wheel"
    environ = surroundings(place, **sources)
    subprocess.run([SCRIPTS / "minisup", "hub", "static"], env=environ, check=True, capture_output=True, timeout=60)
    for left in place.glob("minisup-*"):
        left.unlink()
    with ExitStack() as steps:
        for name, value in how.items():
            match name, value:
                case "hub.lock", _:
                    (wheel / "run/hub.lock").mkdir()
                case "config" | "supervisor" | ".git", _:
                    shutil.rmtree(next(wheel.glob(f"**/{name}")))
                case "web.ini", _:
                    ini = wheel / "config/supervisor/conf.d/web.ini"
                    ini.write_text(ini.read_text().replace("autorestart=true", "autorestart=treu"))
                case "lock", _:
                    steps.enter_context(living(place, {**environ, "SPOKE_NAME": "web", "SPOKE_ID": "web-1"}))
                case _, "/other":
                    ini = place / "other/supervisor/conf.d/web.ini"
                    ini.parent.mkdir(parents=True)
                    ini.write_text("; not the same\n")
                    commit(place / "other")
                    environ[name] = str(place / "other")
                case _:
                    environ[name] = value
        yield environ


@contextmanager
def living(place: Path, environ: dict[str, str], *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A spoke or a hub; what it says is in the file NAME.out."""
    path = place / f"{environ.get('SPOKE_NAME', 'hub')}.out"
    with (
        path.open("wb") as out,
        subprocess.Popen([SCRIPTS / "minisup", *(words or ("spoke",))], env=environ, stdout=out, stderr=out) as process,
    ):
        try:
            until(
                lambda: re.search(rb"supervisord started|is ready", path.read_bytes()) or process.poll() is not None,
                path.read_text,
            )
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(30)


@pytest.mark.slow
@pytest.mark.parametrize("message", ERRORS)
def test_error(place: Path, message: str) -> None:
    words, how = ERRORS[message]
    waits = message.startswith("waiting")
    with broken(place, how) as environ:
        with subprocess.Popen(
            [sys.executable, SCRIPTS / "minisup", *words.split()], env=environ, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line.strip().replace(f"{environ['WHEEL_ROOT']}/", "/").replace(f"{place}/", "/"))
                if waits and lines[-1].endswith(message):
                    process.terminate()
        assert f"minisup: {message}" in lines
        assert process.returncode == (128 + signal.SIGTERM if waits else 1)
        if words == "hub dynamic":  # the lock is kept, unless it was told nonsense and did not begin
            assert (place / "wheel/run/hub.lock").is_dir() != message.startswith("cannot use")


@pytest.mark.slow
def test_advice(place: Path) -> None:
    """What the document says of `minisup check --spoke` is what it says, but for names and paths."""
    rows = [row[0].strip("`") for row in cells("Moving an existing wheel") if row[0].startswith("`")]
    with broken(place, {"SPOKE_ID": "web-1"}) as environ:
        ini = place / "wheel/config/supervisor/conf.d/web.ini"
        text = ini.read_text().replace("autostart=false", "autostart=true\nserverurl=unix://%(here)s/supervisor.sock")
        ini.write_text(re.sub(r"log/%\(host_node_name\)s/%\(program_name\)s_\w+", "log/all", text))
        done = subprocess.run(
            [SCRIPTS / "minisup", "check", "--spoke"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        ini.write_text(ini.read_text().replace("log/all", "log/web-1/clock_stdout"))
        again = subprocess.run(
            [SCRIPTS / "minisup", "check", "--spoke"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    for row in rows:
        free = "".join(".*" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", row))
        free = re.sub(r"'(a|b)'", "'.*'", free)
        assert re.search(free, done.stdout + again.stdout), f"{row}\n{done.stdout}{done.stderr}{again.stdout}"
    assert len(rows) == 4


# --- images ---------------------------------------------------------------------------------------------------------

DOCKERFILES = sorted(RADIAL.glob("images/*/Dockerfile"))


def instructions(path: Path) -> list[tuple[str, str]]:
    """(INSTRUCTION, the rest of it) of a Dockerfile."""
    text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, re.sub(r"\s+", " ", rest)) for word, _, rest in (line.partition(" ") for line in lines) if word]


def image(name: str) -> dict[str, Any]:
    """What a container of an image of ours has: environment, entrypoint and command, those of its base included."""
    path = RADIAL / f"images/{name}/Dockerfile"
    if not path.exists():
        return {"ENV": {}, "ENTRYPOINT": [], "CMD": []}
    found: dict[str, Any] = {}
    for word, rest in instructions(path):
        if word == "FROM":
            found = image(rest)
        elif word == "ENV":
            variable, _, value = rest.partition("=")
            found["ENV"][variable] = value.strip('"')
        elif word == "ENTRYPOINT":
            found |= {"ENTRYPOINT": json.loads(rest), "CMD": []}
        elif word == "CMD":
            found["CMD"] = json.loads(rest)
    return found


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_image(path: Path) -> None:
    kinds = [word for word, _ in instructions(path)]
    assert kinds[0] == "FROM"
    assert set(kinds) <= {"FROM", "RUN", "COPY", "ENV", "EXPOSE", "ENTRYPOINT", "CMD"}
    for word, rest in instructions(path):
        if word == "RUN":
            assert subprocess.run(["sh", "-n", "-c", rest], capture_output=True, timeout=10, check=False).stderr == b""
        if word == "COPY":
            assert os.access(path.parent / rest.split()[0], os.X_OK)
        if word == "FROM" and "debian" not in rest:
            assert (path.parent.parent / rest / "Dockerfile").is_file()
    assert set(image(path.parent.name)["ENV"]) <= understood()


@pytest.mark.slow
@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_entrypoint(path: Path) -> None:
    """It is a command that minisup has; the mode of a hub is one."""
    made = image(path.parent.name)
    program, command = made["ENTRYPOINT"]
    assert program in ("minisup",)
    done = subprocess.run(
        [SCRIPTS / program, command, "--help"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"minisup {command}" in done.stdout
    assert made["CMD"] == (["dynamic"] if command == "hub" else [])
    assert set(made["CMD"]) <= set(hubs.MODES)


@pytest.mark.slow
def test_the_base_is_built(place: Path) -> None:
    """Its line that installs minisup is run, with other folders and this minisup; and the README's and the doc's."""
    [line] = [
        rest
        for word, rest in instructions(RADIAL / "images/spoke-base/Dockerfile")
        if "install --no-cache-dir minisup" in rest
    ]
    (place / "bin").mkdir()
    line = line.replace("install --no-cache-dir minisup", f"install -q {shlex.quote(str(ROOT))}")
    line = (
        line.replace("/opt/", f"{place}/opt/")
        .replace("/usr/local/bin/", f"{place}/bin/")
        .replace("python3 ", f"{sys.executable} ")
    )
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    for name, first in (("minisup", "Usage: minisup spoke"), ("supervisord", "Usage: supervisord")):
        words = ["spoke", "--help"] if name == "minisup" else ["--help"]
        done = subprocess.run([place / "bin" / name, *words], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(first)


# --- compose file and pod -------------------------------------------------------------------------------------------


class Container:
    """What the compose file or the pod says of a container."""

    def __init__(self, image_name: str, own: dict[str, str], words: list[str], grace: float, mounts: set[str]) -> None:
        made = image(image_name)
        self.environ: dict[str, str] = made["ENV"] | own
        self.own = own
        self.command: list[str] = made["ENTRYPOINT"] + (words or made["CMD"])
        self.grace = grace
        self.mounts = mounts


def compose() -> dict[str, Container]:
    found = {}
    for name, service in yaml.safe_load((RADIAL / "compose.yaml").read_text())["services"].items():
        made_of = service["build"].removeprefix("images/") if "build" in service else service["image"]
        own = dict(service.get("environment", {}))
        found[name] = Container(
            made_of,
            # an engine sets HOSTNAME; without containers there is one host name, which is what SPOKE_ID is for
            own,
            shlex.split(service.get("command", "")),
            float(service.get("stop_grace_period", "10s").removesuffix("s")),
            {volume.split(":")[1] for volume in service["volumes"]},
        )
        found[name].environ["HOSTNAME"] = service["hostname"]
    return found


def pod() -> dict[str, Container]:
    spec = yaml.safe_load((RADIAL / "pod.yaml").read_text())["spec"]
    found = {}
    for container in [*spec["initContainers"], *spec["containers"]]:
        own = {variable["name"]: variable["value"] for variable in container.get("env", [])}
        grace = float(spec["terminationGracePeriodSeconds"])
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        found[container["name"]] = Container(container["image"], own, container.get("args", []), grace, mounts)
    return found


ENGINES = {"compose": compose, "pod": pod}
each_engine = pytest.mark.parametrize("engine", ENGINES)


@each_engine
def test_containers(engine: str) -> None:
    containers = ENGINES[engine]()
    assert set(containers) == {"hub", "web", "worker"}
    skeleton = (RADIAL / "skeleton/supervisor/supervisord.conf").read_text()
    [seconds] = re.findall(r"^shutdown_timeout=(\d+)", skeleton, flags=re.MULTILINE)
    assert float(seconds) == spoke_cli.BUDGET
    ids = set()
    for name, container in containers.items():
        assert known_names(container.own) == set(container.own)
        assert container.mounts >= AXLE
        assert container.command[:2] == ["minisup", "hub" if name == "hub" else "spoke"]
        if name != "hub":
            spoke = plan.Spoke(container.environ, "the pod's")
            assert spoke.name == name
            assert f"[group:{spoke.name}-group]" in (RADIAL / name / f"supervisor/conf.d/{name}.ini").read_text()
            assert container.grace > float(seconds)
            ids.add(spoke.id)
    assert len(ids) == 2
    assert "the pod's" not in ids
    hub = plan.Hub(containers["hub"].environ)
    sources = [hub.skeleton, *hub.wheels]
    assert [Path(source.repository).stem for source in sources] == list(REPOSITORIES)
    assert {source.branch for source in sources} == {"config"}


def test_compose() -> None:
    text = yaml.safe_load((RADIAL / "compose.yaml").read_text())
    named = {volume.split(":")[0] for service in text["services"].values() for volume in service["volumes"]}
    assert named - {"./"} == set(text["volumes"])
    for name in ("web", "worker"):
        assert text["services"][name]["depends_on"] == {"hub": {"condition": "service_healthy"}}
        assert text["services"][name]["healthcheck"]["test"] == ["CMD", "spoke-up"]


def test_pod() -> None:
    text = yaml.safe_load((RADIAL / "pod.yaml").read_text())
    assert (text["apiVersion"], text["kind"]) == ("v1", "Pod")
    assert not text["spec"].get("shareProcessNamespace")
    volumes = {volume["name"] for volume in text["spec"]["volumes"]}
    for container in text["spec"]["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        assert container["readinessProbe"]["exec"]["command"] == ["spoke-up"]


def hub_is_healthy(wheel: Path) -> bool:
    """The health check of the compose file."""
    service = yaml.safe_load((RADIAL / "compose.yaml").read_text())["services"]["hub"]
    kind, command = service["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    command = re.sub(r"(?<= )/(?=config|run)", f"{wheel}/", command)
    return subprocess.run(["sh", "-c", command], timeout=10, check=False).returncode == 0


@pytest.mark.slow
@each_engine
def test_wheel(place: Path, engine: str) -> None:
    """The containers of a file, one process each, from the hub to the last exit code."""
    make_repositories(place)
    containers = ENGINES[engine]()
    environs = {name: surroundings(place) | container.environ for name, container in containers.items()}
    for environ in environs.values():
        environ["WHEEL_ROOT"] = str(place / "wheel")
    for variable in [name for name in environs["hub"] if name.startswith(("SUPERVISOR_REPO", "WHEEL_REPO"))]:
        environs["hub"][variable] = str(place / Path(environs["hub"][variable]).stem)

    with ExitStack() as steps:
        assert not hub_is_healthy(place / "wheel")
        hub = steps.enter_context(living(place, environs["hub"], *containers["hub"].command[1:]))
        if engine == "pod":
            assert hub.wait(30) == 0
        until(lambda: hub_is_healthy(place / "wheel"), (place / "hub.out").read_text)
        spokes = [
            steps.enter_context(living(place, environs[name], *containers[name].command[1:]))
            for name in ("web", "worker")
        ]
        for name in ("web", "worker"):
            until(lambda name=name: spoke_up(environs[name]).returncode == 0, (place / f"{name}.out").read_text)
            check = [SCRIPTS / "minisup", "check", "--spoke"]
            done = subprocess.run(check, env=environs[name], capture_output=True, text=True, timeout=30, check=False)
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.endswith(": good: 2 groups, 3 processes, 1 control socket\n"), done.stdout
            assert len(done.stdout.splitlines()) == 1, done.stdout
        for process in spokes:
            process.terminate()
            assert process.wait(30) == 0
    assert spoke_up(environs["web"]).stderr.startswith("cannot ask ")


def spoke_up(environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, RADIAL / "images/spoke-base/spoke-up"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.slow
def test_spoke_up_says_what_is_down(place: Path) -> None:
    with broken(place, {}) as environ, living(place, environ | {"SPOKE_NAME": "worker", "SPOKE_ID": "w"}):
        environ |= {"SPOKE_NAME": "worker", "SPOKE_ID": "w"}
        until(lambda: spoke_up(environ).returncode == 0, lambda: spoke_up(environ).stderr)
        url = f"unix://{place}/wheel/run/supervisor/w/supervisor.sock"
        stop = [ORACLE / "supervisorctl", "-s", url, "stop", "worker-group:clock"]
        subprocess.run(stop, env=environ, check=True, capture_output=True, timeout=30)
        done = spoke_up(environ)
        assert (done.returncode, done.stderr) == (1, "clock is STOPPED\n")
        assert spoke_up(environ | {"SPOKE_NAME": "nobody"}).stderr == "there is no group of nobody\n"
