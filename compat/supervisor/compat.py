"""Names that were different under Python 2, for modules that still import them from here."""

import _thread as thread
import configparser as ConfigParser
import html.entities as htmlentitydefs
import http.client as httplib
import importlib.resources
import io
import pkgutil
import syslog
import urllib.parse as urllib
import urllib.parse as urlparse
import xmlrpc.client as xmlrpclib
from base64 import decodebytes as decodestring
from base64 import encodebytes as encodestring
from hashlib import md5, sha1
from html import escape
from html.parser import HTMLParser
from io import StringIO
from string import ascii_letters as letters
from sys import maxsize as maxint
from typing import Any
from xmlrpc.client import Fault

PY2 = False
StringTypes = (str,)
basestring = str
long = int
raw_input = input
unichr = chr


class unicode(str):
    """Text from bytes."""

    def __init__(self, string: bytes, encoding: str, errors: str) -> None:
        super().__init__()


def as_bytes(s: str | bytes, encoding: str = "utf8") -> bytes:
    """Bytes of text; bytes as they are."""
    return s if isinstance(s, bytes) else s.encode(encoding)


def as_string(s: str | bytes, encoding: str = "utf8") -> str:
    """Text of bytes; text as it is."""
    return s if isinstance(s, str) else s.decode(encoding)


def is_text_stream(stream: object) -> bool:
    """Whether it is one of Python's streams of text."""
    return isinstance(stream, io.TextIOBase)


def import_spec(spec: str) -> Any:
    """What ``module:name`` means; raises ImportError or AttributeError."""
    return pkgutil.resolve_name(spec)


def resource_filename(package: str, path: str) -> str:
    """The path of a file beside a package's modules."""
    return str(importlib.resources.files(package).joinpath(path))
