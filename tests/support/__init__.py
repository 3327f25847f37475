"""What tests of several services share."""

from tests.support.waiting import eventually

__all__ = ["eventually"]
