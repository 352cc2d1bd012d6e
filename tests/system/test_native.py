# SPDX-License-Identifier: MIT
"""Native programs: what libatomik and init promise them, checked from inside by native-check."""

import os
import re
import shutil
import time

import pytest

from machine import BUILD, run


@pytest.fixture(name="checks", scope="module")
def checks_fixture(tmp_path_factory):
    """The lines that native-check printed, run from a shared directory."""
    share = tmp_path_factory.mktemp("native")
    shutil.copy(os.path.join(BUILD, "bin", "native-check"), share)
    result = run("/host/native-check", options=("--share", str(share), "--timeout", "60"))
    return result.stdout.decode().splitlines(), result.returncode


FACTS = """wide numbers print
the heap keeps blocks apart
threads count under a mutex
ended threads leave nothing
a deadline ends a wait
large files come back as written
a writer blocks until the reader has made room
pipes carry more than they hold
exit codes come back
a crash is reported and ends with signal 11
signals end programs
what is no program does not start
many programs leave nothing behind
a killed terminal server comes back
a killed file server is mounted again""".splitlines()


@pytest.mark.parametrize("fact", FACTS)
def test_native_check(checks, fact):
    assert f"ok {fact}" in checks[0]


def test_native_check_has_no_other_result(checks):
    lines, code = checks
    assert sorted(lines) == sorted(f"ok {fact}" for fact in FACTS)
    assert code == 0


def test_programs_end_with_their_personality(share):
    shutil.copy(os.path.join(BUILD, "bin", "native-check"), share)
    assert run("/host/native-check", "orphan", options=("--share", str(share))).returncode == 137


def test_program_that_takes_all_memory_ends_alone(share):
    shutil.copy(os.path.join(BUILD, "bin", "native-check"), share)
    script = "/host/native-check hog; echo $?; hello-native after | tail -1; /host/native-check exit 5"
    result = run("sh", "-c", script, options=("--share", str(share), "--mem", "96"))
    assert b"out of memory: process" in result.stderr and b"native-check) ended" in result.stderr
    assert result.stdout.split(b"\n")[0] == b"137"
    assert b"environment variables" in result.stdout and result.returncode == 5


def test_standard_input_is_copied_unchanged():
    data = bytes(range(256)) * 700
    assert run("hello-native", "-", input=data).stdout == data


def test_arguments_arrive():
    lines = run("hello-native", "a", "", "two words").stdout.decode().splitlines()
    assert "argv[2] = " in lines and "argv[3] = two words" in lines


def test_atop_shows_services_and_itself():
    rows = run("atop", "-n", "1").stdout.decode().splitlines()
    assert any(" memfs" in row for row in rows)
    assert any(" native " in row and row.endswith("atop -n 1") for row in rows)


def test_stopped_program_goes_on_in_the_foreground(machine):
    """^Z stops a native program that reads the terminal, fg lets it read on."""
    machine.send("hello-native -\n")
    machine.expect("hello-native -\r\n")
    time.sleep(0.5)  # the shell's line editor has left the terminal: what is typed is echoed
    machine.send("before\n")
    machine.expect("before\r\n.*before\r\n")
    machine.send("\x1a")
    machine.expect_prompt()
    assert "Stopped" in machine.output("jobs")
    machine.send("fg\n")
    machine.expect("hello-native -\r\n")
    machine.send("after\n")
    machine.expect("after\r\n.*after\r\n")
    machine.send("\x04")
    machine.expect_prompt()


def test_stop_and_continue_by_signal(machine):
    def state():
        return machine.output("sleep 0.3; ps -o stat,comm | grep hello-native").split()[0]
    machine.output("sleep 100 | hello-native - >/dev/null & sleep 0.2")
    assert state() == "S"
    machine.output("killall -STOP hello-native")
    assert state() == "T"
    machine.output("killall -CONT hello-native")
    assert state() == "S"
    machine.output("killall -STOP hello-native; killall -9 hello-native sleep; sleep 0.3; true")
    assert "hello-native" not in machine.output("ps; true")


def test_example_driver_waits_for_its_interrupt():
    script = "greet; greet 1; greet 61; greet 60 & sleep 0.2; kill $!; greet"
    result = run("sh", "-c", script, options=("--append", "hello"))
    assert result.stderr == b"greet: invalid argument\n"
    lines = result.stdout.decode().splitlines()
    seen = [int(re.fullmatch(r"hello from a driver: \d\d:\d\d:\d\d, (\d+) updates seen", line)[1])
            for line in lines]
    assert len(seen) == 3 and seen[0] < seen[1] <= seen[2]
