"""`supervisor.*`: which faults in which order, which processes a call is about, what clients are told."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_port import FakePort, programs

from minisup.control.status import description
from minisup.control.system_rpc import Dispatcher
from minisup.core.lifecycle import Process
from minisup.core.roster import Group
from minisup.core.words import Instant
from minisup.errors import Fault, Faults
from minisup.specs import Configuration, DaemonSpec, GroupSpec, LogSpec, ProcessSpec
from minisup.states import PROCESS_STATE_NAMES, ProcessStates

pytestmark = pytest.mark.anyio

S = ProcessStates


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def port() -> FakePort:
    return FakePort()


async def ask(port: FakePort, method: str, *params: Any) -> Any:
    """The result, or the text of the fault."""
    try:
        return await Dispatcher(port).call(method if "." in method else f"supervisor.{method}", params)
    except Fault as fault:
        return fault.text


def ok(group: str, name: str) -> dict[str, Any]:
    return {"name": name, "group": group, "status": 80, "description": "OK"}


def bad(group: str, name: str, fault: Fault) -> dict[str, Any]:
    return {"name": name, "group": group, "status": fault.code, "description": fault.text}


# --- names ----------------------------------------------------------------------------------------------------------

UNKNOWN = ["", "nope", "nope:x", "web", "web:c", "web:solo", "nope:*", "nope:", "web:a:b", " solo", "Solo"]
BY_NAME: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("startProcess", "stopProcess", "getProcessInfo", "clearProcessLogs", "clearProcessLog"), ()),
    "signalProcess": ("HUP",),
    "sendProcessStdin": ("text",),
    **{f"readProcess{log}Log": (0, 0) for log in ("Stdout", "Stderr", "")},
    **{f"tailProcess{log}Log": (0, 0) for log in ("Stdout", "Stderr", "")},
}
WITH_GROUPS = {"startProcess", "stopProcess", "signalProcess"}


@pytest.mark.parametrize("method", BY_NAME)
@pytest.mark.parametrize("name", UNKNOWN)
async def test_a_name_that_nobody_has(port: FakePort, method: str, name: str) -> None:
    assert await ask(port, method, name, *BY_NAME[method]) == f"BAD_NAME: {name}"
    assert port.asked == []


@pytest.mark.parametrize("method", BY_NAME)
@pytest.mark.parametrize("name", ["web:*", "web:"])
async def test_a_whole_group_only_where_that_has_a_meaning(port: FakePort, method: str, name: str) -> None:
    answer = await ask(port, method, name, *BY_NAME[method])
    assert isinstance(answer, list) == (method in WITH_GROUPS)
    assert method in WITH_GROUPS or answer == f"BAD_NAME: {name}"


@pytest.mark.parametrize("method", ["startProcessGroup", "stopProcessGroup", "signalProcessGroup"])
@pytest.mark.parametrize("name", ["", "nope", "web:a", "web:*", 5])
async def test_a_group_that_nobody_has(port: FakePort, method: str, name: Any) -> None:
    more = ("HUP",) if "signal" in method else ()
    assert await ask(port, method, name, *more) == f"BAD_NAME: {name}"


# --- start, stop, signal --------------------------------------------------------------------------------------------


async def test_starting_one(port: FakePort) -> None:
    assert await ask(port, "startProcess", "web:a") is True
    assert await ask(port, "startProcess", "solo", False) is True
    assert await ask(port, "startProcess", "solo", 1) is True
    assert port.asked == [("start", ["web:a"], True), ("start", ["solo"], False), ("start", ["solo"], True)]


async def test_a_fault_names_the_process_as_the_client_did(port: FakePort) -> None:
    await ask(port, "stopProcess", "solo:solo")
    await ask(port, "signalProcess", "solo:solo", "HUP")
    assert port.asked == [("stop", ["solo:solo"], True), ("signal", ["solo:solo"], 1)]


@pytest.mark.parametrize("method", ["startProcess", "stopProcess"])
async def test_the_fault_of_one_is_the_fault_of_the_call(port: FakePort, method: str) -> None:
    port.faults[("solo", "solo")] = Fault(Faults.FAILED, "why")
    assert await ask(port, method, "solo") == "FAILED: why"


async def test_a_program_that_cannot_be_started_says_so_first(port: FakePort) -> None:
    port.refusals["solo"] = Fault(Faults.NO_FILE, "can't find command 'x'")
    port.faults[("solo", "solo")] = Fault(Faults.ALREADY_STARTED, "solo")
    assert await ask(port, "startProcess", "solo") == "NO_FILE: can't find command 'x'"


STARTABLE = {S.STOPPED, S.EXITED, S.FATAL, S.UNKNOWN, S.STOPPING}
STOPPABLE = {S.STARTING, S.RUNNING, S.BACKOFF}
SIGNALLABLE = {S.STARTING, S.RUNNING, S.STOPPING}


@pytest.mark.parametrize("state", PROCESS_STATE_NAMES, ids=PROCESS_STATE_NAMES.get)
async def test_which_states_a_call_for_a_group_is_about(port: FakePort, state: int) -> None:
    port.process("web", "a", state)
    port.process("web", "b", S.STOPPING)
    port.skipped.add(("web", "b"))
    for method, states, more in (
        ("start", STARTABLE, ()),
        ("stop", STOPPABLE, ()),
        ("signal", SIGNALLABLE, ("HUP",)),
    ):
        expected = [ok("web", "a")] if state in states else []
        assert await ask(port, f"{method}ProcessGroup", "web", *more) == expected
        assert await ask(port, f"{method}Process", "web:*", *more) == expected


async def test_a_single_call_is_passed_on_in_every_state(port: FakePort) -> None:
    # Whether the state allows it is the engine's to say, at the moment when it is carried out.
    for state in PROCESS_STATE_NAMES:
        port.process("solo", "solo", state)
        for method, more in (("startProcess", ()), ("stopProcess", ()), ("signalProcess", ("HUP",))):
            assert await ask(port, method, "solo", *more) is True
    assert len(port.asked) == 3 * len(PROCESS_STATE_NAMES)


async def test_stopping_all_cancels_restarts_that_are_due(port: FakePort) -> None:
    port.process("web", "a", S.EXITED, deadline=1.0)
    port.skipped.add(("web", "a"))  # the engine cancels it and says nothing of it
    port.process("web", "b", S.EXITED)
    port.process("solo", "solo")
    assert await ask(port, "stopAllProcesses") == [ok("solo", "solo")]
    assert port.asked == [("stop", ["web:a", "solo"], True)]


async def test_all_means_by_priority(port: FakePort) -> None:
    specs = (
        GroupSpec("late", 10, (ProcessSpec("z", "x", priority=2), ProcessSpec("y", "x", priority=1))),
        GroupSpec("early", 1, programs("b", "a")),
        GroupSpec("early too", 1, programs("c")),
    )
    port.groups = {spec.name: Group(spec) for spec in specs}
    expected = ["early:b", "early:a", "early too:c", "late:y", "late:z"]
    assert [f"{each['group']}:{each['name']}" for each in await ask(port, "startAllProcesses", False)] == expected
    assert [f"{each['group']}:{each['name']}" for each in await ask(port, "clearAllProcessLogs")] == expected
    for group in port.groups.values():
        for process in group.processes.values():
            process.state = S.RUNNING
    await ask(port, "stopAllProcesses")
    await ask(port, "signalAllProcesses", "HUP")
    assert [what[:2] for what in port.asked if what[0] != "clear"] == [
        ("start", expected),
        ("stop", expected),
        ("signal", expected),
    ]


async def test_a_call_about_nobody_is_not_passed_on(port: FakePort) -> None:
    assert await ask(port, "stopAllProcesses") == []
    assert await ask(port, "signalAllProcesses", "HUP") == []
    assert port.asked == []


async def test_members_that_failed_are_told_among_the_others(port: FakePort) -> None:
    refused = port.refusals["b"] = Fault(Faults.NOT_EXECUTABLE, "why")
    failed = port.faults[("solo", "solo")] = Fault(Faults.SPAWN_ERROR, "solo")
    assert await ask(port, "startAllProcesses") == [
        bad("web", "b", refused),
        ok("web", "a"),
        bad("solo", "solo", failed),
    ]


SIGNALS: dict[Any, int | None] = {
    **dict.fromkeys(("HUP", "hup", "SIGHUP", " hup ", "1", " 1 ", 1, 1.5), 1),
    **dict.fromkeys(("0", 0), 0),
    **dict.fromkeys(("99", -1, "", "NOPE", "SIG")),
}


@pytest.mark.parametrize("signal", SIGNALS, ids=repr)
async def test_signals(port: FakePort, signal: Any) -> None:
    number = SIGNALS[signal]
    port.process("web", "a")
    single = await ask(port, "signalProcess", "web:a", signal)
    group = await ask(port, "signalProcessGroup", "web", signal)
    if number is None:
        assert single == f"BAD_SIGNAL: {signal}"
        assert group == [bad("web", "a", Fault(Faults.BAD_SIGNAL, signal))]
        assert port.asked == []
    else:
        assert (single, group) == (True, [ok("web", "a")])
        assert port.asked == [("signal", ["web:a"], number)] * 2


# --- the daemon -----------------------------------------------------------------------------------------------------


async def test_who_are_you(port: FakePort) -> None:
    answers = [
        await ask(port, method)
        for method in ("getAPIVersion", "getVersion", "getSupervisorVersion", "getIdentification", "getState", "getPID")
    ]
    assert answers == ["3.0", "3.0", "4.3.0", "wheel", {"statecode": 1, "statename": "RUNNING"}, os.getpid()]


@pytest.mark.parametrize("method", ["shutdown", "restart"])
async def test_the_end_is_only_begun(port: FakePort, method: str) -> None:
    assert await ask(port, method) is True
    assert port.asked == [(method,)]


@pytest.mark.parametrize("method", ["restart", "reloadConfig"])
async def test_a_configuration_that_cannot_be_read(port: FakePort, method: str) -> None:
    port.trouble = Fault(Faults.CANT_REREAD, "why")
    assert await ask(port, method) == "CANT_REREAD: why"


async def test_reload_config_nesting(port: FakePort) -> None:
    port.reread_gives = (["new"], ["other"], [])
    assert await ask(port, "reloadConfig") == [[["new"], ["other"], []]]


async def test_adding_groups(port: FakePort) -> None:
    port.configuration = replace(port.configuration, groups=(*port.configuration.groups, GroupSpec("new")))
    assert await ask(port, "addProcessGroup", "new") is True
    assert await ask(port, "addProcessGroup", "web") == "ALREADY_ADDED: web"
    assert await ask(port, "addProcessGroup", "nope") == "BAD_NAME: nope"
    assert await ask(port, "addProcessGroup", 5) == "BAD_NAME: 5"
    assert port.asked == [("add", "new")]


@pytest.mark.parametrize("state", PROCESS_STATE_NAMES, ids=PROCESS_STATE_NAMES.get)
async def test_removing_groups(port: FakePort, state: int) -> None:
    port.process("web", "a", state)
    may = state in (S.STOPPED, S.EXITED, S.FATAL, S.UNKNOWN)
    assert await ask(port, "removeProcessGroup", "web") == (True if may else "STILL_RUNNING: web")
    assert port.asked == ([("remove", "web")] if may else [])
    assert await ask(port, "removeProcessGroup", "nope") == "BAD_NAME: nope"


async def test_events_of_clients(port: FakePort) -> None:
    assert await ask(port, "sendRemoteCommEvent", "kind", "dätä") is True
    assert await ask(port, "sendRemoteCommEvent", 5, True) is True
    assert port.asked == [("event", "kind", "dätä"), ("event", "5", "True")]


# --- what there is --------------------------------------------------------------------------------------------------


def process(state: int = S.STOPPED, **attributes: Any) -> Process:
    spec = ProcessSpec("p", "x", stdout=LogSpec("/out"), stderr=LogSpec(None))
    made = Process("g", spec)
    made.state = state
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


async def test_process_info(port: FakePort) -> None:
    group = Group(GroupSpec("g", processes=(process().spec,)))
    port.groups = {"g": group}
    group.processes["p"] = process(
        S.RUNNING, pid=77, started=Instant(5, 999_999_990.9), stopped=Instant(4, 999_999_980.9), exitstatus=None
    )
    expected = {
        "name": "p",
        "group": "g",
        "start": 999_999_990,
        "stop": 999_999_980,
        "now": 1_000_000_000,
        "state": 20,
        "statename": "RUNNING",
        "spawnerr": "",
        "exitstatus": 0,
        "logfile": "/out",
        "stdout_logfile": "/out",
        "stderr_logfile": "",
        "pid": 77,
        "description": "pid 77, uptime 0:00:10",
    }
    info = await ask(port, "getProcessInfo", "g:p")
    assert info == expected
    assert list(info) == list(expected)
    assert await ask(port, "getAllProcessInfo") == [expected]


async def test_after_2038_times_stop(port: FakePort) -> None:
    port.wall = 2.0**33
    port.process("solo", "solo", started=Instant(0, port.wall - 5), stopped=Instant(0, port.wall - 9))
    info = await ask(port, "getProcessInfo", "solo")
    assert (info["start"], info["stop"], info["now"]) == (2**31 - 1,) * 3


async def test_processes_are_listed_by_name(port: FakePort) -> None:
    infos = await ask(port, "getAllProcessInfo")
    assert [(info["group"], info["name"]) for info in infos] == [("solo", "solo"), ("web", "a"), ("web", "b")]


NOW = 1_000_000_000
STOPPED_AT = time.strftime("%b %d %I:%M %p", time.localtime(NOW))
DESCRIPTIONS: dict[str, tuple[tuple[int, int, int, str], str]] = {
    "running": ((S.RUNNING, NOW - 5, 0, ""), "pid 7, uptime 0:00:05"),
    "running for hours": ((S.RUNNING, NOW - 36_061, 0, ""), "pid 7, uptime 10:01:01"),
    "running for a day": ((S.RUNNING, NOW - 86_400, 0, ""), "pid 7, uptime 1 day, 0:00:00"),
    "running for days": ((S.RUNNING, NOW - 200_000, 0, ""), "pid 7, uptime 2 days, 7:33:20"),
    "running since tomorrow": ((S.RUNNING, NOW + 9, 0, ""), "pid 7, uptime 0:00:00"),
    "fatal": ((S.FATAL, 5, 5, "why"), "why"),
    "fatal, unexplained": ((S.FATAL, 5, 5, ""), 'unknown error (try "tail p")'),
    "backoff": ((S.BACKOFF, 5, 5, "why"), "why"),
    "stopped": ((S.STOPPED, 5, NOW, "old"), STOPPED_AT),
    "exited": ((S.EXITED, 5, NOW, "old"), STOPPED_AT),
    "never started": ((S.STOPPED, 0, 0, ""), "Not started"),
    "starting": ((S.STARTING, 5, 5, "x"), ""),
    "stopping": ((S.STOPPING, 5, 5, "x"), ""),
    "unknown": ((S.UNKNOWN, 5, 5, "x"), ""),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_descriptions(case: str) -> None:
    (state, start, stop, spawnerr), expected = DESCRIPTIONS[case]
    assert description(state, "p", 7, start, stop, NOW, spawnerr) == expected


CONFIG_MEMBERS = """
    autostart directory uid command exitcodes group group_prio inuse killasgroup name process_prio redirect_stderr
    startretries startsecs stdout_capture_maxbytes stdout_events_enabled stdout_logfile stdout_logfile_backups
    stdout_logfile_maxbytes stdout_syslog stopsignal stopwaitsecs stderr_capture_maxbytes stderr_events_enabled
    stderr_logfile stderr_logfile_backups stderr_logfile_maxbytes stderr_syslog serverurl
