"""XML-RPC from the client's side: calls out, answers in. `minisup.protocol.xmlrpc` is the server's side.

Apart from it because a client starts anew for each command: this imports nothing but the parser, 15 ms less. The errors
call themselves what those of the standard library are called, for `supervisorctl` prints their classes.
"""

import pyexpat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Param = str | float | list[str]


class Fault(Exception):
    """The server refused.

    Attributes:
        code: one of `minisup.errors.Faults`.
        text: ``NAME`` or ``NAME: about``.
    """

    __module__ = "xmlrpc.client"

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"<Fault {self.code}: {self.text!r}>"


class ResponseError(Exception):
    """XML, but no answer to a call."""

    __module__ = "xmlrpc.client"

    def __str__(self) -> str:
        return "ResponseError()"


def dump(method: str, params: "tuple[Param, ...]") -> bytes:
    """The document of a call.

    Args:
        params: text, numbers, truth values and lists of those: none of the methods that we call takes more.

    Raises:
        UnicodeEncodeError: a text holds what no UTF-8 can.
    """
    return (
        f"<?xml version='1.0'?>\n<methodCall>\n<methodName>{_escaped(method)}</methodName>\n<params>\n"
        + "".join(f"<param>\n<value>{_scalar(param)}</value>\n</param>\n" for param in params)
        + "</params>\n</methodCall>\n"
    ).encode()


def _scalar(param: "Param") -> str:
    if isinstance(param, str):
        return f"<string>{_escaped(param)}</string>"
    if isinstance(param, list):
        return f"<array><data>{''.join(f'<value>{_scalar(one)}</value>' for one in param)}</data></array>"
    if isinstance(param, float):
        return f"<double>{param!r}</double>"
    return f"<boolean>{param:d}</boolean>" if isinstance(param, bool) else f"<int>{param}</int>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def load(body: bytes) -> "Any":
    """What a call gave.

    Raises:
        Fault: the server refused.
        ResponseError: the document is no answer.
        pyexpat.ExpatError: it is no XML.
        ValueError: a value does not have the form of its type.
    """
    reader = _Reader()
    reader.parser.Parse(body, True)
    if reader.kind is None or len(reader.values) != 1:
        raise ResponseError
    value = reader.values[0]
    if reader.kind == "fault":
        raise Fault(value["faultCode"], value["faultString"])
    return value


def _base64(text: str) -> bytes:
    from binascii import a2b_base64

    return a2b_base64(text)


_SCALARS: "dict[str, Callable[[str], Any]]" = {
    "base64": _base64,
    "boolean": lambda text: text.strip() == "1",
    "dateTime.iso8601": str,
    "double": float,
    "name": str,
    "nil": lambda text: None,
    "string": str,
    **dict.fromkeys(("i1", "i2", "i4", "i8", "int"), int),
}


class _Reader:
    """Collects values: an array or a struct, once it ends, takes what came after it began."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.begun: list[int] = []
        self.text: list[str] = []
        self.bare = False
        self.kind: str | None = None
        self.parser = pyexpat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text.append

    def start(self, tag: str, _: object) -> None:
        self.text.clear()
        self.bare = tag == "value"
        if tag in ("array", "struct"):
            self.begun.append(len(self.values))

    def end(self, tag: str) -> None:
        if tag in _SCALARS:
            self.values.append(_SCALARS[tag]("".join(self.text)))
        elif tag == "value" and self.bare:
            self.values.append("".join(self.text))
        elif tag in ("array", "struct"):
            at = self.begun.pop()
            found = self.values[at:]
            self.values[at:] = [found if tag == "array" else dict(zip(found[::2], found[1::2], strict=True))]
        elif tag in ("params", "fault"):
            self.kind = tag
        self.bare = False
        self.text.clear()
