# SPDX-License-Identifier: MIT
"""From kernel entry to the first prompt, and the memory in use then.

The clock is the host's: it starts when the kernel's first line arrives, which is the first thing that
the kernel does with the serial line, and stops when the shell's prompt does. The machine has 64 MiB.
The median of some boots counts: on a busy host single ones come out too long, or too short when this
program is late to see the first line.
"""

import os
import re
import select
import statistics
import subprocess
import time

import machines

MEBIBYTES = 64
LIMIT = 60  # seconds
RUNS = 5
PROMPT = b"/ # "


class Console:
    """A machine's serial line, read until something expected is there."""

    def __init__(self, build, extra):
        command = [*machines.atomik_command(build), "--mem", str(MEBIBYTES), "--timeout", str(LIMIT), "--verbose", *extra]
        self.process = subprocess.Popen(command, cwd=machines.TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.text = b""
        self.first = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def send(self, line):
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def wait_for(self, pattern):
        """The match, and seconds since the first byte ever."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if select.select([self.process.stdout], [], [], 1)[0]:
                data = os.read(self.process.stdout.fileno(), 4096)
                arrived = time.monotonic()
                if not data:
                    break
                self.first = self.first or arrived
                self.text += data
                if match := re.search(pattern, self.text):
                    self.text = self.text[match.end():]
                    return match, arrived - self.first
        raise SystemExit("bench: the machine does not get to its prompt")


def one_boot(build, extra):
    with Console(build, extra) as console:
        _, seconds = console.wait_for(re.escape(PROMPT))
        console.send(b"free")
        used, _ = console.wait_for(rb"Mem: +\d+ +(\d+) ")
        return seconds, int(used[1])


def archive_kib(build, names):
    return sum(os.path.getsize(os.path.join(machines.TOP, build, "boot", name)) for name in names) // 1024


def table(build):
    lines = ["### Boot to the shell, 64 MiB", "",
             "| | seconds to the prompt | memory in use, KiB | without the files |", "|---|---:|---:|---:|"]
    for title, extra, archives in (("all personalities", [], ("unix.cpio", "windows.cpio")),
                                   ("Unix and native", ["--unix-only"], ("unix.cpio",))):
        boots = [one_boot(build, extra) for _ in range(RUNS)]
        used = min(kib for _, kib in boots)
        lines.append(f"| {title} | {statistics.median(seconds for seconds, _ in boots):.2f} | {used:,} | "
                     f"{used - archive_kib(build, archives):,} |")
    return "\n".join(lines) + "\n"
