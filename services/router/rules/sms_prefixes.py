"""SMS prefixes: which beginnings of phone numbers are denied unless somebody allows them, and what a segment costs.

Numbers are E.164 ("+" and digits). The longest prefix that a number begins with counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from services.router.rules.quota import MILLIONTHS

#: Denied unless allowed, with the reason. Behind most of them is no mobile phone that could show an SMS; behind the
#: rest are so few that most traffic would be SMS pumping, where whoever has messages sent shares in their price.
DENIED: Mapping[str, str] = {
    # ITU-T E.164, list of assigned country codes: those of services, and of networks without a country.
    "+800": "international freephone",
    "+808": "international shared cost",
    "+870": "Inmarsat satellites",
    "+875": "reserved for ships",
    "+878": "universal personal numbers",
    "+879": "reserved for non-commercial purposes",
    "+881": "satellite networks, Iridium and Globalstar among them",
    "+882": "international networks",
    "+883": "international networks",
    "+888": "withdrawn, once for disaster relief",
    "+979": "international premium rate",
    "+991": "withdrawn, once a trial",
    # National numbering plans: premium rate and personal numbers, which bill whoever reaches them.
    "+1900": "North America, premium rate",
    "+3190": "Netherlands, premium rate",
    "+3290": "Belgium, premium rate",
    "+3389": "France, premium rate",
    "+34803": "Spain, premium rate",
    "+34806": "Spain, premium rate",
    "+34807": "Spain, premium rate",
    "+35315": "Ireland, premium rate",
    "+3989": "Italy, premium rate",
    "+4190": "Switzerland, premium rate",
    "+4390": "Austria, premium rate",
    "+4393": "Austria, premium rate",
    "+4470": "United Kingdom, personal numbers",
    "+449": "United Kingdom, premium rate",
    "+46900": "Sweden, premium rate",
    "+46939": "Sweden, premium rate",
    "+46944": "Sweden, premium rate",
    "+4870": "Poland, premium rate",
    "+49137": "Germany, mass calling",
    "+49900": "Germany, premium rate",
    "+61190": "Australia, premium rate",
    # Territories of few inhabitants and high termination rates, whose ranges are resold for inflated traffic.
    "+246": "Diego Garcia",
    "+247": "Ascension",
    "+290": "Saint Helena and Tristan da Cunha",
    "+500": "Falkland Islands",
    "+6721": "Australian Antarctic stations",
    "+674": "Nauru",
    "+683": "Niue",
    "+686": "Kiribati",
    "+688": "Tuvalu",
    "+690": "Tokelau",
}

_PREFIX = re.compile(r"\+\d{0,15}")
_PRICE = re.compile(r"\d{1,6}(\.\d{1,6})?")

Value = TypeVar("Value")


def longest_prefix(number: str, table: Mapping[str, Value]) -> tuple[str, Value] | None:
    """The longest of the table's prefixes that ``number`` begins with, and what stands for it."""
    for length in range(min(len(number), 16), 0, -1):
        prefix = number[:length]
        if prefix in table:
            return prefix, table[prefix]
    return None


def parse_prefixes(text: str) -> tuple[str, ...]:
    """Prefixes from ``"+881,+4470"``; a lone "+" is all numbers, "none" is none. Raises ValueError with a sentence."""
    prefixes = () if text in ("", "none") else tuple(text.split(","))
    for prefix in prefixes:
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(f'{prefix!r} is not "+" and up to 15 digits')
    return prefixes


def parse_prices(text: str) -> dict[str, int]:
    """Prices of a segment by prefix, in millionths, from ``"+1=0.0079,+=0.05"``. Raises ValueError with a sentence."""
    prices: dict[str, int] = {}
    for part in text.split(",") if text else ():
        prefix, _, price = part.partition("=")
        if not _PREFIX.fullmatch(prefix) or not _PRICE.fullmatch(price):
            raise ValueError(f'{part!r} is not a prefix and a price, "+49=0.075" say')
        prices[prefix] = int(Decimal(price) * MILLIONTHS)
    return prices
