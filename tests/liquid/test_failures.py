"""A template that cannot be rendered says which of its variables stand in the way, and never what they hold."""

from __future__ import annotations

import pytest

from shared.text.rendering import CompiledTemplate, RenderError, Text

SECRET = "ann@example.org"
CONTEXT = {"name": SECRET, "age": 7, "list": [1, SECRET, None], "user": {"email": SECRET, "all": [{"a": SECRET}]}}


@pytest.mark.parametrize(
    ("body", "variables"),
    [
        ("{% if name > age %}x{% endif %}", "name, age"),
        ("{% if user.email >= 3 and name %}x{% endif %}", "user.email"),
        ("{% unless age < user %}x{% endunless %}", "age, user"),
        ("{% if age == 7 and name <= age %}x{% endif %}", "name, age"),
        ("{% for i in list %}{% if i > name %}x{% endif %}{% endfor %}", "i, name"),
        ("{% for i in list limit: name %}x{% endfor %}", "list, name"),
        ("{% for i in list offset: user.email %}x{% endfor %}", "list, user.email"),
        ("{% assign total = name %}{% if total > 1 %}x{% endif %}", "total"),
        ("{{ name | upcase }}{% if name > age %}x{% endif %}", "name, age"),
        ("{{ list | sort }}", "list"),
        ("{{ user['email'] | divided_by: age }}", "user.email"),
        ("{{ age | divided_by: user.email }}", "user.email"),
    ],
)
def test_a_failure_names_its_variables(body: str, variables: str) -> None:
    with pytest.raises(RenderError) as caught:
        CompiledTemplate([Text("", "", "", body, "")], "en").render("SMS", "", CONTEXT)
    assert caught.value.variable == variables
    assert all(f"'{name}'" in caught.value.message for name in variables.split(", "))
    assert SECRET not in str(caught.value)


def test_long_names_are_cut() -> None:
    with pytest.raises(RenderError) as caught:
        body = "{% if " + "é" * 30_000 + " > 1 %}x{% endif %}"
        CompiledTemplate([Text("", "", "", body, "")], "en").render("SMS", "", {"é" * 30_000: "x"})
    assert len(caught.value.message.encode()) < 400 and len(caught.value.variable.encode()) <= 120
