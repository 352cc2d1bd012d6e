# SPDX-License-Identifier: MIT
"""Much of one thing at once: the shell is usable meanwhile, and all is given back. Memory: test_robust.py."""

import os
import time

import pytest

from machine import BUILD

PROGRAMS = os.path.join(BUILD, "tests", "posix", "limits")
OBJECTS_KEPT, KIB_KEPT = 90, 4096  # what servers keep for the next time


def counts(machine):
    processes, threads, objects = map(int, machine.output("atop -c").split())
    free = int(machine.output("awk '/^MemFree/ {print $2}' /proc/meminfo"))
    listed = int(machine.output("ls /proc | grep -c '^[0-9]'"))
    return processes + listed, threads, objects, -free


def assert_all_is_back(machine, before):
    allowed = (0, 16, OBJECTS_KEPT, KIB_KEPT)
    end = time.monotonic() + 30
    while any(now > then + more for now, then, more in zip(counts(machine), before, allowed)):
        assert time.monotonic() < end, f"before: {before}, now: {counts(machine)}"
        time.sleep(0.5)


@pytest.fixture
def big(own_machine):
    machine = own_machine("--unix-only", "--mem", "256", "--share", PROGRAMS)
    machine.output("cp /host/many /bin/many; cd /tmp; many processes 10; many threads 10")
    return machine


def many_of_both(machine):
    assert machine.output("many processes 500", 120) == "500 processes\n500 ended well"
    assert machine.output("many threads 1000", 120) == "1000 threads\n1000 joined, the sum is 499500"


def test_five_hundred_processes_and_a_thousand_threads(big):
    many_of_both(big)  # servers keep the room that so many needed, once
    before = counts(big)
    many_of_both(big)
    assert_all_is_back(big, before)


def test_a_thousand_open_files_and_not_one_more_than_the_limit(big):
    before = counts(big)
    assert big.output("ulimit -n 1024; many files").splitlines() == [
        "limit 1024", "1021 files beside the three, then EMFILE", "1021 have what was written",
        "dup(0): EMFILE", "socket(AF_UNIX, SOCK_STREAM, 0): EMFILE",
        "below a lower limit: the free number", "dup2(0, 100): EBADF"]
    assert_all_is_back(big, before)


def test_a_fork_bomb_under_a_process_limit_hurts_its_user_only(big):
    before = counts(big)
    big.output("many bomb 8 4321 &")
    end = time.monotonic() + 20
    while (number := int(big.output("ps -o user | grep -c 4321", 60))) < 7:
        assert time.monotonic() < end, f"only {number} processes"
    for number in range(2):
        assert big.output(f"echo {number} | cat | sed s/^/x/", 60) == f"x{number}"
        assert int(big.output("ps -o user | grep -c 4321", 60)) <= 12  # some are just being refused
    big.command("while killall -9 many; do true; done 2>/dev/null", 60)
    assert_all_is_back(big, before)
