"""Plugins of [rpcinterface:x]: what they get where supervisord gives more, and what they may do at any moment.

What supervisord does as well is compared in `oracle/cases_plugins.py`, with the real package `supervisor` beside
minisup; here once more with the stand-in.
"""

import os
import signal
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from daemon import HEAD, Daemon, Room, program, room, until
from fake_port import FakePort
from oracle.case import Runs, judge, playing
from oracle.cases_plugins import CASES, MINE, REAL_PACKAGE
from oracle.peer import MINISUP, REAL, ROOT

from minisup.control.plugins import Plugins
from minisup.control.views import NotServed
from minisup.errors import MinisupError
from minisup.events import Event
from minisup.specs import PluginSpec, ServerSpec

STAND_IN = f"{ROOT}/compat"


# --- without a daemon ------------------------------------------------------------------------------------------------


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests import the package `supervisor`, which here nobody has imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "supervisor"]:
        monkeypatch.delitem(sys.modules, name)


class Desk:
    """A plugin whose factory is a function of the test."""

    def __init__(self) -> None:
        self.port = FakePort()
        self.plugins = Plugins(self.port)
        self.spec = PluginSpec("x", "m:f", {}, "/w/s.conf:7")

    def make(self, factory: Any) -> None:
        self.plugins.make(ServerSpec("unix_http_server"), self.spec, lambda name: factory)

    def view(self) -> Any:
        """What the factory gets."""
        got: list[Any] = []
        self.make(lambda supervisord: got.append(supervisord))
        return got[0]


ASKED = {
    "supervisord": (lambda sd: sd.httpservers, "supervisord.httpservers"),
    "options": (lambda sd: sd.options.poller, "supervisord.options.poller"),
    "a field of minisup alone": (lambda sd: sd.options.exit_on, "supervisord.options.exit_on"),
    "the logger": (lambda sd: sd.options.logger.handlers, "supervisord.options.logger.handlers"),
    "a group": (lambda sd: sd.process_groups["web"].dispatchers, "a group.dispatchers"),
    "a process": (lambda sd: sd.process_groups["web"].processes["a"].pipes, "a process.pipes"),
    "a config": (lambda sd: sd.options.process_group_configs[0].make_group, "a group's config.make_group"),
    "what has another form": (
        lambda sd: sd.options.process_group_configs[0].process_configs[0].autorestart,
        "a process's config.autorestart",
    ),
    "a group of its own": (lambda sd: sd.add_process_group(object()), "a group that no configuration has"),
}


@pytest.mark.usefixtures("no_package")
@pytest.mark.parametrize(("ask", "what"), ASKED.values(), ids=ASKED)
def test_what_is_not_there_names_the_section_and_its_line(ask: Any, what: str) -> None:
    desk = Desk()
    text = f"/w/s.conf:7: [rpcinterface:x] supervisor.rpcinterface_factory: m:f asks for {what}, which minisup has not"
    with pytest.raises(NotServed) as caught:
        ask(desk.view())
    assert str(caught.value) == text
    assert isinstance(caught.value, AttributeError)
    with pytest.raises(MinisupError, match="Could not make x rpc interface"):
        desk.make(ask)
    assert ("critical", text) in desk.port.lines


@pytest.mark.usefixtures("no_package")
def test_processes_of_listeners_stay_as_they_are() -> None:
    desk = Desk()
    view = desk.view()
    group = view.process_groups["web"]
    desk.port.groups["web"].spec = replace(desk.port.groups["web"].spec, pool=object())  # type: ignore[arg-type]
    with pytest.raises(NotServed, match="other processes in the pool"):
        del group.processes["a"]


@pytest.mark.usefixtures("no_package")
def test_no_event_is_made_for_nobody() -> None:
    plugins = Desk().plugins
    plugins.notify(Event("TICK_5", "when:5"))


