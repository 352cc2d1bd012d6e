# SPDX-License-Identifier: MIT
"""What snapshots cost, each figure against another one of the same run, with the limit that is wanted."""

import json
import os
import re
import shutil
import socket
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
# A process of 4 MiB, its snapshot, and time to save the machine that it is in. The first snapshot does not count: the
# emulator translates the code then.
SMALL = """awk 'BEGIN { x = sprintf("%2000000s", "x"); print "ready" >"/tmp/ready"; close("/tmp/ready"); system("sleep 1000") }' &
until [ -s /tmp/ready ]; do usleep 10000; done; snap save $! /tmp/small.snap >/dev/null
snap save $! /tmp/small.snap; rm /tmp/small.snap; sleep 1000"""
SAVED = re.compile(rb"small.snap: (\d+) bytes, paused (\d+) us")
VM_SIZE = re.compile(r"^\S+ +machine +([0-9.]+) ([KMG])iB", re.MULTILINE)
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


def make_disk(path):
    """An empty disk that can hold the state of a machine: qcow2, version 2, of 1 GiB, with clusters of 64 KiB."""
    cluster = 1 << 16
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, 1 << 30, 0, 2, 3 * cluster, cluster, 1, 0, 0)
    with open(path, "wb") as file:
        for content in (header, struct.pack(">Q", 2 * cluster), struct.pack(">4H", 1, 1, 1, 1), b""):
            file.write(content.ljust(cluster, b"\0"))


class Monitor:
    """QEMU's, by its machine protocol."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "event" not in answer:
                return answer["return"]

    def human(self, line):
        return self.ask("human-monitor-command", **{"command-line": line})


def save_machine(path):
    """Bytes of the machine's state, and seconds that it stands still."""
    monitor = Monitor(path)
    began = time.monotonic()
    complaint = monitor.human("savevm machine")
    took = time.monotonic() - began
    found = VM_SIZE.search(monitor.human("info snapshots"))
    if complaint or not found:
        raise RuntimeError(f"savevm: {complaint}")
    return float(found[1]) * {"K": KIB, "M": MIB, "G": KIB * MIB}[found[2]], took


def against_the_machine(build, directory):
    """A process's snapshot in relation to its machine's: size, and how long each stands still."""
    disk, path = os.path.join(directory, "machine.qcow2"), os.path.join(directory, "qmp")
    make_disk(disk)
    command = ["./atomik", "run", *machines.atomik_command(build)[1:], "--timeout", "120", "--drive", f"{disk},format=qcow2",
               "--qemu", f"-qmp unix:{path},server=on,wait=off", "--", "/bin/sh", "-c", SMALL]
    with subprocess.Popen(command, cwd=machines.TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as machine:
        size, pause = map(int, SAVED.search(machine.stdout.readline()).groups())
        whole, still = save_machine(path)
        machine.terminate()
    return size / whole, pause / 1e6 / still


def rows(figures, host):
    """What, the figure, the limit, how the figure is written."""
    show, gdb, headers, size, still = host
    return [
        ("pause of 64 MiB / of 1 MiB", figures["pause-64"] / figures["pause-1"], 8, "{:.2f}"),
        ("pause of 64 MiB / memcpy of 64 MiB", figures["pause-64"] / figures["memcpy-64"], 0.1, "{:.3f}"),
        ("restore of 64 MiB / reading the file and memcpy", figures["restore-64"] / figures["read-and-memcpy"], 1.2, "{:.2f}"),
        ("lazy restore of 64 MiB / of 1 MiB", figures["lazy-64"] / figures["lazy-1"], 2, "{:.2f}"),
        ("faults while a snapshot is written / pages written to", figures["tax-faults"] / figures["tax-pages"], 1.05, "{:.3f}"),
        ("crash of 64 MiB with its snapshot / writing 64 MiB", figures["crash"] / figures["plain-core"], 3, "{:.2f}"),
        ("work with ten snapshots a second / alone", figures["work-saved"] / figures["work-alone"], 1.05, "{:.2f}"),
        ("file of a trivial static process, --no-text, KiB", figures["size-trivial"] / KIB, 96, "{:.1f}"),
        ("file of 64 MiB beyond its memory, KiB", (figures["size-64"] - 64 * MIB) / KIB, 64 + PROGRAM_MAX, "{:.0f}"),
        ("delta beyond its changed pages, KiB", (figures["size-delta"] - figures["dirty-delta"]) / KIB, 48, "{:.1f}"),
        ("recorded loop of null calls / alone", figures["null-recorded"] / figures["null-alone"], 2, "{:.2f}"),
        ("recorded computation / alone", figures["compute-recorded"] / figures["compute-alone"], 1.1, "{:.2f}"),
        ("snapshot of 4 MiB / of its machine (savevm), bytes", size, 0.2, "{:.3f}"),
        ("pause of 4 MiB / of its machine (savevm)", still, 0.1, "{:.4f}"),
        ("snap show of 64 MiB on the host, ms", show * 1000, 100, "{:.0f}"),
        ("gdb's backtrace of 64 MiB on the host, ms", gdb * 1000, 500, "{:.0f}"),
        ("program headers of 64 MiB", headers, HEADERS_MAX, "{:.0f}")]


def table(build, directory, unit, extra):
    figures = run_in_machine(build, directory, extra)
    host = (*on_the_host(directory), *against_the_machine(build, directory))
    lines = [f"### Snapshots, {unit}", "", "| | | wanted, at most | |", "|---|---:|---:|---|"]
    for what, value, limit, form in rows(figures, host):
        lines.append(f"| {what} | {form.format(value)} | {limit} | {'' if value <= limit else 'missed'} |")
    return "\n".join(lines) + "\n"