"""


async def test_config_info(port: FakePort) -> None:
    infos = await ask(port, "getAllConfigInfo")
    assert [info["name"] for info in infos] == ["a", "b", "solo"]
    assert list(infos[0]) == CONFIG_MEMBERS.split()
    assert {infos[0][name] for name in ("directory", "uid", "serverurl", "stdout_logfile")} == {"none"}
    assert (infos[0]["group"], infos[0]["group_prio"]) == ("web", 5)
    assert (infos[0]["exitcodes"], infos[0]["stopsignal"], infos[0]["inuse"]) == ((0,), 15, True)


LOGFILES: dict[str, tuple[LogSpec, LogSpec | None, str]] = {
    "a file": (LogSpec("/x"), LogSpec("/y"), "/x"),
    "no file": (LogSpec(None), LogSpec("/y"), "none"),
    "an empty name": (LogSpec(""), None, ""),
    "generated, active": (LogSpec(None, auto=True), LogSpec("/generated", auto=True), "/generated"),
    "generated, not active": (LogSpec(None, auto=True), None, "auto"),
}


async def test_readiness(port: FakePort) -> None:
    port.process("solo", "solo", S.FATAL, spawnerr="no luck", exitstatus=3)
    infos = await ask(port, "minisup.getAllReadiness")
    assert [(info["group"], info["name"]) for info in infos] == [("solo", "solo"), ("web", "a"), ("web", "b")]
    who = {"name": "solo", "group": "solo", "statename": "FATAL", "pid": 0, "exitstatus": 3}
    assert infos[0] == who | {"ready": False, "state": "DOWN", "seconds": 0.0, "why": "no luck"}


# names, seconds -> who is waited for, how long; or the fault
WAITS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "all that are to run": ((), (["web:b", "web:a"], 0)),
    "all that are to run, for a while": (([], 2.5), (["web:b", "web:a"], 2.5)),
    "one": ((["solo"], 5), (["solo"], 5)),
    "a group": ((["web:*"], 5), (["web:b", "web:a"], 5)),
    "each once": ((["web:a", "web:*", "solo"], 5), (["web:a", "web:b", "solo"], 5)),
    "no time at all": ((["solo"], -1), (["solo"], 0)),
    "no number at all": ((["solo"], float("nan")), (["solo"], 0)),
    "nobody": ((["solo", "nope"], 5), "BAD_NAME: nope"),
    "a number": (([5], 5), "BAD_NAME: 5"),
    "a text": (("solo", 5), "INCORRECT_PARAMETERS"),
    "text for a time": ((["solo"], "5"), "INCORRECT_PARAMETERS"),
}


@pytest.mark.parametrize("case", WAITS)
async def test_waiting_until_ready(port: FakePort, case: str) -> None:
    params, expected = WAITS[case]
    port.process("solo", "solo", S.EXITED, exitstatus=0)  # has done its work
    found = await ask(port, "minisup.waitReady", *params)
    if isinstance(expected, str):
        assert (found, port.asked) == (expected, [])
        return
    assert port.asked == [("wait", *expected)]
    assert [info["name"] for info in found] == [label.rpartition(":")[2] for label in expected[0]]


@pytest.mark.parametrize("case", LOGFILES)
async def test_config_info_of_a_log(port: FakePort, case: str) -> None:
    configured, active, expected = LOGFILES[case]
    specs = [GroupSpec("g", processes=(ProcessSpec("p", "x", stdout=log),)) for log in (configured, active) if log]
    port.configuration = Configuration(DaemonSpec(), (specs[0],))
    port.groups = {spec.name: Group(spec) for spec in specs[1:]}
    [info] = await ask(port, "getAllConfigInfo")
    assert (info["stdout_logfile"], info["inuse"]) == (expected, active is not None)


# --- logs and standard input ----------------------------------------------------------------------------------------


@pytest.fixture
def logged(port: FakePort, tmp_path: Path) -> FakePort:
    """A port whose daemon and whose process solo have logs of the nine bytes that the reference uses."""
    (tmp_path / "log").write_bytes("hello\né\n".encode())
    log = LogSpec(str(tmp_path / "log"))
    port.main_log = log.path
    spec = GroupSpec("solo", processes=(ProcessSpec("solo", "x", stdout=log, stderr=log),))
    port.groups = {"solo": Group(spec)}
    return port


READS = {
    "from the start": ((0, 0), "hello\né\n"),
    "from the end": ((-3, 0), "é\n"),
    "text and doubles count": (("1", 2.9), "el"),
    "past the end": ((100, 0), ""),
    "both negative": ((-1, -1), "BAD_ARGUMENTS"),
}


@pytest.mark.parametrize("case", READS)
async def test_reading(logged: FakePort, case: str) -> None:
    params, expected = READS[case]
    for method in ("readLog", "readMainLog"):
        assert await ask(logged, method, *params) == expected
    for method in ("readProcessLog", "readProcessStdoutLog", "readProcessStderrLog"):
        assert await ask(logged, method, "solo", *params) == expected


async def test_tailing(logged: FakePort) -> None:
    for method in ("tailProcessLog", "tailProcessStdoutLog", "tailProcessStderrLog"):
        assert await ask(logged, method, "solo", 0, 5) == ["o\né\n", 9, True]
        assert await ask(logged, method, "solo", "5", 3.7) == ["é\n", 9, True]


@pytest.mark.parametrize("offset", ["x", "1.9", ""])
async def test_an_offset_that_is_no_number(logged: FakePort, offset: str) -> None:
    for call in (("readLog",), ("readProcessLog", "solo"), ("tailProcessLog", "solo")):
        with pytest.raises(ValueError, match="invalid literal"):
            await ask(logged, *call, offset, 0)


@pytest.mark.parametrize("path", [None, "", "/nonexistent/log"])
async def test_logs_that_are_not_there(port: FakePort, path: str | None) -> None:
    spec = GroupSpec("solo", processes=(ProcessSpec("solo", "x", stdout=LogSpec(path)),))
    port.groups = {"solo": Group(spec)}
    port.main_log = path
    expected = "NO_FILE" if path is None else f"NO_FILE: {path}"
    # The file is looked for before the numbers are looked at.
    assert await ask(port, "readLog", "x", 0) == expected
    assert await ask(port, "readProcessLog", "solo", "x", 0) == expected
    assert await ask(port, "tailProcessLog", "solo", "x", 0) == ["", 0, False]
    assert await ask(port, "clearLog") == "NO_FILE"


async def test_clearing(logged: FakePort) -> None:
    for call in (("clearLog",), ("clearProcessLogs", "solo"), ("clearProcessLog", "solo:solo")):
        assert await ask(logged, *call) is True
    assert await ask(logged, "clearAllProcessLogs") == [ok("solo", "solo")]
    assert logged.asked == [("clear main",), *[("clear", ("solo", "solo"))] * 3]


async def test_what_cannot_be_cleared(logged: FakePort) -> None:
    logged.trouble = PermissionError(13, "no")
    assert await ask(logged, "clearLog") == "FAILED"
    assert await ask(logged, "clearProcessLogs", "solo:solo") == "FAILED: solo:solo"
    assert await ask(logged, "clearAllProcessLogs") == [bad("solo", "solo", Fault(Faults.FAILED, "solo"))]


async def test_standard_input(port: FakePort) -> None:
    assert await ask(port, "sendProcessStdin", "nope", 5) == "INCORRECT_PARAMETERS: 5"
    assert await ask(port, "sendProcessStdin", "solo", "é") == "NOT_RUNNING: solo"
    port.process("solo", "solo", pid=7)
    assert await ask(port, "sendProcessStdin", "solo", "é") is True
    port.trouble = BrokenPipeError()
    assert await ask(port, "sendProcessStdin", "solo", "é") == "NO_FILE: solo"
    port.process("solo", "solo", S.STOPPING)
    assert await ask(port, "sendProcessStdin", "solo", "é") == "NOT_RUNNING: solo"
    assert port.asked == [("write", ("solo", "solo"), "é".encode())] * 2
