"""Digests: several of one user and category within a window arrive as one."""

from __future__ import annotations

from tests.e2e.notifications import mail_address, make_template, new, reasons, send, told
from tests.e2e.suite import Suite

AUTHORS = "{% for entry in digest.entries %}{{ entry.author }} {% endfor %}"


def test_several_of_one_user_and_category_arrive_as_one(suite: Suite) -> None:
    contents = [{"subject": "{{ digest.count }} new", "body": AUTHORS}]
    template = make_template(suite, new("c"), digest_window="2s", contents=contents)
    whom = {"user_id": new("user"), "to": mail_address()}
    head, *others = [send(suite, template, **whom, context={"author": author}) for author in ("Bob", "Cy", "Dee")]
    other_user = send(suite, template, context={"author": "Eve"})

    waiting = told(suite, head)
    assert waiting["status"] == "SCHEDULED"
    assert reasons(waiting, "digest") == ["SCHEDULED: it waits for others of its category, to be sent as one"]
    receipt = suite.until_arrived(head)
    assert (receipt["subject"], receipt["body"].split()) == ("3 new", ["Bob", "Cy", "Dee"])
    for other in others:
        notification = told(suite, other)
        assert (notification["status"], notification["collapsed_into"]) == ("SUPPRESSED", head)
        assert reasons(notification, "digest") == [
            "SUPPRESSED: it is told in the digest of an earlier one of its category"
        ]
        assert suite.receipts(other) == []
    assert suite.until_arrived(other_user)["subject"] == "1 new"
    assert told(suite, send(suite, template, **whom, context={"author": "Flo"}))["collapsed_into"] == ""
