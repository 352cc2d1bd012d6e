# SPDX-License-Identifier: MIT
"""What must not take the system down."""

import random
import time

import pytest

KILLING_SECONDS = 60


def test_shell_survives_a_minute_of_killing(own_machine):
    """kill -9 of anything but the shells at random moments, while a shell loop goes on."""
    machine = own_machine()
    machine.output("(while :; do seq 1 200 | sort -n | tail -1; sleep 0.01; done >/dev/null 2>&1 &)")
    machine.output("(while :; do hello-win.exe x | sort; hello-native y; done >/dev/null 2>&1 &)")
    chance = random.Random(1)
    end = time.monotonic() + KILLING_SECONDS
    kills = 0
    while time.monotonic() < end:
        name = chance.choice(["seq", "sort", "tail", "sleep", "hello-win.exe", "hello-native"])
        machine.command(f"killall -9 {name} 2>/dev/null; usleep {chance.randrange(50000)}")
        kills += 1
    assert kills > 20
    assert machine.output("echo alive") == "alive"
    assert "ps" in machine.output("ps")


@pytest.mark.xfail(run=False, reason="servers do not survive a machine without memory yet")
def test_fork_bomb_is_contained(own_machine):
    """A process that forks without end reaches its limit; the shell, which needs no fork, ends it."""
    machine = own_machine("--unix-only")
    machine.output("sh -c 'b() { b | b & }; b' >/dev/null 2>&1")
    time.sleep(3)
    machine.command("kill -9 -1", 120)
    assert machine.output("ls -d /", 120) == "/"


@pytest.mark.xfail(run=False, reason="servers do not survive a machine without memory yet")
def test_memory_hog_ends_alone(own_machine):
    machine = own_machine("--unix-only", "--mem", "64")
    status = machine.command("awk 'BEGIN { s = \"x\"; while (1) s = s s }' 2>/dev/null", 120)[1]
    assert status != 0
    assert machine.output("echo alive") == "alive"


@pytest.mark.xfail(run=False, reason="servers do not survive a machine without memory yet")
def test_full_memory_file_system_is_an_error(own_machine):
    machine = own_machine("--unix-only", "--mem", "64")
    assert machine.command("dd if=/dev/zero of=/tmp/big bs=1M count=200 2>/dev/null", 120)[1] != 0
    machine.output("rm /tmp/big")
    assert machine.output("echo alive >/tmp/small; cat /tmp/small") == "alive"
