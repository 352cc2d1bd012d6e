# SPDX-License-Identifier: MIT
"""The sysroot's C library: its programs print in Atomik what they print on this host, and find nothing wrong."""

import os
import shutil
import subprocess

import pytest

from machine import BUILD, ROOT, run

PROGRAMS = os.path.join(BUILD, "tests", "sysroot")
NAMES = ("threads", "files", "processes", "library", "heap", "longmath")
HELLO_LIMIT = 20 * 1024


@pytest.mark.parametrize("name", NAMES)
def test_program_prints_the_same_in_both_places(name):
    here = subprocess.run([os.path.join(PROGRAMS, name)], capture_output=True, timeout=60, check=False)
    there = run(f"/host/{name}", options=("--share", PROGRAMS), seconds=60)
    assert (here.returncode, there.returncode) == (0, 0), here.stdout + there.stdout
    assert there.stdout == here.stdout


def test_a_static_hello_is_small(tmp_path):
    source, program = tmp_path / "hello.c", tmp_path / "hello"
    source.write_text('#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n', encoding="utf-8")
    compiler = os.path.join(BUILD, "sysroot", "bin", "i686-atomik-gcc")
    subprocess.run([compiler, "-O2", "-s", str(source), "-o", str(program)], check=True, cwd=ROOT)
    assert subprocess.run([str(program)], capture_output=True, check=True).stdout == b"hello\n"
    assert program.stat().st_size < HELLO_LIMIT


def test_a_program_takes_a_snapshot_of_itself_and_knows_which_it_is(tmp_path):
    """With a thread and a pipe; restored twice in the same machine, and in another one. Not there on the host: ENOSYS."""
    program = os.path.join(PROGRAMS, "self")
    here = subprocess.run([program, str(tmp_path / "none")], capture_output=True, timeout=60, check=False)
    assert here.returncode == 1 and b"(errno 38)" in here.stdout and not (tmp_path / "none").exists()
    script = ("cd /tmp; /host/self /host/s.snap; echo code $?; "
              "for i in 1 2; do snap restore /host/s.snap; echo code $?; done; ls /host")
    shutil.copy(program, tmp_path / "self")
    there = run("/bin/sh", "-c", script, options=("--share", str(tmp_path)), seconds=60)
    assert there.stdout == (b"goes on: hello, 200\nall good\ncode 10\n" +
                            b"from the file: hello, 300\nall good\ncode 11\n" * 2 + b"s.snap\nself\n")
    elsewhere = run("/bin/snap", "restore", "/host/s.snap", options=("--share", str(tmp_path)), seconds=60)
    assert (elsewhere.returncode, elsewhere.stdout) == (11, b"from the file: hello, 300\nall good\n")
