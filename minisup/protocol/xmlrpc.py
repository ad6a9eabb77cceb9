"""XML-RPC documents: calls in, results and faults out. Text only, no connection and no method.

The documents that leave here are those of supervisord to the byte (it uses the marshaller of the standard library),
but for what no client could read: a character that XML cannot carry becomes U+FFFD, an integer outside 32 bits is
capped. Calls are decoded as `supervisor.xmlrpc.loads` does it, accidents included, with three differences: a document
type declaration is refused, so is nesting deeper than `MAX_DEPTH`, and the body is UTF-8 (with or without its mark):
an encoding declaration is not believed, and UTF-16 is refused.

Neither `xmlrpc.client` nor `ElementTree` is imported: together they cost 50 ms, this costs 2 ms.
"""

import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias
from xml.parsers import expat

Value: TypeAlias = "bool | int | float | str | bytes | datetime | Sequence[Value] | Mapping[str, Value] | None"
"""What a method may return. None stands for the bug of a method that returned nothing; it is refused on encoding."""

MAX_DEPTH = 100
"""Elements inside elements. A multicall of calls with structs in arrays needs fifteen."""
INT_MAX = 2**31 - 1
INT_MIN = -(2**31)
CACHED_BODY = 1024
"""Bodies up to this many bytes are decoded once and remembered: clients repeat themselves."""


class Unmarshallable(ValueError):
    """A body is not a call in XML-RPC."""


# --- calls ----------------------------------------------------------------------------------------------------------


class _Element:
    """An open element: the text before its first child, and what its children turned into."""

    __slots__ = ("children", "tag", "text")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.text: list[str] = []
        self.children: list[object] = []


def _first(element: _Element) -> object:
    return element.children[0]


def _all(element: _Element) -> object:
    return element.children


def _text(element: _Element) -> str:
    return "".join(element.text)


def _bare(element: _Element) -> object:
    # QUIRK(supervisor): i8, nil and every other unknown element is its raw text. tests/test_xmlrpc.py: unknown tags
    return _text(element) or None


def _value(element: _Element) -> object:
    return element.children[0] if element.children else _text(element)


def _member(element: _Element) -> object:
    name, value = element.children
    return name or "", value


def _struct(element: _Element) -> object:
    members = [child for child in element.children if isinstance(child, tuple)]
    if len(members) != len(element.children):
        raise ValueError("a struct has something else than members")
    return dict(members)


def _base64(element: _Element) -> object:
    return binascii.a2b_base64(_text(element)).decode()


def _datetime(element: _Element) -> object:
    return datetime.strptime(_text(element), "%Y%m%dT%H:%M:%S")


_DECODERS: dict[str, Callable[[_Element], object]] = {
    "int": lambda element: int(_text(element)),
    "i4": lambda element: int(_text(element)),
    # QUIRK(supervisor): true only for exactly 1. tests/test_xmlrpc.py: boolean
    "boolean": lambda element: _text(element) == "1",
    "string": _text,
    "double": lambda element: float(_text(element)),
    "dateTime.iso8601": _datetime,
    "base64": _base64,
    "array": _first,
    "data": _all,
    "struct": _struct,
    "member": _member,
    "param": _first,
    "params": _all,
    "value": _value,
}


class _Reader:
    """Builds a call from the events of the parser. As there, no element is asked where it stands."""

    def __init__(self) -> None:
        self.open = [_Element("")]
        self.method: str | None = None
        self.params: tuple[object, ...] = ()
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        parser.StartDoctypeDeclHandler = self.doctype
        self.parser = parser

    def doctype(self, *_: object) -> None:
        raise Unmarshallable("a document type declaration is not accepted")

    def start(self, tag: str, _: object) -> None:
        if len(self.open) > MAX_DEPTH:
            raise Unmarshallable("nested too deeply")
        self.open.append(_Element(tag))

    def characters(self, text: str) -> None:
        element = self.open[-1]
        if not element.children:
            element.text.append(text)

    def end(self, tag: str) -> None:
        element = self.open.pop()
        value = _DECODERS.get(tag, _bare)(element)
        if tag == "methodName":
            self.method = _text(element) or None
        elif tag == "params":
            self.params = tuple(element.children)
        self.open[-1].children.append(value)


