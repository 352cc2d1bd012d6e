# SPDX-License-Identifier: MIT
"""The programs of tests/nt print here what they print under Wine 8 (recorded in tests/nt/expected).

All programs run one after the other in one machine, each in an empty directory and with a time limit.
"""

import os
import re
import shutil

import pytest

import batch
from machine import BUILD, ROOT, run

SOURCES = os.path.join(ROOT, "tests", "nt")
PROGRAMS = os.path.join(BUILD, "tests", "nt")
EXPECTED = os.path.join(SOURCES, "expected")
NAMES = sorted(name[:-4] for name in os.listdir(EXPECTED))
PROGRAM_SECONDS = 30

# What a program prints otherwise, and why: a program leaves this list when it is right.
KNOWN_GAPS = {}


@pytest.fixture(scope="module")
def printed():
    """What all programs print in Atomik."""
    script = batch.script("", "/tmp/w", [
        (name, f"timeout {PROGRAM_SECONDS} /host/{name}.exe </dev/null 2>&1") for name in NAMES])
    result = run("/bin/sh", options=("--share", PROGRAMS), input=script.encode(),
                 seconds=PROGRAM_SECONDS * 3 + len(NAMES) * 5)
    return batch.split(result.stdout.replace(b"\r", b""), NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_program_prints_what_it_prints_under_wine(printed, name, request):
    if name in KNOWN_GAPS:
        request.applymarker(pytest.mark.xfail(reason=KNOWN_GAPS[name], strict=True))
    with open(os.path.join(EXPECTED, name + ".txt"), encoding="utf-8") as expected:
        assert printed.get(name) == expected.read()


def test_files_of_more_than_4_gib(share):
    shutil.copy(os.path.join(PROGRAMS, "files.exe"), share)
    result = run("/host/files.exe", str(5 << 30), options=("--share", str(share)))
    with open(os.path.join(EXPECTED, "files.txt"), encoding="utf-8") as expected:
        assert result.stdout.decode().replace("\r", "") + f"exit code {result.returncode}\n" == expected.read()


def test_an_unknown_call_is_logged_once_by_its_name():
    result = run("sh", "-c", "/host/refusals.exe; /host/refusals.exe; dmesg", options=("--share", PROGRAMS))
    assert result.stdout.count(b"NtSetIntervalProfile is not implemented") == 1


def renumbered(image):
    """A DLL whose system calls have other numbers: each stub's is counted from the other end."""
    stub = re.compile(rb"\xb8(..)\0\0\xba....\xff\xd2\xc2", re.DOTALL)
    numbers = [int.from_bytes(number, "little") for number in stub.findall(image)]
    assert len(numbers) > 200
    both = min(numbers) + max(numbers)
    return stub.sub(lambda match: match[0][:1] + (both - int.from_bytes(match[1], "little")).to_bytes(2, "little")
                    + match[0][3:], image)


def test_calls_have_the_numbers_of_the_ntdll_at_hand(share):
    with open(os.path.join(BUILD, "windows", "ntdll.dll"), "rb") as original:
        image = original.read()
    assert renumbered(image) != image
    (share / "ntdll.dll").write_bytes(renumbered(image))
    shutil.copy(os.path.join(PROGRAMS, "threads.exe"), share)
    result = run("sh", "-c", "cp /host/ntdll.dll /c/windows/system32/ && /host/threads.exe; echo exit code $?",
                 options=("--share", str(share)))
    with open(os.path.join(EXPECTED, "threads.txt"), encoding="utf-8") as expected:
        assert result.stdout.decode().replace("\r", "") == expected.read()
