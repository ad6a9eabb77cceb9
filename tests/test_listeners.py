"""Event listeners as processes: what they get over a pipe, and what each can do to the daemon (nothing)."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon import PYTHON, Daemon, Room, is_there, program, room, until, worked

pytestmark = pytest.mark.slow

LISTENER = """\
# Writes the header and the payload of each event into the file named first, and answers as the word named second says.
import os, sys

name, word = sys.argv[1:3]
def say(text):
    os.write(1, text.encode())
while True:
    say("READY\\n")
    head = sys.stdin.readline()
    if not head:
        sys.exit()
    fields = dict(field.split(":", 1) for field in head.split())
    payload = sys.stdin.read(int(fields["len"]))
    with open(name, "a") as file:
        file.write(repr((fields, payload)) + "\\n")
    if word == "die":
        os._exit(3)
    if word == "hang":
        os.read(0, 0) or __import__("signal").pause()
    if word == "garbage":
        say("no, thank you\\n")
    say("RESULT %d\\n%s" % (len(word), word))
"""

DEAF = """\
# Answers without reading: whoever waits for it to read, waits for ever.
import os, signal
os.write(1, b"READY\\n" + b"RESULT 2\\nOKREADY\\n" * 20)
signal.pause()
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Room]:
    (tmp_path / "listen.py").write_text(LISTENER)
    (tmp_path / "deaf.py").write_text(DEAF)
    with room(tmp_path) as found:
        yield found


def listener(name: str = "l", word: str = "OK", script: str = "listen.py", **options: object) -> str:
    lines = {
        "command": f"{PYTHON} -S %(here)s/{script} %(here)s/{name}.events {word}",
        "events": "REMOTE_COMMUNICATION",
        "startsecs": 0,
        "stderr_logfile": f"%(here)s/{name}.err",
        **options,
    }
    return f"\n[eventlistener:{name}]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())


def events(daemon: Daemon, name: str = "l") -> list[tuple[dict[str, str], str]]:
    path = daemon.folder / f"{name}.events"
    return [eval(line) for line in path.read_text().splitlines()] if path.exists() else []


def payloads(daemon: Daemon, name: str = "l") -> list[str]:
    return [payload for _, payload in events(daemon, name)]


def info(daemon: Daemon) -> dict[str, Any]:
    return {one["name"]: one for one in daemon._proxies[0].minisup.getAllListenerInfo()}


def waits(daemon: Daemon, name: str, state: str) -> None:
    until(lambda: info(daemon)[name]["state"] == state, lambda: f"{info(daemon)}\n{daemon.main_log()}")


def test_an_event_reaches_its_listener(here: Room) -> None:
    daemon = here.run(listener(events="REMOTE_COMMUNICATION,TICK_3600"), supervisord="identifier=me\nloglevel=debug")
    waits(daemon, "l", "READY")
    daemon.rpc.sendRemoteCommEvent("héllo", "wörld\nof two lines")
    until(lambda: payloads(daemon))
    ((head, payload),) = events(daemon)
    assert payload == "type:héllo\nwörld\nof two lines"
    expected = {"ver": "3.0", "server": "me", "serial": "0", "pool": "l", "poolserial": "0"}
    assert head == {**expected, "eventname": "REMOTE_COMMUNICATION", "len": str(len(payload))}
    waits(daemon, "l", "READY")
    expected_info = {"delivered": 1, "rejected": 0, "buffered": 0, "buffer_size": 10, "discarded": 0, "group": "l"}
    assert expected_info.items() <= info(daemon)["l"].items()
    daemon.says("l: ACKNOWLEDGED -> READY", times=2)


@pytest.mark.parametrize(("word", "state"), [("hang", "BUSY"), ("garbage", "UNKNOWN")])
def test_who_does_not_answer_costs_only_its_own_pool(here: Room, word: str, state: str) -> None:
    daemon = here.run(listener("bad", word, buffer_size=2), listener("good"), supervisord="loglevel=debug")
    waits(daemon, "bad", "READY")
    waits(daemon, "good", "READY")
    for number in range(5):
        daemon.rpc.sendRemoteCommEvent("t", str(number))
        until(lambda wanted=number + 1: len(payloads(daemon, "good")) == wanted)
    waits(daemon, "bad", state)
    lost = 2 if word == "hang" else 3  # what a liar had goes back into the buffer
    assert (info(daemon)["bad"]["buffered"], info(daemon)["bad"]["discarded"]) == (2, lost)
    assert len(daemon.said("pool bad event buffer overflowed, discarding event")) == lost
    assert payloads(daemon, "bad") == ["type:t\n0"]
    assert daemon.stop() == 0


def test_an_event_outlives_the_listener_that_had_it(here: Room) -> None:
    daemon = here.run(listener(word="die", autorestart="true"))
    waits(daemon, "l", "READY")
    daemon.rpc.sendRemoteCommEvent("t", "x")
    until(lambda: len(events(daemon)) >= 3)
    assert {(head["serial"], head["poolserial"]) for head, _ in events(daemon)} == {("0", "0")}


