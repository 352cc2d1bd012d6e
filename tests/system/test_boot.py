# SPDX-License-Identifier: MIT
"""The ways to boot and to end a machine."""

import pytest

from bochs import Bochs, make_image
from machine import BOOT_SECONDS, BUILD, Machine, atomik


@pytest.mark.parametrize("options", [
    ("--mem", "96"),
    ("--mem", "3072"),
    ("--mem", "64", "--unix-only"),
], ids=["96 MiB", "3 GiB", "Unix alone in 64 MiB"])
def test_boots_to_a_prompt_and_powers_off(own_machine, options):
    machine = own_machine(*options)
    assert machine.output("echo alive") == "alive"
    machine.send("poweroff\n")
    assert machine.expect_end(BOOT_SECONDS) == 0


@pytest.fixture
def menu():
    """A function that boots the disk image and chooses an entry of GRUB's menu."""
    booted = []

    def choose(entry):
        booted.append(Machine("--disk", "--discard", "--menu", "--mem", "96"))
        booted[-1].expect("GNU GRUB", BOOT_SECONDS)
        booted[-1].send("\x1b[B" * entry + "\r")
        return booted[-1]

    yield choose
    for machine in booted:
        machine.close()


@pytest.mark.parametrize("entry", [0, 1, 4, 5], ids=["normal", "serial", "memory", "Unix only"])
def test_entry_of_grubs_menu_boots_to_a_prompt(menu, entry):
    machine = menu(entry).boot()
    assert machine.output("echo alive") == "alive"


def test_self_test_entry_of_grubs_menu(menu):
    menu(2).expect(r"kernel self-test: [1-9]\d* passed, 0 failed", BOOT_SECONDS)


def test_verbose_entry_of_grubs_menu(menu):
    machine = menu(3)
    machine.expect(r"KiB of memory", BOOT_SECONDS)
    machine.boot()


@pytest.mark.parametrize("command", ["reboot", "halt"])
def test_reboot_and_halt_end_the_host_command(own_machine, command):
    machine = own_machine("--unix-only")
    machine.send(f"{command}\n")
    assert machine.expect_end(BOOT_SECONDS) == 0


def test_reboot_starts_the_machine_again(own_machine):
    machine = own_machine("--unix-only", "--qemu", "-action reboot=reset")
    machine.output("touch /tmp/before")
    machine.send("reboot\n")
    machine.expect("BusyBox v", BOOT_SECONDS)
    machine.boot()
    assert machine.output("ls /tmp") == ""


def test_too_little_memory_gets_a_message():
    result = atomik("--build", BUILD, "--mem", "12", "--unix-only", "--timeout", "30")
    assert b"memory" in result.stdout
    assert result.returncode != 124, "the machine hangs"


def test_verbose_shows_the_kernels_messages():
    def messages(*options):
        result = atomik("run", "--build", BUILD, "--timeout", str(BOOT_SECONDS), *options, "--", "true")
        assert result.returncode == 0
        return result.stderr
    assert b"of memory" in messages("--verbose")
    assert messages() == b""


def test_kernel_self_tests_pass_in_bochs(tmp_path):
    """Bochs checks segment limits: this is where ring 1 is seen to be kept out of the kernel."""
    image = str(tmp_path / "selftest.img")
    make_image(BUILD, image, "selftest", ["selftest"])
    bochs = Bochs(image, str(tmp_path))
    try:
        found = bochs.wait(r"kernel self-test: (\d+) passed, (\d+) failed", 240)
    finally:
        bochs.close()
    assert int(found[1]) > 0 and int(found[2]) == 0, bochs.output()


def test_boots_to_a_prompt_in_bochs(tmp_path):
    image = str(tmp_path / "boot.img")
    make_image(BUILD, image, "unix-only", ["init", "unix.cpio"])
    bochs = Bochs(image, str(tmp_path))
    try:
        bochs.wait(r"[/~] # ", 120)
    finally:
        bochs.close()


@pytest.mark.parametrize("cause,message,function", [
    ("assert", b"asked for on the command line", b"idle+0x"),
    ("fault", b"trap 14 in the kernel", b"die_of_a_fault+0x"),
    ("stack", b"kernel stack overflow", b"overflow_stack+0x"),
])
def test_kernel_panic_shows_registers_and_backtrace(cause, message, function):
    result = atomik("--build", BUILD, "--append", f"panic={cause}", "--timeout", "30")
    assert result.returncode == 125
    assert b"kernel panic: " + message in result.stdout
    assert b"eax " in result.stdout and b"eip " in result.stdout
    assert function in result.stdout
