"""What the main log says about processes and the daemon: supervisord's own wording, which scrapers rely on.

Names in these lines are bare process names, never group-qualified.
QUIRK(supervisor): two groups' processes of one name cannot be told apart. test_lifecycle.py: narration
"""

from minisup import signals
from minisup.core.words import Log


def wait_status(status: int) -> tuple[int, str]:
    """(exit code, text) of a raw wait status; the code is -1 for a death by signal.

    Source: wait(2), by its bits as Linux lays them out; the texts from supervisor's ``options.decode_wait_status``.
    """
    signum = status & 0x7F
    if signum == 0:
        code = status >> 8 & 0xFF
        return code, f"exit status {code}"
    if signum != 0x7F:
        core = " (core dumped)" if status & 0x80 else ""
        return -1, f"terminated by {signals.name(signum)}{core}"
    return -1, f"unknown termination cause 0x{status:04x}"


def spawned(name: str, pid: int) -> Log:
    return Log("info", f"spawned: '{name}' with pid {pid}")


def spawn_failed(why: str) -> Log:
    return Log("info", f"spawnerr: {why}")


def already_running(name: str) -> Log:
    return Log("warn", f"process '{name}' already running")


def stayed_up(name: str, startsecs: int) -> Log:
    return Log(
        "info",
        f"success: {name} entered RUNNING state, process has stayed up for > than {startsecs} seconds (startsecs)",
    )


def gave_up(name: str) -> Log:
    return Log("info", f"gave up: {name} entered FATAL state, too many start retries too quickly")


def exited(name: str, how: str, expected: bool) -> Log:
    if expected:
        return Log("info", f"exited: {name} ({how}; expected)")
    return Log("warn", f"exited: {name} ({how}; not expected)")


def stopped(name: str, how: str, expected: bool) -> Log:
    return Log("info" if expected else "warn", f"stopped: {name} ({how})")


def killing(name: str, pid: int, signum: int, group: bool) -> Log:
    whom = "process group " if group else ""
    return Log("debug", f"killing {name} (pid {pid}) {whom}with signal {signals.name(signum)}")


def killing_hard(name: str, pid: int) -> Log:
    return Log("warn", f"killing '{name}' ({pid}) with SIGKILL")


def survived_sigkill(name: str, pid: int) -> Log:
    return Log("critical", f"'{name}' ({pid}) did not die of SIGKILL, no longer waiting for it")


def stopped_in_backoff(name: str) -> Log:
    return Log("debug", f"Attempted to kill {name}, which is in BACKOFF state.")


def sending(name: str, pid: int, signum: int) -> Log:
    return Log("debug", f"sending {name} (pid {pid}) sig {signals.name(signum)}")


def gone(name: str, pid: int, why: str, passing_on: bool) -> Log:
    just = "just now exited" if passing_on else "just exited"
    return Log("debug", f"unable to signal {name} (pid {pid}), it probably {just} on its own: {why}")


def kill_problem(name: str, pid: int, why: str, passing_on: bool) -> Log:
    what = "sending sig" if passing_on else "killing"
    return Log("critical", f"unknown problem {what} {name} ({pid}):{why}")


def waiting_to_stop(name: str) -> Log:
    return Log("info", f"waiting for {name} to stop")


def waiting_to_die(names: list[str]) -> Log:
    return Log("info", f"waiting for {', '.join(names)} to die")


def budget_spent(name: str, seconds: float) -> Log:
    return Log("warn", f"'{name}' used up its share of the shutdown timeout of {seconds:g} seconds")


def essential_ended(name: str) -> Log:
    return Log("warn", f"'{name}' has ended, and the daemon with it (exit_on)")


def ready(name: str, seconds: float) -> Log:
    return Log("info", f"ready: {name} after {seconds:.3f} seconds")


def late(name: str, seconds: float, state: str, why: str, how: str) -> Log:
    before = f"; its run before: {how}" if how else ""
    return Log("warn", f"late: {name} is {state} but not ready after {seconds:g} seconds: {why}{before}")


def reaped_unknown(pid: int, how: str) -> Log:
    return Log("info", f"reaped unknown pid {pid} ({how})")


def reaped_more(count: int) -> Log:
    return Log("info", f"reaped {count} more unknown pids")


def exit_requested(signum: int) -> Log:
    return Log("warn", f"received {signals.name(signum)} indicating exit request")


def exit_hurried(signum: int) -> Log:
    return Log("warn", f"received {signals.name(signum)} again, killing what still runs")


def restart_requested(signum: int) -> Log:
    return Log("warn", f"received {signals.name(signum)} indicating restart request")


def restart_ignored(signum: int) -> Log:
    return Log("warn", f"ignored {signals.name(signum)} indicating restart request (shutdown in progress)")


def reopen_requested(signum: int) -> Log:
    return Log("info", f"received {signals.name(signum)} indicating log reopen request")


def child_quit(signum: int) -> Log:
    return Log("debug", f"received {signals.name(signum)} indicating a child quit")


def nothing_meant(signum: int) -> Log:
    return Log("info", f"received {signals.name(signum)} indicating nothing")


def listener_changed(name: str, before: str, after: str) -> Log:
    return Log("debug", f"{name}: {before} -> {after}")


def listener_lost(name: str, before: str) -> list[Log]:
    return [
        listener_changed(name, before, "UNKNOWN"),
        Log(
            "warn",
            f"{name}: has entered the UNKNOWN state and will no longer receive events, this usually indicates the "
            "process violated the eventlistener protocol",
        ),
    ]


def listener_slow(name: str, serial: int, seconds: float) -> Log:
    return Log("warn", f"{name}: no answer to event {serial} for {seconds:g} seconds")


def bad_result(name: str, line: str) -> Log:
    return Log("warn", f"{name}: bad result line: '{line}'")


def event_sent(serial: int, name: str) -> Log:
    return Log("debug", f"event {serial} sent to listener {name}")


def event_epipe(serial: int, name: str) -> Log:
    return Log("debug", f"epipe occurred while sending event {serial} to listener {name}")


def event_processed(name: str) -> Log:
    return Log("debug", f"{name}: event was processed")


def event_rejected(name: str) -> Log:
    return Log("warn", f"{name}: event was rejected")


def event_broke(name: str) -> Log:
    return Log("warn", f"{name}: event caused an error")


def rebuffering(serial: int, pool: str, size: int, most: int) -> Log:
    return Log("debug", f"rebuffering event {serial} for pool {pool} (buf size={size}, max={most})")


def overflowed(pool: str, serial: int) -> Log:
    return Log("error", f"pool {pool} event buffer overflowed, discarding event {serial}")
