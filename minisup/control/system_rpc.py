"""The methods of `system.*`, and the dispatcher that every call goes through.

    body -> decode -> look up -> count arguments -> shutting down? -> handler -> encode -> reply

Methods are looked up in a flat table by their full name: no part of a client's text is ever used as an attribute.
"""

import traceback
from collections.abc import Awaitable, Mapping
from typing import Any

from minisup.control.port import Port
from minisup.control.rpc import METHODS, Method
from minisup.errors import Fault, Faults
from minisup.protocol import xmlrpc
from minisup.protocol.xmlrpc import Value
from minisup.states import SupervisorStates

SHOWN = 2000
"""So many characters of a refused request body are shown in the log."""


class CallbackFailed(Exception):
    """The function by which a plugin's method answers later raised what is the cause of this."""


class Dispatcher:
    """Answers calls.

    Attributes:
        methods: all that may be called, by full name.
        verbose: whether the main log wants the lines of level trace; they cost more than most calls.
    """

    __slots__ = ("methods", "port", "verbose")

    def __init__(self, port: Port, verbose: bool = False, methods: Mapping[str, Method] = METHODS) -> None:
        self.port = port
        self.verbose = verbose
        self.methods = {**methods, **SYSTEM}

    async def call(self, name: str, params: tuple[object, ...]) -> Value:
        """The result of a method.

        Raises:
            Fault: the method refused, there is none, or its arguments do not fit.
        """
        method = self.methods.get(name)
        if method is None:
            raise Fault(Faults.UNKNOWN_METHOD)
        if not method.takes(len(params)):
            raise Fault(Faults.INCORRECT_PARAMETERS)
        if not method.always and self.port.mood < SupervisorStates.RUNNING:
            raise Fault(Faults.SHUTDOWN_STATE)
        try:
            result = method.handler(self if name.startswith("system.") else self.port, *params)
            return await result if isinstance(result, Awaitable) else result
        except TypeError as error:
            # QUIRK(supervisor): every TypeError is taken for wrong arguments. tests/test_system_rpc.py: type errors
            self.port.log("debug", f"XML-RPC method {name}() raised {error!r}")
            raise Fault(Faults.INCORRECT_PARAMETERS) from None

    async def answer(self, body: bytes) -> bytes | int:
        """The document that answers a request body, or the HTTP status where there is none: 400, 500."""
        try:
            name, params = xmlrpc.decode(body)
        except xmlrpc.Unmarshallable:
            self.port.log("error", f"XML-RPC request data {_shown(body)} is invalid: unmarshallable")
            return 400
        if name is None:
            self.port.log("error", f"XML-RPC request data {_shown(body)} is invalid: no method name")
            return 400
        try:
            if not self.verbose:
                return _document(await self.call(name, params))
            return await self._narrated(name, params)
        except Fault as fault:
            return xmlrpc.fault(fault.code, fault.text)
        except CallbackFailed:
            self.port.log("error", f"XML-RPC response callback error:{traceback.format_exc()}")
            return 500
        except Exception:
            self.port.log(
                "critical",
                f"Handling XML-RPC request with data {_shown(body)} raised an unexpected exception: "
                + traceback.format_exc(),
            )
            return 500

    async def _narrated(self, name: str, params: tuple[object, ...]) -> bytes:
        self.port.log("trace", f"XML-RPC method called: {name}()")
        try:
            value = await self.call(name, params)
        except Fault as fault:
            self.port.log("trace", f"XML-RPC method {name}() returned fault: [{fault.code}] {fault.text}")
            raise
        self.port.log("trace", f"XML-RPC method {name}() returned successfully")
        return _document(value)


def _document(value: Value) -> bytes:
    # QUIRK(supervisor): a tuple is the list of what is answered, which must have one member. test_plugins.py: RESULTS
    if isinstance(value, tuple):
        (value,) = value
    return xmlrpc.response(value)


def _shown(body: bytes) -> str:
    text = repr(body.decode(errors="backslashreplace"))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(body)} bytes)"


# --- system.* -------------------------------------------------------------------------------------------------------


def _known(dispatcher: Dispatcher, name: object) -> Method:
    method = dispatcher.methods.get(name) if isinstance(name, str) else None
    if method is None or not method.listed:
        raise Fault(Faults.SIGNATURE_UNSUPPORTED)
    return method


def list_methods(dispatcher: Dispatcher) -> Value:
    """The names of all methods of supervisor and its plugins, sorted; what minisup has beside them is left out."""
    methods = dispatcher.methods.items()
    return sorted(name for name, method in methods if method.listed and not name.startswith("minisup."))


def method_help(dispatcher: Dispatcher, name: str) -> Value:
    """What a method does, in words. Fault: SIGNATURE_UNSUPPORTED when there is no such method."""
    return _known(dispatcher, name).help


def method_signature(dispatcher: Dispatcher, name: str) -> Value:
    """The type of a method's result, then those of its arguments. Fault: SIGNATURE_UNSUPPORTED."""
    signature = _known(dispatcher, name).signature.split()
    if not signature:
        raise Fault(Faults.SIGNATURE_UNSUPPORTED)
    return signature


async def multicall(dispatcher: Dispatcher, calls: list[dict[str, object]]) -> Value:
    """Make several calls one after the other; each is a struct of `methodName` and `params`.

    The result is an array: for each call what it gave, or a struct of `faultCode` and `faultString`. One that waits is
    waited for before the next begins, so that a stop and a start are a restart.
    """
    # QUIRK(supervisor): the bare result, not an array of one as everywhere else. tests/test_system_rpc.py: bare
    if isinstance(calls, dict):
        raise TypeError("a struct is no array")  # what the real one's slice of it says, up to Python 3.11
    return [await _member(dispatcher, call.get("methodName"), call.get("params", [])) for call in calls[:]]


async def _member(dispatcher: Dispatcher, name: Any, params: Any) -> Value:
    try:
        if name is None:
            raise Fault(Faults.INCORRECT_PARAMETERS, "No methodName")
        if name == "system.multicall":
            raise Fault(Faults.INCORRECT_PARAMETERS, "Recursive system.multicall forbidden")
        # QUIRK(supervisor): a name that is no text fails on this `split`, and the client reads its error; params may
        # be whatever can be unpacked, letters of a text and names of a struct too. tests/test_system_rpc.py: MEMBERS
        if len(name.split(".")) != 2 or name not in dispatcher.methods:
            raise Fault(Faults.UNKNOWN_METHOD)
        try:
            given = tuple(params)
        except TypeError:
            raise Fault(Faults.INCORRECT_PARAMETERS) from None
        return await dispatcher.call(name, given)
    except Fault as fault:
        return {"faultCode": fault.code, "faultString": fault.text}
    except Exception as failed:
        error = failed.__cause__ if isinstance(failed, CallbackFailed) else failed
        return {"faultCode": Faults.FAILED, "faultString": f"FAILED: {type(error)}:{error}"}


SYSTEM: dict[str, Method] = {
    "system.listMethods": Method(list_methods, "array", always=True),
    "system.methodHelp": Method(method_help, "string string", always=True),
    "system.methodSignature": Method(method_signature, "array string", always=True),
    "system.multicall": Method(multicall, "array array", always=True),
}
