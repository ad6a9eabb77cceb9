"""The status page: who may do what on it, and what is said about it.

    GET  /             all processes, with buttons          GET action=refresh        a message
    POST action=...    done, then 303 to /?message=...      GET any other action      405, a page that asks (a form)
    POST without token, or from another site: 403           GET with get_actions=true as POST, without a token
    GET  /tail.html    the end of a log                     GET /status.json          what the open page asks for

An action changes something, so nobody else's page may cause it. Three things are looked at. Where a browser says in
`Sec-Fetch-Site` who asks, that counts; it is left out towards plain http, and then `Origin` or `Referer` must name the
host that was asked. Last, the token: random, made anew with each life of the daemon, and written into the forms of the
page, which no other site can read. `get_actions` does without the token, not without the rest.

Words and faults are those of `minisup.control.rpc`, whose methods do the work.
"""

import hmac
import json
import os
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl, quote

from anyio.lowlevel import checkpoint

from minisup.control import page_markup as markup
from minisup.control import rpc
from minisup.control.page_markup import Row
from minisup.control.port import Port
from minisup.control.status import process_info
from minisup.core.lifecycle import Process
from minisup.errors import Fault, Faults
from minisup.protocol.http import Body, Head
from minisup.specs import ServerSpec, make_namespec
from minisup.states import PROCESS_STATE_NAMES, ProcessStates, SupervisorStates

FIELDS = 100
"""Most fields of a form or query."""
BATCH = 50
"""So many rows are made before others have their turn: about a millisecond."""
PIECE = 64 * 1024
"""So many characters of a log are escaped before others have their turn."""
LEAST = 1024
"""Bytes of a log that are shown if nobody wants more."""
MOST = 1024 * 1024
"""Most bytes of a log that are shown."""

Made = TypeVar("Made")

ENDINGS = {
    SupervisorStates.SHUTDOWN: "The daemon is shutting down: nothing can be started or stopped any more.",
    SupervisorStates.RESTARTING: "The daemon is restarting: nothing can be started or stopped until it is back.",
}

# --- actions --------------------------------------------------------------------------------------------------------

START_ERRORS = {
    Faults.NO_FILE: "no such file",
    Faults.NOT_EXECUTABLE: "file not executable",
    Faults.ALREADY_STARTED: "already started",
    Faults.SPAWN_ERROR: "spawn error",
    Faults.ABNORMAL_TERMINATION: "abnormal termination",
}


def _unexpected(fault: Fault) -> str:
    return f"unexpected rpc fault [{fault.code}] {fault.text}"


async def _start(port: Port, name: str, done: str = "started") -> str:
    try:
        await rpc.start_process(port, name)
    except Fault as fault:
        return f"ERROR: Process {name}: {START_ERRORS.get(fault.code) or _unexpected(fault)}"
    return f"Process {name} {done}"


async def _stop(port: Port, name: str) -> str:
    await rpc.stop_process(port, name)
    return f"Process {name} stopped"


async def _restart(port: Port, name: str) -> str:
    with suppress(Fault):  # one that does not run is started
        await rpc.stop_process(port, name)
    return await _start(port, name, "restarted")


async def _clear_log(port: Port, name: str) -> str:
    rpc.clear_process_logs(port, name)
    return f"Log for {name} cleared"


async def _stop_all(port: Port, name: str) -> str:
    await rpc.stop_all_processes(port)
    return f"All stopped at {_now(port)}"


async def _restart_all(port: Port, name: str) -> str:
    await rpc.stop_all_processes(port)
    await rpc.start_all_processes(port)
    return f"All restarted at {_now(port)}"


def _now(port: Port) -> str:
    return time.ctime(port.now().wall)


class Action(NamedTuple):
    """What a button does: `do` with the port and the name of the process, or with an empty name for all of them."""

    do: Callable[[Port, str], Awaitable[str]]
    single: bool = True


ACTIONS = {
    "start": Action(_start),
    "stop": Action(_stop),
    "restart": Action(_restart),
    "clearlog": Action(_clear_log),
    "stopall": Action(_stop_all, single=False),
    "restartall": Action(_restart_all, single=False),
}


