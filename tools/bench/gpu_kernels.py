#!/usr/bin/env python3
"""Print the kernels that take longest, all launches of each together, from a table of Nsight Compute.

usage: gpu_kernels.py TABLE.csv [COUNT]

TABLE is of `ncu --csv --page raw --metrics ...`: a line a launch. Times and counts are sums, the rest means weighted by
time.
"""
import collections
import csv
import re
import sys

TIME = "gpu__time_duration.sum"


def number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return float("nan")


def main() -> None:
    with open(sys.argv[1], newline="") as file:
        rows = list(csv.DictReader(line for line in file if line.startswith('"')))
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    rows = [row for row in rows if number(row.get(TIME) or "") > 0]  # the first line below the head has units
    if not rows:
        sys.exit(f"{sys.argv[1]}: no launch in it")
    metrics = [name for name in rows[0] if re.match(r"[a-z0-9]+__", name) and name != TIME]
    groups = collections.defaultdict(list)
    for row in rows:
        groups[re.sub(r"\(.*", "", row["Kernel Name"])].append(row)
    whole = sum(number(row[TIME]) for row in rows)
    print(f"{len(rows)} launches of {len(groups)} kernels")
    for name, launches in sorted(groups.items(), key=lambda item: -sum(number(r[TIME]) for r in item[1]))[:count]:
        time = sum(number(row[TIME]) for row in launches)
        print(f"{time / whole:6.1%}  {len(launches):4} launches  {name}")
        for metric in metrics:
            values = [number(row[metric]) for row in launches]
            if metric.endswith(".sum"):
                value = sum(values)
            else:
                value = sum(v * number(row[TIME]) for v, row in zip(values, launches)) / time
            print(f"            {metric:75} {value:16,.2f}")


if __name__ == "__main__":
    main()
