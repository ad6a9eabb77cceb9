"""The methods of `supervisor.*`, in one flat table.

A handler takes the port and the arguments of the call; it returns the result, or a coroutine that gives it when the
call has to wait. It raises `Fault` to refuse. Arguments are whatever the client sent: a wrong number of them and every
TypeError is INCORRECT_PARAMETERS, another exception is HTTP 500 (`minisup.control.system_rpc` sees to both), as there.

The docstrings are the help text that `system.methodHelp` gives out. Every order of checks is that of supervisor's
``rpcinterface``; which processes a call for a group or for all is about is decided here, at the call.
"""

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from minisup import SUPERVISORD_VERSION, signals
from minisup.control import tail
from minisup.control.port import Port
from minisup.control.status import config_info, listener_info, process_info, readiness_info
from minisup.core.lifecycle import Process
from minisup.core.readiness import should_run
from minisup.core.roster import Group, by_priority
from minisup.core.words import Outcome, Target
from minisup.errors import Fault, Faults
from minisup.protocol.xmlrpc import Value
from minisup.specs import LogSpec, ProcessKey, make_namespec, split_namespec
from minisup.states import RUNNING_STATES, SIGNALLABLE_STATES, STOPPED_STATES, SUPERVISOR_STATE_NAMES, ProcessStates

API_VERSION = "3.0"

Result: TypeAlias = "Value | Awaitable[Value]"


class Method(NamedTuple):
    """A method that clients may call.

    Attributes:
        handler: called with the port (system methods: with the dispatcher) and the arguments.
        signature: the type of the result, then those of the arguments; separated by blanks.
        always: it may be called while the daemon stops or restarts.
        listed: `system.listMethods` names it.
    """

    handler: Callable[..., Result]
    signature: str
    always: bool = False
    listed: bool = True

    def takes(self, count: int) -> bool:
        """Whether it may be called with so many arguments."""
        most = self.handler.__code__.co_argcount - 1
        return most - len(self.handler.__defaults__ or ()) <= count <= most

    @property
    def help(self) -> str:
        """The text for `system.methodHelp`."""
        lines = (self.handler.__doc__ or "").strip().splitlines()
        return "\n".join(line.removeprefix("    ") for line in lines)


# --- names and targets ----------------------------------------------------------------------------------------------


def _find(port: Port, name: str) -> tuple[Group, Process | None]:
    """The group and process that a name means; the process is None for a whole group."""
    group_name, process_name = split_namespec(name)
    group = port.groups.get(group_name)
    if group is None:
        raise Fault(Faults.BAD_NAME, name)
    if process_name is None:
        return group, None
    process = group.processes.get(process_name)
    if process is None:
        raise Fault(Faults.BAD_NAME, name)
    return group, process


def _process(port: Port, name: str) -> Process:
    _, process = _find(port, name)
    if process is None:
        raise Fault(Faults.BAD_NAME, name)
    return process


def _group(port: Port, name: str) -> Group:
    group = port.groups.get(name)
    if group is None:
        raise Fault(Faults.BAD_NAME, name)
    return group


def _everything(port: Port) -> list[Process]:
    """All processes in the order in which they are started: by priority of group, then of process."""
    return [process for group in by_priority(port.groups.values()) for process in group.by_priority()]


def _target(process: Process) -> Target:
    return Target(process.key, make_namespec(*process.key))


def _status(outcome: Outcome) -> dict[str, Value]:
    (group, name), fault = outcome
    code, text = (Faults.SUCCESS, "OK") if fault is None else (fault.code, fault.text)
    return {"name": name, "group": group, "status": code, "description": text}


def _single(outcomes: Sequence[Outcome]) -> bool:
    for _, fault in outcomes:
        if fault is not None:
            raise fault
    return True


# --- the daemon -----------------------------------------------------------------------------------------------------


def get_api_version(port: Port) -> Value:
    """The version of this interface: 3.0, as in supervisor."""
    return API_VERSION


def get_supervisor_version(port: Port) -> Value:
    """The version of supervisor whose behaviour this daemon has."""
    return SUPERVISORD_VERSION


def get_identification(port: Port) -> Value:
    """The `identifier` of the configuration."""
    return port.configuration.daemon.identifier