async def perform(port: Port, action: str, name: str) -> str:
    """Do one of `ACTIONS`; gives supervisord's words for what came of it. Source: supervisor's ``web.StatusView``."""
    try:
        if ACTIONS[action].single:
            rpc.get_process_info(port, name)
    except Fault:
        return f"No such process named {name}"
    try:
        return await ACTIONS[action].do(port, name)
    except Fault as fault:
        return _unexpected(fault)


# --- who asks -------------------------------------------------------------------------------------------------------


def _host(text: str) -> str:
    return re.sub(r":(?:80|443)$", "", text.lower())


def is_foreign(head: Head) -> bool:
    """Whether the page of another site made a browser send this request.

    A Host without a port, as many proxies send it, stands for all ports; one with a path behind it is what supervisord
    needed under a path of a proxy.
    """
    site = head.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = head.headers.get("origin") or head.headers.get("referer")
    if not origin:
        return False
    found = re.match(r"https?://([^/?#@]+)(?:[/?#]|$)", origin, re.IGNORECASE)
    if found is None:
        return True
    asked, named = _host(head.headers.get("host", "").partition("/")[0]), _host(found[1])
    return named != asked and re.sub(r":\d+$", "", named) != asked


def read_form(head: Head, body: bytes) -> dict[str, str]:
    """The fields of a request: of the query the first with a name, of the body the last; the body wins.

    Raises:
        ValueError: more than `FIELDS`.
    """
    query = parse_qsl(head.query, errors="replace", max_num_fields=FIELDS)
    posted = parse_qsl(body.decode(errors="replace"), errors="replace", max_num_fields=FIELDS)
    return dict([*reversed(query), *posted])


# --- pages ----------------------------------------------------------------------------------------------------------


def look_at(process: Process, now: float, ended: bool) -> Row:
    """What the page says about a process; there are no actions where `ended`."""
    state = process.state
    look = "statusnominal"
    actions: tuple[str, ...] = ()
    if state == ProcessStates.RUNNING:
        look, actions = "statusrunning", ("restart", "stop")
    elif state in (ProcessStates.STOPPED, ProcessStates.EXITED, ProcessStates.FATAL):
        actions = ("start",)
    elif state in (ProcessStates.STARTING, ProcessStates.BACKOFF):
        actions = ("stop",)
    if state in (ProcessStates.FATAL, ProcessStates.BACKOFF):
        look = "statuserror"
    return Row(
        make_namespec(*process.key),
        PROCESS_STATE_NAMES[state].lower(),
        look,
        str(process_info(process, now)["description"]),
        () if ended else (*actions, "clearlog"),
        _logs(process),
    )


def _logs(process: Process) -> tuple[str, ...]:
    channels = (("stdout", process.spec.stdout), ("stderr", process.spec.stderr))
    return tuple(name for name, log in channels if log.path)


