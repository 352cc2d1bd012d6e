# SPDX-License-Identifier: MIT
"""What snapshots cost, each figure against another one of the same run, with the limit that is wanted."""

import os
import re
import shutil
import struct
import subprocess
import sys
import time

import machines

MEBIBYTES = 768
SCRIPT = "cp /host/snap-bench /tmp; cd /tmp; /tmp/snap-bench && cp large.snap /host/"
LINE = re.compile(rb"^([a-z0-9-]+) ([0-9]+) (?:ns|bytes)\r*$", re.MULTILINE)
KIB, MIB = 1 << 10, 1 << 20
HEADERS_MAX = 2048  # that stock tools read
PROGRAM_MAX = 1024  # KiB of snap-bench itself, in its snapshots too: text, data and stack


def run_in_machine(build, directory, extra):
    share = os.path.join(directory, "share")
    os.makedirs(share, exist_ok=True)
    shutil.copy(os.path.join(machines.TOP, build, "tests/bench/snap-bench"), share)
    command = ["./atomik", "run", *machines.atomik_command(build)[1:], "--share", share, "--timeout", "600", "--mem",
               str(MEBIBYTES), "--qemu", extra, "--", "/bin/sh", "-c", SCRIPT]
    done = subprocess.run(command, cwd=machines.TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return {name.decode(): int(value) for name, value in LINE.findall(done.stdout)}


def seconds_of(*command):
    began = time.monotonic()
    subprocess.run(command, cwd=machines.TOP, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def on_the_host(directory):
    """Seconds that tools of the host take for the snapshot of 64 MiB, and its program headers."""
    path = os.path.join(directory, "share/large.snap")
    program = os.path.join(directory, "share/snap-bench")
    with open(path, "rb") as file:
        headers = struct.unpack_from("<H", file.read(52), 44)[0]
    return (min(seconds_of(sys.executable, "./atomik", "snap", "show", path) for _ in range(3)),
            min(seconds_of("gdb", "-nx", "-batch", "-ex", "bt", program, path) for _ in range(3)), headers)


def rows(figures, host):
    """What, the figure, the limit, how the figure is written."""
    show, gdb, headers = host
    return [
        ("pause of 64 MiB / of 1 MiB", figures["pause-64"] / figures["pause-1"], 8, "{:.2f}"),
        ("pause of 64 MiB / memcpy of 64 MiB", figures["pause-64"] / figures["memcpy-64"], 0.1, "{:.3f}"),
        ("restore of 64 MiB / reading the file and memcpy", figures["restore-64"] / figures["read-and-memcpy"], 1.2, "{:.2f}"),
        ("file of a trivial static process, --no-text, KiB", figures["size-trivial"] / KIB, 96, "{:.1f}"),
        ("file of 64 MiB beyond its memory, KiB", (figures["size-64"] - 64 * MIB) / KIB, 64 + PROGRAM_MAX, "{:.0f}"),
        ("delta beyond its changed pages, KiB", (figures["size-delta"] - figures["dirty-delta"]) / KIB, 48, "{:.1f}"),
        ("recorded loop of null calls / alone", figures["null-recorded"] / figures["null-alone"], 2, "{:.2f}"),
        ("recorded computation / alone", figures["compute-recorded"] / figures["compute-alone"], 1.1, "{:.2f}"),
        ("snap show of 64 MiB on the host, ms", show * 1000, 100, "{:.0f}"),
        ("gdb's backtrace of 64 MiB on the host, ms", gdb * 1000, 500, "{:.0f}"),
        ("program headers of 64 MiB", headers, HEADERS_MAX, "{:.0f}")]


def table(build, directory, unit, extra):
    figures = run_in_machine(build, directory, extra)
    lines = [f"### Snapshots, {unit}", "", "| | | wanted, at most | |", "|---|---:|---:|---|"]
    for what, value, limit, form in rows(figures, on_the_host(directory)):
        lines.append(f"| {what} | {form.format(value)} | {limit} | {'' if value <= limit else 'missed'} |")
    return "\n".join(lines) + "\n"
