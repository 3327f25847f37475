"""Addresses of servers: what cannot be one is said at start, without its password; what can verifies certificates."""

from __future__ import annotations

import ssl
from urllib.parse import unquote

import pytest

from shared.config import ConfigError, Settings
from shared.server_urls import BROKERS, DATABASE, REDIS, Sentinels, parse

SECRET = "canary7f3a"


@pytest.mark.parametrize(
    ("key", "url", "words"),
    [
        ("DATABASE", f"mysql://u:{SECRET}@h/d", "must begin with postgresql://"),
        ("DATABASE", f"h:{SECRET}", "must begin with postgresql://"),
        ("DATABASE", f"postgresql://u:{SECRET}@h:99999/d", "99999"),
        ("DATABASE", f"postgresql://u:{SECRET}@h:0/d", "port"),
        ("DATABASE", f"postgresql://u:{SECRET}@h:port/d", "no number"),
        ("DATABASE", f"postgresql://u:{SECRET}@a:5432,b:99999/d", "99999"),
        ("DATABASE", f"postgresql://u:{SECRET}/x@h/d", "%XX"),
        ("DATABASE", f"postgresql://u:{SECRET}@x@h/d", "%40"),
        ("DATABASE", f"postgresql://u:{SECRET}%zz@h/d", "%XX"),
        ("DATABASE", f"postgresql://u:{SECRET}#x@h/d", "%XX"),
        ("DATABASE", f"postgresql://u:{SECRET}?x@h/d", "%XX"),
        ("DATABASE", f"postgresql://u:{SECRET} x@h/d", "%XX"),
        ("DATABASE", f"postgresql://u:[{SECRET}@h/d", "%XX"),
        ("REDIS", f"http://:{SECRET}@h:6379/0", "must begin with redis:// or rediss://"),
        ("REDIS", f"amqp://u:{SECRET}@h//", "must begin with redis:// or rediss://"),
        ("REDIS", f"redis://:{SECRET}@h:65536/0", "65536"),
        ("REDIS", f"redis://:{SECRET}@h:6379/limits", "number of a database"),
        ("REDIS", f"redis://:{SECRET}@/0", "no host"),
        ("REDIS", f"redis://:{SECRET}@h/0?timeout=3", "that is not known"),
        ("REDIS", f"redis://:{SECRET}@h/0?ssl_cert_reqs=none", "redis:// does not do"),
        ("REDIS", f"rediss://:{SECRET}@h/0?ssl_cert_reqs=maybe", "required or none"),
        ("REDIS", f"rediss://:{SECRET}@h/0?ssl_check_hostname=maybe", "true or false"),
        ("REDIS", f"rediss://:{SECRET}@h/0?ssl_keyfile=/k", "ssl_certfile"),
        ("REDIS", f"rediss://:{SECRET}@h/0?ssl_cert_reqs=none&ssl_cert_reqs=required", "twice"),
        ("BROKER", f"sqs://u:{SECRET}@", "must begin with redis:// or rediss:// or"),
        ("BROKER", f"amqp://u:{SECRET}@h:123456/v", "123456"),
        ("BROKER", f"amqp://u:{SECRET}@h:56x72/v", "no number"),
        ("BROKER", f"amqps://u:{SECRET}@h/v?verify=verify_none", "that is not known; there are ssl_cert_reqs"),
        ("BROKER", f"redis://:{SECRET}@h:/x/1", "number of a database"),
        ("REDIS", f"redis://:{SECRET}@a:6379,b:6379/0", "several hosts redis:// does not take"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a,b", "what their Sentinels call the primary"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a,b/", "what their Sentinels call the primary"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a,b/0", "what their Sentinels call the primary"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a,b/my master/0", "%XX"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a,b/name/zero", "what their Sentinels call the primary"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a,b/name/0/1", "what their Sentinels call the primary"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a,,b/name/0", "no host"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a,/name/0", "no host"),
        ("REDIS", f"redis+sentinel://:{SECRET}@/name/0", "no host"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a,:26379/name/0", "no host"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a:26379,b:x/name/0", "no number"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a:26379,b:65536/name/0", "65536"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a/name/0?master=x", "that is not known"),
        ("REDIS", f"redis+sentinel://a/name/0?sentinel_username={SECRET}", "sentinel_username needs sentinel_password"),
        ("REDIS", f"redis+sentinel://:{SECRET}@a/name/0?ssl_cert_reqs=none", "does not do"),
        ("REDIS", f"redis://a/0?sentinel_password={SECRET}", "that is not known"),
        ("REDIS", f"sentinel://:{SECRET}@a/name", "redis+sentinel://"),
        ("BROKER", f"sentinel://:{SECRET}@a/1;sentinel://b/1", "redis+sentinel://"),
        ("BROKER", f"redis+sentinel://:{SECRET}@a;b/name/1", "several hosts are separated by commas"),
        ("BROKER", f"amqp://:{SECRET}@a,,b/v", "no host"),
        ("BROKER", f"amqp://:{SECRET}@a,b:x/v", "no number"),
        ("BROKER", f"amqp://u:{SECRET}@a:5672/v;amqp://u:{SECRET}@b", "differ in more than host and login"),
        ("BROKER", f"amqp://u:{SECRET}@a/v;amqps://u:{SECRET}@b/v", "differ in more than host and login"),
        ("BROKER", f"amqp://u:{SECRET}@a/v?queue_type=quorum;amqp://b/v", "differ in more than"),
        ("BROKER", f"amqp://u:{SECRET}@a/v;amqp://b/v?queue_type=quorum", "differ in more than host and login"),
        ("BROKER", f"amqp://u:{SECRET}@a;amqp://u:{SECRET}@b:x", "no number"),
        ("BROKER", f"amqp://u:{SECRET}@a;amqp://", "no host"),
        ("BROKER", f"amqp://u:{SECRET}@a;", "separated by commas"),
        ("BROKER", f"redis://:{SECRET}@a/1;amqp://b", "only those of a RabbitMQ's nodes"),
        ("REDIS", f"redis+sentinel://a/n?sentinel_password=abc&{SECRET}", "that is not known"),
        ("REDIS", f"redis+sentinel://a/n?sentinel_password=abc&{SECRET}=x", "%XX"),
        ("REDIS", f"redis://u:12?{SECRET}@h/0", "%XX"),
        ("BROKER", f"amqp://user:12?{SECRET}@h/", "%XX"),
        ("BROKER", f"amqp://user:12/{SECRET}@h/v", "%XX"),
        ("BROKER", f"amqps://a,user:12/{SECRET}@h/v", "%XX"),
        ("BROKER", f"amqp://u:{SECRET}@a;b/v", "several hosts are separated by commas"),
        ("BROKER", f"amqp://u:{SECRET}@a/v?queue_type=mirrored", "queue_type must be classic or quorum"),
        ("BROKER", f"redis://:{SECRET}@a/1?queue_type=quorum", "that is not known"),
        ("DATABASE", f"postgresql://:{SECRET}@a;b/name", "several hosts are separated by commas"),
    ],
)
def test_what_cannot_be_an_address_is_said_in_a_sentence(key: str, url: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load({f"PULSE_{key}_URL": url})
    told = str(caught.value)
    assert told.startswith(f"PULSE_{key}_URL ") and words in told and "\n" not in told
    assert SECRET not in told and "Value error" not in told


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("DATABASE", "postgresql://pulse:p%40ss%2F%23@db.example:5432/pulse?sslmode=verify-full&connect_timeout=3"),
        ("DATABASE", "postgres://pulse@[::1]:5432/pulse"),
        ("DATABASE", "postgresql://a:5432,b:5433/pulse?target_session_attrs=read-write"),
        ("DATABASE", "postgresql:///pulse?host=/run/postgresql"),
        ("REDIS", "redis://localhost"),
        ("REDIS", "redis://[::1]:6379/0"),
        ("REDIS", "redis://h?db=3&client_name=x&max_connections=9"),
        ("REDIS", "redis://user:p%40ss@h:6379/15?protocol=2&health_check_interval=30"),
        ("REDIS", "rediss://:x@h:6380?ssl_ca_certs=/ca.pem"),
        ("BROKER", "amqp://user:x@a:5672,b:5673,[::1]/%2Fv?queue_type=quorum"),
        ("BROKER", "amqps://a,b?queue_type=classic&ssl_ca_certs=/ca.pem"),
        ("REDIS", "redis+sentinel://a/name"),
        ("REDIS", "redis+sentinel://user:p%40ss@a:26379,[::1]:26380,c/my.master_1-x/15?protocol=2&sentinel_password=x"),
        ("BROKER", "rediss+sentinel://:x@a,b/name/1?ssl_ca_certs=/ca.pem&sentinel_username=u&sentinel_password=p"),
        ("BROKER", "amqp://user:x@h:5672/%2Fv"),
        ("BROKER", "amqps://h//"),
        ("BROKER", "amqp://u:p@a:5672;amqp://u:p@b:5672"),
        ("DATABASE", "postgresql://h/d?user=a@tenant&password=x"),
        ("BROKER", "rediss://h/1?ssl_cert_reqs=CERT_NONE"),
    ],
)
def test_what_can_be_one_is_taken(key: str, url: str) -> None:
    Settings.load({f"PULSE_{key}_URL": url})


