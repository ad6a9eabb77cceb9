"""minisup-compat: the commands and the names of supervisor, where the real one is not installed.

What both have is run by both, and what they print is compared.
"""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from compat_home import COMPAT, THERE, environment, make_home
from daemon import MARK, Daemon, Room, program, room, until

import minisup
from minisup.control.rpc import METHODS

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parent

MODULES = [
    f"supervisor.{name}"
    for name in (
        *("childutils", "compat", "confecho", "datatypes", "dispatchers", "events", "http", "loggers", "options"),
        *("pidproxy", "process", "rpcinterface", "states", "supervisorctl", "supervisord", "xmlrpc"),
    )
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment without the real supervisor."""
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Room]:
    """A room for daemons."""
    with room(tmp_path) as found:
        yield found


def python(commands: Path, *words: str | Path, folder: Path | None = None, **more: str) -> str:
    """What a program of Python prints; it must end well and say nothing on stderr."""
    done = subprocess.run(
        [commands / "python", *words],
        cwd=folder,
        env=environment(commands, **more),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def names(home: Path) -> dict[str, Any]:
    """What the modules have, there and here; what is listed as missing here."""
    listed = "import json; from supervisor import _missing as m; print(json.dumps([m.NAMES, m.MODULES]))"
    missing, modules = json.loads(python(home, "-c", listed))
    return {
        "there": json.loads(python(THERE, HERE / "compat_names.py", *MODULES)),
        "here": json.loads(python(home, HERE / "compat_names.py", *MODULES)),
        "missing": missing,
        "modules": modules,
    }


def test_every_name_is_served_or_listed(names: dict[str, Any]) -> None:
    for module, there in names["there"]["defined"].items():
        missing = set(names["missing"].get(module, {}))
        assert set(there) - set(names["here"]["names"][module]) == missing, module


def test_every_module_is_served_or_listed(names: dict[str, Any]) -> None:
    there = {f"supervisor.{path.stem}" for path in Path(THERE.parent).glob("lib/*/site-packages/supervisor/*.py")}
    there |= {"supervisor.medusa"}
    assert there - {"supervisor.__init__"} == set(MODULES) | set(names["modules"])


def test_signatures(names: dict[str, Any]) -> None:
    """A parameter may be left out here that may not be left out there; nothing else differs."""
    here, there = names["here"]["signatures"], names["there"]["signatures"]
    different = {}
    for name in here.keys() & there.keys():
        mine = [
            [parameter, kind, default if wanted != "-" else wanted]
            for (parameter, kind, default), (_, _, wanted) in zip(here[name], there[name], strict=False)
        ]
        if mine != there[name] or len(here[name]) != len(there[name]):
            different[name] = here[name], there[name]
    assert different == {}
    assert len(here.keys() & there.keys()) > 300


PARTLY = {
    *("childutils.PEventListenerDispatcher", "dispatchers.PEventListenerDispatcher", "loggers.RotatingFileHandler"),
    *("loggers.Logger", "options.ClientOptions", "options.Options", "options.ServerOptions"),
    *("supervisorctl.ClientOptions", "supervisorctl.Controller", "supervisorctl.DefaultControllerPlugin"),
    "supervisorctl.fgthread",
}
"""Classes of which methods are left out that only their own module calls."""


def test_classes_are_whole(names: dict[str, Any]) -> None:
    here, there = names["here"]["signatures"], names["there"]["signatures"]
    owners = {name.rpartition(".")[0] for name in there.keys() - here.keys() if name.count(".") == 3}
    assert {owner.removeprefix("supervisor.") for owner in owners & here.keys()} == PARTLY


CALL_ALL = """\
import inspect, json
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface, make_main_rpcinterface
class Daemon:
    def call(self, *call):
        return call
main = make_main_rpcinterface(Daemon())
for name, method in inspect.getmembers(main, inspect.ismethod):
    if not name.startswith("_"):
        words = list(inspect.signature(method).parameters)
        print(json.dumps([name, [f"a {word}" for word in words], method(*(f"a {word}" for word in words))]))
"""


def test_the_main_interface_hands_every_call_on(home: Path) -> None:
    calls = [json.loads(line) for line in python(home, "-c", CALL_ALL).splitlines()]
    methods = {name.removeprefix("supervisor.") for name in METHODS if name.startswith("supervisor.")}
    assert {name for name, _, _ in calls} == methods
    for name, given, (called, *params) in calls:
        assert called in METHODS
        assert METHODS[called].handler is METHODS[f"supervisor.{name}"].handler
        assert params == given


def test_what_they_do(home: Path, tmp_path: Path) -> None:
    said = []
    for number, commands in enumerate((THERE, home)):
        folder = tmp_path / str(number)
        folder.mkdir()
        said.append(python(commands, HERE / "compat_probe.py", folder).replace(str(folder), "FOLDER"))
    there, here = (text.splitlines() for text in said)
    assert here == there


IMPORT_ALL = """\
import importlib, json, sys
from supervisor import _missing
said = {}
def attempt(name, do):
    try:
        do()
    except ImportError as error:
        said[name] = str(error)
for module in _missing.MODULES:
    attempt(module, lambda: importlib.import_module(module))
    attempt(f"{module}.x", lambda: exec(f"from {module} import x"))
for module, names in _missing.NAMES.items():
    for name in names:
        attempt(f"{module}.{name}", lambda: exec(f"from {module} import {name}"))
print(json.dumps(said))
"""


BY_WAY = """\
from supervisor.process import BadCommand, ProcessStates, getProcessStateDescription
from supervisor.supervisord import SupervisorStates
import supervisor.options, supervisor.states
print(ProcessStates is supervisor.states.ProcessStates, SupervisorStates is supervisor.states.SupervisorStates)
print(BadCommand is supervisor.options.BadCommand, getProcessStateDescription(20))
"""


def test_names_that_plugins_import_from_where_they_were_only_imported(home: Path) -> None:
    """superlance's tests, supervisor_cfg and others do."""
    for commands in (THERE, home):
        assert python(commands, "-W", "ignore", "-c", BY_WAY) == "True True\nTrue RUNNING\n"


def test_what_is_missing_says_so(home: Path, names: dict[str, Any]) -> None:
    said = json.loads(python(home, "-c", IMPORT_ALL))
    listed = {f"{module}.{name}": why for module, names in names["missing"].items() for name, why in names.items()}
    for module, why in names["modules"].items():
        listed |= {module: why, f"{module}.x": why}
    assert said == {
        name: f"minisup has no {name.removesuffix('.x')}: {why}; keep the real supervisor installed for this"
        for name, why in listed.items()
    }


def test_what_an_object_lacks_says_so(home: Path) -> None:
    said = python(
        home,
        "-c",
        "from supervisor.options import ServerOptions as S\ntry: S().fork\nexcept AttributeError as e: print(e)",
    )
    assert said.startswith("minisup has no supervisor.options.ServerOptions.fork: ")


def test_the_readme_lists_what_is_missing(names: dict[str, Any]) -> None:
    text = (COMPAT / "README.md").read_text().partition("\n## What there is not\n")[2]
    absent = [name for name in names["modules"] if f"`{name}`" not in text]
    for module, missing in names["missing"].items():
        section = re.search(rf"^\| `{re.escape(module)}` \|(.*)\|$", text, flags=re.MULTILINE)
        absent += [f"{module}.{name}" for name in missing if section is None or f"`{name}`" not in section[1]]
    assert absent == []


def test_version(home: Path) -> None:
    assert (COMPAT / "supervisor/version.txt").read_text() == f"{minisup.SUPERVISORD_VERSION}\n"
    for words in (["supervisord", "-v"], ["python", "-m", "supervisor.supervisord", "-v"]):
        done = subprocess.run([home / words[0], *words[1:]], env=environment(home), capture_output=True, check=True)
        assert (done.stdout, done.stderr) == (b"4.3.0\n", b"")


def test_the_wheel_has_all_of_it() -> None:
    said = tomllib.loads((COMPAT / "pyproject.toml").read_text())
    wheel = said["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert said["project"]["version"] == minisup.__version__
    assert said["project"]["dependencies"] == [f"minisup=={minisup.__version__}"]
    assert set(wheel["packages"]) == {path.parent.name for path in COMPAT.glob("*/__init__.py")}
    assert set(wheel["shared-scripts"]) == {f"scripts/{path.name}" for path in (COMPAT / "scripts").iterdir()}
    assert set(wheel["shared-scripts"].values()) == {path.name for path in (COMPAT / "scripts").iterdir()}


def test_two_of_them(home: Path, tmp_path: Path) -> None:
    """The real distribution beside ours: one line says so."""
    (tmp_path / "supervisor-4.3.0.dist-info").mkdir()
    both = "minisup-compat and supervisor are both installed and overwrite each other's files: "
    for command in ("supervisord", "supervisorctl", "pidproxy", "echo_supervisord_conf"):
        done = subprocess.run(
            [home / command, "-h"],
            env=environment(home, PYTHONPATH=str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        [line] = done.stderr.splitlines()
        assert line.startswith(f"{command}: {both}")


# --- streams --------------------------------------------------------------------------------------------------------

STREAMS = """\
import io
from supervisor import childutils

class Wrapped:
    "As home-made ones are: it has what a listener needs, and no class that says what it takes."
    def __init__(self, stream):
        self.stream = stream
    def __getattr__(self, name):
        return getattr(self.stream, name)

class Slow(io.RawIOBase):
    "Gives a byte at a time."
    def __init__(self, data):
        self.data = io.BytesIO(data)
    def readable(self):
        return True
    def readinto(self, buffer):
        buffer[:1] = found = self.data.read(1)
        return len(found)
    def readline(self, size=-1):
        return self.data.readline()

event = "ver:3.0 len:10\\nläöü €𝄞 x!"
for stdin in (io.StringIO(event + event), io.BytesIO(2 * event.encode()), Slow(2 * event.encode())):
    for out in (io.StringIO(), io.BytesIO(), Wrapped(io.BytesIO())):
        if stdin.seekable():
            stdin.seek(0)
        elif isinstance(stdin, Slow):
            stdin = Slow(2 * event.encode())
        for _ in range(2):
            headers, payload = childutils.listener.wait(stdin, out)
            assert (headers, payload) == ({"ver": "3.0", "len": "10"}, "läöü €𝄞 x!"), payload
            childutils.listener.ok(out)
        childutils.listener.send("ä", out)
        childutils.listener.send("ä".encode(), out)
        childutils.pcomm.send("ü", out)
        childutils.pcomm.send(b"b", out)
        said = out.getvalue()
        said = said if isinstance(said, str) else said.decode()
        assert said == (
            "READY\\nRESULT 2\\nOK" * 2
            + "RESULT 2\\nä" * 2
            + "<!--XSUPERVISOR:BEGIN-->ü<!--XSUPERVISOR:END--><!--XSUPERVISOR:BEGIN-->b<!--XSUPERVISOR:END-->"
        ), said
childutils.pcomm.stdout("to stdout")
"""


def test_streams(home: Path) -> None:
    """Of text and of bytes, wrapped or not; lengths are those of the protocol, whatever the stream."""
    assert python(home, "-c", STREAMS) == "<!--XSUPERVISOR:BEGIN-->to stdout<!--XSUPERVISOR:END-->"


# --- under a daemon -------------------------------------------------------------------------------------------------

EAR = """\
import os
import sys
from supervisor import childutils
from supervisor.options import make_namespec
from supervisor.states import ProcessStates

def main():
    rpc = childutils.getRPCInterface(os.environ)
    refused = False
    if "--bytes" in sys.argv:
        stdin, stdout = open(0, "rb"), open(1, "wb", 0)
    else:
        stdin, stdout = sys.stdin, sys.stdout
    while True:
        headers, payload = childutils.listener.wait(stdin, stdout)
        name = headers["eventname"]
        fields, data = childutils.eventdata(payload + "\\n")
        if not refused and name == "REMOTE_COMMUNICATION":
            refused = True
            print("refused", file=sys.stderr, flush=True)
            childutils.listener.fail(stdout)
            continue
        said = [name, headers["pool"], headers["server"], fields.get("processname"), fields.get("from_state"), data]
        if fields.get("processname") == "web" and name == "PROCESS_STATE_EXITED":
            namespec = make_namespec(fields["groupname"], fields["processname"])
            said.append(rpc.supervisor.getProcessInfo(namespec)["state"] is ProcessStates.EXITED)
            rpc.supervisor.startProcess("again")
        if fields.get("processname") != "ear":
            print(said, file=sys.stderr, flush=True)
        childutils.listener.ok(stdout)

main()
"""

SENTENCE = "lätta €𝄞\nmore"


def listening(here: Room, commands: Path, *words: str) -> list[str]:
    """What a listener was told while a program ended, it started another, and a client sent it something."""
    (here.folder / "ear.py").write_text(EAR)
    events = "PROCESS_STATE_EXITED,PROCESS_STATE_RUNNING,REMOTE_COMMUNICATION"
    here.write(
        f"\n[eventlistener:ear]\ncommand={commands / 'python'} ear.py {' '.join(words)}\nevents={events}\n"
        "stderr_logfile=%(here)s/ear.log\nbuffer_size=100\nstartsecs=0\n",
        program("web", "sleep 600", startsecs=0, autorestart="false", priority=1000),
        program("again", "sleep 600", startsecs=0, autostart="false"),
    )
    daemon: Daemon = here.start(command=[str(commands / "supervisord"), "-n"], env=environment(commands)).up()
    daemon.running("ear", "web")
    daemon.rpc.signalProcess("web", "KILL")
    daemon.running("again")
    daemon.rpc.sendRemoteCommEvent("me", SENTENCE)
    until(lambda: len([line for line in daemon.output("ear") if "REMOTE_COMM" in line]) == 1, daemon.main_log)
    daemon.stop()
    return daemon.output("ear")


@pytest.mark.parametrize(
    ("kind", "words"),
    [("supervisord", []), ("minisup", []), ("minisup", ["--bytes"])],
    ids=["supervisord", "minisup", "minisup with bytes"],
)
def test_listener(kind: str, words: list[str], here: Room, home: Path) -> None:
    """The same listener, written for supervisor: first there, then here. Streams of bytes are ours alone."""
    told = listening(here, THERE if kind == "supervisord" else home, *words)
    assert told == [
        "['PROCESS_STATE_RUNNING', 'ear', 'supervisor', 'web', 'STARTING', '']",
        "['PROCESS_STATE_EXITED', 'ear', 'supervisor', 'web', 'RUNNING', '', True]",
        "['PROCESS_STATE_RUNNING', 'ear', 'supervisor', 'again', 'STARTING', '']",
        "refused",
        "['REMOTE_COMMUNICATION', 'ear', 'supervisor', None, None, 'lätta €𝄞\\nmore\\n']",
    ]


DAEMON_PLUGIN = """\
from supervisor.events import ProcessStateEvent, getEventNameByType, subscribe
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.xmlrpc import Faults, RPCError

class Mine(SupervisorNamespaceRPCInterface):
    def __init__(self, supervisord, greeting):
        SupervisorNamespaceRPCInterface.__init__(self, supervisord)
        self.greeting = greeting
        self.seen = []
        subscribe(ProcessStateEvent, self.saw)
    def saw(self, event):
        self.seen.append("%s %s" % (getEventNameByType(type(event)), event.payload().rpartition(" ")[0]))
    def events(self):
        return self.seen
    def hello(self):
        return "%s %s" % (self.greeting, self.supervisord.options.identifier)
    def late(self, name):
        return self.stopProcess(name)
    def refuse(self):
        raise RPCError(Faults.BAD_NAME, "x")

def make(supervisord, **options):
    return Mine(supervisord, **options)
"""

ASK_PLUGIN = """\
import sys
from supervisor.childutils import getRPCInterface
rpc = getRPCInterface({"SUPERVISOR_SERVER_URL": sys.argv[1]})
mine = rpc.mine
for ask in (
    lambda: mine.hello(),
    lambda: mine.late("web"),
    lambda: mine.getAllProcessInfo()[0]["statename"],
    lambda: mine.refuse(),
    lambda: mine.stopProcess("web"),
    lambda: mine.events(),
):
    try:
        print(ask())
    except Exception as error:
        print(repr(error))
rpc("close")()
"""


@pytest.mark.parametrize("kind", ["supervisord", "minisup"])
def test_plugin(kind: str, here: Room, home: Path) -> None:
    """One that is the main interface and more, with a callback for events."""
    commands = THERE if kind == "supervisord" else home
    (here.folder / "mine.py").write_text(DAEMON_PLUGIN)
    here.write(
        program("web", "sleep 600", startsecs=0, stopwaitsecs=60),
        "\n[rpcinterface:mine]\nsupervisor.rpcinterface_factory = mine:make\ngreeting = I am\n",
    )
    env = environment(commands, PYTHONPATH=str(here.folder))
    here.start(command=[str(commands / "supervisord"), "-n"], env=env).up().running("web").forget()
    told = "processname:web groupname:web from_state"
    assert python(commands, "-c", ASK_PLUGIN, f"unix://{here.folder}/s").splitlines() == [
        "I am supervisor",
        "True",
        "STOPPED",
        "<Fault 10: 'BAD_NAME: x'>",
        "<Fault 70: 'NOT_RUNNING: web'>",
        str(
            [
                f"PROCESS_STATE_STARTING {told}:STOPPED",
                f"PROCESS_STATE_RUNNING {told}:STARTING",
                f"PROCESS_STATE_STOPPING {told}:RUNNING",
                f"PROCESS_STATE_STOPPED {told}:STOPPING",
            ]
        ),
    ]


CLOSED = """\
import select, socket, sys
from supervisor.childutils import getRPCInterface
rpc = getRPCInterface({"SUPERVISOR_SERVER_URL": sys.argv[1]})
print(rpc.supervisor.getState()["statename"])
kept = rpc("transport").connection.sock
with socket.socket(socket.AF_UNIX) as other:  # it takes the only place
    other.connect(sys.argv[1].removeprefix("unix://"))
    other.sendall(b"GET /ok.html HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
    while other.recv(1000):
        pass
assert select.select([kept], [], [], 60)[0] and not kept.recv(1)  # the daemon has closed it
print(rpc.supervisor.getState()["statename"])
rpc("close")()
"""


def test_a_connection_that_was_closed_is_opened_again(here: Room, home: Path) -> None:
    path = here.write()
    path.write_text(path.read_text().replace("file=%(here)s/s", "file=%(here)s/s\nmax_connections=1"))
    here.start(command=[str(home / "supervisord"), "-n"], env=environment(home)).up().forget()
    assert python(home, "-W", "error", "-c", CLOSED, f"unix://{here.folder}/s") == "RUNNING\nRUNNING\n"


# --- the commands as functions --------------------------------------------------------------------------------------

CALLED = """\
import atexit, contextlib, io, sys
from pathlib import Path
from supervisor import supervisorctl, supervisord

def attempt(name, call):
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            ended = call()
    except SystemExit as error:
        ended = f"exit {error.code}"
    print(name, ended, repr(said.getvalue()), flush=True)

conf = Path(sys.argv[1])
attempt("daemon", lambda: supervisord.main(["-c", conf]))
attempt("no daemon", lambda: supervisord.main(args=("-c", "/nowhere/x.conf")))
options = supervisorctl.ClientOptions()
options.realize(["-c", conf], doc="")
attempt("line", lambda: supervisorctl.Controller(options).onecmd("version"))
for words in (["version"], ("avail", "x"), ("help", "nothing")):
    attempt(words, lambda: supervisorctl.main(("-c", conf, *words)))
atexit.register(print, "the end")
"""


def test_called_by_programs(here: Room, home: Path) -> None:
    """`main` comes back or raises SystemExit, again and again, and a path may be one of pathlib's."""
    conf = here.write(
        program("end", "sh -c 'kill -TERM $PPID; exec sleep 600'", startsecs=0),
        "\n[supervisorctl]\nserverurl=unix://%(here)s/nobody\n",
    )
    conf.write_text(conf.read_text().replace("[supervisord]", "[supervisord]\nnodaemon=true\nsilent=true", 1))
    said = []
    for commands in (THERE, home):
        done = subprocess.run(
            [commands / "python", "-W", "ignore", "-c", CALLED, conf],
            env=environment(commands, **{MARK: str(here.folder)}),
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        )
        said.append(done.stdout.replace(re.findall(r"avail\\t.*", done.stdout)[0], "HELP").splitlines())
    assert said[1] == said[0]
    assert said[0][0] == "daemon None ''"
    assert said[0][-1] == "the end"


# --- shell ----------------------------------------------------------------------------------------------------------

ENTRYPOINT = """\
#!/bin/sh
set -eu
supervisord -c x.conf
until supervisorctl -c x.conf status web | grep -q RUNNING; do sleep 0.05; done
supervisorctl -c x.conf status
supervisorctl -c x.conf hello big world
supervisorctl -c x.conf stop web
supervisorctl -c x.conf status || echo "status: $?"
supervisorctl -c x.conf start nothing || echo "start: $?"
supervisorctl -c x.conf pid web || echo "pid: $?"
kill -0 "$(cat pid)"
python -m supervisor.supervisorctl -c x.conf avail
supervisorctl -c x.conf shutdown
while [ -e pid ]; do sleep 0.05; done
supervisorctl -c x.conf status || echo "status: $?"
echo_supervisord_conf > sample.conf
sed -i "s|/tmp/supervisord[.]|$PWD/sample.|; s|/tmp/supervisor.sock|$PWD/sample.sock|" sample.conf
printf '%s\\n' '[include]' 'files = parts/*.conf' >> sample.conf
supervisord -c sample.conf
until supervisorctl -c sample.conf status part | grep -q RUNNING; do sleep 0.05; done
supervisorctl -c sample.conf shutdown
while [ -e sample.pid ]; do sleep 0.05; done
exec echo "the command of the container"
"""

PLUGIN = """\
from supervisor.supervisorctl import ControllerPluginBase

class Hello(ControllerPluginBase):
    def __init__(self, controller, **config):
        ControllerPluginBase.__init__(self, controller)
        self.greeting = config["greeting"]
    def do_hello(self, arg):
        state = self.ctl.get_supervisor().getState()["statename"]
        self.ctl.output("%s, %s: %s" % (self.greeting, arg, state))
    def help_hello(self):
        self.ctl.output("hello NAME")

def make_hello(controller, **config):
    return Hello(controller, **config)
"""


@pytest.mark.parametrize("kind", ["supervisord", "minisup"])
def test_entrypoint(kind: str, here: Room, home: Path) -> None:
    """A script as images have it: a daemon, commands to it, and the end."""
    commands = THERE if kind == "supervisord" else home
    path = here.write(
        program("web", "sleep 600", startsecs=0, stopwaitsecs=60),
        "\n[supervisorctl]\nserverurl=unix://%(here)s/s\n",
        "\n[ctlplugin:hello]\nsupervisor.ctl_factory = hello:make_hello\ngreeting = Hello\n",
        name="x.conf",
    )
    (here.folder / "hello.py").write_text(PLUGIN)
    (here.folder / "parts").mkdir()
    (here.folder / "parts/part.conf").write_text("[program:part]\ncommand=sleep 600\nstartsecs=0\n")
    script = here.folder / "entrypoint"
    script.write_text(ENTRYPOINT)
    script.chmod(0o755)
    done = subprocess.run(
        [script],
        cwd=path.parent,
        env=environment(commands, PYTHONPATH=str(here.folder), **{MARK: str(here.folder)}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    said = re.sub(r"pid \d+, uptime \S+", "pid N, uptime T", done.stdout)
    assert re.sub(r"(?<=STOPPED   ).*", "WHEN", said).replace(str(here.folder), "HERE").splitlines() == [
        "web                              RUNNING   pid N, uptime T",
        "Hello, big world: RUNNING",
        "web: stopped",
        "web                              STOPPED   WHEN",
        "status: 3",
        "nothing: ERROR (no such process)",
        "start: 1",
        "0",
        "pid: 7",
        "web                              in use    auto      999:999",
        "Shut down",
        "unix://HERE/s no such file",
        "status: 4",
        "Shut down",
        "the command of the container",
    ]
