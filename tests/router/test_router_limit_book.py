"""Which limits count for whom: the pure rules behind the limiter."""

from __future__ import annotations

import tracemalloc

import pytest

from services.router.rules.applicable_limits import ChannelAddress, LimitMatcher
from services.router.rules.limit_book import Configured, LimitBook, LimitOverride
from services.router.rules.local_slots import LocalSlots
from services.router.rules.quota import Kind, WindowLimit
from services.router.rules.sms_prefixes import DENIED, parse_prefixes, parse_prices
from shared.channel.table import Channel
from shared.errors import Code, PulseError

CONFIGURED = Configured(user_channel=WindowLimit(10, 60))
EMAIL = ChannelAddress(Channel.EMAIL, "ada@example.com")


def override(
    kind: Kind, count: int, seconds: float | None = 60, *, tenant: str = "", subject: str = ""
) -> LimitOverride:
    return LimitOverride(tenant, kind, subject, count, None if seconds is None else WindowLimit(count, seconds))


class TestMostSpecificWins:
    """(tenant, template) before tenant before (all, template) before all before what is configured."""

    ALL = override(Kind.USER_CHANNEL, 1)
    ALL_OTP = override(Kind.USER_CHANNEL, 2, subject="otp")
    ACME = override(Kind.USER_CHANNEL, 3, tenant="acme")
    ACME_OTP = override(Kind.USER_CHANNEL, 4, tenant="acme", subject="otp")

    @pytest.mark.parametrize(
        ("overrides", "tenant", "template", "count", "own"),
        [
            ([], "acme", "otp", 10, ""),
            ([ALL], "acme", "otp", 1, ""),
            ([ALL, ALL_OTP], "acme", "otp", 2, "otp"),
            ([ALL, ALL_OTP], "acme", "newsletter", 1, ""),
            ([ALL, ALL_OTP, ACME], "acme", "otp", 3, ""),
            ([ALL, ALL_OTP, ACME, ACME_OTP], "acme", "otp", 4, "otp"),
            ([ALL, ALL_OTP, ACME, ACME_OTP], "acme", "newsletter", 3, ""),
            ([ALL, ALL_OTP, ACME, ACME_OTP], "other", "otp", 2, "otp"),
            ([ALL, ALL_OTP, ACME, ACME_OTP], "other", "newsletter", 1, ""),
            ([ACME_OTP], "other", "otp", 10, ""),
        ],
    )
    def test_for_a_user_and_channel(
        self, overrides: list[LimitOverride], tenant: str, template: str, count: int, own: str
    ) -> None:
        limit, own_template = LimitBook(CONFIGURED, overrides).user_channel(tenant, template)
        assert (limit.count, own_template) == (count, own)

    @pytest.mark.parametrize("kind", [Kind.RECIPIENT, Kind.TENANT, Kind.SMS_SPEND])
    def test_for_the_other_kinds(self, kind: Kind) -> None:
        def found(book: LimitBook, tenant: str) -> WindowLimit | None:
            ask = {Kind.RECIPIENT: book.recipient, Kind.TENANT: book.tenant, Kind.SMS_SPEND: book.sms_spend}
            return ask[kind](tenant)

        assert found(LimitBook(CONFIGURED), "acme") is None
        configured = Configured(
            WindowLimit(10, 60), recipient=WindowLimit(5, 60), tenant=WindowLimit(5, 60), sms_spend=WindowLimit(5, 60)
        )
        assert found(LimitBook(configured), "acme") == WindowLimit(5, 60)
        book = LimitBook(configured, [override(kind, 6), override(kind, 0, tenant="acme")])
        assert (found(book, "acme"), found(book, "other")) == (WindowLimit(0, 60), WindowLimit(6, 60))


