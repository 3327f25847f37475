"""The look-alikes, one line each. What each is stands in its folder; CONTRIBUTING.md: how to add one."""

from __future__ import annotations

from services.sandbox.providers.apns import Apns
from services.sandbox.providers.aws import Aws
from services.sandbox.providers.chat import Chat
from services.sandbox.providers.fcm import Firebase
from services.sandbox.providers.lookalike import Lookalike, LookalikeSettings
from services.sandbox.providers.mail import Mail
from services.sandbox.providers.twilio import TwilioAccount
from services.sandbox.providers.webhook import Webhook
from services.sandbox.providers.webpush import Webpush
from shared.config import joined

LOOKALIKES: tuple[type[Lookalike], ...] = (Mail, Aws, TwilioAccount, Firebase, Apns, Webpush, Chat, Webhook)

#: What faults can make each provider answer.
ANSWERS = {name: answers for one in LOOKALIKES for name, answers in one.serves.items()}
#: On which of the sandbox's ports each provider is found.
PORTS = {name: one.port for one in LOOKALIKES for name in one.serves}


def settings_of_all() -> type[LookalikeSettings]:
    """One class that has every look-alike's settings."""
    return joined("LookalikesSettings", LookalikeSettings, (one.settings for one in LOOKALIKES))
