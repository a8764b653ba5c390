"""Photos by Ray: 60 photos in 6 shards, an actor and then the driver killed in the middle; each path comes once.

usage: ray_test.py SEGFACE WORK     SEGFACE: the command line; WORK: an empty folder
"""

import contextlib
import io
import os
import pathlib
import re
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "examples" / "ray" / "parse_photos.py"
segface, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
photos, out = work / "photos", work / "out"


def make_photos() -> dict[str, bytes]:
    """60 crops of the project's own photos, one of them broken."""
    found = {}
    sources = [Image.open(ROOT / "tests/data/images" / name).convert("RGB") for name in ("astronaut.png", "portrait.png")]
    for i in range(60):
        source, margin = sources[i % 2], i % 30
        crop = source.crop((margin, margin // 2, source.width - margin // 3, source.height - margin)).resize((192, 192))
        file = io.BytesIO()
        crop.save(file, "PNG")
        found[f"face_{i:02}.png"] = file.getvalue()
    found["face_17.png"] = found["face_17.png"][:2000]
    return found


def write_shards(found: dict[str, bytes]) -> None:
    """Three tar files, three of Parquet; a photo of the first comes in the fifth again."""
    photos.mkdir()
    names = sorted(found)
    for s in range(6):
        part = names[10 * s : 10 * s + 10] + ([names[3]] if s == 4 else [])
        if s < 3:
            with tarfile.open(photos / f"shard_{s}.tar", "w") as tar:
                for name in part:
                    member = tarfile.TarInfo(name)
                    member.size = len(found[name])
                    tar.addfile(member, io.BytesIO(found[name]))
        else:
            table = pa.table({"path": part, "bytes": [found[name] for name in part]})
            pq.write_table(table, photos / f"shard_{s}.parquet")


def start(source: pathlib.Path = photos, target: pathlib.Path = out, *options: str) -> subprocess.Popen:
    # In a cluster of four processors, whatever there are, with little memory.
    command = [sys.executable, PROGRAM, source, target, "--address", "local:4", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(source: pathlib.Path, words: str, code: int = 2, *options: str) -> None:
    process = start(source, work / "none", *options)
    _, said = process.communicate(timeout=120)
    assert process.returncode == code and words in said, (process.returncode, said)


def below(process: subprocess.Popen) -> dict[int, str]:
    """What the process started, and what that did: Ray's servers, and the actors; by number, with their commands."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    found, of = {}, {process.pid}
    while of:
        more = {int(pid): args for pid, parent, args in rows if int(parent) in of}
        found.update(more)
        of = set(more)
    return found


def actors(driver: subprocess.Popen) -> list[int]:
    return [pid for pid, command in below(driver).items() if re.match("ray::.*(MapWorker|ParseShard)", command)]


def wait_for(condition, what: str, seconds: int = 240):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.02)
    sys.exit(f"waited {seconds} s for {what}")


def check_refusals() -> None:
    (work / "bad").mkdir()
    refused(work / "bad", "holds no pictures")
    (work / "bad" / "no.tar").write_bytes(b"no tar at all" * 100)
    refused(work / "bad", "no.tar: no tar file, or a damaged one")
    (work / "bad" / "no.tar").unlink()
    pq.write_table(pa.table({"path": ["a.png"], "url": ["b"]}), work / "bad" / "no.parquet")
    refused(work / "bad", "expected the columns path and bytes; it has path, url")
    refused(photos, "Error: /no/such.safetensors: ", 4, "--network", "/no/such.safetensors")
    assert not list((work / "none").glob("*.parquet"))


def kill_in_the_middle() -> dict[str, int]:
    """An actor dies, then the driver, with some shards there and some not: those, and when they were written."""
    driver = start()
    there = lambda: list(out.glob("*.parquet"))  # noqa: E731
    wait_for(lambda: actors(driver), "actors")
    wait_for(there, "the first shard")
    os.kill(actors(driver)[-1], signal.SIGKILL)
    wait_for(lambda: len(there()) >= 2, "another shard")
    cluster = below(driver)
    driver.kill()
    for pid in cluster:  # servers outlive their driver
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    driver.communicate()
    before = {path.name: path.stat().st_mtime_ns for path in there()}
    assert 2 <= len(before) < 6, f"{len(before)} shards were there when the driver died"
    print(f"killed with {len(before)} of 6 shards there")
    return before


def go_on(before: dict[str, int]) -> None:
    for _ in range(2):  # the second time nothing is left to do
        driver = start()
        said, errors = driver.communicate(timeout=400)
        print(said, end="")
        assert driver.returncode == 3, errors
        told = [line for line in errors.splitlines() if line.startswith("face_")]
        assert len(told) == 1 and told[0].startswith("face_17.png: "), errors
        for name, when in before.items():
            assert (out / name).stat().st_mtime_ns == when, f"{name} was made again"
        assert len(list(out.glob("*.parquet"))) == 6 and not list(out.glob("*.part"))
        before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")}


def check_rows(found: dict[str, bytes]) -> None:
    rows = [row for path in sorted(out.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    assert sorted(row["path"] for row in rows) == sorted(found), "each path comes once"
    (work / "singly").mkdir()
    for name, data in found.items():
        (work / "singly" / name).write_bytes(data)
    command = [segface, "parse", work / "singly", "-o", work / "masks", "--surroundings", "-q"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 3
    for row in rows:
        if row["path"] == "face_17.png":
            assert row["mask"] is None and row["error"]
            continue
        expected = np.array(Image.open(work / "masks" / row["path"].replace(".png", "_mask.png")))
        assert np.array_equal(np.array(Image.open(io.BytesIO(row["mask"]))), expected), row["path"]
        assert row["width"] == row["height"] == 192, row["path"]
    assert sum(len(row["faces"] or []) for row in rows) >= 55
    print("each of 60 paths once, with the command line's labels")


all_photos = make_photos()
write_shards(all_photos)
check_refusals()
go_on(kill_in_the_middle())
check_rows(all_photos)