def test_nothing_of_it_is_imported_without_a_plugin() -> None:
    program = "import sys, minisup.app\nprint({'minisup.control.plugins', 'minisup.control.views'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "set()\n"


# --- with the stand-in -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """Every chosen case, under way on supervisord, and on minisup with the stand-in."""
    wanted = {item.callspec.params.get("key") for item in request.session.items if hasattr(item, "callspec")}
    chosen = {key: case for key, case in CASES.items() if key in wanted}
    stood_in = {f"{key}!": replace(case, env={"PYTHONPATH": f"@DIR@:{STAND_IN}"}) for key, case in chosen.items()}
    plan = [(key, REAL) for key in chosen] + [(key, MINISUP) for key in stood_in]
    with playing(chosen | stood_in, plan) as under_way:
        yield under_way


@pytest.mark.slow
@pytest.mark.parametrize("key", CASES)
def test_with_the_stand_in(key: str, runs: Runs) -> None:
    found = judge(CASES[key], runs[key, REAL].result(), runs[f"{key}!", MINISUP].result())
    assert not found, "\n".join(["with the stand-in minisup differs from supervisord:", *found])


# --- with a daemon of its own ----------------------------------------------------------------------------------------

MORE = (
    MINE
    + '''

import threading

class More(Whole):
    """Does from a thread and from a callback what others do from a method."""

    def touches(self, name):
        return getattr(self.supervisord, name)

    def in_a_thread(self, name):
        done = []
        def run():
            try:
                done.append(self._in_the_thread(name))
            except BaseException as error:
                done.append(repr(error))
        threading.Thread(target=run, daemon=True).start()
        def answer():
            return done[0] if done else NOT_DONE_YET
        answer.delay = 0.05
        return answer

    def _in_the_thread(self, name):
        process = self.supervisord.process_groups[name].processes[name]
        pid = process.spawn()
        info = self.getProcessInfo(name)
        answer = self.stopProcess(name)
        while callable(answer):
            value = answer()
            if value is not NOT_DONE_YET:
                answer = value
        return [pid == info["pid"] and pid > 0, answer, process.state]

    def when(self, one, other):
        """Start `other` whenever `one` has exited."""
        self._pair = one, other
        events.subscribe(events.EventTypes.PROCESS_STATE_EXITED, self._exited)
        return True

    def _exited(self, event):
        one, other = self._pair
        if event.process.config.name == one:
            self.supervisord.process_groups[other].processes[other].spawn()

    def at_events(self, what):
        def callback(event):
            raise ValueError("not today")
        events.subscribe(events.Event, callback)
        return True

    def waits_for_nonsense(self):
        return self.startProcess(5)

    @property
    def not_yet(self):
        raise ValueError("it cannot tell yet")


class Touchy:
    def __init__(self, supervisord):
        supervisord.options.httpservers


class Once(Whole):
    """Cannot be made in the second life."""
    def __init__(self, supervisord):
        Whole.__init__(self, supervisord)
        open(supervisord.options.here + "/made", "x").close()
'''
)


@pytest.fixture(params=[REAL_PACKAGE, STAND_IN], ids=["the real package", "the stand-in"])
def here(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Room]:
    (tmp_path / "more.py").write_text(MORE)
    with room(tmp_path) as found:
        found.path = f"{tmp_path}:{request.param}"  # type: ignore[attr-defined]
        yield found


def plugin(factory: str) -> str:
    return f"\n[rpcinterface:more]\nsupervisor.rpcinterface_factory=more:{factory}\n"


def place(here: Room, factory: str) -> str:
    """The line that names the factory, in a configuration that begins with `plugin`."""
    lines = (HEAD + plugin(factory)).splitlines()
    return f"{here.folder}/c.conf:{lines.index(f'supervisor.rpcinterface_factory=more:{factory}') + 1}"


def start(here: Room, *sections: str, **more: Any) -> Daemon:
    here.write(*sections)
    return here.start(env={**os.environ, "PYTHONPATH": here.path}, **more)  # type: ignore[attr-defined]