@pytest.mark.parametrize("secret", ["DATABASE_URL", "REDIS_URL", "BROKER_URL", "UNSUBSCRIBE_KEY"])
def test_a_secret_that_is_refused_is_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load({f"PULSE_{secret}": SECRET})
    assert SECRET not in str(caught.value) and secret in str(caught.value)


@pytest.mark.parametrize(
    ("query", "verify", "names"),
    [
        ("", True, True),
        ("?ssl_cert_reqs=required", True, True),
        ("?ssl_cert_reqs=optional", True, True),
        ("?ssl_ca_certs=/ca.pem", True, True),
        ("?ssl_check_hostname=false", True, False),
        ("?ssl_cert_reqs=none", False, True),
        ("?ssl_cert_reqs=CERT_NONE&ssl_check_hostname=true", False, True),
    ],
)
def test_certificates_are_verified_unless_the_address_says_otherwise(query: str, verify: bool, names: bool) -> None:
    expected = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    redis = parse(f"rediss://h/0{query}", REDIS).tls_options()
    assert (redis["ssl_cert_reqs"], redis["ssl_check_hostname"]) == (expected, verify and names)
    amqp = parse(f"amqps://h//{query}", BROKERS).tls_options()
    assert (amqp["cert_reqs"], "server_hostname" in amqp) == (expected, verify and names)
    settings = Settings.load({"PULSE_BROKER_URL": f"amqps://h//{query}", "PULSE_REDIS_URL": f"rediss://h/0{query}"})
    assert len(settings.risks()) == (0 if verify and names else 2)


