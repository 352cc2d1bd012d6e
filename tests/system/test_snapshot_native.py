# SPDX-License-Identifier: MIT
"""Snapshots of native programs: threads, memory, ports, streams, timers, files; crashes; trees with others."""

import os
import random
import re
import shutil

import pytest

from machine import BUILD, run
from test_snapshot import gdb, shown, snap

BIN = os.path.join(BUILD, "bin")


def atomik(share, script, seconds=60):
    for name in ("snapshot-native", "crash-native", "native-check"):
        shutil.copy(os.path.join(BIN, name), share / name)
    return run("/bin/sh", "-c", script, options=("--share", str(share)), seconds=seconds)


def test_native_program_at_random_moments(share):
    chance = random.Random(7)
    moments = " ".join(str(chance.randrange(20000, 350000)) for _ in range(8))
    script = f"""mkdir /tmp/d; cd /tmp/d; /host/snapshot-native >right; right=$?
for moment in {moments}; do
    /host/snapshot-native >out & pid=$!; usleep $moment
    if snap save --stop --files $pid p.snap >/dev/null; then
        wait $pid; echo code $?; snap restore --files=snapshot p.snap >>out; code=$?
    else
        wait $pid; code=$?
    fi
    cmp out right && [ $code = $right ] && echo same
done"""
    result = atomik(share, script)
    assert result.stdout.decode().split("\n")[:-1] == ["code 137", "same"] * 8, result.stderr


def test_native_program_goes_on_here_and_elsewhere(share):
    script = """cd /tmp; /host/snapshot-native >right
/host/snapshot-native >out & usleep 200000; snap save --files --no-text $! /host/n.snap >&2; wait $!; echo code $?
cmp out right && echo same; cp right /host"""
    assert atomik(share, script).stdout == b"code 6\nsame\n"
    state = shown(share / "n.snap")
    assert {"init", "directory", "port", "caller", "stream", "memory", "event", "timer", "file", "process"} <= {
        item["class"] for item in state["object"]}
    assert len(state["thread"]) == 4 and any(thread.get("wait", "").startswith("port_reply_receive ")
                                             for thread in state["thread"])
    so_far = next(item["offset"] for item in state["object"] if item.get("standard") == 1)
    (share / "half").write_bytes((share / "right").read_bytes()[:so_far])
    printed = gdb(os.path.join(BUILD, "debug", "snapshot-native"), share / "n.snap", "info threads", "thread apply all bt")
    assert len(re.findall(r"^\*? +\d+ +LWP", printed, re.MULTILINE)) == 4 and "main ()" in printed
    script = """cd /tmp; for i in 1 2; do cp /host/half out; rm -f native.data
snap restore --files=snapshot /host/n.snap >>out; echo code $?; cmp out /host/right && echo same; done"""
    assert atomik(share, script).stdout == b"code 6\nsame\n" * 2


def test_native_crash_is_saved_mended_and_goes_on(share):
    result = atomik(share, "echo 'crash /host' >/etc/snap.conf; /host/crash-native; echo code $?")
    assert result.stdout == b"before\ncode 139\n"
    path, fixed, program = next(share.glob("crash-crash-native-*.snap")), share / "fixed.snap", os.path.join(BUILD, "debug", "crash-native")
    assert shown(path)["crash"][0]["signal"] == 11
    printed = gdb(program, path, "p &value", "x/i $pc")
    assert "SIGSEGV" in printed and "main ()" in printed
    address = re.search(r"\(volatile int \*\) (0x[0-9a-f]+) <value>", printed)[1]
    register = re.search(r"\(%(e..)\)", printed)[1]
    result = snap("edit", path, "-o", fixed, "--reg", f"{register}={address}", "--mem", f"{address}=2a000000")
    assert result.returncode == 0, result.stderr
    assert register in snap("diff", path, fixed).stdout
    result = atomik(share, "snap restore /host/fixed.snap")
    assert result.stdout == b"after: 42 42\n" and result.returncode == 7


def test_damaged_native_snapshots_do_no_harm(share):
    assert atomik(share, "cd /tmp; /host/snapshot-native >out & usleep 150000; snap save --stop --files $! /host/n.snap >&2").returncode == 0
    good, chance = (share / "n.snap").read_bytes(), random.Random(8)
    for number in range(16):
        damaged = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(8000)] = chance.randrange(256)
        (share / f"bad{number}.snap").write_bytes(damaged[:chance.randrange(len(damaged))] if number % 4 == 0 else damaged)
    script = """cd /tmp; for i in $(seq 0 15); do snap restore --accept-edited --files=snapshot /host/bad$i.snap >o 2>&1; echo $?; done
hello-native | head -1 | cut -c 1-5"""
    codes = atomik(share, script).stdout.decode().split()
    assert codes[-1] == "hello" and set(codes[:-1]) <= {"1", "6"}, codes


@pytest.mark.parametrize("field", ["descriptor[0].fd=1", "mapping[0].start=0xa0000000", "object[9].class=nothing",
                                   "mapping[1].end=0x5"])
def test_impossible_values_are_named_and_leave_nothing(share, field):
    script = f"""cd /tmp; /host/snapshot-native >out & usleep 150000; snap save --stop --files $! n.snap >/dev/null
wait; snap edit n.snap --set '{field}' >/dev/null && snap restore --files=snapshot n.snap; echo code $?; cat /proc/[0-9]*/comm | grep -c snapshot-na"""
    result = atomik(share, script)
    assert result.stdout == b"code 1\n0\n" and b"snap" in result.stderr, result.stderr


PIPE = r"""i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); usleep 10000; done |
/host/filter.exe | hello-native - | tr -d '\r' | sed s/LINE/x/; echo end
"""


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_pipe_line_of_three_personalities_is_one_tree(share, where):
    shutil.copy(os.path.join(BUILD, "tests", "snapshot", "windows", "filter.exe"), share)
    (share / "pipe.sh").write_text(PIPE)
    save = """cd /host; sh pipe.sh >right; sh pipe.sh >out & pid=$!; usleep 350000
snap save --tree --stop --no-text $pid tree >log || cat log; wait; echo $pid >pid; ls tree | wc -l"""
    restore = "cd /host; snap restore --files=current tree/p$(cat pid).snap; echo code $?; cmp out right && echo same"
    result = atomik(share, save + (f"\n{restore}" if where == "here" else ""))
    if where == "elsewhere":
        assert result.returncode == 0
        result = atomik(share, restore)
    assert result.stdout.decode().split()[-3:] == ["code", "0", "same"], result.stdout + result.stderr