def get_state(port: Port) -> Value:
    """The state of the daemon: a struct of `statecode` and `statename`."""
    return {"statecode": port.mood, "statename": SUPERVISOR_STATE_NAMES[port.mood]}


def get_pid(port: Port) -> Value:
    """The process id of the daemon."""
    return os.getpid()


def read_log(port: Port, offset: int, length: int) -> Value:
    """Part of the daemon's own log.

    A length of 0 means: up to the end. A negative offset, with length 0, counts from the end.
    Faults: NO_FILE, BAD_ARGUMENTS, FAILED.
    """
    return _read(port.main_log, offset, length)


def clear_log(port: Port) -> Value:
    """Empty the daemon's own log. Faults: NO_FILE, FAILED."""
    if port.main_log is None or not os.path.exists(port.main_log):
        raise Fault(Faults.NO_FILE)
    try:
        port.clear_main_log()
    except OSError:
        raise Fault(Faults.FAILED) from None
    return True


def shutdown(port: Port) -> Value:
    """Stop all processes, then the daemon. Answered before that happens."""
    port.shutdown()
    return True


def restart(port: Port) -> Value:
    """Stop all processes, then begin anew with the configuration as it is then. Answered before that happens.

    Fault: CANT_REREAD, when the configuration has an error; then nothing is stopped.
    """
    port.restart()
    return True


def reload_config(port: Port) -> Value:
    """Read the configuration again; nothing is started or stopped.

    The result is one array inside an array: names of groups that are new, changed, and gone. Fault: CANT_REREAD.
    """
    added, changed, removed = port.reread()
    # QUIRK(supervisor): the outer array of one is part of the interface. tests/test_rpc.py: reload config nesting
    return [[added, changed, removed]]


def add_process_group(port: Port, name: str) -> Value:
    """Make a group of the configuration active; its programs autostart. Faults: BAD_NAME, ALREADY_ADDED."""
    for spec in port.configuration.groups:
        if spec.name == name:
            if name in port.groups:
                raise Fault(Faults.ALREADY_ADDED, name)
            port.add_group(spec)
            return True
    raise Fault(Faults.BAD_NAME, name)


def remove_process_group(port: Port, name: str) -> Value:
    """Forget an active group in which nothing runs. Faults: BAD_NAME, STILL_RUNNING."""
    group = _group(port, name)
    if any(process.state not in STOPPED_STATES for process in group.processes.values()):
        raise Fault(Faults.STILL_RUNNING, name)
    port.remove_group(name)
    return True


def send_remote_comm_event(port: Port, type: str, data: str) -> Value:
    """Send an event of a type of your own to the event listeners that want REMOTE_COMMUNICATION."""
    port.send_event(str(type), str(data))
    return True


# --- start, stop, signal --------------------------------------------------------------------------------------------


async def _start(port: Port, processes: Iterable[Process], wait: object) -> Value:
    targets = [
        _target(process)._replace(refusal=port.refusal(process.spec))
        for process in processes
        if process.state not in RUNNING_STATES
    ]
    return [_status(outcome) for outcome in await port.start(targets, bool(wait))] if targets else []


async def start_process(port: Port, name: str, wait: object = True) -> Value:
    """Start a process; `group:*` starts a group, as startProcessGroup does.

    With `wait` (the default) the answer comes when it is RUNNING or has failed.
    Faults: BAD_NAME, NO_FILE, NOT_EXECUTABLE, ALREADY_STARTED, FAILED, SPAWN_ERROR, ABNORMAL_TERMINATION.
    """
    group, process = _find(port, name)
    if process is None:
        return await _start(port, group.by_priority(), wait)
    target = Target(process.key, name, port.refusal(process.spec))
    return _single(await port.start([target], bool(wait)))


async def start_process_group(port: Port, name: str, wait: object = True) -> Value:
    """Start the processes of a group that do not run: an array with one status struct for each. Fault: BAD_NAME."""
    return await _start(port, _group(port, name).by_priority(), wait)


async def start_all_processes(port: Port, wait: object = True) -> Value:
    """Start all processes that are not running: an array with one status struct for each."""
    return await _start(port, _everything(port), wait)


