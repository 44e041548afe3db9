"""Runs on a real Ray, in real processes that are killed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas
import pyarrow
import pytest
from pyarrow import parquet

from docs_pages import ROOT, blocks
from latent_ofer.files import write_text
from ray_runs import (
    BAD,
    CROPS,
    SMALL,
    actors,
    below,
    ended,
    environment,
    rows,
    started,
    wait,
    write_crops,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return environment(tmp_path_factory.mktemp("quick"))


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crops(tmp_path_factory.mktemp("data") / "crops")


@pytest.fixture(scope="module")
def local(crops: Path, env: dict[str, str]) -> pandas.DataFrame:
    table = crops.parent / "local.parquet"
    code, _, told = ended(started([crops, *SMALL[:3], "-o", table, "--threads", 1], env))
    assert code == 1, told
    return rows(table)


def shards(output: Path) -> list[Path]:
    return sorted((output / "results").glob("shard-*.parquet"))


def on_ray(crops: Path, output: Path, workers: int = 2) -> list[object]:
    return [crops, *SMALL, "--engine", "ray", "--workers", workers, "--output", output]


def listening(processes: list[int]) -> list[str]:
    """Where processes listen, as hexadecimal addresses."""
    told = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    mine = [line for line in told.splitlines() if any(f"pid={n}," in line for n in processes)]
    return [line.split()[3].rpartition(":")[0] for line in mine]


@LINUX
def test_rows_are_those_of_the_local_engine_and_a_killed_worker_costs_none(
    crops: Path, local: pandas.DataFrame, env: dict[str, str], tmp_path: Path
) -> None:
    process = started(on_ray(crops, tmp_path), env)
    wait(lambda: shards(tmp_path), process)
    first = actors(process.pid)
    assert len(first) == 2
    if shutil.which("ss"):
        places = listening([process.pid, *(number for number, _ in below(process.pid))])
        assert {place.strip("[]").removeprefix("::ffff:") for place in places} == {"127.0.0.1"}
    os.kill(first[0], signal.SIGKILL)
    wait(lambda: set(actors(process.pid)) - set(first), process)  # another one in its place
    code, out, told = ended(process)
    assert code == 1, told
    assert f"Images: {CROPS}, faces: {CROPS - len(BAD)}, without a face: 0, errors: 3." in out
    assert len(told.splitlines()) == len(BAD), told  # nothing of Ray's
    pandas.testing.assert_frame_equal(rows(tmp_path / "results"), local)


@LINUX
def test_a_killed_program_takes_ray_with_it_and_the_next_one_goes_on_where_it_was(
    crops: Path, local: pandas.DataFrame, env: dict[str, str], tmp_path: Path
) -> None:
    process = started(on_ray(crops, tmp_path, 1), env)
    wait(lambda: shards(tmp_path), process)
    helpers = [number for number, _ in below(process.pid)]
    process.kill()
    process.communicate()
    done = {path.name: path.stat().st_mtime_ns for path in shards(tmp_path)}
    assert 0 < len(done) < 6
    process = started(on_ray(crops, tmp_path, 1), env)
    code, _, told = ended(process)
    assert code == 1
    assert f"going on with an earlier run: {len(done)} of 6 shards are done" in told
    now = {path.name: path.stat().st_mtime_ns for path in shards(tmp_path)}
    assert {name: now[name] for name in done} == done
    pandas.testing.assert_frame_equal(rows(tmp_path / "results"), local)
    end = time.monotonic() + 120  # some look only now and then whether Ray is still there
    while left := [number for number in helpers if Path(f"/proc/{number}/exe").exists()]:
        assert time.monotonic() < end, left
        time.sleep(1)


def test_a_stopped_run_says_so_with_the_code_of_its_signal(
    crops: Path, env: dict[str, str], tmp_path: Path
) -> None:
    process = started(on_ray(crops, tmp_path, 1), env)
    wait(lambda: shards(tmp_path), process)
    process.send_signal(signal.SIGTERM)
    code, _, told = ended(process)
    assert code == 143, told
    assert f"of 6 shards are in {tmp_path}/results; the same command goes on from there" in told


def test_pictures_in_parquet_files_give_the_rows_of_the_files(
    crops: Path, local: pandas.DataFrame, env: dict[str, str], tmp_path: Path
) -> None:
    paths = sorted(crops.iterdir())
    for name, some in (("a", paths[:40]), ("b", paths[40:])):
        contents = {"path": [*map(str, some)], "bytes": [path.read_bytes() for path in some]}
        parquet.write_table(pyarrow.table(contents), tmp_path / f"{name}.parquet")
    words = on_ray(tmp_path / "b.parquet", tmp_path / "out")
    code, _, told = ended(started([tmp_path / "a.parquet", *words], env))
    assert code == 1, told
    assert len(shards(tmp_path / "out")) == 2
    pandas.testing.assert_frame_equal(rows(tmp_path / "out" / "results"), local)


def test_the_example_of_the_page_runs(env: dict[str, str], tmp_path: Path) -> None:
    code = next(b.code for b in blocks(ROOT / "docs/cluster.md") if b.language == "python")
    shutil.copyfile(ROOT / "src/latent_ofer/assets/portrait.jpg", tmp_path / "holiday.jpg")
    alone = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        **{"env": {**env, **alone}, "cwd": tmp_path, "capture_output": True, "text": True},
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r" 7 +\w+ +[01]\.\d", done.stdout), done.stdout


@pytest.fixture
def two_nodes(env: dict[str, str], tmp_path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Ray on two machines that are namespaces of this one: its address, and how to be in it."""
    if sys.platform != "linux" or os.geteuid() or shutil.which("ip") is None:
        pytest.skip("namespaces of networks want Linux, root and `ip`")
    names = ("latent-ofer-a", "latent-ofer-b")
    inside = {name: ("ip", "netns", "exec", name) for name in names}
    token = tmp_path / "token"
    write_text(token, "0123456789abcdef0123456789abcdef")
    ray = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    env.update(ray, RAY_USAGE_STATS_ENABLED="0")
    for name in names:
        made = subprocess.run(["ip", "netns", "add", name], capture_output=True)
        if made.returncode:
            pytest.skip(f"no namespace of a network can be made: {made.stderr.decode()}")
    nodes = []
    try:
        commands = [
            [
                "ip",
                "link",
                "add",
                "lo-a",
                "netns",
                names[0],
                "type",
                "veth",
                "peer",
                "name",
                "lo-b",
            ],
            ["ip", "link", "set", "lo-b", "netns", names[1]],
        ]
        for name, link, host in ((names[0], "lo-a", 1), (names[1], "lo-b", 2)):
            commands += [
                [*inside[name], "ip", "address", "add", f"10.97.0.{host}/24", "dev", link],
                [*inside[name], "ip", "link", "set", link, "up"],
                [*inside[name], "ip", "link", "set", "lo", "up"],
            ]
        for command in commands:
            subprocess.run(command, check=True)
        script = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
        store = "--object-store-memory=100000000"
        for name, host, where in (
            (names[0], 1, ["--head", "--port=6379", "--include-dashboard=false"]),
            (names[1], 2, ["--address=10.97.0.1:6379"]),
        ):
            words = [*inside[name], *script, store, *where, f"--node-ip-address=10.97.0.{host}"]
            temporary = [f"--temp-dir=/tmp/{name}"] if host == 1 else []
            log = (tmp_path / name).open("wb")
            nodes.append(subprocess.Popen([*words, *temporary], env=env, stdout=log, stderr=log))
            if host == 1:
                joined = [*inside[name], sys.executable, "-c", JOIN]
                subprocess.run([*joined, "1"], env=env, check=True, timeout=400)
        subprocess.run([*joined, "2"], env=env, check=True, timeout=400)
        yield "10.97.0.1:6379", inside[names[0]]
    finally:
        for node in reversed(nodes):
            node.terminate()
        for node in nodes:
            node.wait(60)
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False)
            shutil.rmtree(f"/tmp/{name}", ignore_errors=True)


JOIN = """
import sys, time
import ray
while True:
    try:
        ray.init(address="10.97.0.1:6379", logging_level="ERROR", log_to_driver=False)
        break
    except Exception:
        time.sleep(2)
while len(ray.nodes()) < int(sys.argv[1]):
    time.sleep(1)
"""


def test_two_nodes_give_the_same_rows(
    crops: Path,
    local: pandas.DataFrame,
    env: dict[str, str],
    two_nodes: tuple[str, tuple[str, ...]],
    tmp_path: Path,
) -> None:
    address, inside = two_nodes
    words = [*on_ray(crops, tmp_path), "--address", address]
    code, _, told = ended(started(words, env, inside))
    assert code == 1, told
    pandas.testing.assert_frame_equal(rows(tmp_path / "results"), local)
