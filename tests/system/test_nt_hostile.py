# SPDX-License-Identifier: MIT
"""Hostile Windows programs: each dies alone or gets its status, and nothing of it is left."""

import os
import re
import shutil

import pytest

from machine import BUILD, run


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """A directory to share, with the program that makes damaged programs of itself."""
    directory = tmp_path_factory.mktemp("hostile")
    for name in ("badpe.exe", "ntfuzz.exe"):
        shutil.copy(os.path.join(BUILD, "tests/nt/fuzz", name), directory)
    return directory


def test_damaged_programs_started_by_a_windows_program(damaged):
    """Headers cut anywhere, directories and sections anywhere, DLLs that import one another, and
    programs that use up stack, heap, memory, threads and handles; objects are counted before and after."""
    done = run("/host/badpe.exe", options=("--mem", "256", "--share", str(damaged)), seconds=100)
    assert done.stdout.decode().split("\r\n")[:-1] == [
        "loop0.dll: loaded", "self.dll: loaded", "stack: c00000fd", "heap: 7", "memory: over", "threads: 7",
        "handles: 7", "survived"]
    refused = re.search(rb"(\d+) refused, (\d+) ended", done.stderr)
    assert refused and int(refused[1]) > 50 and int(refused[2]) > 20


def test_damaged_programs_started_by_the_unix_shell(damaged):
    script = ("mkdir /tmp/bad; cp /host/badpe.exe /tmp; /tmp/badpe.exe write /tmp/bad; chmod +x /tmp/bad/*; cd /tmp/bad; "
              "for f in *.exe; do timeout -s KILL 5 ./$f whole >/dev/null 2>&1; echo $f $?; done; "
              "/tmp/badpe.exe whole; echo whole $?")
    done = run("/bin/sh", "-c", script, options=("--share", str(damaged)), seconds=100)
    codes = dict(line.split() for line in done.stdout.decode().splitlines())
    assert codes.pop("whole") == "5"
    assert len(codes) > 100 and "137" not in codes.values()
    assert codes["cut97.exe"] != "5" and codes["machine0.exe"] != "5" and codes["sections0.exe"] != "5"


def test_random_system_calls_leave_no_object_behind(damaged):
    done = run("/host/ntfuzz.exe", "6", "1000", options=("--mem", "256", "--share", str(damaged)), seconds=60)
    assert done.returncode == 0 and b"0 did not start" in done.stdout and b"left:" not in done.stdout
