"""Where a notification goes: mail addresses, phone numbers, device tokens, destinations' names; checked, normalised."""

from __future__ import annotations

import functools
import re

import email_validator
import idna
import phonenumbers

from services.gateway.rules import homoglyphs
from shared.channel.device_kinds import DeviceKind
from shared.channel.device_tokens import is_apns_token, leads_outside, read_subscription
from shared.channel.table import Address
from shared.errors import PulseError, invalid_field
from shared.net.domains import BadDomain, ascii_domain

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: RFC 5322 dot-atom in ASCII, which nearly every local part is.
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
#: What nearly every mail address is: such a local part, without the beginning of an encoded word, and ASCII.
_USUAL_MAILBOX = re.compile(rf"(?!.*=\?)({_DOT_ATOM.pattern})@([A-Za-z0-9.-]+)")
#: Letters that are not seen, by which Persian and Indic words are told apart.
_JOINERS = re.compile("[\u200c\u200d]")
#: ITU-T E.164: "+", a country code that does not begin with 0, at most 15 digits in all.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_DESTINATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DEVICE_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
#: RFC 5321, section 4.5.3.1.
_LONGEST_LOCAL_PART = 64
_LONGEST_EMAIL = 254

_MAILBOX = Address.MAILBOX


class Addresses:
    """The rules for addresses. ``test_domains`` lets mail addresses under ``.test`` through (RFC 6761), and
    ``local_subscriptions`` browsers' subscriptions at a look-alike, by http or in this network.

    ``phone_check`` says how closely a phone number is looked at: "form" alone, whether a number of that country can
    have that length ("possible"), or whether it lies in a range that was given out ("assigned").
    """

    def __init__(
        self, *, phone_check: str = "possible", test_domains: bool = False, local_subscriptions: bool = False
    ) -> None:
        self._phone_check = phone_check
        self._test_domains = test_domains
        self._local_subscriptions = local_subscriptions
        # A few domains make up most mail: each is looked at once, a hundred times dearer than finding it again.
        self._domain = functools.lru_cache(maxsize=4096)(self._check_domain)
        self._normalisers = {
            Address.MAILBOX: self._email,
            Address.PHONE: self._phone,
            Address.DEVICE: self._device_token,
            Address.DESTINATION: self._destination,
        }

    def normalise(self, kind: Address, address: str, field: str = "to") -> str:
        """The address as it is stored and sent to; raises INVALID_ARGUMENT for ``field``, its path in the request.

        Of a mail address the domain is in lower-case A-labels, the local part as given; a phone number is in E.164; a
        device token and a destination's name are as given.
        """
        usual = self._usual_mailbox(address) if kind is _MAILBOX else ""
        if usual:
            return usual
        try:
            if _CONTROL.search(address):
                raise _refusal("ADDRESS_CONTROL_CHARACTER", "holds a line break or another control character")
            return self._normalisers[kind](address)
        except PulseError as error:
            if field == "to":
                raise
            raise invalid_field(field, error.reason, error.violations[0].description, error.hint) from None

    def device(self, kind: DeviceKind, token: str, field: str) -> str:
        """A device's token as its kind has it, and as it is stored: one way of writing it for one device.

        Raises INVALID_ARGUMENT for ``field``.
        """
        if kind is DeviceKind.APNS and not is_apns_token(token):
            raise invalid_field(field, "DEVICE_TOKEN_INVALID", "is not a token of APNs: 64 to 200 hexadecimal digits")
        if kind is DeviceKind.WEB_PUSH:
            return self._subscription(token, field)
        return self.normalise(Address.DEVICE, token.lower() if kind is DeviceKind.APNS else token, field)

    def _subscription(self, text: str, field: str) -> str:
        try:
            subscription = read_subscription(text)
        except ValueError as error:
            raise invalid_field(field, "DEVICE_TOKEN_INVALID", f"is not a subscription: {error}") from None
        if not leads_outside(subscription) and not self._local_subscriptions:
            description = "has an endpoint that is not by https, or not in the public network"
            raise invalid_field(field, "DEVICE_TOKEN_INVALID", description)
        return subscription.text

    def _usual_mailbox(self, address: str) -> str:
        """What nearly every mail address becomes, told by one look; empty for any that must be looked into."""
        usual = _USUAL_MAILBOX.fullmatch(address)
        if usual is None or len(usual[1]) > _LONGEST_LOCAL_PART:
            return ""
        domain = self._domain(usual[2])
        if domain is None or "xn--" in domain:
            return ""
        normalised = f"{usual[1]}@{domain}"
        return normalised if len(normalised) <= _LONGEST_EMAIL else ""

    def _email(self, address: str) -> str:
        local_part, at, domain = address.rpartition("@")
        _refuse_common_mistakes(address, local_part, at)
        if len(local_part) > _LONGEST_LOCAL_PART or not _DOT_ATOM.fullmatch(local_part):
            raise _refusal("EMAIL_INVALID", "is not a mail address: the part before the @ cannot be")
        ascii_domain = self._domain(domain)
        if ascii_domain is None:
            raise _refusal("EMAIL_INVALID", "is not a mail address: the domain cannot be")
        if homoglyphs.deceives(ascii_domain):
            raise _refusal(
                "EMAIL_HOMOGLYPH_DOMAIN", "has a domain that imitates another with letters of a different script"
            )
        normalised = f"{local_part}@{ascii_domain}"
        if len(normalised) > _LONGEST_EMAIL:
            raise _refusal("EMAIL_INVALID", f"is longer than a mail address can be ({_LONGEST_EMAIL} characters)")
        return normalised

    def _check_domain(self, domain: str) -> str | None:
        """The domain's A-label form, or None if it cannot be one. Never asks the DNS."""
        joined = _in_ascii_with_joiners(domain)
        # The validator calls joiners unsafe wherever they stand: it looks at the rest.
        without = _JOINERS.sub("", idna.decode(joined)) if joined else domain
        try:
            checked = email_validator.validate_email(
                f"x@{without}", check_deliverability=False, test_environment=self._test_domains
            )
        except email_validator.EmailNotValidError:
            return None
        return joined or checked.ascii_domain

    def _phone(self, address: str) -> str:
        if not _E164.fullmatch(address):
            raise _refusal("PHONE_NOT_E164", "is not a phone number in E.164", "write it as +4915112345678")
        try:
            number = phonenumbers.parse(address, None)
        except phonenumbers.NumberParseException:
            raise _refusal("PHONE_INVALID", "has a country code that does not exist") from None
        if not self._passes(number):
            raise _refusal("PHONE_INVALID", "is not a number that its country could have given out")
        if phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.PREMIUM_RATE:
            raise _refusal("PHONE_PREMIUM_RATE", "is a premium-rate number, which Pulse does not text")
        return address

    def _passes(self, number: phonenumbers.PhoneNumber) -> bool:
        if self._phone_check == "assigned":
            return phonenumbers.is_valid_number(number)
        return self._phone_check == "form" or phonenumbers.is_possible_number(number)

    def _device_token(self, address: str) -> str:
        if not _DEVICE_TOKEN.fullmatch(address):
            raise _refusal(
                "DEVICE_TOKEN_INVALID", "is not a device token: 1 to 4,096 visible ASCII characters, no space"
            )
        return address

    def _destination(self, address: str) -> str:
        if "://" in address:
            raise _refusal(
                "DESTINATION_IS_A_URL",
                "is an address, where a destination's name is meant",
                "whoever administers Pulse registers it (POST /v1/destinations), and requests name it",
            )
        if not _DESTINATION.fullmatch(address):
            raise _refusal(
                "DESTINATION_NAME_INVALID",
                "is no destination's name: at most 64 letters, digits, _, - and ., the first a letter or digit",
            )
        return address