def _decode(body: bytes) -> tuple[str | None, tuple[object, ...]]:
    # The parser is told that this is UTF-8, and all the same takes such a beginning for UTF-16 (expat, xmltok_ns.c).
    if b"\0" in body[:2] or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Unmarshallable("not UTF-8")
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except Unmarshallable:
        raise
    except (expat.ExpatError, ValueError, TypeError, IndexError, OverflowError) as error:
        raise Unmarshallable(str(error)) from None
    return reader.method, reader.params


_decode_cached = lru_cache(maxsize=256)(_decode)


def decode(body: bytes) -> tuple[str | None, tuple[object, ...]]:
    """The method name and the arguments of a call; the name is None where there is none or it is empty.

    The arguments belong to the cache as well: nobody may change a list or a struct among them.

    Raises:
        Unmarshallable: the body is not XML in UTF-8, or a value does not have the form of its type.
    """
    return _decode_cached(body) if len(body) <= CACHED_BODY else _decode(body)


# --- results --------------------------------------------------------------------------------------------------------

_HEAD = "<?xml version='1.0'?>\n<methodResponse>\n"
_TAIL = "</methodResponse>\n"
_SPECIAL = re.compile("[&<>\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """Text as it may stand between two tags: `&`, `<`, `>` escaped, what XML 1.0 (2.2) does not know replaced."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], "\ufffd"), text)


def _capped(number: int) -> int:
    return INT_MIN if number < INT_MIN else INT_MAX if number > INT_MAX else number


_SCALARS: dict[type, tuple[str, Callable[..., object]]] = {
    str: ("string", escape),
    int: ("int", _capped),
    bool: ("boolean", int),
    float: ("double", repr),
    datetime: ("dateTime.iso8601", lambda value: value.strftime("%Y%m%dT%H:%M:%S")),
}

_Shape: TypeAlias = tuple[tuple[str, ...], tuple[type, ...]]


def _named(name: str, value: str) -> str:
    return f"<member>\n<name>{escape(name)}</name>\n{value}</member>\n"


@lru_cache(maxsize=64)
def _template(shape: _Shape) -> tuple[str, list[Callable[..., object]]]:
    """A struct of these names and types as a template, and what its arguments pass through.

    All processes have one shape, so that a list of a thousand costs one `%` each.
    """
    members, passes = [], []
    for name, kind in zip(*shape, strict=True):
        tag, convert = _SCALARS.get(kind, ("", encode))
        members.append(_named(name.replace("%", "%%"), f"<value><{tag}>%s</{tag}></value>\n" if tag else "%s"))
        passes.append(convert)
    return f"<value><struct>\n{''.join(members)}</struct></value>\n", passes


def _encode_struct(value: Mapping[str, Value]) -> str:
    fields = value.values()
    template, passes = _template((tuple(value), tuple(map(type, fields))))
    return template % tuple([convert(field) for convert, field in zip(passes, fields, strict=True)])


def encode(value: Value) -> str:
    """One value with its tags, ending with a newline.

    Raises:
        TypeError: the value is of a type that XML-RPC does not know, None among them.
    """
    scalar = _SCALARS.get(type(value))
    if scalar is not None:
        tag, convert = scalar
        return f"<value><{tag}>{convert(value)}</{tag}></value>\n"
    if isinstance(value, Mapping):
        return _encode_struct(value)
    if isinstance(value, bytes):
        lines = (binascii.b2a_base64(value[at : at + 57]).decode() for at in range(0, len(value), 57))
        return f"<value><base64>\n{''.join(lines)}</base64></value>\n"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"<value><array><data>\n{''.join(map(encode, value))}</data></array></value>\n"
    raise TypeError(f"cannot marshal {type(value)} objects")


def response(value: Value) -> bytes:
    """The document that answers a call with its result.

    Raises:
        TypeError: as `encode`.
    """
    return f"{_HEAD}<params>\n<param>\n{encode(value)}</param>\n</params>\n{_TAIL}".encode()


def fault(code: int, text: str) -> bytes:
    """The document that answers a call with a fault."""
    return f"{_HEAD}<fault>\n{encode({'faultCode': code, 'faultString': text})}</fault>\n{_TAIL}".encode()
