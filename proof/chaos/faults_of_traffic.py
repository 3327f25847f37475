"""Faults that come with the traffic: from providers, in their reports, in the load, in the queues."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import time
import uuid
from collections.abc import Iterator

import httpx

from proof.chaos import gathering
from proof.chaos.driver import make_template
from proof.chaos.faults import Fault
from proof.chaos.load import Load, Step, Way
from proof.chaos.window import POLL_S
from proof.waiting import until
from services.sandbox.providers.twilio.callbacks import signature
from shared.broker import DELIVER_TASK, QUEUES, celery_app

#: What a provider that says 429 asks for, s, and the codes under which that is written down.
RETRY_AFTER_S = 1
RETRY_AFTER_CODES = ("20429", "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
#: How many calls each kind of provider fault spoils.
SPOILT = 6
#: Where answers drip, how many of each kind before all drip after accepting, and their pace, s.
DRIPS = {
    "smtp": ("connect", "rcpt", "end"),
    "twilio": ("status", "header", "body"),
    "fcm": ("status", "header", "body"),
}
DRIPPING = 8
DRIP_S = 0.2
#: How many more are asked for meanwhile: enough to hold all calls of all workers.
HELD = 240
#: How many steps ask for a template that breaks, and how far ahead, s: further than a phase takes to fill.
POISONED = 24
AHEAD_S = 12.0
#: How long what is broken stays so once they are due, s.
BROKEN_S = 2.0
#: What breaks each of the cell's two templates: its text is no Liquid any more, its row no template.
BREAK = {
    "text": "contents = replace(contents::text, '{{ name }}', '{%% if %%}')::jsonb WHERE name = %(name)s",
    "row": "contents = jsonb_build_array(7, contents) WHERE name = %(name)s",
}
MEND = "contents = contents -> 1 WHERE name = %(name)s AND contents -> 0 = '7'"
WAITING = """
SELECT count(*) FROM notifications n JOIN deliveries d USING (tenant_id, notification_id)
WHERE n.user_id LIKE %(users)s AND d.status = 'SCHEDULED'
"""
#: Longest wait for the answer to a report, s.
REPORT_S = 1.0
TWILIO_TOKEN = "development"  # noqa: S105 -- the sandbox's
SMS = """
SELECT n.tenant_id, n.notification_id::text, d.provider_message_id FROM notifications n
JOIN deliveries d USING (tenant_id, notification_id)
WHERE n.user_id LIKE %(users)s AND d.channel = 'SMS' AND d.provider_message_id <> ''
"""


class Providers(Fault):
    """Providers fail after accepting, hang, reset, talk garbage, and ask to be left alone for a second."""

    name = "provider"

    @property
    def lasts_s(self) -> float:
        return self.suite.profile.call_s + 0.5

    async def strike(self) -> None:
        kinds: list[tuple[str, object]] = [
            ("status_after_accept", 500),
            ("status_after_accept", "hang"),
            ("status_after_accept", "reset"),
            ("status_after_accept", "garbage"),
            ("retry_after_s", RETRY_AFTER_S),
            ("hang", 60),
            ("reset", None),
            ("garbage", None),
        ]
        self.chance.shuffle(kinds)
        self.what = ", ".join(f"{action}={value}" for action, value in kinds[:3]) + ", …"
        rules = [
            {"provider": "*", "match": "", "action": action, "value": value, "times": SPOILT} for action, value in kinds
        ]
        await self.suite.sandbox("PUT", "/api/faults", json=rules)


class Drips(Fault):
    """Providers answer a byte at a time and never come to an end, to more calls than all workers make at once."""

    name = "drip"

    @property
    def lasts_s(self) -> float:
        return self.suite.profile.call_s + 0.5

    async def strike(self) -> None:
        rules: list[dict[str, object]] = [
            {"provider": provider, "action": "drip", "at": at, "value": DRIP_S, "times": DRIPPING}
            for provider, places in DRIPS.items()
            for at in places
        ]
        rules += [{"provider": provider, "action": "status_after_accept", "value": "drip"} for provider in DRIPS]
        await self.suite.sandbox("PUT", "/api/faults", json=rules)
        prefix = f"{self.window.prefix}-d"
        steps = Load(prefix, prefix).steps(HELD)
        self.what = f"every answer without an end, {len(steps)} steps more"
        self.window.driver.start(steps)


class Reports(Fault):
    """Every SMS that a provider has is reported delivered, again, sent, and undelivered, in any order."""

    name = "reports"

    async def strike(self) -> None:
        async with self.suite.database() as connection:
            users = {"users": gathering.pattern(self.window.prefix)}
            sms = await (await connection.execute(SMS, users)).fetchall()
        async with httpx.AsyncClient(timeout=REPORT_S, limits=httpx.Limits(max_connections=50)) as client:
            answers = await asyncio.gather(*(self._report(client, *one) for one in sms))
        self.what = f"{len(sms)} SMS, {sum(answers)} of {4 * len(sms)} reports answered"

    async def _report(self, client: httpx.AsyncClient, tenant: str, notification_id: str, sid: str) -> int:
        """How many of the reports about one SMS were answered; held back, they are sent all the same."""
        address = f"{self.suite.plan.public_url()}/callbacks/twilio/{tenant}/{notification_id}"
        url = f"{address}?notification_id={notification_id}"
        states = ["delivered", "delivered", "sent", "undelivered"]
        self.chance.shuffle(states)
        forms = [{"MessageSid": sid, "MessageStatus": state} for state in states]
        posts = [
            client.post(url, data=form, headers={"X-Twilio-Signature": signature(TWILIO_TOKEN, url, form)})
            for form in forms
        ]
        answers = await asyncio.gather(*posts, return_exceptions=True)
        return sum(isinstance(answer, httpx.Response) for answer in answers)


class Overload(Fault):
    """Five times the load at once."""

    name = "overload"

    async def strike(self) -> None:
        prefix = f"{self.window.prefix}-o"
        steps = Load(prefix, prefix).steps(5 * max(20, len(self.window.driver.journal.asked) // 2))
        self.what = f"{len(steps)} steps"
        self.window.driver.start(steps)


class Poison(Fault):
    """What no worker can use: in the queues, and among the notifications."""

    name = "poison"

    async def strike(self) -> None:
        self.what = "queues and recipients"
        known = next(iter(await self.window.rows()), str(uuid.uuid4()))
        await asyncio.to_thread(self._publish, known)
        async with self.suite.valkey() as client:
            for queue in QUEUES.values():
                await client.lpush(queue, b"\x80\x04no json", b"{}", json.dumps({"body": "?", "headers": 7}))
        await self._refused_recipients()

    def _publish(self, known: str) -> None:
        app = celery_app(self.suite.plan.redis_url(1))
        unknown = [["acme", str(uuid.uuid4())], ["globex", known], ["acme", "no id"]]
        with app.connection_for_write() as connection:
            for queue in QUEUES.values():
                producer = app.amqp.Producer(connection.default_channel, auto_declare=False)
                for arguments in (([["acme", known]] * 1000,), (unknown,), ("no list",), ()):
                    app.send_task(DELIVER_TASK, args=arguments, queue=queue, producer=producer, retry=False)
                app.send_task("pulse.unknown", args=(1,), queue=queue, producer=producer, retry=False)

    async def _refused_recipients(self) -> None:
        """Some whom providers refuse for good, and some to whom every call ends in garbage."""
        prefix = f"{self.window.prefix}-p"
        steps = [
            Step(Way.SINGLE, tuple(dataclasses.replace(ask, delay_s=0.0) for ask in step.asks[:1]))
            for step in Load(prefix, prefix).steps(12)
        ]
        rule = {"provider": "*", "match": steps[0].asks[0].to, "action": "garbage", "value": None}
        await self.suite.sandbox("PUT", "/api/faults", json=[rule])
        self.window.driver.start(steps)


class PoisonTemplate(Fault):
    """Of what waits to be sent, one template turns into what cannot be read, and one is not to be had for a while.

    The templates are the cell's own: no worker has kept them from another.
    """

    name = "template"

    @property
    def lasts_s(self) -> float:
        return max(0.0, self._due_at - time.time()) + BROKEN_S

    async def prepare(self) -> None:
        for kind in BREAK:
            await make_template(self.suite.plan.ports.address("grpc"), self._template(kind))
        poisons = itertools.cycle(map(self._template, BREAK))
        steps = [self._ahead(step, poisons) for step in Load(self._prefix, self._prefix).steps(POISONED)]
        self.what = f"{len(steps)} steps"
        self._due_at = time.time() + AHEAD_S
        self.window.driver.start(steps)
        await self._until_they_wait(POISONED)

    async def strike(self) -> None:
        await self._until_they_wait(0)
        for kind, change in BREAK.items():
            await self._change(kind, change)

    async def heal(self) -> None:
        await self._change("row", MEND)

    @property
    def _prefix(self) -> str:
        return f"{self.window.prefix}-t"

    def _template(self, kind: str) -> str:
        return f"{self._prefix}-{kind}"

    def _ahead(self, step: Step, poisons: Iterator[str]) -> Step:
        """A step with the next templates; what is asked for several times is the same each time."""
        templates = {ask: next(poisons) for ask in dict.fromkeys(step.asks)}
        asks = (dataclasses.replace(ask, template=templates[ask], delay_s=AHEAD_S, ttl_s=0.0) for ask in step.asks)
        return Step(step.way, tuple(asks))

    async def _until_they_wait(self, patience_s: float) -> None:
        """Returns once most of what was asked for waits; raises TimeoutError, as else nothing would be tried."""
        if not await until(self._they_wait, patience_s, POLL_S):
            raise TimeoutError("too little waits to be sent with the templates that are to break")

    async def _they_wait(self) -> bool:
        async with self.suite.database() as connection:
            users = {"users": gathering.pattern(self._prefix)}
            (count,) = await (await connection.execute(WAITING, users)).fetchone() or (0,)
        return count >= POISONED // 2

    async def _change(self, kind: str, change: str) -> None:
        statement = f"UPDATE template_versions SET {change}"  # noqa: S608 -- the changes above
        async with self.suite.database() as connection:
            await connection.execute(statement, {"name": self._template(kind)})
