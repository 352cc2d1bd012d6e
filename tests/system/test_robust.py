# SPDX-License-Identifier: MIT
"""What must not take the system down."""

import random
import re
import time

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


def free_kib(machine):
    return int(machine.output("awk '/^MemFree/ {print $2}' /proc/meminfo", 120))


def assert_memory_is_back(machine, before, slack=512):
    """Ended processes give their memory back as they go, which may take a moment."""
    end = time.monotonic() + 20
    while before - free_kib(machine) > slack:
        assert time.monotonic() < end, f"{before - free_kib(machine)} KiB of memory are gone"
        time.sleep(0.5)


def test_fork_bomb_is_contained(own_machine):
    """A process that forks without end reaches its limit; the shell can still start programs."""
    machine = own_machine("--unix-only", "--mem", "96")

    def bomb():
        machine.output("sh -c 'b() { b | b & }; b' >/dev/null 2>&1")
        time.sleep(2)
        assert machine.output("ls -d /", 120) == "/"
        machine.command("kill -9 -1", 120)
        assert machine.output("ls -d /", 120) == "/"

    # What servers keep for the next time they need as much is no loss, and not every bomb grows as large:
    # what is lost is lost each time.
    lost = []
    for _ in range(4):
        before = free_kib(machine)
        bomb()
        time.sleep(1)
        lost.append(before - free_kib(machine))
        if len(lost) > 1 and lost[-1] <= 256:
            return
    raise AssertionError(f"KiB gone after each of the bombs: {lost}")


def test_memory_hog_ends_alone(own_machine):
    machine = own_machine("--unix-only", "--mem", "64")
    machine.output("awk 'BEGIN {}'")
    before = free_kib(machine)
    printed, status = machine.command("awk 'BEGIN { s = \"x\"; while (1) s = s s }'", 120)
    assert status == 128 + 9
    assert re.search(r"out of memory: process \d+ \(awk\) ended", printed)
    assert machine.output("echo alive") == "alive"
    assert_memory_is_back(machine, before)


def test_small_programs_run_beside_a_hog(own_machine):
    """Processes that take all the memory they get, one after the other, and the shell lives."""
    machine = own_machine("--unix-only", "--mem", "64")
    machine.output("awk 'BEGIN {}'")
    before = free_kib(machine)
    hog = "awk 'BEGIN { while (1) a[n++] = n }'"
    machine.output(f"(while [ ! -e /tmp/stop ]; do {hog}; done >/dev/null 2>&1 &)")
    for number in range(5):
        assert machine.command(f"echo {number} | cat | grep -q {number}", 60)[1] == 0
    machine.output("touch /tmp/stop; killall -9 awk; true", 120)
    assert_memory_is_back(machine, before)


def test_full_memory_file_system_is_an_error(own_machine):
    machine = own_machine("--unix-only", "--mem", "64")
    machine.output("dd if=/dev/zero of=/tmp/big bs=1k count=1 2>/dev/null; rm /tmp/big")
    before = free_kib(machine)
    printed, status = machine.command("dd if=/dev/zero of=/tmp/big bs=1M count=200", 120)
    assert status != 0 and "No space left on device" in printed
    assert machine.command("echo more >/tmp/more")[1] != 0 or machine.output("cat /tmp/more") == "more"
    assert machine.output("ls -d /tmp") == "/tmp"
    machine.output("rm /tmp/big")
    assert machine.output("echo alive >/tmp/small; cat /tmp/small") == "alive"
    assert_memory_is_back(machine, before)


def test_programs_of_each_kind_run_while_files_fill_the_memory(own_machine):
    machine = own_machine("--mem", "96")
    assert machine.command("dd if=/dev/zero of=/tmp/big bs=1M count=200 2>/dev/null", 120)[1] != 0
    assert "argv[1] = x" in machine.output("hello-native x")
    assert "x" in machine.output("hello-newlib x")
    assert "argument 1: x" in machine.command("hello-win.exe x")[0]
    machine.output("rm /tmp/big")