def test_a_listener_that_answers_without_reading(here: Room) -> None:
    """supervisord ends with a traceback once the pipe is full."""
    daemon = here.run(listener("deaf", script="deaf.py", buffer_size=3), listener("good"))
    waits(daemon, "good", "READY")
    for number in range(6):
        daemon.rpc.sendRemoteCommEvent("t", str(number) * 50_000)
        until(lambda wanted=number + 1: len(payloads(daemon, "good")) == wanted, daemon.main_log)
    seen = info(daemon)["deaf"]
    assert seen["delivered"] < 6
    assert seen["buffered"] <= 3


def test_a_listener_that_closes_its_stdin(here: Room) -> None:
    (here.folder / "closed.py").write_text("import os, signal\nos.close(0)\nos.write(1, b'READY\\n')\nsignal.pause()\n")
    daemon = here.run(listener("closed", script="closed.py"), supervisord="loglevel=debug")
    waits(daemon, "closed", "READY")
    daemon.rpc.sendRemoteCommEvent("t", "x")
    daemon.says("epipe occurred while sending event 0 to listener closed")
    assert daemon.says("closed: has entered the UNKNOWN state and will no longer receive events")
    assert info(daemon)["closed"]["state"] == "UNKNOWN"
    assert info(daemon)["closed"]["buffered"] == 1
    before = worked(daemon.pid)
    assert daemon.mood() == "RUNNING"
    assert worked(daemon.pid) - before < 5
    daemon.rpc.stopProcess("closed")


def test_a_result_handler(here: Room) -> None:
    module = """\
class RejectEvent(Exception): pass
class Later(RejectEvent): pass
def judge(event, result):
    if result == b"again": raise Later
    if result == b"bad": raise ValueError(event.payload())
    if result == b"leave": raise SystemExit(3)
"""
    (here.folder / "mine.py").write_text(module)
    sections = [listener(word, word, result_handler="mine:judge") for word in ("again", "bad", "leave", "fine")]
    daemon = here.run(*sections, env={**os.environ, "PYTHONPATH": str(here.folder)})
    for word in ("again", "bad", "leave", "fine"):
        waits(daemon, word, "READY")
    daemon.rpc.sendRemoteCommEvent("t", "x")
    daemon.says("again: event was rejected", times=3)
    daemon.says("bad: event caused an error")
    daemon.says("leave: event caused an error")
    assert sorted(daemon.says("cannot judge a result", times=2)) == [
        f"cannot judge a result by 'mine:judge': {why}" for why in ("SystemExit: 3", "ValueError: type:t")
    ]
    waits(daemon, "bad", "UNKNOWN")
    waits(daemon, "fine", "READY")
    assert len(payloads(daemon, "fine")) == 1


def test_capture_and_output_become_events(here: Room) -> None:
    begin, end = "<!--XSUPERVISOR:BEGIN-->", "<!--XSUPERVISOR:END-->"
    command = f"sh -c 'echo out; printf \"{begin}caught{end}\"; echo err >&2; exec sleep 1000'"
    talker = program("t", command, startsecs=0, redirect_stderr=False, stdout_capture_maxbytes="1MB",
                     stderr_events_enabled=True, autostart=False)  # fmt: skip
    daemon = here.run(listener(events="PROCESS_COMMUNICATION,PROCESS_LOG", buffer_size=50), talker)
    waits(daemon, "l", "READY")
    daemon.rpc.startProcess("t")
    pid = daemon.rpc.getProcessInfo("t")["pid"]
    until(lambda: len(payloads(daemon)) == 2)
    assert set(payloads(daemon)) == {
        f"processname:t groupname:t pid:{pid} channel:stderr\nerr\n",
        f"processname:t groupname:t pid:{pid}\ncaught",
    }
    assert daemon.output("t") == ["out"]


def test_the_count_of_events_goes_on_over_a_restart(here: Room) -> None:
    daemon = here.run(listener(events="SUPERVISOR_STATE_CHANGE_RUNNING", autorestart="true"))
    until(lambda: len(events(daemon)) == 1)
    daemon.send(signal.SIGHUP)
    until(lambda: len(events(daemon)) == 2)
    assert [(head["serial"], head["poolserial"]) for head, _ in events(daemon)] == [("0", "0"), ("1", "0")]


def test_a_listener_is_the_last_to_stop(here: Room) -> None:
    daemon = here.run(
        listener(events="PROCESS_STATE_STOPPING", buffer_size=50),
        program("a", "sleep 1000", startsecs=0),
        program("b", "sleep 1000", startsecs=0),
    ).running("a", "b")
    waits(daemon, "l", "READY")
    pid = daemon.rpc.getProcessInfo("l")["pid"]
    assert daemon.stop() == 0
    assert daemon.said("^stopped")[-1].startswith("stopped: l ")
    assert not is_there(pid)
    assert payloads(daemon)[0].startswith("processname:b ")


def test_removing_a_pool_while_it_is_busy(here: Room) -> None:
    daemon = here.run(listener("l", "hang"))
    waits(daemon, "l", "READY")
    daemon.rpc.sendRemoteCommEvent("t", "x")
    waits(daemon, "l", "BUSY")
    daemon.rpc.stopProcess("l")
    daemon.rpc.removeProcessGroup("l")
    assert info(daemon) == {}
    assert daemon.rpc.addProcessGroup("l")
    waits(daemon, "l", "READY")
    assert info(daemon)["l"]["buffered"] == 0
