# SPDX-License-Identifier: MIT
"""Programs that make random system calls hang or crash by themselves: everything else goes on, and is given back.

SYSFUZZ_SECONDS=600 makes it a long run, SYSFUZZ_SEED names the first seed. `sysfuzz one SEED CALLS DIRECTORY` in a
machine makes the calls of a seed again.
"""

import os
import time

from machine import BUILD

PROGRAMS = os.path.join(BUILD, "tests", "fuzz", "posix")
SECONDS = int(os.environ.get("SYSFUZZ_SECONDS", "8"))
SEED = int(os.environ.get("SYSFUZZ_SEED", "1"))
WARM_UP = 3

# A line five times a second through programs of each kind.
NEIGHBOURS = {
    "/tmp/native": "(while :; do echo tick; sleep 0.2; done | hello-native - | cat >/tmp/native) &",
    "/tmp/windows": "(while :; do echo echo tick; sleep 0.2; done | cmd.exe /q >/tmp/windows) &",
}
# What servers keep for the next time: of ended files, threads and directories.
OBJECTS_KEPT, KIB_KEPT = 90, 3072


def counts(machine):
    processes, threads, objects = map(int, machine.output("atop -c").split())
    free = int(machine.output("awk '/^MemFree/ {print $2}' /proc/meminfo"))
    files = int(machine.output("cut -f1 /proc/sys/fs/file-nr"))
    listed = int(machine.output("ls /proc | grep -c '^[0-9]'"))
    return {"processes": processes + listed, "files": files, "threads": threads, "objects": objects, "used": -free}


def is_back(before, now):
    return (now["processes"] <= before["processes"] and now["files"] <= before["files"]
            and now["threads"] <= before["threads"] + 16 and now["objects"] <= before["objects"] + OBJECTS_KEPT
            and now["used"] <= before["used"] + KIB_KEPT)


def lines(machine, path):
    return int(machine.output(f"cat {path} 2>/dev/null | wc -l"))


def assert_alive(machine):
    before = {path: lines(machine, path) for path in NEIGHBOURS}
    end = time.monotonic() + 30
    while any(lines(machine, path) <= before[path] for path in NEIGHBOURS):
        assert time.monotonic() < end, f"a neighbour stands still: {before}\n{machine.last_lines()}"


def assert_all_is_back(machine, before):
    end = time.monotonic() + 30
    while not is_back(before, counts(machine)):
        assert time.monotonic() < end, f"before: {before}, now: {counts(machine)}"
        time.sleep(0.5)


def fuzz(machine, seconds):
    """With neighbours that are alive before and after; they end with it."""
    for command in NEIGHBOURS.values():
        machine.output(command)
    assert_alive(machine)
    status = machine.command(f"/tmp/fuzzer {seconds} {SEED} /tmp /host/w >/host/log", seconds + 120)[1]
    assert_alive(machine)
    machine.command("kill $(jobs -p); killall -9 sleep hello-native cmd.exe cat; wait")
    machine.output("rm -f " + " ".join(NEIGHBOURS))
    return status


def test_random_system_calls_hurt_nobody_else(own_machine, share):
    machine = own_machine("--mem", "256", "--share", str(share))
    with open(os.path.join(PROGRAMS, "sysfuzz"), "rb") as program:
        (share / "sysfuzz").write_bytes(program.read())
    machine.output("cp /host/sysfuzz /tmp/fuzzer; chmod 755 /tmp/fuzzer; rm /host/sysfuzz; mkdir /host/w")
    assert fuzz(machine, WARM_UP) == 0
    before = counts(machine)
    status = fuzz(machine, SECONDS)
    log = (share / "log").read_text()
    assert status == 0 and " 0 failures" in log, log[-3000:]
    assert_all_is_back(machine, before)
