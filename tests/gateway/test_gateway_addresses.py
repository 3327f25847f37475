"""Addresses: what is let through, as what, and why not."""

from __future__ import annotations

import pytest

from services.gateway.rules.addresses import Addresses
from shared.channel.table import Address, Channel
from shared.errors import PulseError

ACCEPTED = [
    ("EMAIL", "ada@example.com", "ada@example.com"),
    ("EMAIL", "Ada.Byron+x@EXAMPLE.com", "Ada.Byron+x@example.com"),
    ("EMAIL", "o'hara_{1}@mail.example.org", "o'hara_{1}@mail.example.org"),
    ("EMAIL", "info@Bücher.example.com", "info@xn--bcher-kva.example.com"),
    ("EMAIL", "info@日本語.jp", "info@xn--wgv71a119e.jp"),
    ("EMAIL", "info@яндекс.рф", "info@xn--d1acpjx3f.xn--p1ai"),
    ("EMAIL", "info@ＧＭＡＩＬ.com", "info@gmail.com"),
    ("EMAIL", "info@straße.de", "info@xn--strae-oqa.de"),
    ("EMAIL", "info@βόλος.com", "info@xn--nxasmm1c.com"),
    ("EMAIL", "info@نامه\u200cای.com", "info@xn--mgba3gch31f060k.com"),
    ("EMAIL", "info@XN--mgba3gch31f060k.com", "info@xn--mgba3gch31f060k.com"),
    ("EMAIL", "info@ශ්\u200dරී.com", "info@xn--10cl1a0b660p.com"),
    ("EMAIL", "a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ("EMAIL", "a.b-c_d+e=f?@EXAMPLE.COM", "a.b-c_d+e=f?@example.com"),
    ("EMAIL", "info@xn--bcher-kva.EXAMPLE.com", "info@xn--bcher-kva.example.com"),
    ("SMS", "+4915112345678", "+4915112345678"),
    ("SMS", "+14155552671", "+14155552671"),
    ("SMS", "+15551234567", "+15551234567"),
    ("PUSH", "fcm:token-123_ABC", "fcm:token-123_ABC"),
    ("PUSH", "t" * 4096, "t" * 4096),
]

REFUSED = [
    ("EMAIL", "not-an-address", "EMAIL_INVALID"),
    ("EMAIL", "@example.com", "EMAIL_INVALID"),
    ("EMAIL", "ada@", "EMAIL_INVALID"),
    ("EMAIL", "ada@localhost", "EMAIL_INVALID"),
    ("EMAIL", "ada@mail.invalid", "EMAIL_INVALID"),
    ("EMAIL", "ada@example..com", "EMAIL_INVALID"),
    ("EMAIL", "ada@-example.com", "EMAIL_INVALID"),
    ("EMAIL", "ada@exam\u200cple.com", "EMAIL_INVALID"),
    ("EMAIL", "ada@exam\u200dple.com", "EMAIL_INVALID"),
    ("EMAIL", "ada@نامه\u200cای", "EMAIL_INVALID"),
    ("EMAIL", "ada@xn--zzzzzz99999.com", "EMAIL_INVALID"),
    ("EMAIL", "ada@[127.0.0.1]", "EMAIL_INVALID"),
    ("EMAIL", ".ada@example.com", "EMAIL_INVALID"),
    ("EMAIL", "a" * 65 + "@example.com", "EMAIL_INVALID"),
    ("EMAIL", "a@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 63 + "." + "e" * 63 + ".com", "EMAIL_INVALID"),
    ("EMAIL", "ada@xn--zzzzzz---.com", "EMAIL_INVALID"),
    ("EMAIL", "Ada <ada@example.com>", "EMAIL_DISPLAY_NAME"),
    ("EMAIL", "ada @example.com", "EMAIL_DISPLAY_NAME"),
    ("EMAIL", '"a b"@example.com', "EMAIL_DISPLAY_NAME"),
    ("EMAIL", "ada@example.com,eve@example.com", "EMAIL_SEVERAL_RECIPIENTS"),
    ("EMAIL", "ada@example.com;eve@example.com", "EMAIL_SEVERAL_RECIPIENTS"),
    ("EMAIL", "ada,eve@example.com", "EMAIL_SEVERAL_RECIPIENTS"),
    ("EMAIL", "ada@eve@example.com", "EMAIL_SEVERAL_RECIPIENTS"),
    ("EMAIL", "ada@example.com\r\nBcc: eve@example.com", "ADDRESS_CONTROL_CHARACTER"),
    ("EMAIL", "ada\0@example.com", "ADDRESS_CONTROL_CHARACTER"),
    ("EMAIL", "ada@example.com\u2028", "ADDRESS_CONTROL_CHARACTER"),
    ("EMAIL", "=?utf-8?q?=0D=0A?=@example.com", "EMAIL_INVALID"),
    ("EMAIL", "a=?b@example.com", "EMAIL_INVALID"),
    ("EMAIL", "=?@example.com", "EMAIL_INVALID"),
    ("EMAIL", "a..b@example.com", "EMAIL_INVALID"),
    ("EMAIL", "ada@xn--pple-43d.com", "EMAIL_HOMOGLYPH_DOMAIN"),
    ("EMAIL", "ädä@example.com", "EMAIL_LOCAL_PART_NOT_ASCII"),
    ("EMAIL", "ada@аpple.com", "EMAIL_HOMOGLYPH_DOMAIN"),
    ("EMAIL", "ada@xn--pple-43d.com", "EMAIL_HOMOGLYPH_DOMAIN"),
    ("EMAIL", "ada@аррӏе.com", "EMAIL_HOMOGLYPH_DOMAIN"),
    ("EMAIL", "ada@раураl.com", "EMAIL_HOMOGLYPH_DOMAIN"),
    ("EMAIL", "ada@goοgle.com", "EMAIL_HOMOGLYPH_DOMAIN"),
    ("SMS", "4155552671", "PHONE_NOT_E164"),
    ("SMS", "004915112345678", "PHONE_NOT_E164"),
    ("SMS", "+49 151 12345678", "PHONE_NOT_E164"),
    ("SMS", "+0123456789", "PHONE_NOT_E164"),
    ("SMS", "+1415", "PHONE_NOT_E164"),
    ("SMS", "+1234567890123456", "PHONE_NOT_E164"),
    ("SMS", "+٤٩١٥١١٢٣٤٥٦٧٨", "PHONE_NOT_E164"),
    ("SMS", "+14155552671,+14155552672", "PHONE_NOT_E164"),
    ("SMS", "ada@example.com", "PHONE_NOT_E164"),
    ("SMS", "+9991234567", "PHONE_INVALID"),
    ("SMS", "+1555123456789", "PHONE_INVALID"),
    ("SMS", "+19005551234", "PHONE_PREMIUM_RATE"),
    ("SMS", "+449098790000", "PHONE_PREMIUM_RATE"),
    ("SMS", "+14155552671\n", "ADDRESS_CONTROL_CHARACTER"),
    ("PUSH", "two words", "DEVICE_TOKEN_INVALID"),
    ("PUSH", "t" * 4097, "DEVICE_TOKEN_INVALID"),
    ("PUSH", "tökén", "DEVICE_TOKEN_INVALID"),
    ("PUSH", "token\x7f", "ADDRESS_CONTROL_CHARACTER"),
]


@pytest.mark.parametrize("channel, given, expected", ACCEPTED)
def test_an_address_is_normalised(channel: str, given: str, expected: str) -> None:
    assert Addresses().normalise(Channel[channel].facts.address, given) == expected


@pytest.mark.parametrize("channel, given, reason", REFUSED)
def test_a_bad_address_is_refused_by_reason_and_never_repeated(channel: str, given: str, reason: str) -> None:
    with pytest.raises(PulseError) as caught:
        Addresses().normalise(Channel[channel].facts.address, given)
    assert caught.value.reason == reason
    assert caught.value.violations[0].field == "to"
    assert given not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "check, given, passes",
    [
        ("form", "+1234567890", True),
        ("possible", "+1234567890", False),
        ("form", "+15551234567", True),
        ("possible", "+15551234567", True),
        ("assigned", "+15551234567", False),
        ("assigned", "+14155552671", True),
        ("form", "+19005551234", False),
    ],
)
def test_phone_numbers_are_checked_as_closely_as_asked(check: str, given: str, passes: bool) -> None:
    rules = Addresses(phone_check=check)
    if passes:
        assert rules.normalise(Address.PHONE, given) == given
    else:
        with pytest.raises(PulseError):
            rules.normalise(Address.PHONE, given)


def test_test_domains_are_let_through_on_request() -> None:
    assert Addresses(test_domains=True).normalise(Address.MAILBOX, "a@shop.test") == "a@shop.test"
    with pytest.raises(PulseError):
        Addresses().normalise(Address.MAILBOX, "a@shop.test")
