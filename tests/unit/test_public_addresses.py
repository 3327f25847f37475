"""Which addresses others' words may lead to."""

from __future__ import annotations

import ipaddress

import pytest

from shared.net.public_addresses import is_public, literal, names_this_machine

PUBLIC = ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
INSIDE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:db8::1",
    "::127.0.0.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_a_network_are_not(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("host", "is_one"), [("[::1]", True), ("127.0.0.1", True), ("example.org", False), ("", False)]
)
def test_an_address_in_place_of_a_name_is_known_as_one(host: str, is_one: bool) -> None:
    assert (literal(host) is not None) is is_one


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0X7F.1", "127.0.0.1"),
        ("0177.0.0.01", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("10.1.258", "10.1.1.2"),
        ("134744072", "8.8.8.8"),
        ("4294967296", None),
        ("1.2.3.256", None),
        ("1.2.3.4.5", None),
        ("127.0.0.1 x", None),
        ("0x", None),
        ("cafe", None),
        ("dead.beef", None),
        ("127.1.example.org", None),
    ],
)
def test_addresses_are_known_in_whatever_way_they_are_written(host: str, address: str | None) -> None:
    assert literal(host) == (address and ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("host", "here"), [("localhost", True), ("A.LocalHost.", True), ("localhost.example.org", False)]
)
def test_names_of_the_machine_itself_are_known(host: str, here: bool) -> None:
    assert names_this_machine(host) is here
