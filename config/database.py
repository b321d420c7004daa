"""DATABASE_URL as Django wants it. Standard library only: settings call it."""

from typing import Any
from urllib.parse import parse_qsl, unquote

SCHEMES = ("postgresql", "postgres")
# Query words that have a place of their own in Django; every other goes to the driver.
PLACES = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}


class MalformedDatabaseUrl(ValueError):
    """DATABASE_URL cannot be read. The message never repeats it: it may hold a password."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"DATABASE_URL {why}. Write postgresql://user:password@host:5432/name?sslmode=require,"
            " or postgresql:///name?host=/folder/of/the/socket&user=name."
        )


def parse(url: str) -> dict[str, Any]:
    """One entry of Django's DATABASES. Raises MalformedDatabaseUrl.

    Not by urlsplit: it writes hosts in lower case, and a host may be the folder of a socket.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in SCHEMES:
        raise MalformedDatabaseUrl("does not begin with postgresql://")
    if "#" in rest:
        raise MalformedDatabaseUrl("has a bare # in it; a password writes that %23")
    before, _, query = rest.partition("?")
    authority, _, name = before.partition("/")

    settings = _authority(authority) | {"NAME": _text(name)}
    options = _query(query)
    for word, place in PLACES.items():
        if word in options:
            if settings.get(place):
                raise MalformedDatabaseUrl(f"gives the {word} twice")
            settings[place] = options.pop(word)
    if not settings["NAME"]:
        raise MalformedDatabaseUrl("names no database")
    if "/" in settings["NAME"]:
        raise MalformedDatabaseUrl("has a / in the database's name; a socket is given by ?host=")
    _check_port(settings["PORT"])
    return {"ENGINE": "django.db.backends.postgresql", **settings, "OPTIONS": options}


def _authority(authority: str) -> dict[str, str]:
    credentials, _, address = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    if address.startswith("["):  # an IPv6 address, whose colons are its own
        host, closed, port = address[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise MalformedDatabaseUrl("has a [ without its ]")
        port = port[1:]
    else:
        host, _, port = address.partition(":")
    return {
        "USER": _text(user),
        "PASSWORD": _text(password),
        "HOST": _text(host),
        "PORT": _text(port),
    }


def _query(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise MalformedDatabaseUrl("has a query that is not name=value&name=value") from None
    options = dict(pairs)
    if len(options) != len(pairs):
        raise MalformedDatabaseUrl("gives one option twice")
    return options


def _check_port(port: str) -> None:
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise MalformedDatabaseUrl("has a port that is not a number from 1 to 65535")


def _text(part: str) -> str:
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise MalformedDatabaseUrl("has % signs that are not UTF-8") from None
