"""XML-RPC documents, against the standard library's client in both directions."""

import xmlrpc.client
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisup.errors import Fault, Faults
from minisup.protocol import xmlrpc as ours

# What the standard library can carry itself: XML text without the characters that its parser folds or refuses.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")).map(lambda t: t + "")
SCALARS = (
    st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | TEXT
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.datetimes(datetime(1900, 1, 1), datetime(9999, 1, 1)).map(lambda at: at.replace(microsecond=0))
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


def wire(value: str, method: str = "a.b") -> bytes:
    return f"<methodCall><methodName>{method}</methodName><params><param>{value}</param></params></methodCall>".encode()


@given(VALUES)
def test_a_result_is_the_document_of_the_standard_library_to_the_byte(value: Any) -> None:
    expected = xmlrpc.client.dumps((value,), methodresponse=True)
    assert ours.response(value).decode() == expected
    (back,), _ = xmlrpc.client.loads(expected, use_builtin_types=True)
    assert back == value


@given(st.integers(-100, 100), TEXT)
def test_a_fault_is_the_document_of_the_standard_library_to_the_byte(code: int, text: str) -> None:
    expected = xmlrpc.client.dumps(xmlrpc.client.Fault(code, text), methodresponse=True)
    assert ours.fault(code, text).decode() == expected


@given(st.lists(VALUES))
def test_a_call_of_the_standard_library_is_understood(params: list[Any]) -> None:
    body = xmlrpc.client.dumps(tuple(params), "supervisor.x").encode()
    assert ours.decode(body) == ("supervisor.x", tuple(params))


@given(st.text())
def test_every_text_reaches_a_client(text: str) -> None:
    (back,), _ = xmlrpc.client.loads(ours.response(text))
    assert isinstance(back, str)
    # Ends of lines are the business of XML (2.11): a client sees LF for CR LF and for CR.
    carried = [c for c in text if c not in "\r\n\ufffd" and ours.escape(c) != "\ufffd"]
    assert [c for c in back if c not in "\n\ufffd"] == carried


RESULTS = {
    "control characters": ("a\x00\x1b[0m\x07b", "<string>a\ufffd\ufffd[0m\ufffdb</string>"),
    "surrogates and non-characters": ("\ud800\ufffe\uffff", "<string>\ufffd\ufffd\ufffd</string>"),
    "what may stay": ("\t\r\n\x7f\x85\ue000\U0001f600", "<string>\t\r\n\x7f\x85\ue000\U0001f600</string>"),
    "only three escapes": ("&<>\"'", "<string>&amp;&lt;&gt;\"'</string>"),
    "largest": (2**31 - 1, "<int>2147483647</int>"),
    "too large": (2**31, "<int>2147483647</int>"),
    "smallest": (-(2**31), "<int>-2147483648</int>"),
    "too small": (-(2**70), "<int>-2147483648</int>"),
    "a tuple": ((1, 2), "<array><data>\n<value><int>1</int></value>\n<value><int>2</int></value>\n</data></array>"),
    "bytes": (b"x" * 60, f"<base64>\n{'eHh4' * 19}\neHh4\n</base64>"),
    "no bytes": (b"", "<base64>\n</base64>"),
}


@pytest.mark.parametrize("case", RESULTS)
def test_values(case: str) -> None:
    value, expected = RESULTS[case]
    assert ours.encode(value) == f"<value>{expected}</value>\n"


def test_too_large_numbers_are_capped_in_structs_as_well() -> None:
    assert "<int>2147483647</int>" in ours.encode({"stdout_logfile_maxbytes": 2**40})


@pytest.mark.parametrize("name", ["%", "%s", "%%", "<&", "\x00"], ids=repr)
def test_any_name_of_a_member(name: str) -> None:
    for value in ({name: 1}, {name: [1]}, {name: {name: "%d"}}):
        (back,), _ = xmlrpc.client.loads(ours.response(value))
        assert back == eval(repr(value).replace(repr(name), repr(name.replace("\x00", "\ufffd"))))


@pytest.mark.parametrize("value", [None, {"a": None}, [None], object(), {1, 2}], ids=repr)
def test_what_xmlrpc_does_not_know_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot marshal"):
        ours.response(value)


def test_a_fault_of_ours() -> None:
    fault = Fault(Faults.BAD_NAME, "x")
    with pytest.raises(xmlrpc.client.Fault) as raised:
        xmlrpc.client.loads(ours.fault(fault.code, fault.text))
    assert (raised.value.faultCode, raised.value.faultString) == (10, "BAD_NAME: x")


ARGUMENTS: dict[str, tuple[str, object]] = {
    "int": ("<value><int>5</int></value>", 5),
    "int with blanks": ("<value><int> -5\n</int></value>", -5),
    "i4": ("<value><i4>5</i4></value>", 5),
    "a number beyond 32 bits": ("<value><int>99999999999</int></value>", 99999999999),
    "unknown tags: i8": ("<value><i8>5</i8></value>", "5"),
    "unknown tags: nil": ("<value><nil/></value>", None),
    "unknown tags: any": ("<value><ham>spam</ham></value>", "spam"),
    "boolean 1": ("<value><boolean>1</boolean></value>", True),
    "boolean 0": ("<value><boolean>0</boolean></value>", False),
    "boolean true": ("<value><boolean>true</boolean></value>", False),
    "boolean with a blank": ("<value><boolean>1 </boolean></value>", False),
    "untyped": ("<value> a </value>", " a "),
    "untyped and empty": ("<value/>", ""),
    "empty string": ("<value><string></string></value>", ""),
    "blanks between tags": ("\n <value>\n <string>x</string>\n </value> ", "x"),
    "entities and references": ("<value>&lt;&#233;&amp;</value>", "<é&"),
    "cdata": ("<value><string><![CDATA[<a>]]></string></value>", "<a>"),
    "double": ("<value><double>1.5</double></value>", 1.5),
    "base64": ("<value><base64>w6k=</base64></value>", "é"),
    "date": (
        "<value><dateTime.iso8601>20261122T10:11:12</dateTime.iso8601></value>",
        datetime(2026, 11, 22, 10, 11, 12),
    ),
    "array": ("<value><array><data><value>a</value><value><int>1</int></value></data></array></value>", ["a", 1]),
    "empty array": ("<value><array><data/></array></value>", []),
    "struct": ("<value><struct><member><name>n</name><value>v</value></member></struct></value>", {"n": "v"}),
    "empty struct": ("<value><struct/></value>", {}),
    "member without a name": ("<value><struct><member><name/><value>v</value></member></struct></value>", {"": "v"}),
    "comment": ("<value><string>a<!-- b -->c</string></value>", "ac"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments(case: str) -> None:
    text, expected = ARGUMENTS[case]
    assert ours.decode(wire(text)) == ("a.b", (expected,))


CALLS: dict[str, tuple[bytes, tuple[str | None, tuple[object, ...]]]] = {
    "without params": (b"<methodCall><methodName>x</methodName></methodCall>", ("x", ())),
    "with empty params": (b"<methodCall><methodName>x</methodName><params/></methodCall>", ("x", ())),
    "without a name": (b"<methodCall><params/></methodCall>", (None, ())),
    "with an empty name": (b"<methodCall><methodName/></methodCall>", (None, ())),
    "with the mark of UTF-8": (
        b"\xef\xbb\xbf<methodCall><methodName>x</methodName></methodCall>",
        ("x", ()),
    ),
    "with a namespace": (b'<methodCall xmlns="urn:x"><methodName>x</methodName></methodCall>', ("x", ())),
    "whatever the root is called": (b"<a><methodName>x</methodName></a>", ("x", ())),
    "another encoding is not believed": (
        "<?xml version='1.0' encoding='latin-1'?><a><methodName>é</methodName></a>".encode(),
        ("é", ()),
    ),
    "blanks in the name stay": (b"<a><methodName> x</methodName></a>", (" x", ())),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls(case: str) -> None:
    body, expected = CALLS[case]
    assert ours.decode(body) == expected


NOT_CALLS = {
    "nothing": b"",
    "not XML": b"hello",
    "cut": b"<methodCall><methodName>x</methodName>",
    "two roots": b"<a/><b/>",
    "not UTF-8": b"<methodCall><methodName>\xff</methodName></methodCall>",
    "no number": wire("<value><int>x</int></value>"),
    "an empty number": wire("<value><int/></value>"),
    "no double": wire("<value><double>x</double></value>"),
    "no date": wire("<value><dateTime.iso8601>yesterday</dateTime.iso8601></value>"),
    "wrong padding": wire("<value><base64>abc</base64></value>"),
    "base64 of what is not text": wire("<value><base64>/w==</base64></value>"),
    "an array without data": wire("<value><array/></value>"),
    "a member without a value": wire("<value><struct><member><name>n</name></member></struct></value>"),
    "a struct of something else": wire("<value><struct><name>n</name></struct></value>"),
    "an empty param": wire(""),
    "a document type": b"<!DOCTYPE a [<!ENTITY e 'x'>]><methodCall><methodName>&e;</methodName></methodCall>",
    "an external document type": b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
    "an entity that nobody declared": wire("<value>&e;</value>"),
    "too many digits": wire(f"<value><int>{'9' * 10_000}</int></value>"),
    "nested too deeply": wire("<value><array><data>" * 50 + "</data></array></value>" * 50),
    "UTF-16 with its mark": wire("<value>x</value>").decode().encode("utf-16"),
    "UTF-16, big end first, with its mark": b"\xfe\xff" + wire("<value>x</value>").decode().encode("utf-16-be"),
    "UTF-16 without a mark": wire("<value>x</value>").decode().encode("utf-16-le"),
    "UTF-16, big end first, without a mark": wire("<value>x</value>").decode().encode("utf-16-be"),
    "a NUL": wire("<value>\x00</value>"),
}


@pytest.mark.parametrize("case", NOT_CALLS)
def test_what_is_no_call_is_refused(case: str) -> None:
    with pytest.raises(ours.Unmarshallable):
        ours.decode(NOT_CALLS[case])


@given(st.binary())
def test_bytes_are_a_call_or_refused(body: bytes) -> None:
    try:
        ours.decode(b"<a>" + body + b"</a>")
    except ours.Unmarshallable:
        pass


def test_a_body_is_decoded_once() -> None:
    body = wire("<value>cached</value>")
    assert ours.decode(body) is ours.decode(body)
    large = wire(f"<value>{'x' * 2000}</value>")
    assert ours.decode(large) is not ours.decode(large)