def test_sentinels_are_taken_apart() -> None:
    found = parse("redis+sentinel://u:p%40w@a:1,[::1]:2,c/name/3?protocol=2&sentinel_password=s%40", REDIS)
    assert found.plain == "redis://u:p%40w@a:1/3?protocol=2"
    assert found.sentinels == Sentinels((("a", 1), ("::1", 2), ("c", 26379)), "name", "", "s@")
    assert parse("rediss+sentinel://a/name", BROKERS).plain == "rediss://a"
    assert parse("redis://a/0", REDIS).sentinels is None


def test_nodes_of_a_rabbitmq_are_one_address_each() -> None:
    found = parse("amqps://u:p%40w@a:1,[::1]:2,c/%2Fv?queue_type=quorum&ssl_ca_certs=/ca.pem", BROKERS)
    assert found.plain == "amqps://u:p%40w@a:1/%2Fv;amqps://u:p%40w@[::1]:2/%2Fv;amqps://u:p%40w@c:5671/%2Fv"
    assert found.quorum and found.tls
    assert not parse("amqp://a//", BROKERS).quorum


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("amqp://a//", "amqp://a:5672//"),
        ("amqps://a", "amqps://a:5671"),
        ("amqp://a:1,b", "amqp://a:1;amqp://b:5672"),
        ("amqp://a:1,b:/v", "amqp://a:1/v;amqp://b:5672/v"),
        ("amqps://u:p@[::1],[::2]:7,b/v", "amqps://u:p@[::1]:5671/v;amqps://u:p@[::2]:7/v;amqps://u:p@b:5671/v"),
        ("amqp://u:p@a:1;amqp://w:q@b", "amqp://u:p@a:1;amqp://w:q@b:5672"),
        ("amqp://a:1,[::1]/v?queue_type=quorum;amqp://b/v?queue_type=quorum", None),
        ("amqps://a/v?ssl_ca_certs=/ca;amqps://b:2/v?ssl_ca_certs=/ca", "amqps://a:5671/v;amqps://b:2/v"),
    ],
)
def test_every_node_has_its_own_port(url: str, plain: str | None) -> None:
    assert parse(url, BROKERS).plain == (plain or "amqp://a:1/v;amqp://[::1]:5672/v;amqp://b:5672/v")