@pytest.mark.parametrize(
    ("number", "tenant", "allowed", "prefix", "limit"),
    [
        ("+4915112345", "acme", True, "", None),
        ("+4470123456", "acme", False, "+4470", None),
        ("+4470123456", "other", False, "+4470", None),
        ("+4477123456", "acme", True, "", None),
        ("+8811234567", "acme", True, "+881", WindowLimit(5, 60)),
        ("+8811234567", "other", False, "+881", None),
        ("+8821234567", "other", True, "+882", None),
        ("+8823456789", "other", False, "+88234", None),
        ("+3712345678", "acme", False, "+371", None),
        ("+3712345678", "other", True, "+371", WindowLimit(100, 3_600)),
    ],
)
def test_the_longest_prefix_decides_and_then_the_most_specific(
    number: str, tenant: str, allowed: bool, prefix: str, limit: WindowLimit | None
) -> None:
    configured = Configured(
        WindowLimit(10, 60), denied_prefixes=("+4470", "+881", "+88234", "+882"), allowed_prefixes=("+882",)
    )
    book = LimitBook(
        configured,
        [
            override(Kind.SMS_PREFIX, 5, subject="+881", tenant="acme"),
            override(Kind.SMS_PREFIX, 100, 3_600, subject="+371"),
            override(Kind.SMS_PREFIX, 0, None, subject="+371", tenant="acme"),
            override(Kind.SMS_PREFIX, 1, None, subject="+44", tenant="other"),
        ],
    )
    rule = book.sms_prefix(tenant, number)
    assert (rule.allowed, rule.prefix, rule.limit) == (allowed, prefix, limit)


def test_the_prefixes_of_many_tenants_do_not_multiply_with_those_of_all() -> None:
    """Each limit that is set anywhere makes a new book, in the loop that answers sends."""
    of_all = [override(Kind.SMS_PREFIX, 1, None, subject=f"+{number}") for number in range(100, 600)]
    own = [override(Kind.SMS_PREFIX, 0, None, subject="+4917", tenant=f"t{number}") for number in range(500)]
    tracemalloc.start()
    try:
        book = LimitBook(CONFIGURED, [*of_all, *own])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 1_000 * (len(of_all) + len(own))
    assert not book.sms_prefix("t7", "+491701234567").allowed and book.sms_prefix("t7", "+491511234567").allowed


def test_all_can_be_denied_but_what_is_allowed() -> None:
    book = LimitBook(Configured(WindowLimit(10, 60), denied_prefixes=("+",), allowed_prefixes=("+49",)))
    assert book.sms_prefix("acme", "+4915112345").allowed
    assert not book.sms_prefix("acme", "+4315112345").allowed


@pytest.mark.parametrize(
    ("number", "denied"),
    [
        ("+881612345678", True),
        ("+979123456789", True),
        ("+19005551234", True),
        ("+447012345678", True),
        ("+12025550123", False),
        ("+447712345678", False),
        ("+4915112345678", False),
        ("+33612345678", False),
        ("+18765551234", False),
    ],
)
def test_by_default_premium_and_satellite_numbers_are_denied_and_mobile_phones_are_not(
    number: str, denied: bool
) -> None:
    book = LimitBook(Configured(WindowLimit(10, 60), denied_prefixes=tuple(DENIED)))
    assert book.sms_prefix("acme", number).allowed is not denied


@pytest.mark.parametrize(
    ("number", "price"), [("+12025550123", 7_900), ("+4915112345", 75_000), ("+33612345678", 0), ("+15005550", 0)]
)
def test_the_longest_priced_prefix_tells_what_an_sms_costs(number: str, price: int) -> None:
    prices = parse_prices("+1=0.0079,+49=0.075,+1500=0")
    assert LimitBook(Configured(WindowLimit(10, 60), sms_prices=prices)).sms_price(number) == price


@pytest.mark.parametrize("text", ["49", "+4a", "+49,", "+1234567890123456"])
def test_a_prefix_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="15 digits"):
        parse_prefixes(text)


@pytest.mark.parametrize("text", ["+49", "+49=", "+49=x", "+49=-1", "49=1", "+49=0.1234567", "+49=1,"])
def test_a_price_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a prefix and a price"):
        parse_prices(text)


def test_prefixes_may_be_none() -> None:
    assert parse_prefixes("none") == parse_prefixes("") == ()


