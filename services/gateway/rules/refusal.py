"""Why a request cannot be taken, in the words of the rules; the edge turns it into INVALID_ARGUMENT."""

from __future__ import annotations


class Refusal(Exception):
    """One field that breaks a rule. Neither text ever repeats the field's value."""

    def __init__(self, field: str, reason: str, description: str, hint: str = "") -> None:
        super().__init__(f"{field}: {description}")
        self.field = field  # its path in the request, "context.name" say
        self.reason = reason  # UPPER_SNAKE, stable
        self.description = description  # one sentence without a full stop
        self.hint = hint  # what to do about it; may be empty

    def at(self, field: str) -> Refusal:
        """The same said of a field elsewhere in the request."""
        return Refusal(field, self.reason, self.description, self.hint)


def refuse_nul(field: str, reason: str, *texts: str) -> None:
    """Refuses a text that holds a NUL character, which PostgreSQL cannot store or compare."""
    if any("\0" in text for text in texts):
        raise Refusal(field, reason, "holds a NUL character")
