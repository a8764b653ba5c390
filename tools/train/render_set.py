#!/usr/bin/env python3
"""Render a pool of faces ahead of training (train.py renders whatever its pool lacks).

usage: render_set.py FOLDER COUNT [--seed S] [--size PX] [--workers N]

Can be stopped and started again: faces that are there stay. A face depends on its seed and number alone.
"""

import argparse
import multiprocessing
import pathlib
import time

from pool import Pool

_pool = None


def _start(folder, seed, size):
    global _pool
    _pool = Pool(folder, seed, size)


def _make(index):
    _pool.load(index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    arguments = parser.parse_args()
    pool = Pool(arguments.folder, arguments.seed, arguments.size)
    missing = [i for i in range(arguments.count) if not pool.paths(i)[1].exists()]
    print(f"{pool.folder}: {arguments.count - len(missing)} of {arguments.count} are there", flush=True)
    start = time.perf_counter()
    with multiprocessing.Pool(arguments.workers, _start, (arguments.folder, arguments.seed, arguments.size)) as workers:
        for done, _ in enumerate(workers.imap_unordered(_make, missing, chunksize=8), 1):
            if done % 200 == 0 or done == len(missing):
                speed = done / (time.perf_counter() - start)
                left = (len(missing) - done) / speed / 60
                print(f"{done}/{len(missing)}  {speed:.1f} faces/s  {left:.1f} min left", flush=True)


if __name__ == "__main__":
    main()
