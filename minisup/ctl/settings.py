"""What a client goes by: its command line, and the sections [supervisorctl] and [ctlplugin:x] of a configuration.

The modules that read a configuration are imported when there is one to read.
"""

import os

from minisup.config import search_places
from minisup.errors import MinisupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from minisup.config.document import Document

SERVERURL = "http://localhost:9001"
SECTION = "supervisorctl"
PLUGIN = "ctlplugin:"
FACTORY = "supervisor.ctl_factory"


class SettingsError(MinisupError):
    """The configuration cannot be used; the text is supervisorctl's where it has one."""


class Settings:
    """What a client goes by. Plugins know this object as ``ctl.options``.

    Attributes:
        serverurl: ``http://host:port`` or ``unix:///path``.
        username, password: for the server; None for none.
        prompt: of the shell, without its ``>``.
        history_file: of the shell; None for none.
        interactive: ask before a shutdown, and for a password.
        args: the words of the command; empty for a shell.
        configfile: what was read; None for nothing.
        here: its directory, absolute.
        plugin_factories: (name, callable, its keyword arguments) of each set of commands.
        plugins: what these made; filled by the controller.
        places: ``FILE:LINE`` of the factory of each plugin of the configuration.
    """

    def __init__(self) -> None:
        self.serverurl = SERVERURL
        self.username: str | None = None
        self.password: str | None = None
        self.prompt = "supervisor"
        self.history_file: str | None = None
        self.interactive = False
        self.args: list[str] = []
        self.configfile: str | None = None
        self.here: str | None = None
        self.plugin_factories: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []
        self.plugins: list[Any] = []
        self.places: dict[str, str] = {}

    def take(self, given: "dict[str, Any]", argv0: str) -> None:
        """What the command line said, over what the configuration says.

        Args:
            given: attributes by name; without ``configfile`` the usual places are searched.
            argv0: how we were called: two of these places lie beside it.

        Raises:
            SettingsError: there is a configuration, and it cannot be used.
        """
        self.configfile = given.pop("configfile") if "configfile" in given else _found(argv0)
        if self.configfile:
            self._read(self.configfile)
        for name, value in given.items():
            setattr(self, name, value)

    def _read(self, path: str) -> None:
        from minisup.config.document import Document, read_blocks

        if not os.path.exists(path):
            raise SettingsError(f"could not find config file {path}")
        self.here = os.path.dirname(_normal(path))
        try:
            with open(path, encoding="utf-8", newline="") as file:
                text = file.read()
        except OSError:
            raise SettingsError(f"could not read config file {path}") from None
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path}: {error}") from None
        document = Document()
        problems: list[Any] = []
        document.add(read_blocks(text, path, problems), path)
        if problems:
            raise SettingsError("\n".join(map(str, problems)))
        if SECTION not in document.sections:
            raise SettingsError(".ini file does not include supervisorctl section")
        here = {"here": self.here}
        serverurl = _text(document, SECTION, "serverurl", here)
        serverurl = SERVERURL if serverurl is None else serverurl
        self.serverurl = f"unix://{_normal(serverurl[7:])}" if serverurl.startswith("unix://") else serverurl
        prompt = _text(document, SECTION, "prompt")
        self.prompt = self.prompt if prompt is None else prompt
        self.username = _text(document, SECTION, "username")
        self.password = _text(document, SECTION, "password")
        history = _text(document, SECTION, "history_file", here)
        self.history_file = _normal(history) if history else None
        for section in document.sections:
            if section.startswith(PLUGIN):
                self._add_plugin(document, section)

    def _add_plugin(self, document: "Document", section: str) -> None:
        from minisup.config.facts import imported

        spec = _text(document, section, FACTORY)
        option = document.get(section, FACTORY)
        if spec is None or option is None:
            raise SettingsError(f"section [{section}] does not specify a {FACTORY}")
        place = f"{option.path}:{option.line}"
        try:
            factory = imported(spec)
        except Exception as error:
            why = str(error) if isinstance(error, (ImportError, AttributeError)) else f"{type(error).__name__}: {error}"
            raise SettingsError(f"{place}: {FACTORY}: {spec} cannot be resolved within [{section}]: {why}") from None
        words = {key: _text(document, section, key) for key in document.keys(section) if key != FACTORY}
        name = section.partition(":")[2]
        self.places[name] = place
        self.plugin_factories.append((name, factory, words))

    def getServerProxy(self) -> "Any":
        """An `xmlrpc.client.ServerProxy` for the server; its errors are those of `xmlrpc.client`."""
        from minisup.ctl.proxy import server_proxy

        return server_proxy(self.username, self.password, self.serverurl)


def _found(argv0: str) -> str | None:
    """The configuration that nobody named, or None."""
    return next(filter(os.path.exists, search_places(argv0)), None)


def _normal(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _text(document: "Document", section: str, key: str, names: "dict[str, str] | None" = None) -> str | None:
    """An option, expanded; None where there is none."""
    option = document.get(section, key)
    if option is None or "%" not in option.text:
        return None if option is None else option.text
    from minisup.config.values import Refused, expand

    known = {f"ENV_{name}": value for name, value in os.environ.items()} | (names or {})
    try:
        return expand(option.text, known, f"{section}.{key}")
    except Refused as error:
        raise SettingsError(error.legacy) from None
