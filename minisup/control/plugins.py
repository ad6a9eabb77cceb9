"""Plugins: the objects that the factories of [rpcinterface:x] make, and what they see of the daemon.

    factory(supervisord, **options) ──> an object ──> its methods, in the flat table of the dispatcher

There is one object for each server and plugin, as in supervisord. What it sees is in `minisup.control.views`.

A plugin's code runs in the event loop, and blocks it as it blocks supervisord's. Three things are different here:

* A method that answers later gives a function; it is called at once and then every `delay` seconds.
* A callback for events runs in the middle of the daemon's work. What it asks for is done right after.
* Other threads of a plugin may read at any time; what they ask for is done by the loop, and they wait for it.

What plugins import from the package `supervisor` (the real one or the stand-in) is found by its name in `sys.modules`:
nothing of it is imported here, nor is this file where no plugin is configured.
"""

import re
import threading
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from functools import partial
from types import FunctionType, MethodType
from typing import Any, NoReturn

import anyio
from anyio.from_thread import BlockingPortal

from minisup.control.port import Port
from minisup.control.rpc import METHODS, Method
from minisup.control.server import MAIN_FACTORY
from minisup.control.system_rpc import CallbackFailed
from minisup.control.views import Desk, NotServed, ProcessView, Supervisord, raise_theirs, theirs
from minisup.core.words import Published
from minisup.errors import Fault, Faults, MinisupError
from minisup.events import PARENTS, Event
from minisup.specs import PluginSpec, ServerSpec
from minisup.states import PROCESS_STATE_NAMES

POLLED = 0.05
"""Seconds between two looks at an answer that comes later, at least."""
FIELDS = re.compile(r"(\w+):(.*?)(?= \w+:|$)")
"""Fields of an event; a name may have blanks."""


