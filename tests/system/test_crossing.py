# SPDX-License-Identifier: MIT
"""Native, Unix and Windows programs with one another: the session that the project promises."""

import re

import os
import shutil

import machine as harness
import pytest

PROGRAMS = ("hello-native", "hello-newlib", "hello-win.exe")


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_of_each_kind_prints_its_arguments(machine, program):
    printed = machine.command(f"{program} a 'b c' d")[0]
    assert "a" in printed.split() and "b c" in printed and "d" in printed.split()


def test_windows_exit_code(machine):
    assert machine.command("hello-win.exe a b c")[1] == 3


def test_pipe_across_all_three(machine):
    machine.command("hello-win.exe z y x | sort | hello-native - >out")
    direct = machine.command("hello-win.exe z y x")[0].splitlines()
    through = machine.output("cat out").splitlines()
    for line in sorted(line.strip() for line in direct if line.strip()):
        assert any(line in other for other in through), line


def test_native_output_into_a_windows_program(machine):
    lines = machine.output("hello-native a b | wc -l")
    assert int(lines) >= 1


def test_execve_keeps_the_process_id(machine):
    """`exec` of a Windows program: the shell's pid is the one that the parent waits for."""
    assert machine.command("sh -c 'exec hello-win.exe' >/dev/null")[1] == 3


def counts(machine):
    """Free memory in KiB, and what the kernel holds: processes, threads and objects."""
    free = re.search(r"\d+", machine.output("awk '/^MemFree/ {print $2}' /proc/meminfo", 60))
    return [int(free[0])] + [int(word) for word in machine.output("atop -c", 60).split()]


def assert_nothing_is_lost(machine, command, times, seconds):
    """Repeat a command; what it used must be back, but for what servers keep for the next time."""
    loop = f"i=0; while [ $i -lt {{}} ]; do {command}; i=$((i+1)); done"
    machine.output(loop.format(times // 10), seconds)
    before = counts(machine)
    machine.output(loop.format(times), seconds)
    after = counts(machine)
    assert before[0] - after[0] < 256, f"{before[0] - after[0]} KiB of memory are gone"
    for name, old, new in zip(("processes", "threads", "objects"), before[1:], after[1:]):
        assert new - old <= 8, f"{new - old} {name} are left over"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_thousand_starts_lose_nothing(machine, program):
    assert_nothing_is_lost(machine, f"{program} >/dev/null", 1000, 240)


@pytest.mark.parametrize("command", [
    "(:)",
    ": | :",
    "hello-native x | cat | hello-newlib y >/dev/null",
    "echo x >f; mv f g; rm g",
    "(exit 3) || (kill $(sh -c 'echo $PPID')) || true",
], ids=["fork", "pipe", "pipe across personalities", "files", "signal"])
def test_repeated_commands_lose_nothing(machine, command):
    assert_nothing_is_lost(machine, command, 200, 120)


@pytest.mark.parametrize("directory", ("/tmp", "/host"))
def test_windows_transfers_show_at_once_in_other_handles(share, directory):
    shutil.copy(os.path.join(harness.BUILD, "tests/nt/transfers.exe"), share)
    script = f"cp /host/transfers.exe /tmp/t.exe; cd {directory} && /tmp/t.exe && wc -c <transfers.tmp"
    result = harness.run("sh", "-c", script, options=("--share", str(share)))
    assert result.stdout.split() == [b"ok", b"5001"], result.stderr


def test_a_users_group_is_not_roots_behind_a_program_of_another_personality():
    for through in ("snap record -o /tmp/n/log -- id", "cmd.exe /c id"):
        result = harness.run("/bin/sh", "-c", f"mkdir -m 777 /tmp/n; cd /tmp/n; su -s /bin/sh nobody -c '{through}'")
        assert b"uid=65534(nobody) gid=65534(nogroup)" in result.stdout, result.stdout + result.stderr
