"""``python -m services.cli.seed``: gives an empty Pulse the templates that its first commands use."""

from __future__ import annotations

import grpc

from pulse_client import Channel, Client, Priority, PulseError, Template, TemplateContent
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


def main() -> None:
    """Makes those that do not exist yet; a refusal ends the process with a sentence and status 1."""
    with gateway("") as client:
        for template in TEMPLATES:
            make(client, template)


def make(client: Client, template: Template) -> None:
    """Makes a template unless there is one of its name, whatever it says by now."""
    try:
        client.create_template(template)
    except PulseError as error:
        if error.code is not grpc.StatusCode.ALREADY_EXISTS:
            raise


if __name__ == "__main__":
    main()
