"""What clients are told about a process: getProcessInfo, getAllConfigInfo, and the line that status shows.

Member order, types and texts are interface. Source: supervisor's ``rpcinterface`` (getProcessInfo,
_interpretProcessInfo, getAllConfigInfo).
"""

import time
from datetime import timedelta

from minisup.core.lifecycle import Process
from minisup.core.pool import Listener, Pool
from minisup.core.readiness import explain
from minisup.core.roster import Group
from minisup.protocol.xmlrpc import INT_MAX, Value
from minisup.specs import GroupSpec, LogSpec, ProcessSpec
from minisup.states import PROCESS_STATE_NAMES, ProcessStates


def _seconds(wall: float) -> int:
    return min(int(wall), INT_MAX)


def description(state: int, name: str, pid: int, start: int, stop: int, now: int, spawnerr: str) -> str:
    """The words behind the state in `status`; times in whole seconds since the epoch."""
    if state == ProcessStates.RUNNING:
        return f"pid {pid}, uptime {timedelta(seconds=max(0, now - start))}"
    if state in (ProcessStates.FATAL, ProcessStates.BACKOFF):
        return spawnerr or f'unknown error (try "tail {name}")'
    if state in (ProcessStates.STOPPED, ProcessStates.EXITED):
        # QUIRK(supervisor): no year and no seconds, month in the words of the locale; the epoch for a process that
        # was started and never reaped. tests/test_rpc.py: descriptions
        return time.strftime("%b %d %I:%M %p", time.localtime(stop)) if start else "Not started"
    return ""


def process_info(process: Process, now: float) -> dict[str, Value]:
    """The struct of getProcessInfo; `now` in seconds since the epoch."""
    spec, state, pid = process.spec, process.state, process.pid
    start = _seconds(process.started.wall) if process.started is not None else 0
    stop = _seconds(process.stopped.wall) if process.stopped is not None else 0
    spawnerr = process.spawnerr or ""
    stdout = spec.stdout.path or ""
    at = _seconds(now)
    return {
        "name": spec.name,
        "group": process.group,
        "start": start,
        "stop": stop,
        "now": at,
        "state": state,
        "statename": PROCESS_STATE_NAMES[state],
        "spawnerr": spawnerr,
        "exitstatus": process.exitstatus or 0,
        "logfile": stdout,
        "stdout_logfile": stdout,
        "stderr_logfile": spec.stderr.path or "",
        "pid": pid,
        "description": description(state, spec.name, pid, start, stop, at, spawnerr),
    }


def _logfile(log: LogSpec, active: LogSpec | None) -> str:
    """The path, `none`, or `auto` for a generated one that does not exist yet.

    supervisord forgets the generated paths with each reloadConfig and says `auto` for files that are being written;
    here the path is told as long as the group is active.
    """
    if log.path is not None:
        return log.path
    if not log.auto:
        return "none"
    return active.path if active is not None and active.path is not None else "auto"


def _log(channel: str, log: LogSpec, active: LogSpec | None) -> dict[str, Value]:
    return {
        f"{channel}_capture_maxbytes": log.capture_maxbytes,
        f"{channel}_events_enabled": log.events_enabled,
        f"{channel}_logfile": _logfile(log, active),
        f"{channel}_logfile_backups": log.backups,
        f"{channel}_logfile_maxbytes": log.maxbytes,
        f"{channel}_syslog": log.syslog,
    }


def config_info(group: GroupSpec, spec: ProcessSpec, active: Group | None) -> dict[str, Value]:
    """The struct of getAllConfigInfo for one process; `active` is the active group of that name, if there is one."""
    running = active.processes.get(spec.name) if active is not None else None
    stdout = running.spec.stdout if running is not None else None
    stderr = running.spec.stderr if running is not None else None
    return {
        "autostart": spec.autostart,
        "directory": "none" if spec.directory is None else spec.directory,
        "uid": "none" if spec.uid is None else spec.uid,
        "command": spec.command,
        "exitcodes": spec.exitcodes,
        "group": group.name,
        "group_prio": group.priority,
        "inuse": active is not None,
        "killasgroup": spec.killasgroup,
        "name": spec.name,
        "process_prio": spec.priority,
        "redirect_stderr": spec.redirect_stderr,
        "startretries": spec.startretries,
        "startsecs": spec.startsecs,
        **_log("stdout", spec.stdout, stdout),
        "stopsignal": int(spec.stopsignal),
        "stopwaitsecs": spec.stopwaitsecs,
        **_log("stderr", spec.stderr, stderr),
        "serverurl": "none" if spec.serverurl is None else spec.serverurl,
    }


def readiness_info(process: Process, now: float) -> dict[str, Value]:
    """The struct of minisup.getAllReadiness for one process; `now` in monotonic seconds."""
    readiness = process.readiness
    return {
        "name": process.spec.name,
        "group": process.group,
        "statename": PROCESS_STATE_NAMES[process.state],
        "pid": process.pid,
        "exitstatus": process.exitstatus or 0,
        "ready": readiness.ready,
        "state": readiness.state,
        "seconds": round(readiness.seconds(now), 3),
        "why": explain(process),
    }


def listener_info(pool: Pool, listener: Listener) -> dict[str, Value]:
    """The struct of minisup.getAllListenerInfo for one process; what is counted for the pool is the same in each."""
    return {
        "name": listener.process.spec.name,
        "group": pool.name,
        "statename": PROCESS_STATE_NAMES[listener.process.state],
        "pid": listener.process.pid,
        "state": listener.state,
        "delivered": listener.delivered,
        "rejected": listener.rejected,
        "buffered": pool.buffered,
        "buffer_size": pool.spec.buffer_size,
        "discarded": pool.discarded,
    }