async def _stop(port: Port, processes: Iterable[Process], wait: object) -> Value:
    processes = list(processes)
    # One that is about to be restarted is stopped too, without a word; supervisord forgets it and it comes back.
    quiet = {process.key for process in processes if process.awaits_restart}
    targets = [_target(process) for process in processes if process.state in RUNNING_STATES or process.key in quiet]
    outcomes = await port.stop(targets, bool(wait)) if targets else []
    return [_status(outcome) for outcome in outcomes if outcome.key not in quiet]


async def stop_process(port: Port, name: str, wait: object = True) -> Value:
    """Stop a process; `group:*` stops a group, as stopProcessGroup does.

    With `wait` (the default) the answer comes when it is down. Faults: BAD_NAME, NOT_RUNNING, FAILED.
    """
    group, process = _find(port, name)
    if process is None:
        return await _stop(port, group.by_priority(), wait)
    return _single(await port.stop([Target(process.key, name)], bool(wait)))


async def stop_process_group(port: Port, name: str, wait: object = True) -> Value:
    """Stop the running processes of a group: an array with one status struct for each. Fault: BAD_NAME."""
    return await _stop(port, _group(port, name).by_priority(), wait)


async def stop_all_processes(port: Port, wait: object = True) -> Value:
    """Stop all running processes: an array with one status struct for each, in the order in which they ended."""
    return await _stop(port, _everything(port), wait)


def _signal_number(signal: Any) -> int:
    """The number of a signal; raises ValueError where there is no such signal."""
    # QUIRK(supervisor): what is neither number nor text is asked for `strip`: HTTP 500, not wrong arguments.
    # tests/test_system_rpc.py: test_a_signal_of_a_wrong_type
    return signals.number(int(signal) if isinstance(signal, int | float) else signal.strip())


async def _signal(port: Port, processes: Iterable[Process], signal: object) -> Value:
    targets = [_target(process) for process in processes if process.state in SIGNALLABLE_STATES]
    if not targets:
        return []
    try:
        number = _signal_number(signal)
    except ValueError:
        # A wrong signal is not the fault of the call but of each of its members, as there.
        return [_status(Outcome(target.key, Fault(Faults.BAD_SIGNAL, signal))) for target in targets]
    return [_status(outcome) for outcome in await port.signal(targets, number)]


async def signal_process(port: Port, name: str, signal: str | int) -> Value:
    """Send a signal, by name or number, to a process; `group:*` to all of a group, as signalProcessGroup does.

    Faults: BAD_NAME, BAD_SIGNAL, NOT_RUNNING, FAILED.
    """
    group, process = _find(port, name)
    if process is None:
        return await _signal(port, group.by_priority(), signal)
    try:
        number = _signal_number(signal)
    except ValueError:
        raise Fault(Faults.BAD_SIGNAL, signal) from None
    return _single(await port.signal([Target(process.key, name)], number))


async def signal_process_group(port: Port, name: str, signal: str | int) -> Value:
    """Send a signal to the processes of a group: an array with one status struct for each. Fault: BAD_NAME."""
    return await _signal(port, _group(port, name).by_priority(), signal)


async def signal_all_processes(port: Port, signal: str | int) -> Value:
    """Send a signal to all processes: an array with one status struct for each."""
    return await _signal(port, _everything(port), signal)


# --- what there is --------------------------------------------------------------------------------------------------


def get_process_info(port: Port, name: str) -> Value:
    """What is known about a process, as a struct. Fault: BAD_NAME."""
    return process_info(_process(port, name), port.now().wall)


def get_all_process_info(port: Port) -> Value:
    """The structs of getProcessInfo for all processes, sorted by group and name."""
    now = port.now().wall
    groups = port.groups
    return [
        process_info(process, now)
        for _, group in sorted(groups.items())
        for _, process in sorted(group.processes.items())
    ]


def get_all_config_info(port: Port) -> Value:
    """How the processes of all groups are configured, active or not: an array of structs, sorted by name."""
    found = [
        config_info(spec, process, port.groups.get(spec.name))
        for spec in port.configuration.groups
        for process in spec.processes
    ]
    return sorted(found, key=lambda info: str(info["name"]))