class Page:
    """The pages of one life of the daemon.

    Attributes:
        token: what a form must send along.
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.token = os.urandom(20).hex()

    async def answer(self, spec: ServerSpec, head: Head, body: bytes) -> Body:
        """The answer to a request for ``/``, ``/index.html``, ``/tail.html`` or ``/status.json``."""
        try:
            form = read_form(head, body)
        except ValueError:
            return _refused(400, f"cannot read the form: it has more than {FIELDS} fields")
        path = head.path.lstrip("/")
        if path == "tail.html":
            return await self._tail(form)
        if path == "status.json":
            return await self._live()
        action = form.get("action", "")
        if not action:
            return await self._status(form.get("message", ""))
        return await self._act(spec, head, action, form)

    async def _act(self, spec: ServerSpec, head: Head, action: str, form: dict[str, str]) -> Body:
        name = form.get("processname", "")
        if action != "refresh" and action not in ACTIONS:
            return _refused(400, f"cannot {action!r}: there is no such action")
        if self._ending:
            return await self._status("")
        if action == "refresh":
            return _see(f"Page refreshed at {_now(self.port)}")
        if not ACTIONS[action].single:
            name = ""
        elif not name:
            return _refused(400, f"cannot {action}: the request does not say which process")
        what = f"{action} {name!r}" if name else action
        foreign = is_foreign(head)
        if head.method == "GET" and (foreign or not spec.get_actions):
            asked = markup.question(action, name, self.token)
            return markup.document("Supervisor Status", asked, status=405, fields="Allow: POST\r\n")
        if foreign:
            why = "the page that asked for it belongs to another site. (A proxy between must hand on the field Host)"
            return _refused(403, f"cannot {what}: {why}")
        if not spec.get_actions and not hmac.compare_digest(form.get("token", "").encode(), self.token.encode()):
            if "token" in form:
                return _refused(403, f"cannot {what}: the page is older than the daemon. Reload it, and try again")
            why = "the request does not carry the token of the status page. Scripts use XML-RPC or supervisorctl, or "
            return _refused(403, f"cannot {what}: {why}get_actions=true in [{spec.section}]")
        return _see(await perform(self.port, action, name))

    @property
    def _ending(self) -> str:
        """Why no action is possible any more; empty as long as they are."""
        return ENDINGS.get(self.port.mood, "")

    async def _status(self, message: str) -> Body:
        ending = self._ending
        rows, page = await self._each(markup.row)
        identifier = self.port.configuration.daemon.identifier
        content = markup.status(rows, page, self.token, identifier, message, ending)
        return markup.document("Supervisor Status", content, markup.STATUS_SCRIPT, 503 if ending else 200)

    async def _live(self) -> Body:
        """What changes on a page that somebody looks at, in the order of its rows."""
        rows, page = await self._each(lambda row: (row.state, row.look, row.description, row.actions))
        content = json.dumps({"page": page, "rows": rows}, separators=(",", ":")).encode()
        return Body("application/json", content, fields=markup.NOT_KEPT + markup.NOT_GUESSED)

    async def _each(self, make: Callable[[Row], Made]) -> tuple[list[Made], str]:
        """Something made of every row, and a text that changes when the rows are others or belong to another life."""
        port, ended = self.port, bool(self._ending)
        processes = [
            process for _, group in sorted(port.groups.items()) for _, process in sorted(group.processes.items())
        ]
        page = hash((self.token, ended, *((process.key, _logs(process)) for process in processes)))
        now = port.now().wall
        made = []
        for number, process in enumerate(processes, 1):
            made.append(make(look_at(process, now, ended)))
            if number % BATCH == 0:
                await checkpoint()
        return made, f"{page & 0xFFFFFFFF:x}"

    async def _tail(self, form: dict[str, str]) -> Body:
        name = form.get("processname", "")
        channel = "stderr" if form.get("channel") == "stderr" else "stdout"
        wanted = form.get("limit", "")
        limit = LEAST
        if re.fullmatch("[0-9]+", wanted):
            limit = max(LEAST, min(MOST, int(wanted[:9])))
        text, followed = self._log_end(name, channel, limit)
        pieces = []
        for start in range(0, len(text), PIECE):
            pieces.append(markup.escape(text[start : start + PIECE]))
            await checkpoint()
        content = markup.tail(name, channel, limit, MOST, "".join(pieces), followed)
        return markup.document(f"Supervisor tail of process {name or None}", content, markup.TAIL_SCRIPT)

    def _log_end(self, name: str, channel: str, limit: int) -> tuple[str, bool]:
        """The end of a log or what is to say instead, and whether there is, or may be, a log to follow.

        In every state of the daemon: its end is when logs are of interest.
        """
        if not name:
            return "No process name found", False
        read = rpc.read_process_stderr_log if channel == "stderr" else rpc.read_process_stdout_log
        try:
            return str(read(self.port, name, -limit, 0)), True
        except Fault as fault:
            if fault.code == Faults.NO_FILE:
                return f"No file for {name}", True
            return f"ERROR: {_unexpected(fault)}", False


def _refused(status: int, why: str) -> Body:
    return markup.document("Supervisor Status", markup.refusal(why), status=status)


def _see(message: str) -> Body:
    """Sends the browser to the page, which shows the message. Not cacheable, unlike supervisord's 301."""
    where = f"Location: ./?message={quote(message)}\r\n"
    return Body("text/plain;charset=utf-8", f"{message}\n".encode(errors="replace"), 303, where + markup.NOT_KEPT)
