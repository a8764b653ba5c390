#!/usr/bin/env python3
"""Print the kernels that take longest, all launches of each together, from a table of Nsight Compute.

usage: gpu_kernels.py TABLE.csv [COUNT]

TABLE is of `ncu --csv --page raw --metrics ...`: a line a launch. Times and counts (sectors of 32 bytes that the
level-two cache is asked for) are sums, the rest means weighted by time.
"""
import collections
import csv
import re
import sys

TIME = "gpu__time_duration.sum"
COLUMNS = {
    "sm %": "sm__throughput.avg.pct_of_peak_sustained_elapsed",
    "issue %": "smsp__issue_active.avg.pct_of_peak_sustained_active",
    "warps %": "sm__warps_active.avg.pct_of_peak_sustained_active",
    "waves": "launch__waves_per_multiprocessor",
    "registers": "launch__registers_per_thread",
    "L2 reads": "lts__t_sectors_op_read.sum",
    "L2 writes": "lts__t_sectors_op_write.sum",
}


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
    groups = collections.defaultdict(list)
    for row in rows:
        groups[re.sub(r"\(.*", "", row["Kernel Name"])].append(row)
    whole = sum(number(row[TIME]) for row in rows)
    print(f"{len(rows)} launches of {len(groups)} kernels, {whole / 1e3:.1f} us")
    print(f"{'share':>6} {'us':>8} {'launches':>8} " + " ".join(f"{name:>9}" for name in COLUMNS) + "  kernel")
    for name, launches in sorted(groups.items(), key=lambda item: -sum(number(r[TIME]) for r in item[1]))[:count]:
        time = sum(number(row[TIME]) for row in launches)
        print(f"{time / whole:6.1%} {time / 1e3:8.1f} {len(launches):8} ", end="")
        for metric in COLUMNS.values():
            values = [number(row.get(metric) or "") for row in launches]
            value = sum(v * number(row[TIME]) for v, row in zip(values, launches)) / time
            print(f"{sum(values) if metric.endswith('.sum') else value:9.1f} ", end="")
        print(f" {name}")


if __name__ == "__main__":
    main()