def get_all_listener_info(port: Port) -> Value:
    """How the event listeners do: an array of structs, one for each process of a pool, sorted by group and name.

    `state` is READY, BUSY, ACKNOWLEDGED or UNKNOWN; `delivered` and `rejected` count events of the process, `buffered`,
    `buffer_size` and `discarded` those of its pool.
    """
    pools = [group.pool for _, group in sorted(port.groups.items()) if group.pool is not None]
    return [listener_info(pool, listener) for pool in pools for _, listener in sorted(pool.listeners.items())]


def get_all_readiness(port: Port) -> Value:
    """Which processes are ready: an array of structs, one for each process, sorted by group and name.

    `state` is READY, WAITING (for the sign that `ready` names, or for RUNNING where it names none), LATE (longer than
    `ready_timeout`) or DOWN; `seconds` is how long it took or takes by now, `why` what was seen last.
    """
    now = port.now().mono
    groups = sorted(port.groups.items())
    return [readiness_info(process, now) for _, group in groups for _, process in sorted(group.processes.items())]


async def wait_ready(port: Port, names: list[str] = [], seconds: float = 0) -> Value:  # noqa: B006
    """Wait until processes are ready, all of them at one time; the structs of getAllReadiness for these.

    `group:*` means those of a group; no name: all that are to run. Answered when they are ready, when one of them will
    not be by itself (it is FATAL, or stopped), or after so many seconds. Faults: BAD_NAME, INCORRECT_PARAMETERS.
    """
    if not isinstance(names, list) or not isinstance(seconds, int | float):
        raise Fault(Faults.INCORRECT_PARAMETERS)
    found: dict[ProcessKey, Process] = {}
    for name in names:
        group, process = _find(port, str(name))
        found.update((one.key, one) for one in (group.by_priority() if process is None else [process]))
    if not names:
        found = {process.key: process for process in _everything(port) if should_run(process)}
    await port.wait_ready([_target(process) for process in found.values()], seconds if seconds > 0 else 0)
    now = port.now().mono
    return [readiness_info(process, now) for process in found.values()]


# --- logs and standard input of processes ---------------------------------------------------------------------------


def _read(path: str | None, offset: int, length: int) -> Value:
    if path is None or not os.path.exists(path):
        raise Fault(Faults.NO_FILE, path)
    return tail.read(path, int(offset), int(length))


def _tail(log: LogSpec, offset: int, length: int) -> Value:
    if not log.path or not os.path.exists(log.path):
        return ["", 0, False]
    return tail.tail(log.path, int(offset), int(length))


def read_process_stdout_log(port: Port, name: str, offset: int, length: int) -> Value:
    """Part of a process's log of stdout; offset and length as in readLog. Faults: BAD_NAME, and those of readLog."""
    return _read(_process(port, name).spec.stdout.path, offset, length)


def read_process_stderr_log(port: Port, name: str, offset: int, length: int) -> Value:
    """Part of a process's log of stderr; offset and length as in readLog. Faults: BAD_NAME, and those of readLog."""
    return _read(_process(port, name).spec.stderr.path, offset, length)


def tail_process_stdout_log(port: Port, name: str, offset: int, length: int) -> Value:
    """The end of a process's log of stdout: an array of text, size of the file, and whether it outgrew offset + length.

    Fault: BAD_NAME.
    """
    return _tail(_process(port, name).spec.stdout, offset, length)


def tail_process_stderr_log(port: Port, name: str, offset: int, length: int) -> Value:
    """The end of a process's log of stderr: an array of text, size of the file, and whether it outgrew offset + length.

    Fault: BAD_NAME.
    """
    return _tail(_process(port, name).spec.stderr, offset, length)


def _clear(port: Port, process: Process, label: str) -> Outcome:
    try:
        port.clear_logs(process.key)
    except OSError:
        return Outcome(process.key, Fault(Faults.FAILED, label))
    return Outcome(process.key, None)


def clear_process_logs(port: Port, name: str) -> Value:
    """Empty both logs of a process. Faults: BAD_NAME, FAILED."""
    return _single([_clear(port, _process(port, name), name)])