class TestTerms:
    """All limits of one submission."""

    def kinds(self, book: LimitMatcher, *addresses: ChannelAddress) -> list[tuple[str, str]]:
        return [(one.kind.value, one.channel) for one in book.applicable("acme", "otp", addresses).bounds]

    def test_the_user_and_channel_alone_by_default(self) -> None:
        assert self.kinds(LimitMatcher(LimitBook(CONFIGURED)), EMAIL) == [("user_channel", "EMAIL")]

    def test_every_limit_of_every_channel_it_may_go_by(self) -> None:
        configured = Configured(
            WindowLimit(10, 60),
            WindowLimit(5, 60),
            WindowLimit(100, 60),
            WindowLimit(10, 60),
            sms_prices=parse_prices("+=1"),
        )
        book = LimitMatcher(LimitBook(configured, [override(Kind.SMS_PREFIX, 9, subject="+49")]))
        assert self.kinds(book, ChannelAddress(Channel.PUSH, ""), ChannelAddress(Channel.SMS, "+4915112345")) == [
            ("user_channel", "PUSH"), ("user_channel", "SMS"), ("recipient", "SMS"), ("sms_prefix", ""),
            ("sms_spend", ""), ("tenant", ""),
        ]  # fmt: skip

    def test_without_a_price_nothing_is_spent(self) -> None:
        book = LimitMatcher(LimitBook(Configured(WindowLimit(10, 60), sms_spend=WindowLimit(10, 60))))
        assert self.kinds(book, ChannelAddress(Channel.SMS, "+4915112345")) == [("user_channel", "SMS")]

    def test_equal_rules_share_one_object(self) -> None:
        book = LimitMatcher(LimitBook(CONFIGURED, [override(Kind.USER_CHANNEL, 1, subject="login")]))
        assert book.applicable("acme", "a", [EMAIL]) is book.applicable(
            "acme", "b", [ChannelAddress(Channel.EMAIL, "bob@example.com")]
        )
        assert book.applicable("acme", "a", [EMAIL]) is not book.applicable("acme", "login", [EMAIL])

    def test_a_denied_number_is_refused_by_a_fallback_too(self) -> None:
        book = LimitMatcher(LimitBook(Configured(WindowLimit(10, 60), denied_prefixes=("+881",))))
        with pytest.raises(PulseError) as caught:
            book.applicable("acme", "otp", [EMAIL, ChannelAddress(Channel.SMS, "+8811234567")])
        assert (caught.value.code, caught.value.reason) == (Code.PERMISSION_DENIED, "SMS_PREFIX_DENIED")
        assert "sms_prefix:+881" in caught.value.hint and "+8811234567" not in str(caught.value)


class TestLocalSlots:
    """Counts by slots in memory: a slot of a 60 s window is one second."""

    def test_what_was_counted_counts_for_a_window_and_up_to_a_slot(self) -> None:
        slots = LocalSlots(60, max_keys=10)
        slots.note("k", "t", 3, 10.9)
        assert slots.left("k", 5, 10.9) == 2
        assert slots.wait("k", 2, 5, 10.9) == 0
        assert slots.wait("k", 3, 5, 10.9) == pytest.approx(60.1)
        assert slots.wait("k", 3, 5, 70.95) > 0
        assert slots.wait("k", 3, 5, 71) == 0
        assert slots.wait("k", 6, 5, 71) == 60

    def test_gives_back_what_still_counts(self) -> None:
        slots = LocalSlots(60, max_keys=10)
        slots.note("k", "t", 3, 10)
        slots.give_back("k", "t", 3, 11)
        assert slots.left("k", 5, 12) == 2
        slots.give_back("k", "t", 2, 10)
        assert slots.left("k", 5, 12) == 4

    def test_forgets_what_left_the_window_and_the_oldest_beyond_its_bound(self) -> None:
        slots = LocalSlots(60, max_keys=2)
        for second, key in enumerate(["a", "b", "a", "c"]):
            slots.note(key, "t", 1, second)
        assert [slots.left(key, 5, 3) for key in "abc"] == [3, 5, 4]
        slots.note("d", "t", 1, 300)
        assert len(slots) == 1
