# SPDX-License-Identifier: MIT
"""The programs of tests/posix print here what they print on Linux (recorded in tests/posix/expected).

All programs run one after the other in one machine, each in an empty directory and with a time limit.
"""

import os

import pytest

from machine import BUILD, ROOT, run

SOURCES = os.path.join(ROOT, "tests", "posix")
PROGRAMS = os.path.join(BUILD, "tests", "posix")
NAMES = sorted(name[:-2] for name in os.listdir(SOURCES) if name.endswith(".c"))
SEPARATOR = "---------- program {} ----------"
PROGRAM_SECONDS = 20

# What a program prints otherwise, and why: a program leaves this list when it is right.
KNOWN_GAPS = {}


def make_script():
    script = ["umask 022", "export PATH=/bin:/usr/bin HOME=/root"]
    for name in NAMES:
        script.append(f"echo '{SEPARATOR.format(name)}'")
        script.append(f"mkdir -p /tmp/w/{name} && cd /tmp/w/{name}")
        script.append(f"timeout {PROGRAM_SECONDS} /host/{name} </dev/null 2>&1")
        script.append('echo "exit code $?"')
    return "\n".join(script) + "\n"


def split(output):
    results, name = {}, None
    separators = {SEPARATOR.format(case): case for case in NAMES}
    for line in output.decode(errors="replace").split("\n"):
        if line in separators:
            name = separators[line]
            results[name] = ""
        elif name:
            results[name] += line + "\n"
    return {name: text.rstrip("\n") + "\n" for name, text in results.items()}


@pytest.fixture(scope="module")
def printed():
    """What all programs print in Atomik."""
    result = run("/bin/sh", options=("--share", PROGRAMS), input=make_script().encode(),
                 seconds=PROGRAM_SECONDS * 10 + len(NAMES) * 4)
    return split(result.stdout)


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
