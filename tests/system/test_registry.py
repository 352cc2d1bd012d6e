# SPDX-License-Identifier: MIT
"""The hives of the registry over boots: kept, never half, and what was made durable is never lost, whenever the power goes."""

import os
import random
import re
import subprocess
import sys
import time

import pytest

from machine import ATOMIK, BUILD, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "disk"))

import powercut  # noqa: E402

CUTS = 2
VALUES = 300  # as in tests/nt/hives/hives.c
SHARE = os.path.join(BUILD, "tests", "nt", "hives")


@pytest.fixture
def image(tmp_path):
    path = str(tmp_path / "system.img")
    subprocess.run(["cp", "--sparse=always", os.path.join(BUILD, "atomik.img"), path], check=True)
    return path


def write_until_the_power_goes(image, seconds):
    """The last number that was said to be durable."""
    process = subprocess.Popen([ATOMIK, "run", "--build", BUILD, "--timeout", "120", "--disk", image, "--share", SHARE,
                                "--", "/host/hives.exe", "write"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    printed = process.stdout.readline()
    time.sleep(seconds)
    for pid in list(powercut.children_of(process)):
        os.kill(pid, 9)
    printed += process.stdout.read()
    process.wait()
    return int(re.findall(rb"durable (\d+)\r?\n", printed)[-1])


def check(image):
    result = run("/bin/sh", "-c", "/host/hives.exe check; reg.exe query 'HKLM\\Software\\Microsoft' >/dev/null && echo rest",
                 options=("--disk", image, "--share", SHARE))
    found = re.fullmatch(rb"(\d+) values, (\d+) to (\d+)\s+rest\s+", result.stdout)
    assert found, result.stdout + result.stderr
    return tuple(int(number) for number in found.groups())


def test_hives_are_whole_when_the_power_goes_while_they_are_written(image):
    chance = random.Random(1)
    for _ in range(CUTS):
        durable = write_until_the_power_goes(image, chance.uniform(0.05, 1))
        count, least, most = check(image)
        assert count == VALUES and durable <= least <= most <= least + 1
