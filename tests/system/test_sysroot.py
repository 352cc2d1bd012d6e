# SPDX-License-Identifier: MIT
"""The sysroot's C library: its programs print in Atomik what they print on this host, and find nothing wrong."""

import os
import subprocess

import pytest

from machine import BUILD, ROOT, run

PROGRAMS = os.path.join(BUILD, "tests", "sysroot")
NAMES = ("threads", "files", "processes", "library", "longmath")
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
