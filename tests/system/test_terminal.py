# SPDX-License-Identifier: MIT
"""The host command in a terminal: its keys, the terminal's state afterwards, the window's size, Ctrl-C."""

import os
import pty
import subprocess
import termios

import pexpect
import pytest

from machine import ATOMIK, BOOT_SECONDS, BUILD, atomik


def test_escape_key_ends_the_machine(own_machine):
    machine = own_machine("--unix-only")
    machine.send("\x1dx")
    assert machine.expect_end() == 0


def test_escape_key_twice_is_one_for_the_machine(own_machine):
    machine = own_machine("--unix-only")
    machine.send("cat -v\n")
    machine.expect("cat -v\r\n")
    machine.send("\x1d\x1d\n")
    machine.expect(r"\^\]\r\n")
    machine.send("\x04")
    machine.expect_prompt()


def test_window_size_follows(own_machine):
    machine = own_machine("--unix-only")
    machine.send("sh -c 'trap \"stty size; exit\" WINCH; echo rea\"\"dy; while :; do sleep 0.1; done'\n")
    machine.expect("ready\r\n")
    machine.child.setwinsize(40, 100)
    machine.expect("40 100\r\n")
    machine.expect_prompt()


@pytest.mark.parametrize("how, code", [(b"\x1dx", 0), (b"poweroff\n", 0)])
def test_terminal_is_left_as_it_was(how, code):
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    try:
        with subprocess.Popen([ATOMIK, "--build", BUILD, "--unix-only", "--timeout", "60"], stdin=slave,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            shown = b""
            while b"/ # " not in shown:
                shown += os.read(child.stdout.fileno(), 4096)
            assert termios.tcgetattr(slave) != before
            os.write(master, how)
            while os.read(child.stdout.fileno(), 4096):
                pass
            assert child.wait() == code
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)


def test_control_c_ends_run():
    child = pexpect.spawn(ATOMIK, ["run", "--build", BUILD, "--timeout", "60", "--", "sh", "-c",
                                   "echo up; sleep 100"], timeout=BOOT_SECONDS)
    child.expect("up")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_large_input_passes_through():
    data = os.urandom(1 << 20) * 10
    result = atomik("run", "--build", BUILD, "--timeout", "60", "--", "cat", input=data)
    assert result.returncode == 0 and result.stdout == data


@pytest.mark.parametrize("contents", [b"\x7fELF garbage", b"MZ garbage", b"plain text\n", b""])
def test_file_of_no_format_gives_126(share, contents):
    (share / "program").write_bytes(contents)
    (share / "program").chmod(0o755)
    result = atomik("run", "--build", BUILD, "--timeout", "60", "--share", str(share), "--", "/host/program")
    assert result.returncode == 126 and result.stdout == b""
    assert result.stderr.startswith(b"atomik: /host/program: ") and result.stderr.count(b"\n") == 1
