"""What was asked for, as far as workers and providers read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Asked(Protocol):
    """What was asked for: so much of the contract's ``pulse.common.v1.Asked`` as a worker reads."""

    @property
    def user_id(self) -> str: ...
    @property
    def subject(self) -> str: ...  # replaces the template's, if not empty
    @property
    def context_json(self) -> str: ...
    @property
    def template_name(self) -> str: ...
    @property
    def template_version(self) -> int: ...
    @property
    def locale(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...