def clear_all_process_logs(port: Port) -> Value:
    """Empty the logs of all processes: an array with one status struct for each."""
    return [_status(_clear(port, process, make_namespec(*process.key))) for process in _everything(port)]


def send_process_stdin(port: Port, name: str, chars: str) -> Value:
    """Write text to the standard input of a process, as UTF-8 and without adding a newline.

    Faults: INCORRECT_PARAMETERS, BAD_NAME, NOT_RUNNING, NO_FILE (it has closed its standard input).
    """
    if not isinstance(chars, str):
        raise Fault(Faults.INCORRECT_PARAMETERS, chars)
    process = _process(port, name)
    if not process.pid or process.state == ProcessStates.STOPPING:
        raise Fault(Faults.NOT_RUNNING, name)
    try:
        port.write_stdin(process.key, chars.encode())
    except BrokenPipeError:
        raise Fault(Faults.NO_FILE, name) from None
    return True


METHODS: dict[str, Method] = {
    "minisup.getAllListenerInfo": Method(get_all_listener_info, "array"),
    "minisup.getAllReadiness": Method(get_all_readiness, "array"),
    "minisup.waitReady": Method(wait_ready, "array array double"),
    "supervisor.addProcessGroup": Method(add_process_group, "boolean string"),
    "supervisor.clearAllProcessLogs": Method(clear_all_process_logs, "array"),
    "supervisor.clearLog": Method(clear_log, "boolean"),
    "supervisor.clearProcessLog": Method(clear_process_logs, "boolean string"),
    "supervisor.clearProcessLogs": Method(clear_process_logs, "boolean string"),
    "supervisor.getAPIVersion": Method(get_api_version, "string"),
    "supervisor.getAllConfigInfo": Method(get_all_config_info, "array"),
    "supervisor.getAllProcessInfo": Method(get_all_process_info, "array"),
    "supervisor.getIdentification": Method(get_identification, "string"),
    "supervisor.getPID": Method(get_pid, "int"),
    "supervisor.getProcessInfo": Method(get_process_info, "struct string"),
    "supervisor.getState": Method(get_state, "struct"),
    "supervisor.getSupervisorVersion": Method(get_supervisor_version, "string"),
    "supervisor.getVersion": Method(get_api_version, "string"),
    "supervisor.readLog": Method(read_log, "string int int"),
    "supervisor.readMainLog": Method(read_log, "string int int"),
    "supervisor.readProcessLog": Method(read_process_stdout_log, "string string int int"),
    "supervisor.readProcessStderrLog": Method(read_process_stderr_log, "string string int int"),
    "supervisor.readProcessStdoutLog": Method(read_process_stdout_log, "string string int int"),
    "supervisor.reloadConfig": Method(reload_config, "array"),
    "supervisor.removeProcessGroup": Method(remove_process_group, "boolean string"),
    "supervisor.restart": Method(restart, "boolean"),
    "supervisor.sendProcessStdin": Method(send_process_stdin, "boolean string string"),
    "supervisor.sendRemoteCommEvent": Method(send_remote_comm_event, "boolean string string", always=True),
    "supervisor.shutdown": Method(shutdown, "boolean"),
    "supervisor.signalAllProcesses": Method(signal_all_processes, "array string"),
    "supervisor.signalProcess": Method(signal_process, "boolean string string"),
    "supervisor.signalProcessGroup": Method(signal_process_group, "array string string"),
    "supervisor.startAllProcesses": Method(start_all_processes, "array boolean"),
    "supervisor.startProcess": Method(start_process, "boolean string boolean"),
    "supervisor.startProcessGroup": Method(start_process_group, "array string boolean"),
    "supervisor.stopAllProcesses": Method(stop_all_processes, "array boolean"),
    "supervisor.stopProcess": Method(stop_process, "boolean string boolean"),
    "supervisor.stopProcessGroup": Method(stop_process_group, "array string boolean"),
    "supervisor.tailProcessLog": Method(tail_process_stdout_log, "array string int int"),
    "supervisor.tailProcessStderrLog": Method(tail_process_stderr_log, "array string int int"),
    "supervisor.tailProcessStdoutLog": Method(tail_process_stdout_log, "array string int int"),
}