@pytest.mark.parametrize("value", ["ab+cd", "+", "a+b%2Bc+", "a%20b"])
def test_a_plus_is_no_blank(value: str) -> None:
    found = parse(f"rediss+sentinel://a/name?sentinel_password={value}&ssl_ca_certs=/{value}.pem", REDIS)
    assert found.sentinels and found.tls
    assert found.sentinels.password == unquote(value) and found.tls.authorities == f"/{unquote(value)}.pem"


@pytest.mark.parametrize(
    "url", ["redis://u:12345678?x@h/0", "amqp://u:12345678/x@h/v", "postgresql://u:12345678/x@h/d"]
)
def test_what_may_be_the_rest_of_a_password_is_not_shown_as_a_port(url: str) -> None:
    with pytest.raises(ValueError, match="%XX") as caught:
        parse(url, (*BROKERS, *DATABASE))
    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize("url", ["redis://h/0", "redis+sentinel://h/name/0"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("db", value) for value in ("", "x", "-1", "99999", "1_0", "\u0663", SECRET)),
        *(("health_check_interval", value) for value in ("", "x", "-5", "1.5")),
        *(("max_connections", value) for value in ("", "0", "-1", "x")),
        *(("protocol", value) for value in ("", "1", "4", "x", "22")),
        *(("client_name", value) for value in ("", "a%20b", "a%0Ab", "%C3%A4", "50%25")),
    ],
)
def test_what_redis_py_would_stumble_over_is_said_at_start(url: str, key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^PULSE_REDIS_URL says a {key} that cannot be one") as caught:
        Settings.load({"PULSE_REDIS_URL": f"{url}?{key}={value}"})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel", "rediss+sentinel"])
@pytest.mark.parametrize(
    "option", ["db=3", "health_check_interval=5", "client_name=x", "max_connections=9", "protocol=3"]
)
def test_what_kombu_does_not_take_a_brokers_address_may_not_say(scheme: str, option: str) -> None:
    path = "/name/0" if "sentinel" in scheme else "/0"
    parse(f"{scheme}://a{path}?{option}", REDIS)
    with pytest.raises(ValueError, match="that is not known"):
        parse(f"{scheme}://a{path}?{option}", BROKERS)


def test_without_tls_there_is_nothing_to_verify() -> None:
    assert not parse("redis://h/0", REDIS).tls_options()


def test_a_file_that_is_not_there_stops_who_needs_it() -> None:
    settings = Settings.load({"PULSE_BROKER_URL": f"rediss://:{SECRET}@h/1?ssl_ca_certs=/nowhere/ca.pem"})
    with pytest.raises(ConfigError, match=r"PULSE_BROKER_URL names .nowhere.ca.pem, which cannot be read") as caught:
        settings.server("broker_url")
    assert SECRET not in str(caught.value)
