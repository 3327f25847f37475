"""Domains and addresses in letters of any script, as machines write them."""

from __future__ import annotations

import pytest

from shared.net.domains import BadDomain, ascii_domain, ascii_url


@pytest.mark.parametrize(
    ("url", "ascii"),
    [
        ("https://pulse.example/base", "https://pulse.example/base"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://straße.de:8443/", "https://xn--strae-oqa.de:8443/"),
        ("https://pulse.example/büro/a%20b", "https://pulse.example/b%C3%BCro/a%20b"),
        ("https://ünï:pä%C3%BC@例え。jp:1/ä?ö=1&b=%41", "https://%C3%BCn%C3%AF:p%C3%A4%C3%BC@xn--r8jz45g.jp:1/%C3%A4?%C3%B6=1&b=%41"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
    ],
)  # fmt: skip
def test_an_address_is_written_in_ascii(url: str, ascii: str) -> None:
    assert ascii_url(url) == ascii
    assert ascii_url(ascii) == ascii


NO_DOMAINS = ["-ä-.example", "℀.example", "ä..example", "ä" * 64, "☃.example", "ä b.example", "ä\u2028.de"]


@pytest.mark.parametrize("domain", NO_DOMAINS)
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(BadDomain):
        ascii_domain(domain)
    with pytest.raises(ValueError):
        ascii_url(f"https://{domain}/")
