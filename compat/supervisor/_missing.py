"""What minisup does not serve of the package `supervisor`, and why; each says so when it is imported."""

from collections.abc import Callable
from typing import NoReturn

_CORE = "processes are kept by minisup's own core, which is built differently"
_SERVER = "minisup's own server answers, there is no medusa and no asyncore in it"
_PIPES = "minisup reads and writes the pipes of programs itself"
_PAGE = "minisup's status page is its own"
_CLIENT = "minisup's client does this otherwise"
_DOCUMENT = "configurations are read by minisup.config, into other classes"

MODULES = {
    "supervisor.http_client": _SERVER,
    "supervisor.medusa": _SERVER,
    "supervisor.poller": "minisup waits in one selector of its own",
    "supervisor.socket_manager": "the sockets of FastCGI programs are minisup's own",
    "supervisor.templating": _PAGE,
    "supervisor.web": _PAGE,
}
"""Modules of which nothing is there: why."""

NAMES = {
    "supervisor.datatypes": {
        "InetStreamSocketConfig": "the sockets of FastCGI programs are minisup's own",
        "SocketConfig": "the sockets of FastCGI programs are minisup's own",
        "UnixStreamSocketConfig": "the sockets of FastCGI programs are minisup's own",
    },
    "supervisor.dispatchers": {
        "ANSI_ESCAPE_BEGIN": _PIPES,
        "ANSI_TERMINATORS": _PIPES,
        "PDispatcher": _PIPES,
        "PInputDispatcher": _PIPES,
        "POutputDispatcher": _PIPES,
    },
    "supervisor.http": {
        "LogWrapper": _SERVER,
        "deferring_chunked_producer": _SERVER,
        "deferring_composite_producer": _SERVER,
        "deferring_globbing_producer": _SERVER,
        "deferring_hooked_producer": _SERVER,
        "deferring_http_channel": _SERVER,
        "deferring_http_request": _SERVER,
        "encrypted_dictionary_authorizer": _SERVER,
        "logtail_handler": _SERVER,
        "mainlogtail_handler": _SERVER,
        "make_http_servers": _SERVER,
        "supervisor_af_inet_http_server": _SERVER,
        "supervisor_af_unix_http_server": _SERVER,
        "supervisor_auth_handler": _SERVER,
        "supervisor_http_server": _SERVER,
        "tail_f_producer": _SERVER,
    },
    "supervisor.options": {
        "Config": _DOCUMENT,
        "Dummy": _DOCUMENT,
        "EventListenerConfig": _DOCUMENT,
        "EventListenerPoolConfig": _DOCUMENT,
        "FastCGIGroupConfig": _DOCUMENT,
        "FastCGIProcessConfig": _DOCUMENT,
        "ProcessConfig": _DOCUMENT,
        "ProcessGroupConfig": _DOCUMENT,
        "SignalReceiver": "signals come to minisup's own driver",
    },
    "supervisor.process": {
        "EventListenerPool": _CORE,
        "FastCGIProcessGroup": _CORE,
        "FastCGISubprocess": _CORE,
        "GlobalSerial": _CORE,
        "ProcessGroup": _CORE,
        "ProcessGroupBase": _CORE,
        "Subprocess": _CORE,
        "new_serial": _CORE,
    },
    "supervisor.rpcinterface": {"make_allfunc": _CORE},
    "supervisor.supervisorctl": {"check_encoding": _CLIENT, "get_names": _CLIENT, "not_all_langs": _CLIENT},
    "supervisor.supervisord": {
        "Supervisor": _CORE,
        "go": _CORE,
        "profile": "minisup has no profiler",
        "timeslice": _CORE,
    },
    "supervisor.xmlrpc": {
        "AttrDict": _SERVER,
        "DeferredXMLRPCResponse": _SERVER,
        "RootRPCInterface": _SERVER,
        "SystemNamespaceRPCInterface": _SERVER,
        "gettags": "minisup has a table of signatures and does not read them from texts",
        "supervisor_xmlrpc_handler": _SERVER,
        "traverse": "minisup looks methods up in a flat table",
    },
}
"""Of other modules, the names that are not there: why."""


def text(name: str, why: str) -> str:
    """What is said of one of them."""
    return f"minisup has no {name}: {why}; keep the real supervisor installed for this"


def attribute(owner: object, name: str) -> AttributeError:
    """The error for what an object of `supervisor.options` has there, and not here."""
    return AttributeError(text(f"supervisor.options.{type(owner).__name__}.{name}", _DOCUMENT), name=name, obj=owner)


def refuse(module: str) -> NoReturn:
    """For the body of a module that is not there.

    Raises:
        ImportError: always.
    """
    raise ImportError(text(module, MODULES[module]), name=module)


def names_of(module: str) -> Callable[[str], NoReturn]:
    """The ``__getattr__`` of a module: says why a name of `NAMES` is not there, with an ImportError.

    An AttributeError would be Python's own for ``from module import name``, without a reason.
    """

    def getattr_of_module(name: str) -> NoReturn:
        why = NAMES[module].get(name)
        if why is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
        raise ImportError(text(f"{module}.{name}", why), name=module)

    return getattr_of_module