class Plugins:
    """All plugins of one life of the daemon.

    Attributes:
        methods: what they serve: full names of methods, by the section of the server.
    """

    def __init__(self, port: Port) -> None:
        self.methods: dict[str, dict[str, Method]] = {}
        self.port = port
        self._home = threading.get_ident()
        self._portal: BlockingPortal | None = None
        self._tasks: Any = None
        self._later: deque[Callable[[], object]] = deque()
        self._woken: anyio.Event | None = None
        self._event: object = None  # what callbacks are being told
        events = theirs("events")
        if events is not None:
            events.clear()  # those of the life before this one

    def make(self, server: ServerSpec, spec: PluginSpec, imported: Callable[[str], Any], needed: bool = True) -> bool:
        """Call a factory; the methods of what it makes are served from now on.

        Args:
            server: where they are served.
            spec: the section of the plugin.
            imported: gives what ``module:name`` means.
            needed: nothing works without it; otherwise a factory that fails is one line in the log.

        Returns:
            Whether it is there.

        Raises:
            MinisupError: it failed and is needed, in supervisord's words; why is in the log.
        """
        methods = self.methods.setdefault(server.section, {})
        if spec.factory == MAIN_FACTORY:  # by another name
            for name, method in METHODS.items():
                if name.startswith("supervisor."):
                    methods[spec.name + name.removeprefix("supervisor")] = method
            return True
        desk = self._desk(spec)
        try:
            made = imported(spec.factory)(Supervisord(desk), **spec.options)
            served = dict(_methods(desk, made))
        except BaseException as error:
            self.port.log("warn", traceback.format_exc())
            if isinstance(error, NotServed):
                self.port.log("critical", str(error))
            text = f"Could not make {spec.name} rpc interface"
            if needed:
                raise MinisupError(text) from None
            self.port.log("critical", f"{spec.place}: {text}")
            return False
        events = theirs("events")
        if events is not None and (events.Event, self._forward) not in events.callbacks:
            events.subscribe(events.Event, self._forward)
        if spec.name != "system":
            methods.update(served)
        return True

    def _desk(self, spec: PluginSpec) -> Desk:
        return Desk(self.port, spec, self.act, self.later)

    async def run(self) -> None:
        """Do what callbacks and other threads ask for; a task of the daemon."""
        async with BlockingPortal() as self._portal, anyio.create_task_group() as self._tasks:
            while True:
                self._woken = anyio.Event()
                while self._later:
                    self._try(self._later.popleft())
                await self._woken.wait()

    def act(self, do: Callable[..., Any], *args: object) -> Any:
        """Do what changes something: now where that is possible, else as soon as it is; then the result is None."""
        at_home = threading.get_ident() == self._home
        if at_home and self._event is None:
            return do(*args)
        if not at_home and self._portal is not None:
            return self._portal.call(do, *args)
        self._soon(partial(do, *args))
        return None

    def _soon(self, do: Callable[[], object]) -> None:
        self._later.append(do)
        if self._woken is not None:
            self._woken.set()

    def later(self, answer: Coroutine[Any, Any, Any]) -> Callable[[], Any]:
        """A function that gives NOT_DONE_YET until there is an answer."""
        done: list[Callable[[], Any]] = []

        async def wait() -> None:
            try:
                value = await answer
            except Fault as fault:
                done.append(partial(raise_theirs, "xmlrpc", "RPCError", fault.code, fault.about))
            except Exception as error:
                done.append(partial(_raise, error))
            else:
                done.append(lambda: value)

        def poll() -> Any:
            return done[0]() if done else getattr(theirs("http"), "NOT_DONE_YET", None)

        poll.delay = POLLED  # type: ignore[attr-defined]
        self.act(self._soon, lambda: self._tasks.start_soon(wait))
        return poll

    def notify(self, event: Event) -> None:
        """Tell it to the callbacks that plugins gave to `supervisor.events.subscribe`."""
        events = theirs("events")
        if events is None or all(callback == self._forward for _, callback in events.callbacks):
            return
        kind = getattr(events.EventTypes, event.name, None)
        if kind is None:
            return
        outer, self._event = self._event, kind.__new__(kind)
        self._try(partial(self._tell, event, events.notify))
        self._event = outer

    def _tell(self, event: Event, notify: Callable[[object], object]) -> None:
        vars(self._event).update(self._attributes(event), payload=lambda: event.payload)
        notify(self._event)

    def _attributes(self, event: Event) -> dict[str, Any]:
        """What an event of supervisord carries, read from its text."""
        desk = self._desk(PluginSpec("supervisor.events", ""))
        head, _, data = event.payload.partition("\n")
        found: dict[str, Any] = {"supervisord": Supervisord(desk)}
        if event.name == "REMOTE_COMMUNICATION":
            return found | {"type": head.removeprefix("type:"), "data": data}
        fields: dict[str, str] = dict(FIELDS.findall(head))
        if event.name.startswith("PROCESS_GROUP"):
            return {"group": fields["groupname"]}
        found |= {name: int(fields[name]) for name in ("pid", "when", "expected") if name in fields}
        found |= {"channel": fields.get("channel"), "data": data.encode()}
        if "processname" in fields:
            key = fields["groupname"], fields["processname"]
            group = self.port.groups.get(key[0])
            machine = group and group.processes.get(key[1])
            found["process"] = machine and ProcessView(desk, key, machine)
        if "from_state" in fields:
            numbers = {name: number for number, name in PROCESS_STATE_NAMES.items()}
            found["from_state"] = numbers[fields["from_state"]]
            found["extra_values"] = [(name, fields[name]) for name in ("tries", "expected", "pid") if name in fields]
        return found

    def _forward(self, event: Any) -> None:
        """An event of a plugin's own making goes to the event listeners."""
        events = theirs("events")
        name = events and events.getEventNameByType(type(event))
        if event is not self._event and name in PARENTS:
            self.act(self.port.post, Published(Event(name, str(event.payload()))))

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except BaseException:
            self.port.log("critical", f"a plugin's code raised an unexpected exception: {traceback.format_exc()}")


