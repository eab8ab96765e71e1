"""A value in a web address stays in the place of its expression, or is refused."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from engine import urls
from engine.errors import ExpressionError, InvalidValue
from engine.expressions import compile_template, compile_value, describe_server_source
from engine.urls import InsertedValue, UrlPart

TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=30) | st.text("./%2eEfF\\;?#&=:@ ", max_size=12)


def render(source: str, **inputs: str) -> object:
    compiled = compile_value({"url": source}, addresses=["url"])
    rendered = compiled.render({"inputs": dict(inputs)})
    assert isinstance(rendered, dict)
    return rendered["url"]


def refusal(source: str, **inputs: str) -> str:
    with pytest.raises(ExpressionError) as caught:
        render(source, **inputs)
    return str(caught.value)


ORDER_URL = "https://api.example.com/orders/{{ inputs.order }}/refund?by={{ inputs.by }}"


@given(order=TEXT, by=TEXT)
def test_a_value_in_path_or_query_moves_nothing_or_is_refused(order: str, by: str) -> None:
    try:
        address = str(render(ORDER_URL, order=order, by=by))
    except ExpressionError:
        return
    url = URL(address, encoded=True)
    assert urls.canonical(address) == address == str(url)  # The shown address is the called one.
    assert (url.scheme, url.raw_host, url.port, url.fragment) == ("https", "api.example.com", 443, "")
    assert address.count("/") == 5
    parts = url.raw_path.split("/")
    assert [unquote(part) for part in parts] == ["", "orders", order, "refund"]
    assert parse_qsl(url.raw_query_string, keep_blank_values=True) == [("by", by)]


@pytest.mark.parametrize(
    "order",
    ["A 1/x?y#z", "100%", "%2F", "a&b=c", "ü", "a+b", "a\\b", "a\nb", "...", "..a", "a..", "-", "@evil.example"],
)
def test_an_ordinary_or_odd_value_is_escaped(order: str) -> None:
    address = str(render(ORDER_URL, order=order, by=order))
    assert [unquote(part) for part in URL(address).raw_path.split("/")][2] == order


@pytest.mark.parametrize(
    "order",
    [
        ".",
        "..",
        "%2e",
        "%2E%2e",
        ".%2e",
        "%252e%252e",
        "../x",
        "x/../y",
        "..\\x",
        "x%2f..%2fy",
        "..;a=b",
        "x/.",
        "./x",
        "%25252525252525252525252e",
    ],
)
def test_a_dot_segment_is_refused_however_it_is_written(order: str) -> None:
    assert "inputs.order would lead to another address" in refusal(ORDER_URL, order=order, by="x")


@pytest.mark.parametrize(
    ("source", "order"),
    [
        ("https://h.example/a/.{{ inputs.order }}/b", "."),
        ("https://h.example/a/{{ inputs.order }}./b", "."),
        ("https://h.example/a/%2{{ inputs.order }}/b", "e%2e"),
        ("https://h.example/a/..{{ inputs.order }}", ";x"),
        ("https://h.example/a/{{ inputs.order }}{{ inputs.order }}", "."),
    ],
)
def test_a_dot_segment_put_together_of_parts_is_refused(source: str, order: str) -> None:
    assert "inputs.order would lead to another address" in refusal(source, order=order)


@pytest.mark.parametrize(
    "source", [ORDER_URL, "https://h.example/orders/{{ inputs.order }}", "{{ inputs.by }}/{{ inputs.order }}"]
)
def test_an_empty_value_does_not_turn_one_record_into_all(source: str) -> None:
    assert "inputs.order is empty" in refusal(source, order="", by="https://h.example")


def test_an_empty_value_beside_text_or_in_the_query_is_accepted() -> None:
    assert render("https://h.example/a-{{ inputs.x }}?q={{ inputs.x }}", x="") == "https://h.example/a-?q="


@pytest.mark.parametrize(
    ("source", "value", "reason"),
    [
        ("https://{{ inputs.x }}.example.com/a", "evil.com/", "in the host"),
        ("https://{{ inputs.x }}.example.com/a", "evil.com#", "in the host"),
        ("https://{{ inputs.x }}.example.com/a", "me@evil", "in the host"),
        ("https://{{ inputs.x }}/a", "evil\\b", "in the host"),
        ("https://{{ inputs.x }}/a", "", "in the host"),
        ("https://h.example:{{ inputs.x }}/a", "1@evil", "has to be a number"),
        ("https://h.example:{{ inputs.x }}/a", "80/b", "has to be a number"),
        ("{{ inputs.x }}://h.example/a", "https://evil.example/", "http or https"),
        ("{{ inputs.x }}://h.example/a", "javascript", "http or https"),
        ("{{ inputs.x }}.example.com/a", "https://evil", "begins the address"),
        ("{{ inputs.x }}:80/a", "https://evil", "begins the address"),
        ("{{ inputs.x }}/a", "https://h.example?", "begins the address"),
        ("{{ inputs.x }}/a", "https://h.example#", "begins the address"),
        ("{{ inputs.x }}/a", "https://me@h.example", "begins the address"),
        ("{{ inputs.x }}/a", "h.example", "begins the address"),
        ("{{ inputs.x }}/a", "https://h.example/b/..", "would lead to another"),
        ("{{ inputs.x }}/a", "https://h.example/%2e%2e", "would lead to another"),
        ("{{ inputs.x }}", "https://h.example/b/../c", "leads elsewhere"),
        ("{{ inputs.x }}", "https://h.example/b/%2e%2E/c", "leads elsewhere"),
        ("{{ inputs.x }}", "https://h.example/b#c", "never sent"),
        ("{{ inputs.x }}", "https://h.example/b\nc", "control character"),
        ("{{ inputs.x }}", "h.example/b", "must begin with https://"),
        ("{{ inputs.x }}", "https://me:pw@h.example/", "may not carry a user name"),
        ("{{ inputs.x }}", "https://h.example@evil.example/", "may not carry a user name"),
        ("{{ inputs.x }}", "https://h.example evil/", "has a host that is not a host name"),
        ("{{ inputs.x }}", "https://h.example%2fevil/", "has a host that is not a host name"),
        ("{{ inputs.x }}", "https://2130706433/", "has a host that is a number"),
        ("{{ inputs.x }}", "https://[fe80::1%25eth0]/", "has a host that names a network interface"),
        ("{{ inputs.x }}", "https://h.example:0/", "port 0"),
        ("{{ inputs.x }}", "https://h.example:99999/", "cannot be read"),
        ("https://{{ inputs.x }}/a", "0x7f.1", "has a host that is a number"),
        ("https://h.example{{ inputs.x }}/a", "-", "has a host that is not a host name"),
        ("https://h.example:{{ inputs.x }}/a", "0", "port 0"),
    ],
)
def test_a_value_that_would_move_the_call_is_refused(source: str, value: str, reason: str) -> None:
    assert reason in refusal(source, x=value)


@pytest.mark.parametrize(
    ("source", "value", "address"),
    [
        ("https://{{ inputs.x }}.example.com/a", "shop-1", "https://shop-1.example.com/a"),
        ("https://h.example:{{ inputs.x }}/a", "8443", "https://h.example:8443/a"),
        ("{{ inputs.x }}://h.example/a", "https", "https://h.example/a"),
        ("{{ inputs.x }}/a", "https://h.example/v1", "https://h.example/v1/a"),
        ("{{ inputs.x }}a", "https://h.example/v1/", "https://h.example/v1/a"),
        ("{{ inputs.x }}?q=1", "https://h.example", "https://h.example/?q=1"),
        ("{{ inputs.x }}", "https://h.example/a b?c=ü", "https://h.example/a%20b?c=%C3%BC"),
        ("{{ inputs.x }}", "https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://h.example/a#{{ inputs.x }}", "b", "https://h.example/a"),
    ],
)
def test_a_value_that_stays_in_its_place_is_accepted(source: str, value: str, address: str) -> None:
    assert render(source, x=value) == address


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ("https://h.example/{{ inputs.x }}?q={{ inputs.x }}", None),
        ("{{ 'https://h.example' }}", None),
        ("https://h.example/", None),
        ("{{ inputs.x }}", "inputs.x"),
        ("{{ inputs.x }}/orders/{{ inputs.y }}", "inputs.x"),
        ("{{ inputs.x ~ inputs.y }}/orders", "inputs.x, inputs.y"),
        ("https://{{ inputs.x }}.example.com/", "inputs.x"),
        ("https://h.example:{{ inputs.x }}/", "inputs.x"),
        ("{{ steps.find.body.url ~ '/x' }}", "steps.find.body.url"),
    ],
)
def test_the_data_that_chooses_the_server_is_named(source: str, origin: str | None) -> None:
    assert describe_server_source(compile_template(source)) == origin


def test_reserved_characters_in_a_value_stay_escaped() -> None:
    reserved = "!$&'()*+,;=:@"
    address = str(render(ORDER_URL, order=f"7{reserved}", by="x"))
    assert not set(reserved) & set(URL(address, encoded=True).raw_path)


@pytest.mark.parametrize(
    ("url", "canonical_url"),
    [
        ("https://H.example:443", "https://h.example/"),
        ("https://h.example/a;b=c:d/%7ex?q=%26&r=a b", "https://h.example/a;b=c:d/%7Ex?q=%26&r=a%20b"),
        ("https://h.example/a/../b%3bc#f", "https://h.example/b%3Bc"),
        ("https://h.example/../a/./b/..", "https://h.example/a/"),
        ("https://h.example/a/%2E", "https://h.example/a/"),
        ("https://h.example/a?", "https://h.example/a"),
        ("https://h.example/?#f", "https://h.example/"),
        ("HTTPS://H.EXAMPLE\uff5e", "https://h.example~/"),
        ("https://h.example/100%?%", "https://h.example/100%25?%25"),
        ("http://[::1]:8080/ü", "http://[::1]:8080/%C3%BC"),
        ("/no/host#x", "/no/host"),
        ("//h.example/a", "//h.example/a"),
    ],
)
def test_an_address_of_a_file_is_called_in_one_spelling(url: str, canonical_url: str) -> None:
    assert urls.canonical(url) == canonical_url == urls.canonical(canonical_url)


def test_every_part_of_an_address_is_recognized() -> None:
    x = InsertedValue("", "x")
    parts: list[str | InsertedValue] = ["https://", x, ":", x, "/", x, "?", x, "#", x]
    assert urls.places(parts) == [UrlPart.HOST, UrlPart.PORT, UrlPart.PATH, UrlPart.QUERY, UrlPart.FRAGMENT]


def test_an_address_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidValue, match="cannot be read"):
        urls.canonical("https://[::1")
