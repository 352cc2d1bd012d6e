# SPDX-License-Identifier: MIT
"""The programs of tests/posix print here what they print on Linux (recorded in tests/posix/expected).

All programs run one after the other in one machine, each in an empty directory and with a time limit.
"""

import os

import pytest

import batch
from machine import BUILD, ROOT, run

SOURCES = os.path.join(ROOT, "tests", "posix")
PROGRAMS = os.path.join(BUILD, "tests", "posix")
NAMES = sorted(name[:-2] for name in os.listdir(SOURCES) if name.endswith(".c"))
PROGRAM_SECONDS = 20

# What a program prints otherwise, and why: a program leaves this list when it is right.
KNOWN_GAPS = {}


@pytest.fixture(scope="module")
def printed():
    """What all programs print in Atomik."""
    script = batch.script("umask 022\nexport PATH=/bin:/usr/bin HOME=/root", "/tmp/w", [
        (name, f"timeout {PROGRAM_SECONDS} /host/{name} </dev/null 2>&1") for name in NAMES])
    result = run("/bin/sh", options=("--share", PROGRAMS), input=script.encode(),
                 seconds=PROGRAM_SECONDS * 10 + len(NAMES) * 4)
    return batch.split(result.stdout, NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_program_prints_what_it_prints_on_linux(printed, name, request):
    if name in KNOWN_GAPS:
        request.applymarker(pytest.mark.xfail(reason=KNOWN_GAPS[name], strict=True))
    with open(os.path.join(SOURCES, "expected", name + ".txt"), encoding="utf-8") as expected:
        assert printed.get(name) == expected.read()


@pytest.mark.parametrize("program, line", [("hello-native", b"line two"), ("cat", b"line two")])
def test_a_socket_is_inherited_by_programs_of_all_personalities(program, line):
    arguments = ["-"] if program == "hello-native" else []
    result = run("/host/exec_on_socket", program, *arguments, options=("--share", PROGRAMS))
    assert line in result.stdout
    assert b"end of data: 0" in result.stdout
    assert b"program: exit 0" in result.stdout
