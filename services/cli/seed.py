"""``python -m services.cli.seed``: gives an empty Pulse the templates that its first commands use."""

from __future__ import annotations

import time

import grpc

from pulse_client import Channel, Client, Priority, PulseError, Template, TemplateContent
from services.cli.config import CliSettings
from services.cli.connect import gateway

WELCOME = TemplateContent(
    subject="Welcome to Pulse, {{ name }}!",
    body="Hello {{ name }},\n\nwelcome to Pulse. This is the first notification it has delivered for you.\n",
    html_body="<p>Hello {{ name }},</p>\n"
    "<p>welcome to <strong>Pulse</strong>. This is the first notification it has delivered for you.</p>\n",
)
CODE = TemplateContent(
    subject="Your code", body="{{ code }} is your code. It is good for ten minutes; tell it to nobody."
)

#: Contents without a channel serve every channel, whatever the template's own is.
TEMPLATES = (
    Template("welcome_email", Channel.EMAIL, (WELCOME,), category="welcome"),
    Template("welcome_push", Channel.PUSH, (WELCOME,), category="welcome"),
    Template("login_otp", Channel.SMS, (CODE,), Priority.HIGH, category="security"),
    Template("otp_sms", Channel.SMS, (CODE,), Priority.HIGH, category="security"),
)


#: A key that was made a moment ago is unknown to a gateway until it asks for keys again: it is given so long, s.
PATIENCE_S = 15.0
_PAUSE_S = 0.2
_KEY_IS_NEW = ("API_KEYS_UNKNOWN_YET", "API_KEY_UNKNOWN")


def main() -> None:
    """Makes those that do not exist yet; a refusal ends the process with a sentence and status 1.

    Where keys are asked for and this one was given none, somebody else makes templates.
    """
    settings = CliSettings.load_or_exit()
    if settings.auth == "required" and not settings.api_key.get_secret_value():
        return
    with gateway("") as client:
        for template in TEMPLATES:
            make(client, template)


def make(client: Client, template: Template) -> None:
    """Makes a template unless there is one of its name, whatever it says by now."""
    patience = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.create_template(template)
        except PulseError as error:
            if error.reason in _KEY_IS_NEW and time.monotonic() < patience:
                time.sleep(_PAUSE_S)
                continue
            if error.code is not grpc.StatusCode.ALREADY_EXISTS:
                raise
        return


if __name__ == "__main__":
    main()
