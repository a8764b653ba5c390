#!/usr/bin/env python3
"""Parse any number of photos on any number of machines with Ray: photos in, Parquet with masks and faces out.

usage: parse_photos.py PHOTOS OUT [--network W] [--finder W] [--actors N] [--photos-a-shard N] [--address HOST:PORT]

PHOTOS is a folder that holds pictures, or tar files of pictures, or Parquet files with the columns path and bytes. Each tar
or Parquet file is a shard; pictures are put into shards of --photos-a-shard. OUT is a folder that all machines see, and so
is PHOTOS. It gets a Parquet file a shard, with a row a photo:

    path, error (or null), width, height, mask (PNG, its values are labels), faces (box, landmarks, score, roll, confidence)

A shard's file appears whole, by a rename, or not at all. So whatever is killed: the same command goes on where it was, and
each path comes once. What belongs to which shard is written to OUT/shards.json by the first start, and kept. A photo that
cannot be parsed is a row with its error.

Exit codes: 0 all shards are there, 2 no photos or a shard that is none, 3 the same but some photos have errors, 4 a machine
has no weights, or no segface.
"""

import argparse
import io
import json
import logging
import os
import pathlib
import platform
import sys
import tarfile
import uuid

import pyarrow as pa
import pyarrow.parquet as pq

PICTURES = (".png", ".jpg", ".jpeg")
FACE = pa.struct(
    [("box", pa.list_(pa.float64(), 4)), ("landmarks", pa.list_(pa.float64(), 10))]
    + [(name, pa.float64()) for name in ("score", "roll", "confidence")]
)
SCHEMA = pa.schema(
    [("path", pa.string()), ("error", pa.string()), ("width", pa.int32()), ("height", pa.int32()), ("mask", pa.binary()),
     ("faces", pa.list_(FACE))]
)


class BadShard(Exception):
    pass


# ---- What is to be done ------------------------------------------------------------------------------------------


def paths_of(source: pathlib.Path) -> list[str]:
    """The paths of a tar or Parquet file's photos."""
    try:
        if source.suffix == ".tar":
            with tarfile.open(source) as tar:
                return [member.name for member in tar if member.isfile() and member.name.lower().endswith(PICTURES)]
        columns = pq.read_schema(source).names
        if not {"path", "bytes"} <= set(columns):
            raise BadShard(f"{source}: expected the columns path and bytes; it has {', '.join(columns)}")
        return pq.read_table(source, columns=["path"])["path"].to_pylist()
    except (tarfile.TarError, pa.ArrowInvalid, OSError) as error:
        raise BadShard(f"{source}: no {source.suffix[1:]} file, or a damaged one: {error}") from error


def make_shards(photos: pathlib.Path, photos_a_shard: int) -> list[dict]:
    """Shards with name, source and the paths that are theirs: a path that several have is the first one's."""
    files = sorted(path for path in photos.rglob("*") if path.is_file())
    shards, seen = [], set()
    for source in files:
        if source.suffix in (".tar", ".parquet"):
            paths = [path for path in dict.fromkeys(paths_of(source)) if path not in seen]
            seen.update(paths)
            shards.append({"name": "-".join(source.relative_to(photos).parts), "source": str(source), "paths": paths})
    pictures = [str(path) for path in files if path.suffix.lower() in PICTURES]
    for first in range(0, len(pictures), photos_a_shard):
        name = f"pictures-{first // photos_a_shard:06}"
        shards.append({"name": name, "source": None, "paths": pictures[first : first + photos_a_shard]})
    return shards


def replace(path: pathlib.Path, write) -> None:
    """write(temporary path), which then takes the path's place in one step."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    write(part)
    os.replace(part, path)


def shards_of(photos: pathlib.Path, out: pathlib.Path, photos_a_shard: int) -> list[dict]:
    kept = out / "shards.json"
    if kept.exists():
        return json.loads(kept.read_text())
    shards = make_shards(photos, photos_a_shard)
    if shards:
        replace(kept, lambda part: part.write_text(json.dumps(shards)))
    return shards


# ---- On every machine --------------------------------------------------------------------------------------------


def photos_in(shard: dict):
    """(path, bytes) of the shard's photos, one at a time."""
    wanted = set(shard["paths"])
    if shard["source"] is None:
        for path in shard["paths"]:
            yield path, pathlib.Path(path).read_bytes
    elif shard["source"].endswith(".tar"):
        with tarfile.open(shard["source"]) as tar:
            for member in tar:
                if member.name in wanted:
                    wanted.remove(member.name)
                    yield member.name, tar.extractfile(member).read
    else:
        for batch in pq.ParquetFile(shard["source"]).iter_batches(16, columns=["path", "bytes"]):
            for path, data in zip(batch["path"].to_pylist(), batch["bytes"].to_pylist()):
                if path in wanted:
                    wanted.remove(path)
                    yield path, lambda data=data: data


