"""Layouts and pieces from REST and gRPC to the mail that a recipient gets."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import grpc

from proof.waiting import wait_until
from pulse.gateway.v1 import fragment_service_pb2, fragment_service_pb2_grpc
from tests.e2e.notifications import make_template, new, send, told
from tests.e2e.suite import Suite


def make(suite: Suite, fragment: str, *contents: dict[str, Any]) -> dict[str, Any]:
    answer = suite.rest.post("/v1/fragments", json={"name": fragment, "contents": contents})
    assert answer.status_code == 200, answer.text
    return answer.json()


def change(suite: Suite, fragment: str, body: str, **query: Any) -> dict[str, Any]:
    answer = suite.rest.put(f"/v1/fragments/{fragment}", json={"contents": [{"body": body}]}, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def mail(suite: Suite, template: str, **fields: Any) -> dict[str, Any]:
    return suite.until_arrived(send(suite, template, **fields))


def test_a_mail_has_its_layout_and_pieces_and_keeps_them_until_they_are_applied(suite: Suite) -> None:
    base, footer = new("base"), new("footer")
    make(suite, footer, {"body": "<p>Bye {{ who }}</p>"}, {"locale": "de", "body": "<p>Tschüs {{ who }}</p>"})
    make(suite, base, {"body": f"<h1>{{% block title %}}Shop{{% endblock %}}</h1>{{% render '{footer}', who: name %}}"})
    html = f"{{% extends '{base}' %}}{{% block title %}}{{{{ block.super }}}}: news{{% endblock %}}"
    own = {"channel": "email", "html_body": html}
    contents = [{**own, "subject": "News"}, {**own, "subject": "Neues", "locale": "de"}]
    template = make_template(suite, channel="email", contents=contents)
    receipt = mail(suite, template, locale="de")
    assert receipt["html_body"] == "<h1>Shop: news</h1><p>Tschüs Ann</p>"
    assert "Tschüs Ann" in receipt["body"]

    changed = change(suite, footer, "<p>So long</p>")
    assert [(use["template_name"], use["fragment_version"]) for use in changed["used_by"]] == [(template, 1)]
    assert mail(suite, template)["html_body"] == "<h1>Shop: news</h1><p>Bye Ann</p>"
    assert suite.rest.delete(f"/v1/fragments/{base}").json()["details"][0]["reason"] == "FRAGMENT_IN_USE"

    applied = change(suite, footer, "<p>See you</p>", apply_to_templates="true")
    assert [(use["template_version"], use["fragment_version"]) for use in applied["used_by"]] == [(2, 3)]
    wait_until(lambda: mail(suite, template)["html_body"] == "<h1>Shop: news</h1><p>See you</p>")


def test_what_waits_is_sent_as_it_was_accepted(suite: Suite) -> None:
    footer = new("footer")
    make(suite, footer, {"body": "first"})
    template = make_template(suite, channel="email", contents=[{"body": f"{{% render '{footer}' %}}", "subject": "S"}])
    at = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)).isoformat()
    waiting = send(suite, template, send_at=at)
    assert told(suite, waiting)["status"] == "SCHEDULED"
    change(suite, footer, "second", apply_to_templates="true")
    assert suite.until_arrived(waiting)["body"].strip() == "first"


def test_fragments_by_grpc(suite: Suite) -> None:
    footer = new("footer")
    with grpc.insecure_channel(suite.grpc_address) as channel:
        stub = fragment_service_pb2_grpc.FragmentServiceStub(channel)
        given = {"name": footer, "contents": [{"body": "Bye"}]}
        assert stub.CreateFragment(fragment_service_pb2.CreateFragmentRequest(fragment=given)).version == 1
        assert suite.rest.get(f"/v1/fragments/{footer}").json()["contents"][0]["body"] == "Bye"
        stub.DeleteFragment(fragment_service_pb2.DeleteFragmentRequest(name=footer))
    assert suite.rest.get(f"/v1/fragments/{footer}").json()["details"][0]["reason"] == "FRAGMENT_NOT_FOUND"


def test_a_mail_of_mjml_arrives_as_html_with_its_styles_in_line(suite: Suite) -> None:
    text = "<mj-text><p class='big'>Hi {{ name }}</p></mj-text>"
    section = f"{{% if name %}}<mj-section><mj-column>{text}</mj-column></mj-section>{{% endif %}}"
    mjml = f"<mjml><mj-head><mj-style>.big{{font-size:40px}}</mj-style></mj-head><mj-body>{section}</mj-body></mjml>"
    contents = [{"channel": "email", "subject": "S", "html_body": mjml, "mjml": True}]
    template = make_template(suite, channel="email", contents=contents)
    receipt = mail(suite, template)
    assert re.search('<p class="big" style="[^"]*font-size: 40px;[^"]*">Hi Ann</p>', receipt["html_body"])
    assert "Hi Ann" in receipt["body"]
    assert suite.rest.get(f"/v1/templates/{template}").json()["contents"][0]["html_body"] == mjml
    broken = [
        {"channel": "email", "subject": "S", "html_body": "<mjml>\n<mj-body><mj-x/></mj-body></mjml>", "mjml": True}
    ]
    answer = suite.rest.post("/v1/templates", json={"name": new("t"), "channel": "email", "contents": broken}).json()
    assert answer["details"][0]["reason"] == "MJML_SYNTAX"
    assert "line 2, column 10: there is no component mj-x" in answer["message"]
