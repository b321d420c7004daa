import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize(
    "word", ["://", "http", "--index", "--extra-index", "--find-links", "file:"]
)
def test_a_lock_names_no_place_to_download_from(lock, word):
    assert word not in (CHECKOUT / lock).read_text()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_nothing_but_exact_versions_with_hashes(lock):
    for line in entries(lock):
        requirement, *hashes = line.split(" --hash=")

        assert re.fullmatch(r"[a-z0-9.-]+(\[[a-z,]+\])?==[^\s;]+( ;.+)?", requirement.strip())
        assert hashes, f"{requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", found.strip()) for found in hashes)


@pytest.mark.parametrize("name", ["numpy", "scipy", "psycopg-binary"])
def test_compiled_libraries_are_locked_for_more_than_one_machine(name):
    """Resolved against a partial mirror, a lock would hold the one file that fits its maker."""
    for line in entries(LOCKS[0]):
        if line.startswith(f"{name}=="):
            assert line.count("--hash=") > 10, line.partition(" --hash")[0]


@pytest.mark.parametrize(("lock", "extras"), [(LOCKS[0], []), (LOCKS[1], ["dev"])])
def test_a_lock_is_not_older_than_the_project_file(lock, extras):
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    locked = pins(lock)

    for requirement in map(Requirement, wanted):
        versions = locked.get(canonicalize_name(requirement.name), [])

        assert versions, f"{requirement.name} is not in {lock}: make lock"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_the_tests_run_on_what_users_run():
    runtime, dev = map(pins, LOCKS)

    assert {name: dev.get(name) for name in runtime} == runtime


def entries(lock: str) -> list[str]:
    text = re.sub(r"^\s*#.*\n", "", (CHECKOUT / lock).read_text(), flags=re.MULTILINE)
    return text.replace("\\\n", " ").strip().splitlines()


def pins(lock: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in entries(lock):
        requirement = Requirement(line.partition(" --hash=")[0])
        name = canonicalize_name(requirement.name)
        found.setdefault(name, []).append(next(iter(requirement.specifier)).version)
    return found