class ParseShard:
    """An actor: loads the networks once, and works on one thread, as there is an actor for each processor."""

    def __init__(self, out: str, network: str | None, finder: str | None) -> None:
        weights = {name: path for name, path in (("network", network), ("finder", finder)) if path}
        self.out, self.failure = pathlib.Path(out), None
        try:
            import segface

            self.parser = segface.load(**weights, threads=1)
        except Exception as error:  # Ray would start such an actor again and again
            self.failure = f"{platform.node()}: {type(error).__name__}: {error}"

    def __call__(self, shard: dict) -> dict:
        if self.failure:
            return {"name": shard["name"], "photos": 0, "errors": 0, "failure": self.failure}
        rows = [self.row(path, read) for path, read in photos_in(shard)]
        table = pa.Table.from_pylist(rows, SCHEMA)
        replace(self.out / f"{shard['name']}.parquet", lambda part: pq.write_table(table, part))
        errors = sum(row["error"] is not None for row in rows)
        return {"name": shard["name"], "photos": len(rows), "errors": errors, "failure": None}

    def row(self, path: str, read) -> dict:
        from PIL import Image, ImageOps

        row = {"path": path, "error": None}
        try:
            with Image.open(io.BytesIO(read())) as picture:
                mask = self.parser.parse(ImageOps.exif_transpose(picture).convert("RGB"), surroundings=True)
        except Exception as error:  # of a photo: the others go on
            return {**row, "error": f"{type(error).__name__}: {error}"}
        png = io.BytesIO()
        Image.fromarray(mask.labels).save(png, "PNG")
        faces = [
            {"box": list(face.box), "landmarks": [float(number) for point in face.landmarks for number in point],
             "score": face.score, "roll": face.roll, "confidence": face.confidence}
            for face in mask.faces
        ]
        height, width = mask.labels.shape
        return {**row, "width": width, "height": height, "mask": png.getvalue(), "faces": faces}


def cluster(address: str | None) -> dict:
    """What ray.init() wants. A cluster of our own needs memory for descriptions of shards alone."""
    kind, _, processors = (address or "local").partition(":")
    if kind != "local":
        return {"address": address}
    return {"num_cpus": int(processors) if processors else None, "object_store_memory": 10**9, "include_dashboard": False}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--network", help="weight file; default: the demonstration's")
    parser.add_argument("--finder", help="weight file; default: the one that comes along")
    parser.add_argument("--actors", type=int, help="default: one for each processor of the cluster")
    parser.add_argument("--photos-a-shard", type=int, default=256)
    parser.add_argument("--address", help="of a running cluster; default: local, or local:N of N processors")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    try:
        shards = shards_of(arguments.photos.resolve(), out, arguments.photos_a_shard)
    except BadShard as error:
        print(error, file=sys.stderr)
        return 2
    if not shards:
        print(f"{arguments.photos}: holds no pictures ({', '.join(PICTURES)}), tar or Parquet files", file=sys.stderr)
        return 2
    for part in out.glob("*.part"):  # of what was killed
        part.unlink(missing_ok=True)
    to_do = [shard for shard in shards if not (out / f"{shard['name']}.parquet").exists()]
    if to_do:
        import ray

        logging.disable(logging.WARNING)  # Ray Data tells much, and sets the levels of its own loggers
        ray.init(**cluster(arguments.address), log_to_driver=False, logging_level="error")
        actors = min(len(to_do), arguments.actors or int(ray.cluster_resources()["CPU"]))
        print(f"{len(shards) - len(to_do)} of {len(shards)} shards are there; {actors} actors do the others", flush=True)
        weights = (path and os.path.abspath(path) for path in (arguments.network, arguments.finder))
        # A row is a shard's description, of some kilobytes: photos are read where they are parsed, one at a time.
        done = ray.data.from_items(to_do, override_num_blocks=len(to_do)).map(
            ParseShard, fn_constructor_args=(str(out), *weights), num_cpus=1, compute=ray.data.ActorPoolStrategy(size=actors),
        )
        for i, result in enumerate(done.iter_rows(), 1):
            if result["failure"]:
                print(f"{result['failure']}\nEvery machine needs segface and the weights; then the same command goes on.",
                      file=sys.stderr)
                return 4
            print(f"{i}/{len(to_do)} {result['name']}: {result['photos']} photos, {result['errors']} errors", flush=True)
        ray.shutdown()
    errors = 0
    for shard in shards:
        for row in pq.read_table(out / f"{shard['name']}.parquet", columns=["path", "error"]).to_pylist():
            if row["error"] is not None:
                errors += 1
                print(f"{row['path']}: {row['error']}", file=sys.stderr)
    return 3 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