def more(daemon: Daemon) -> Any:
    return daemon.client().more


@pytest.mark.slow
class TestDaemon:
    def test_a_method_that_asks_for_too_much(self, here: Room) -> None:
        daemon = start(here, plugin("More")).up()
        section = "[rpcinterface:more] supervisor.rpcinterface_factory"
        text = f"{place(here, 'More')}: {section}: more:More asks for supervisord.httpservers, which minisup has not"
        with pytest.raises(xmlrpc.client.Fault) as caught:
            more(daemon).touches("httpservers")
        assert (caught.value.faultCode, caught.value.faultString) == (30, f"FAILED: {text}")
        assert daemon.said("httpservers") == [text]
        assert more(daemon).own() == "own"

    def test_a_factory_that_asks_for_too_much(self, here: Room) -> None:
        daemon = start(here, plugin("Touchy"), stderr=subprocess.PIPE)
        assert daemon.wait() == 2
        assert daemon.process.stderr is not None
        assert daemon.process.stderr.read().decode().splitlines()[-2] == "Error: Could not make more rpc interface"
        assert daemon.said("more:Touchy asks for supervisord.options.httpservers")

    def test_a_factory_that_fails_later_harms_nobody(self, here: Room) -> None:
        daemon = start(here, plugin("Once"), program("a", "/bin/sleep 600")).up().running("a")
        daemon.send(signal.SIGHUP)
        daemon.forget()
        daemon.says("spawned: 'a'", 2)
        daemon.up().running("a")
        assert daemon.says(f"^{place(here, 'Once')}: Could not make more rpc interface")
        with pytest.raises(xmlrpc.client.Fault, match="UNKNOWN_METHOD"):
            more(daemon).own()

    def test_a_thread(self, here: Room) -> None:
        daemon = start(here, plugin("More"), program("a", "/bin/sleep 600", autostart=False)).up()
        assert more(daemon).in_a_thread("a") == [True, True, 0]
        assert len(daemon.says("stopped: a")) == 1

    def test_a_wrong_argument_is_an_error_of_the_method_alone(self, here: Room) -> None:
        daemon = start(here, plugin("More")).up()
        with pytest.raises(xmlrpc.client.ProtocolError):
            more(daemon).waits_for_nonsense()
        assert daemon.rpc.getState()["statename"] == "RUNNING"

    def test_a_property_that_raises_is_no_method(self, here: Room) -> None:
        daemon = start(here, plugin("More")).up()
        with pytest.raises(xmlrpc.client.Fault, match="UNKNOWN_METHOD"):
            more(daemon).not_yet()
        assert more(daemon).own() == "own"

    def test_ticks_though_there_is_no_listener(self, here: Room) -> None:
        daemon = start(here, plugin("make")).up()
        assert more(daemon).subscribe("TICK_5")
        heard = until(more(daemon).seen)
        assert [(name, payload.rstrip("0123456789")) for name, payload in heard] == [("TICK_5", "when:")]

    def test_a_callback_that_starts_another(self, here: Room) -> None:
        off = {"autostart": False, "startsecs": 0, "autorestart": False}
        daemon = start(
            here, plugin("More"), program("a", "/bin/true", **off), program("b", "/bin/sleep 600", **off)
        ).up()
        assert more(daemon).when("a", "b")
        daemon.rpc.startProcess("a")
        daemon.running("b")
        assert daemon.state("a") == "EXITED"

    def test_a_callback_that_raises(self, here: Room) -> None:
        daemon = start(here, plugin("More"), program("a", "/bin/sleep 600", autostart=False)).up()
        assert more(daemon).at_events("")
        daemon.rpc.startProcess("a")
        assert daemon.says("a plugin's code raised an unexpected exception")
        daemon.running("a")
        until(lambda: daemon.rpc.stopProcess("a"))
