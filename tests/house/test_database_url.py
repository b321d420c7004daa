import psycopg
import pytest

from config.database import MalformedDatabaseUrl, parse
from config.embedded import endpoints


def test_a_server_by_name_with_every_part():
    settings = parse("postgresql://north:s%40cret@Db.example:6432/surety?sslmode=verify-full")

    assert settings == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "surety",
        "USER": "north",
        "PASSWORD": "s@cret",
        "HOST": "Db.example",
        "PORT": "6432",
        "OPTIONS": {"sslmode": "verify-full"},
    }


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///surety?host=/Run/Surety&user=surety",
        "postgres://surety@%2FRun%2FSurety/surety",
        "postgresql://?host=/Run/Surety&user=surety&dbname=surety",
    ],
)
def test_a_socket_keeps_its_capital_letters(url):
    settings = parse(url)

    assert (settings["HOST"], settings["USER"], settings["NAME"]) == (
        "/Run/Surety",
        "surety",
        "surety",
    )
    assert settings["OPTIONS"] == {}


def test_an_ipv6_address_keeps_its_colons():
    settings = parse("postgresql://north@[::1]:5433/surety")

    assert (settings["HOST"], settings["PORT"]) == ("::1", "5433")


def test_the_launchers_own_address_is_read_back(tmp_path):
    there = endpoints(tmp_path / "var")

    settings = parse(there.database_url)

    assert settings["NAME"] == settings["USER"] == "surety"
    assert f"host={settings['HOST']}&" in there.database_url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://north:s%40cret@db:6432/surety?connect_timeout=3",
        "postgresql:///surety?host=/run/surety&user=surety",
        "postgresql://north@[::1]:5433/sur%20ety",
    ],
)
def test_we_read_what_the_driver_reads(url):
    theirs = psycopg.conninfo.conninfo_to_dict(url)

    ours = parse(url)

    named = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    assert {place: ours[place] or None for place in named} == {
        place: theirs.get(word) for place, word in named.items()
    }


@pytest.mark.parametrize(
    "url",
    [
        "",
        "surety",
        "mysql://north:hush@db/surety",
        "postgresql:/north:hush@db/surety",
        "postgresql://",
        "postgresql://north:hush@db",
        "postgresql://north:hush@db/",
        "postgresql://north:hush@db:port/surety",
        "postgresql://north:hush@db:70000/surety",
        "postgresql://north:hush@[::1/surety",
        "postgresql://north:hush@db/surety/more",
        "postgresql://north:hush@db/surety?sslmode",
        "postgresql://north:hush@db/surety?sslmode=require&sslmode=disable",
        "postgresql://north:hush@db/surety?host=/run/surety",
        "postgresql://north:hush#1@db/surety",
        "postgresql://north:hush%ff@db/surety",
    ],
)
def test_a_malformed_url_is_named_without_its_password(url):
    with pytest.raises(MalformedDatabaseUrl, match=r"^DATABASE_URL ") as raised:
        parse(url)

    assert "hush" not in str(raised.value)