def _methods(desk: Desk, made: object) -> Iterator[tuple[str, Method]]:
    """Full names and methods of an object: what can be called, and what is listed although it cannot."""
    for name in dir(made):
        if name.startswith("_"):
            continue
        value = _attribute(made, name)
        listed = name in vars(type(made)) and callable(value)
        served = isinstance(value, MethodType) and "." not in desk.spec.name
        if listed or served:
            text = str(value.__doc__)
            handler = _handler(desk, value, text) if served else _refused(text)
            yield f"{desk.spec.name}.{name}", PluginMethod(handler, _signature(text), True, listed)


def _attribute(made: object, name: str) -> Any:
    try:
        return getattr(made, name, None)
    except Exception:  # a property, that cannot tell yet
        return None


def _raise(error: Exception) -> NoReturn:
    raise error


def _handler(desk: Desk, method: Callable[..., Any], text: str) -> Callable[..., Any]:
    def handler(port: Port, *params: object) -> Any:
        try:
            value = method(*params)
        except Exception as error:
            meant = _meant(desk, error)
            if meant is error:
                raise
            raise meant from error
        except BaseException as error:  # `sys.exit()` and its like end supervisord as little
            raise RuntimeError(repr(error)) from error
        # QUIRK(supervisor): a function and nothing else is an answer to come. test_plugins.py: later
        if type(value) is FunctionType:
            return _answer(desk, value, float(value.delay))  # type: ignore[attr-defined]
        return _plain(value)

    handler.__doc__ = text
    return handler


async def _answer(desk: Desk, callback: Callable[[], Any], delay: float) -> Any:
    while True:
        try:
            value = callback()
        except BaseException as error:
            meant = _meant(desk, error)
            raise meant if isinstance(meant, Fault) else CallbackFailed from error
        if value is not getattr(theirs("http"), "NOT_DONE_YET", callback):
            return _plain(value)
        await anyio.sleep(max(delay, POLLED))


def _meant(desk: Desk, error: BaseException) -> BaseException:
    """The fault that an exception of a plugin stands for; itself where it stands for none."""
    if isinstance(error, NotServed):
        desk.port.log("critical", str(error))
        return Fault(Faults.FAILED, error)
    if any(kind.__name__ == "RPCError" for kind in type(error).__mro__):
        fault = Fault(error.code)  # type: ignore[attr-defined]
        fault.text = error.text  # type: ignore[attr-defined]
        return fault
    return error


class PluginMethod(Method):
    """A method of a plugin: it counts its arguments itself, and its help is its whole docstring."""

    def takes(self, count: int) -> bool:
        return True

    @property
    def help(self) -> str:
        return str(self.handler.__doc__)


def _refused(text: str) -> Callable[..., Any]:
    def handler(port: Port, *params: object) -> NoReturn:
        raise Fault(Faults.UNKNOWN_METHOD)

    handler.__doc__ = text
    return handler


def _signature(text: str) -> str:
    """Types, from the lines ``@return TYPE`` and ``@param TYPE``; empty without the first."""
    tags = [(words[0], words[1]) for line in text.splitlines() if len(words := line.split(None, 2)) > 1]
    returned = [kind for tag, kind in tags if tag == "@return"]
    return " ".join([returned[-1], *(kind for tag, kind in tags if tag == "@param")]) if returned else ""


def _plain(value: Any) -> Any:
    """A result of a plugin in the types of `minisup.protocol.xmlrpc`, as the library's marshaller sees it."""
    if isinstance(value, (str, int, float, bytes, datetime)):
        return value
    if isinstance(value, (list, tuple)):
        return (tuple if isinstance(value, tuple) else list)(map(_plain, value))
    if type(value).__module__ == "xmlrpc.client" and hasattr(value, "data"):
        return bytes(value.data)
    members = value if isinstance(value, dict) else getattr(value, "__dict__", None)
    return value if members is None else {name: _plain(member) for name, member in members.items()}
