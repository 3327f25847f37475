"""A mail's HTML made ready when its template is saved: MJML compiled, CSS put in line."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from liquid.exceptions import LiquidError

from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.places import Places
from services.gateway.sending.taking_in import Owner
from shared.errors import Code, PulseError, invalid_field, together
from shared.rpc import deadlines
from shared.text import mail_html_program, mjml_faults
from shared.text.error_bounds import quoted
from shared.text.liquid_masks import Masks, Misplaced
from shared.text.mjml_faults import Fault
from shared.text.rendering import Text
from shared.text.weaving import MAX_WOVEN

#: Programs that run at once for one process of the gateway; tenants take turns.
_AT_ONCE = 2
#: However long the call has, s: the system ends a program after 3 s of CPU time.
_LONGEST_SECONDS = 30.0
_STYLE = re.compile("<style", re.I)
PART = "html_body"


class _Job(NamedTuple):
    source: str
    mjml: bool


class MailHtml:
    """Has a program do it that ends when it takes too much (:mod:`shared.text.mail_html_program`)."""

    def __init__(self, heavy: HeavyWork) -> None:
        self._heavy = heavy
        self._running = Places(_AT_ONCE)

    async def ready(self, texts: Sequence[Text], owner: Owner) -> Sequence[Text]:
        """The texts with HTML as it is to be sent. What has neither MJML nor styles costs nothing.

        Raises INVALID_ARGUMENT that names each text that cannot be made ready, by line and column.
        """
        jobs = {n: job for n, text in enumerate(texts) if (job := _job(text))}
        masks: dict[_Job, Masks] = {}
        refusals: dict[int, PulseError] = {}
        for n, job in jobs.items():
            try:
                if job not in masks:
                    masks[job] = await self._heavy.do(owner.tenant_id, partial(Masks, job.source))
                _check(job, masks[job])
            except LiquidError:
                pass  # it is told when it is read as Liquid
            except _Refused as error:
                refusals[n] = error.at(f"{owner.path}[{n}].{PART}")
        if refusals:
            raise together([*refusals.values()])
        return await self._put(texts, jobs, masks, owner)

    async def _put(
        self, texts: Sequence[Text], jobs: Mapping[int, _Job], masks: Mapping[_Job, Masks], owner: Owner
    ) -> Sequence[Text]:
        answers = dict(zip(masks, await self._run(masks, owner), strict=True)) if masks else {}
        made, refusals = [*texts], []
        for n, job in jobs.items():
            if job not in masks:
                continue
            try:
                html = _made(job, masks[job], answers[job])
                made[n] = replace(texts[n], woven={**texts[n].woven, PART: html})
            except _Refused as error:
                refusals.append(error.at(f"{owner.path}[{n}].{PART}"))
        if refusals:
            raise together(refusals)
        return made

    async def _run(self, masks: Mapping[_Job, Masks], owner: Owner) -> list[dict[str, Any]]:
        """The program's answers. Raises INVALID_ARGUMENT if it was ended, and DEADLINE_EXCEEDED."""
        asked = json.dumps([{"html": mask.text, "mjml": job.mjml} for job, mask in masks.items()]).encode()
        try:
            async with asyncio.timeout(deadlines.remaining()), self._running.place(owner.tenant_id):
                status, answer = await asyncio.to_thread(_ran, asked, min(deadlines.remaining(), _LONGEST_SECONDS))
        except TimeoutError:
            raise PulseError(Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer before the deadline") from None
        if status:
            words = "have HTML that takes too long to be made ready, or stands too deeply within itself"
            raise invalid_field(owner.path, "HTML_TOO_COMPLEX", words)
        answers: list[dict[str, Any]] = json.loads(answer)
        return answers


def _ran(asked: bytes, seconds: float) -> tuple[int, bytes]:
    """The program's status and what it answers; raises TimeoutError, and then it is ended.

    For a thread, as Popen forks by vfork: where the loop forks, gRPC's handlers run in the child, and may end it.
    """
    program, out, no = [sys.executable, "-I", mail_html_program.__file__], subprocess.PIPE, subprocess.DEVNULL
    try:
        done = subprocess.run(program, input=asked, stdout=out, stderr=no, env={}, timeout=seconds, check=False)  # noqa: S603 -- ours
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return done.returncode, done.stdout


class _Refused(Exception):
    """HTML that cannot be made ready; ``words`` are about it."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(f"{reason}: {words}")
        self.reason = reason
        self.words = words

    def at(self, path: str) -> PulseError:
        """As callers are told."""
        return invalid_field(path, self.reason, self.words)


def _job(text: Text) -> _Job | None:
    source = text.parts()[PART]
    return _Job(source, text.mjml) if source and (text.mjml or _STYLE.search(source)) else None


def _check(job: _Job, masks: Masks) -> None:
    if job.mjml and (fault := mjml_faults.of_components(masks.text)):
        raise _of_mjml(job, masks, fault)


def _made(job: _Job, masks: Masks, answer: Mapping[str, Any]) -> str:
    if "error" in answer and job.mjml:
        at = int(answer["at"])
        raise _of_mjml(job, masks, Fault(at, answer["error"]) if at >= 0 else mjml_faults.of_xml(masks.text))
    if "error" in answer:
        raise _Refused("CSS_SYNTAX", f"holds styles that cannot be read: {answer['error'][:100]}")
    try:
        html = masks.put_back(answer["html"])
    except Misplaced as error:
        words = f"{_place(job.source, error.at)}: {quoted(error.liquid)} stands where {'MJML' if job.mjml else 'HTML'}"
        raise _Refused("LIQUID_MISPLACED", f"{words} has no place for it") from None
    if len(html.encode("utf-8", "replace")) > MAX_WOVEN:
        raise _Refused("TEMPLATE_TOO_LARGE", f"becomes more than {MAX_WOVEN // 1024} KiB of HTML")
    return html


def _of_mjml(job: _Job, masks: Masks, fault: Fault) -> _Refused:
    return _Refused("MJML_SYNTAX", f"{_place(job.source, masks.place_of(fault.at))}: {fault.words}")


def _place(source: str, at: int) -> str:
    line = source.count("\n", 0, at) + 1
    return f"line {line}, column {at - source.rfind(chr(10), 0, at)}"
