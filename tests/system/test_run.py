# SPDX-License-Identifier: MIT
"""`./atomik run`: one program, with its streams and its exit code, and the shared directory."""

import os
import subprocess

import pytest

from machine import BUILD, atomik, run


def test_output_error_output_and_exit_code():
    result = run("/bin/sh", "-c", "echo out; echo err >&2; exit 7")
    assert (result.stdout, result.stderr, result.returncode) == (b"out\n", b"err\n", 7)


def test_signal_gives_128_plus_its_number():
    assert run("/bin/sh", "-c", "kill -9 $$").returncode == 137


def test_arguments_and_environment():
    result = run("/bin/sh", "-c", 'printf "%s|" "$@" "$COLOUR" "$PWD"', "sh", "", "two words", "\u00e4",
                 options=("--env", "COLOUR=blue", "--cwd", "/etc"))
    assert result.stdout.decode() == "|two words|\u00e4|blue|/etc|"


def test_binary_input_and_output():
    data = bytes(range(256)) * 2050
    result = run("/bin/cat", input=data)
    assert result.returncode == 0
    assert result.stdout == data


def test_end_of_input_is_seen():
    assert run("/bin/sh", "-c", "wc -c").stdout.split() == [b"0"]


@pytest.mark.parametrize("program, code", [("/no/such/program", 127), ("/etc/motd", 126), ("/etc", 126)])
def test_program_that_cannot_start(program, code):
    result = run(program)
    assert result.returncode == code
    assert result.stdout == b""
    assert result.stderr.startswith(b"atomik: ") and result.stderr.count(b"\n") == 1


def test_time_out_gives_124():
    result = atomik("run", "--build", BUILD, "--timeout", "8", "--", "/bin/sleep", "100")
    assert result.returncode == 124


def test_share_is_read_and_written(share):
    (share / "in").write_bytes(b"from the host\n" * 1000)
    script = "cat in | tr a-z A-Z >out; mkdir d; mv in d/moved; ln -s d link; rm gone; ls | sort"
    (share / "gone").touch()
    result = run("/bin/sh", "-c", script, options=("--share", str(share)))
    assert result.stderr == b"" and result.returncode == 0
    assert result.stdout == b"d\nlink\nout\n"
    assert (share / "out").read_bytes() == b"FROM THE HOST\n" * 1000
    assert (share / "d" / "moved").exists() and not (share / "in").exists()
    assert os.readlink(share / "link") == "d"
    assert not (share / "gone").exists()


def test_a_file_on_the_share_grows_at_its_end(share):
    """Also when it is open for writing alone, and when a snapshot of the writer goes on."""
    (share / "old").write_bytes(b"one\n")
    (share / "loop.sh").write_text("i=0; while [ $i -lt 40 ]; do echo $i; usleep 20000; i=$((i+1)); done\n")
    script = """cd /host; echo two >>old; echo $?; sh loop.sh >lines & sleep 0.3
snap save --stop $! /tmp/l.snap >/dev/null; snap restore /tmp/l.snap; echo $?"""
    assert run("/bin/sh", "-c", script, options=("--share", str(share))).stdout == b"0\n0\n"
    assert (share / "old").read_bytes() == b"one\ntwo\n"
    assert (share / "lines").read_text().split() == [str(i) for i in range(40)]


def test_share_is_live(own_machine, share):
    machine = own_machine("--share", str(share), "--unix-only")
    (share / "first").write_text("1\n")
    assert machine.output("cat /host/first") == "1"
    (share / "first").write_text("a longer second text\n")
    assert machine.output("cat /host/first") == "a longer second text"
    machine.output("echo answer >/host/reply")
    assert (share / "reply").read_text() == "answer\n"


def test_a_program_that_the_host_changes_is_the_new_one_when_it_is_started(own_machine, share):
    busybox = os.path.join(BUILD, "packages/busybox-static/bin/busybox")
    program = share / "busybox"
    subprocess.run(["cp", busybox, program], check=True)
    machine = own_machine("--share", str(share), "--unix-only")
    machine.output("mkfifo /tmp/go; /host/busybox sh -c 'read l </tmp/go; md5sum /etc/motd; echo $l' >/tmp/out &")
    assert machine.output("/host/busybox echo first") == "first"
    subprocess.run(["cp", os.path.join(BUILD, "bin/hello-native"), share / "next"], check=True)
    os.replace(share / "next", program)  # another file
    assert "argv[1] = second" in machine.output("/host/busybox second")
    subprocess.run(["cp", busybox, program], check=True)  # the same file, overwritten
    assert machine.output("/host/busybox echo third") == "third"
    assert machine.output("echo old >/tmp/go; wait; tail -1 /tmp/out").startswith("old")


def test_program_from_the_share(share):
    busybox = os.path.join(BUILD, "packages/busybox-static/bin/busybox")
    subprocess.run(["cp", busybox, share / "busybox"], check=True)
    result = run("/host/busybox", "echo", "shared", options=("--share", str(share)))
    assert (result.stdout, result.returncode) == (b"shared\n", 0)
