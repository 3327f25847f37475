"""How Amazon SES is reached, and which of its events are taken."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, model_validator

from services.delivery.providers.aws.settings import REGION, AwsSettings
from services.delivery.providers.mail.settings import MailSettings, check_sender
from shared.config import check_has_host

TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")


class SesSettings(AwsSettings, MailSettings):
    """Each key behind ``PULSE_``."""

    ses_region: str = Field("", pattern=REGION, description="region of Amazon SES; empty: no email through it")
    ses_from: str = Field("", description="From of its emails, one address; empty: PULSE_SMTP_FROM")
    ses_configuration_set: str = Field("", description="SES configuration set; empty: none")
    ses_base_url: str = Field("", description="replaces the region's address, for a look-alike")
    ses_event_topics: str = Field(
        "", description="ARNs of the SNS topics that bring SES's events, separated by commas; empty: none is taken"
    )
    ses_event_base_url: str = Field(
        "", pattern="^(https?://[^/?#]+/?)?$", description="replaces the address of their SNS, for a look-alike"
    )
    ses_connections: int = Field(16, ge=1, le=500, description="calls to SES at once")

    def event_topics(self) -> frozenset[str]:
        """The topics whose events of SES are taken, by ARN."""
        return frozenset(filter(None, map(str.strip, self.ses_event_topics.split(","))))

    @model_validator(mode="after")
    def _ses_can_be_called(self) -> Self:
        check_has_host("ses_base_url", self.ses_base_url)
        if self.ses_from:
            check_sender("PULSE_SES_FROM", self.ses_from)
        return self

    @model_validator(mode="after")
    def _ses_events_are_safe(self) -> Self:
        for topic in self.event_topics():
            if TOPIC_ARN.fullmatch(topic) is None:
                raise ValueError(
                    "PULSE_SES_EVENT_TOPICS must name topics such as arn:aws:sns:eu-west-1:123456789012:ses"
                )
        if self.ses_event_base_url.startswith("http://") and self.env == "production":
            raise ValueError("PULSE_SES_EVENT_BASE_URL must begin with https://: anybody could forge certificates")
        return self
