# SPDX-License-Identifier: MIT
"""A machine in Bochs, which checks segment limits as real processors do (QEMU without KVM does not).

Bochs wants a terminal for its display and asks questions at the start: it gets a pseudo-terminal and a
file with the answers. The serial line goes to a file, which is all that a test sees.
"""

import os
import re
import subprocess
import time

import pexpect

CONFIGURATION = """\
display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
megs: {megabytes}
cpu: model=p3_katmai, count=1, ips=100000000, reset_on_triple_fault=0
clock: sync=none, time0=utc
ata0-master: type=disk, path="{image}", mode=volatile
boot: disk
com1: enabled=1, mode=file, dev="{serial}"
log: {log}
panic: action=fatal
error: action=report
info: action=ignore
sound: driver=dummy
speaker: enabled=0
"""


class Bochs:
    """Boots a disk image; `wait` looks for a pattern in what comes out of the serial line."""

    def __init__(self, image, directory, megabytes=96):
        self.serial = os.path.join(directory, "serial")
        self.log = os.path.join(directory, "log")
        settings = os.path.join(directory, "bochsrc")
        commands = os.path.join(directory, "commands")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(image=image, serial=self.serial, log=self.log,
                                            megabytes=megabytes))
        with open(commands, "w", encoding="utf-8") as file:
            file.write("c\n")
        self.child = pexpect.spawn("bochs", ["-q", "-f", settings, "-rc", commands], timeout=1,
                                   dimensions=(50, 132), env={**os.environ, "TERM": "vt100"})

    def output(self):
        try:
            with open(self.serial, "rb") as file:
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def drain(self):
        """Take what the display printed, so that Bochs does not wait for us."""
        try:
            while True:
                self.child.read_nonblocking(65536, timeout=0)
        except (pexpect.TIMEOUT, pexpect.EOF):
            pass

    def wait(self, pattern, seconds):
        """Return the match of the pattern in the serial output."""
        deadline = time.monotonic() + seconds
        while True:
            self.drain()
            text = self.output()
            found = re.search(pattern, text)
            if found:
                return found
            if time.monotonic() > deadline or not self.child.isalive():
                lines = "\n".join("  | " + line for line in text.splitlines()[-30:])
                raise AssertionError(f"no {pattern!r} on the serial line within {seconds} s\n{lines}")
            time.sleep(0.1)

    def close(self):
        self.child.close(force=True)


def make_image(build, path, words, modules):
    """A disk image that boots at once, with those words on the kernel's command line."""
    config = path + ".cfg"
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"multiboot /boot/atomik.elf console=serial {words}\n")
        file.writelines(f"module /boot/{name} {name}\n" for name in modules)
        file.write("boot\n")
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    files = [f"boot/{name}={build}/boot/{name}" for name in modules]
    subprocess.run([os.path.join(root, "tools/image/mkimage"), "-o", path, config,
                    f"boot/atomik.elf={build}/kernel/atomik.elf", *files], check=True)
