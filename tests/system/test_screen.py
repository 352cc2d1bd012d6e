# SPDX-License-Identifier: MIT
"""The screen and the PS/2 keyboard: keys through QEMU's monitor, text memory and pictures back."""

import pytest

from screen import Screen

RED_BRIGHT, REVERSE = 0x0C, 0x70


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    booted = Screen(str(tmp_path_factory.mktemp("screen")))
    try:
        yield booted.boot()
    finally:
        booted.close()


@pytest.fixture(autouse=True)
def cleared(screen):
    screen.press("ctrl", "c")
    screen.clear()


def test_typed_command_runs(screen):
    screen.type("echo Hello, \"$((6*7))\" | tr a-z A-Z; stty size\n")
    lines = screen.wait_for("25 80")
    assert "HELLO, 42" in lines


def test_cursor_keys_edit_the_line(screen):
    screen.type("echo ac")
    screen.press("left")
    screen.type("b")
    screen.press("home")
    screen.press("delete")
    screen.type("e\n")
    assert "abc" in screen.wait_for("\nabc")
    screen.press("up")
    screen.press("ret")
    screen.wait_for("abc\n/ # echo abc\nabc")


def test_full_screen_scrolls(screen):
    screen.type("seq 1 60\n")
    lines = screen.wait_for("60\n/ #")
    assert lines[:24] == [str(number) for number in range(37, 61)]


def test_control_c_and_control_z(screen):
    screen.type("sleep 100\n")
    screen.press("ctrl", "z")
    screen.wait_for("Stopped")
    screen.type("fg\n")
    screen.wait_for("fg\nsleep 100")
    screen.press("ctrl", "c")
    screen.wait_for("fg\nsleep 100\n^C\n/ #")


def test_colours_and_box_drawing(screen):
    screen.type(r"printf '\33[1;31mred\33[0m \33[7mback\33[0m \342\225\224\342\225\246\342\224\274\n'"
                + "\n")
    screen.wait_for("\nred back ╔╦┼")
    screen.clear()
    screen.type("printf '\\33[H\\33[J\\33[1;31mred\\33[0m \\33[7mback\\33[0m'\n")
    screen.wait_for("red back/ #")
    assert screen.colours_of("red") == {RED_BRIGHT}
    assert screen.colours_of("back") == {REVERSE}


def test_vi_uses_the_whole_screen(screen):
    screen.type("seq 1 100 >/tmp/f; vi /tmp/f\n")
    lines = screen.wait_for("- /tmp/f 1/100 1%")
    assert lines[:24] == [str(number) for number in range(1, 25)]
    screen.type("Gonew line\x1b")
    lines = screen.wait_for("- /tmp/f [Modified] 101/101 100%")
    assert lines[lines.index("new line") - 1] == "100"
    screen.press("up")
    screen.type(":wq\n")
    screen.wait_for("\n/ #")
    screen.clear()
    screen.type("tail -n 1 /tmp/f\n")
    screen.wait_for("\nnew line\n/ #")


def test_windows_program_writes_to_the_screen(screen):
    screen.type("hello-win.exe one | sort; echo code $?\n")
    lines = screen.wait_for("code 0")
    assert "argument 1: one" in lines


def test_picture_shows_letters_and_a_cursor(screen, tmp_path):
    screen.execute("screendump", filename=str(tmp_path / "picture.ppm"))
    data = (tmp_path / "picture.ppm").read_bytes()
    header, pixels = data.split(b"\n255\n", 1)
    assert header.split() == [b"P6", b"720", b"400"]
    rows = [pixels[at:at + 720 * 3] for at in range(0, len(pixels), 720 * 3)]
    assert any(any(row) for row in rows[:16])      # the prompt
    assert not any(any(row) for row in rows[16:])  # and nothing else
