# SPDX-License-Identifier: MIT
"""The host command by itself: its options, and its half of the protocol of `run` with a stand-in for QEMU."""

import os
import subprocess
import time

import pytest

from machine import ATOMIK, atomik

FAKE_QEMU = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_qemu.py")


@pytest.fixture(name="fake_build")
def make_fake_build(tmp_path):
    """A build directory in which everything is there and empty."""
    for name in ("kernel/atomik.elf", "boot/init", "boot/unix.cpio", "boot/windows.cpio"):
        path = tmp_path / "build" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return str(tmp_path / "build")


@pytest.fixture(name="fake_run")
def make_fake_run(fake_build):
    def fake_run(*program, options=(), **settings):
        return atomik("run", "--accel", "tcg", "--build", fake_build, "--timeout", "20", *options, "--",
                      *program, env={**os.environ, "ATOMIK_QEMU": FAKE_QEMU}, **settings)
    return fake_run


def assert_one_line(result, code, *words):
    """It failed with that exit code, printed one line on standard error and nothing else."""
    text = result.stderr.decode()
    assert result.returncode == code
    assert result.stdout == b""
    assert text.startswith("atomik: ") and text.count("\n") == 1
    for word in words:
        assert word in text


def test_help_shows_examples():
    result = atomik("--help")
    assert result.returncode == 0
    assert b"examples:" in result.stdout and b"--share" in result.stdout


@pytest.mark.parametrize("arguments, word", [
    (["--no-such-option"], "--no-such-option"),
    (["frobnicate"], "frobnicate"),
    (["--mem", "0"], "--mem"),
    (["--mem", "lots"], "--mem"),
    (["--timeout", "never"], "--timeout"),
    (["--share", "/no/such/directory"], "/no/such/directory"),
    (["--build", "/no/such/build"], "make all"),
    (["run"], "no program"),
    (["run", "--personality", "vms", "--", "x"], "vms"),
    (["run", "--env", "NOVALUE", "--build", "/no/such/build", "--", "x"], "/no/such/build"),
])
def test_mistakes_get_one_line(arguments, word):
    assert_one_line(atomik(*arguments), 125, word)


def test_missing_qemu_is_named(fake_build):
    result = atomik("--build", fake_build, env={**os.environ, "ATOMIK_QEMU": "no-such-qemu"})
    assert_one_line(result, 125, "no-such-qemu", "make setup")


def test_qemu_refusing_an_argument_is_shown(fake_build):
    result = atomik("--accel", "tcg", "--build", fake_build, "--qemu", "-no-such-argument")
    assert_one_line(result, 125, "QEMU failed", "-no-such-argument")


@pytest.mark.parametrize("status", [0, 1, 3, 137, 255])
def test_exit_status_is_passed_on(fake_run, status):
    result = fake_run("status", str(status))
    assert (result.returncode, result.stdout, result.stderr) == (status, b"", b"")


def test_arguments_arrive_unchanged(fake_run):
    words = ["args", "", "two words", "--", "-x", "\u00e4\u20ac", "a\nb"]
    result = fake_run(*words, options=("--personality", "nt", "--cwd", "/tmp"))
    assert result.stdout.decode() == "".join(word + "\n" for word in words)
    assert result.stderr == b"/tmp nt\n"


def test_input_and_output_are_binary_clean(fake_run):
    data = bytes(range(256)) * 4099
    result = fake_run("cat", input=data)
    assert result.returncode == 0
    assert result.stdout == data


def test_output_after_the_exit_frame_is_not_lost(fake_run):
    result = fake_run("flood", str(4 << 20))
    assert result.returncode == 0
    assert result.stdout == bytes(range(256)) * (4 << 12)


def test_closed_output_ends_the_machine(fake_build):
    command = f"{ATOMIK} run --accel tcg --build {fake_build} --timeout 20 -- flood {64 << 20}"
    started = time.monotonic()
    result = subprocess.run(["bash", "-c", f"{command} | head -c 3 | wc -c; echo ${{PIPESTATUS[0]}}"],
                            env={**os.environ, "ATOMIK_QEMU": FAKE_QEMU}, capture_output=True,
                            check=False)
    assert result.stdout.split() == [b"3", b"141"]
    assert result.stderr == b""
    assert time.monotonic() - started < 15


def test_unknown_program_gives_127(fake_run):
    assert_one_line(fake_run("missing"), 127, "no such program")


def test_panic_shows_the_last_console_lines(fake_run):
    result = fake_run("panic")
    assert result.returncode == 125
    assert result.stderr.decode().splitlines() == [
        "atomik: kernel panic", "  | fake machine boots", "  | second line"]


def test_machine_that_just_ends_is_a_failure(fake_run):
    result = fake_run("silent")
    assert result.returncode == 125
    assert b"ended before the program did" in result.stderr


def test_nonsense_from_the_guest_is_a_failure(fake_run):
    assert_one_line(fake_run("garbage"), 125, "control frame")


def test_console_goes_to_stderr_only_when_verbose(fake_run):
    assert b"second line" not in fake_run("cat").stderr
    assert b"second line" in fake_run("cat", options=("--verbose",)).stderr


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_time_out_gives_124_and_leaves_no_process(fake_run, tmp_path):
    result = fake_run("hang", str(tmp_path / "pid"), options=("--timeout", "1"))
    assert result.returncode == 124
    assert b"time-out" in result.stderr
    assert not is_running((tmp_path / "pid").read_text().strip())


def test_killed_host_command_leaves_no_process(fake_build, tmp_path):
    pid_file = tmp_path / "pid"
    with subprocess.Popen([ATOMIK, "run", "--accel", "tcg", "--build", fake_build, "--", "hang", pid_file],
                          env={**os.environ, "ATOMIK_QEMU": FAKE_QEMU}, stdin=subprocess.DEVNULL) as child:
        deadline = time.monotonic() + 20
        while not (pid_file.exists() and pid_file.read_text().strip()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        child.kill()
    pid = pid_file.read_text().strip()
    while is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