def _in_ascii_with_joiners(domain: str) -> str:
    """The A-labels of a domain with a joiner where IDNA has one (RFC 5892, appendix A.1, A.2); empty for any other."""
    if domain.isascii() and "xn--" not in domain.lower():
        return ""
    try:
        in_ascii = ascii_domain(domain).lower()
        return in_ascii if _JOINERS.search(idna.decode(in_ascii)) else ""
    except (BadDomain, idna.IDNAError):
        return ""


def _refuse_common_mistakes(address: str, local_part: str, at: str) -> None:
    """Names what callers get wrong most, and what attackers try, before the grammar says no."""
    if not at or not local_part:
        raise _refusal("EMAIL_INVALID", "is not a mail address: nothing stands before or after an @")
    if any(sign in address for sign in '<>"() '):
        raise _refusal(
            "EMAIL_DISPLAY_NAME", "holds a name, quotes or spaces besides the address", "give the bare address"
        )
    if "@" in local_part or "," in address or ";" in address:
        raise _refusal("EMAIL_SEVERAL_RECIPIENTS", "names more than one recipient", "send one notification to each")
    if "=?" in address:
        raise _refusal("EMAIL_INVALID", "holds =?, which mail programs take for the beginning of an encoded word")
    if not local_part.isascii():
        raise _refusal("EMAIL_LOCAL_PART_NOT_ASCII", "has letters beyond ASCII before the @, which few servers take")


def _refusal(reason: str, description: str, hint: str = "") -> PulseError:
    return invalid_field("to", reason, description, hint)
