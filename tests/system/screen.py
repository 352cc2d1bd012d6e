# SPDX-License-Identifier: MIT
"""A machine that is used at its screen and keyboard: keys go in and text memory comes out through QMP."""

import json
import os
import socket
import time

import pexpect

from machine import ATOMIK, BUILD, BOOT_SECONDS, COMMAND_SECONDS

ROWS, COLUMNS = 25, 80
TEXT_MEMORY, TEXT_BYTES = 0xB8000, ROWS * COLUMNS * 2

# QEMU's names of the keys of a US keyboard.
PLAIN = {" ": "spc", "\n": "ret", "\t": "tab", "-": "minus", "=": "equal", "[": "bracket_left",
         "]": "bracket_right", ";": "semicolon", "'": "apostrophe", "`": "grave_accent",
         "\\": "backslash", ",": "comma", ".": "dot", "/": "slash", "\x1b": "esc", "\x7f": "backspace"}
SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?',
                   ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "minus", "equal", "bracket_left",
                    "bracket_right", "semicolon", "apostrophe", "grave_accent", "backslash", "comma",
                    "dot", "slash"]))


def keys_of(character):
    """The keys that are pressed together to type a character."""
    if character in SHIFTED:
        return ["shift", SHIFTED[character]]
    if character.isupper():
        return ["shift", character.lower()]
    return [PLAIN.get(character, character)]


class Screen:
    """A booted machine whose shell is on its screen."""

    def __init__(self, directory, *options):
        self.directory = directory
        self.monitor_path = os.path.join(directory, "qmp")
        arguments = ["--build", BUILD, "--disk", "--discard", "--menu", "--timeout", "300",
                     "--qemu", f"-qmp unix:{self.monitor_path},server=on,wait=off", *options]
        self.child = pexpect.spawn(ATOMIK, arguments, timeout=COMMAND_SECONDS)
        self.monitor = None

    def connect(self):
        deadline = time.monotonic() + BOOT_SECONDS
        while self.monitor is None:
            attempt = socket.socket(socket.AF_UNIX)
            try:
                attempt.connect(self.monitor_path)
                self.monitor = attempt.makefile("rw", encoding="utf-8")
            except OSError:
                attempt.close()
                assert time.monotonic() < deadline, "QEMU does not listen"
                time.sleep(0.05)
        self.monitor.readline()
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self.monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            answer = json.loads(self.monitor.readline())
            if "event" not in answer:
                assert "return" in answer, answer
                return answer["return"]

    def boot(self):
        self.connect()
        self.wait_for("/ #", BOOT_SECONDS)
        return self

    def press(self, *keys):
        self.execute("send-key", keys=[{"type": "qcode", "data": key} for key in keys],
                     **{"hold-time": 10})
        time.sleep(0.03)  # a key is let go before the next one is pressed

    def type(self, text):
        for character in text:
            self.press(*keys_of(character))

    def cells(self):
        """Text memory: pairs of a code page 437 byte and an attribute, row by row."""
        path = os.path.join(self.directory, "text-memory")
        self.execute("pmemsave", val=TEXT_MEMORY, size=TEXT_BYTES, filename=path)
        with open(path, "rb") as file:
            data = file.read()
        return [list(zip(data[row * COLUMNS * 2:(row + 1) * COLUMNS * 2:2],
                         data[row * COLUMNS * 2 + 1:(row + 1) * COLUMNS * 2:2])) for row in range(ROWS)]

    def lines(self):
        return [bytes(character for character, _ in row).decode("cp437").rstrip()
                for row in self.cells()]

    def text(self):
        return "\n".join(self.lines()).rstrip("\n")

    def wait_for(self, text, seconds=COMMAND_SECONDS):
        """Until the screen shows `text`; return the screen's lines."""
        deadline = time.monotonic() + seconds
        while text not in self.text():
            assert time.monotonic() < deadline, f"no {text!r} on the screen:\n{self.text()}"
            time.sleep(0.1)
        return self.lines()

    def clear(self):
        """An empty screen with a prompt at the top."""
        self.type("clear\n")
        deadline = time.monotonic() + COMMAND_SECONDS
        while self.text() != "/ #":
            assert time.monotonic() < deadline, f"the screen was not cleared:\n{self.text()}"
            time.sleep(0.1)
        # The shell has asked where the cursor is, and keys that follow the answer "row 1" within
        # 50 ms it takes for a part of that.
        time.sleep(0.2)

    def colours_of(self, text):
        """The attributes of the cells that show `text`, where it stands first."""
        for row, line in zip(self.cells(), self.lines()):
            at = line.find(text)
            if at >= 0:
                return {attribute for _, attribute in row[at:at + len(text)]}
        raise AssertionError(f"no {text!r} on the screen:\n{self.text()}")

    def picture(self, path):
        self.execute("screendump", filename=path, format="png")

    def close(self):
        self.child.close(force=True)
