# SPDX-License-Identifier: MIT
"""Restored memory is the process's own, also if it is brought in when it is used; and it is never other than
what was saved, whatever happens to the file meanwhile."""

import os
import shutil
import struct

import pytest

from machine import BUILD, run
from test_ext import make

PROGRAM = os.path.join(BUILD, "tests", "snapshot", "memory")
EXPECTED = b"""discarded 0: as it was, zero, as it was
grown: as it was, zero
child: zero, as it was
parent: as it was
heap: as it was
"""
SAVE = """cd /tmp; /host/memory >out & pid=$!
until [ -f filled ]; do usleep 10000; done
"""
PATTERN = b"".join(struct.pack("<I", index * 2654435761 & 0xffffffff | 1) for index in range(4096))


def atomik(share, script, *options):
    if not (share / "memory").exists():
        shutil.copy(PROGRAM, share / "memory")
    return run("/bin/sh", "-c", script, options=("--share", str(share), *options), seconds=60)


def restored(option, path, between=""):
    """Restores it, does something, and lets it go on to its end, with its exit code."""
    return f"""snap restore {option} {path} & job=$!
until [ -d /proc/$pid ]; do usleep 10000; done; usleep 50000
{between}
touch go; wait $job; echo code $?; cat out"""


@pytest.mark.parametrize("option", ["", "--lazy"])
def test_restored_memory_is_the_programs_own(share, option):
    result = atomik(share, SAVE + "snap save --stop $pid m.snap >/dev/null\n" + restored(option, "m.snap"))
    assert result.stdout == b"code 7\n" + EXPECTED, result.stderr


def test_a_lazy_restore_does_not_need_the_file_any_more(share):
    """Overwritten in place and removed: what comes in later is what it was."""
    between = "dd if=/dev/zero of=m.snap bs=4096 seek=16 count=2000 conv=notrunc 2>/dev/null; rm m.snap"
    result = atomik(share, SAVE + "snap save --stop $pid m.snap >/dev/null\n" + restored("--lazy", "m.snap", between))
    assert result.stdout == b"code 7\n" + EXPECTED, result.stderr


def test_a_file_on_a_disk_is_busy_meanwhile(share, tmp_path):
    """It is read when it is needed, so nobody may write to it, but it may be removed."""
    disk = tmp_path / "disk.img"
    make(disk, "-t ext4")
    between = "echo x >>/mnt/m.snap || echo busy; rm /mnt/m.snap; sync; echo 3 >/proc/sys/vm/drop_caches"
    script = "mkdir /mnt; mount -t ext4 /dev/vda /mnt\n" + SAVE
    script += "snap save --stop $pid /mnt/m.snap >/dev/null\n" + restored("--lazy", "/mnt/m.snap", between)
    result = atomik(share, script, "--drive", str(disk))
    assert result.stdout == b"busy\ncode 7\n" + EXPECTED, result.stderr


def test_what_was_not_brought_in_is_saved_again(share):
    script = SAVE + "snap save --stop $pid m.snap >/dev/null\n"
    again = "snap save --stop $pid n.snap >/dev/null; rm m.snap; snap verify n.snap"
    script += f"""snap restore --lazy m.snap & job=$!
until [ -d /proc/$pid ]; do usleep 10000; done; usleep 50000
{again}
""" + restored("", "n.snap")
    result = atomik(share, script)
    assert result.stdout == b"n.snap: verified\ncode 7\n" + EXPECTED, result.stderr


def test_a_damaged_page_is_never_seen(share):
    """At once, nothing is made of the file; later, the process ends where it would have read the page."""
    result = atomik(share, SAVE + "snap save --stop $pid /host/m.snap >/dev/null; echo $pid")
    pid = result.stdout.strip().decode()
    data = bytearray((share / "m.snap").read_bytes())
    at = data.find(PATTERN) + 12
    assert at > 4096
    data[at] ^= 0x40
    (share / "m.snap").write_bytes(data)
    script = f"pid={pid}; cd /tmp; cp /host/m.snap .; touch out\n"
    result = atomik(share, script + "snap restore m.snap; echo code $?; ls /proc | grep -c '^$pid$'")
    assert result.stdout == b"code 1\n0\n" and b"edited by another tool" in result.stderr
    result = atomik(share, script + restored("--lazy --files=current", "m.snap"))
    assert result.stdout.startswith(b"code 135\n"), result.stderr
    assert b"something else" not in result.stdout and b"heap" not in result.stdout
