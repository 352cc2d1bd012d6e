# SPDX-License-Identifier: MIT
"""What the system tests drive: a machine with a shell at its serial line, and single programs.

Everything goes through ./atomik with a time limit of its own, so that no machine outlives its test.
"""

import os
import re
import subprocess

import pexpect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("ATOMIK_BUILD", "build"))
ATOMIK = os.path.join(ROOT, "atomik")
BUSYBOX = os.path.join(BUILD, "packages", "busybox-static", "bin", "busybox")

BOOT_SECONDS = 60
COMMAND_SECONDS = 30
SHELL_SECONDS = 900  # the life of a machine that several tests share
LAST_LINES = 30

PROMPT = re.compile(rb"[/~][\w/.-]* # ")
ANSI_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[78=>]|\x1b\([AB0]")


def atomik(*arguments, **settings):
    """Run ./atomik and return its subprocess.CompletedProcess, with bytes."""
    settings.setdefault("input", b"")
    return subprocess.run([ATOMIK, *arguments], capture_output=True, check=False, **settings)


def run(*program, options=(), seconds=COMMAND_SECONDS, **settings):
    """Run one program in a machine of its own."""
    return atomik("run", "--build", BUILD, "--timeout", str(seconds + BOOT_SECONDS), *options, "--",
                  *program, **settings)


class CommandError(AssertionError):
    """The machine did not do what was waited for; shows the last lines of its console."""


class Machine:
    """A booted machine. `command` runs a shell command; `child` is the pexpect object for the rest."""

    def __init__(self, *options):
        arguments = ["--build", BUILD, "--timeout", str(SHELL_SECONDS), *options]
        self.console = bytearray()
        self.child = pexpect.spawn(ATOMIK, arguments, timeout=COMMAND_SECONDS, dimensions=(24, 80))
        self.child.logfile_read = self
        self.marks = 0
        self.broken = False  # something that was waited for did not come

    # What pexpect reads is kept, for the report of a failure.
    def write(self, data):
        self.console += data

    def flush(self):
        pass

    def last_lines(self):
        text = ANSI_SEQUENCE.sub("", self.console.decode(errors="replace")).replace("\r", "")
        return "\n".join("  | " + line for line in text.split("\n")[-LAST_LINES:])

    def expect(self, pattern, seconds=COMMAND_SECONDS):
        """Wait for a regular expression; return what came before it."""
        try:
            self.child.expect(pattern, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF) as problem:
            self.broken = True
            kind = "machine ended" if isinstance(problem, pexpect.EOF) else f"{seconds} s passed"
            shown = getattr(pattern, "pattern", pattern)
            raise CommandError(f"{kind} while waiting for {shown!r}\n{self.last_lines()}") from None
        return self.child.before

    def expect_prompt(self, seconds=COMMAND_SECONDS):
        return self.expect(PROMPT, seconds)

    def boot(self):
        self.expect_prompt(BOOT_SECONDS)
        return self

    def send(self, text):
        self.child.send(text)

    def command(self, text, seconds=COMMAND_SECONDS):
        """Run a command line; return what it printed and its exit code."""
        self.marks += 1
        # What is typed before the shell reads again is echoed twice, in pieces: so it is waited for.
        self.send(text + "\n")
        printed = self.expect_prompt(seconds) + self.child.match[0]
        # The quotes keep the echo of the typed line from looking like the answer.
        self.send(f"echo '<''{self.marks}' $? '>'\n")
        printed += self.expect(rf"<{self.marks} (\d+) >\r\n", seconds)
        status = int(self.child.match[1])
        self.expect_prompt(seconds)
        return self.clean(printed, text), status

    @staticmethod
    def clean(printed, text):
        """The output alone: without the echo of the command, the prompts and the marking command."""
        lines = ANSI_SEQUENCE.sub("", printed.decode(errors="replace")).replace("\r", "").split("\n")
        while lines and text not in lines[0]:
            lines.pop(0)
        lines = lines[text.count("\n") + 1:]
        return "\n".join(line for line in lines if "echo '<''" not in line).rstrip("\n")

    def output(self, text, seconds=COMMAND_SECONDS):
        """The output of a command that has to succeed."""
        printed, status = self.command(text, seconds)
        if status != 0:
            raise CommandError(f"'{text}' gave exit code {status}\n{self.last_lines()}")
        return printed

    def expect_end(self, seconds=COMMAND_SECONDS):
        """Wait until the host command ends; return its exit code."""
        self.expect(pexpect.EOF, seconds)
        self.child.close()
        return self.child.exitstatus

    def close(self):
        self.child.close(force=True)
