#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drivers and file servers that die at work: kill -9 at random moments while tar runs.

The disk driver and the console drivers are started again by init, and what was asked of them is asked again: tar
goes on, and what it has unpacked is what it has packed. Of the driver of the terminal that a program prints to
no line is lost, and none comes twice. A file server has unwritten data in it, so its death is an
error for who has files of it open, and named on the console; init starts it again, and what was synced is there.
"""

import argparse
import os
import random
import re
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
sys.path.insert(0, os.path.join(ROOT, "tests", "disk"))

from machine import Machine  # noqa: E402
from powercut import Lost, make, tool  # noqa: E402

DRIVERS = ("block/virtio", "block/virtio", "console/vga")
PREPARE = (
    # kills every service of a name; fails if there is none
    "k() { n=0; for p in /proc/[0-9]*; do [ \"$(cat $p/comm 2>/dev/null)\" = $1 ] && kill -9 ${p#/proc/} && n=$((n+1));"
    " done; [ $n -gt 0 ]; }",
    # tar without end; each round is compared with what went in
    "round() { rm -rf to && mkdir to && tar cf all.tar from && tar xf all.tar -C to && sync && (cd to/from && "
    "md5sum -c /tmp/sums >/dev/null 2>&1); }",
    "mkdir /tmp/m; mount -t ext4 /dev/vda /tmp/m && cd /tmp/m && mkdir from",
    "(cd /; tar cf - bin sbin etc) | tar xf - -C from; (cd from; find . -type f | xargs md5sum) >/tmp/sums; sync",
)
LINES = 6000  # what is printed while the driver of the terminal dies: more than is on its way at once
LOOP = "(while [ ! -e /tmp/stop ]; do round && echo ok >>/tmp/rounds || echo wrong >>/tmp/rounds; done) 2>/tmp/errors &"


def count(machine, word):
    printed = machine.output(f"echo count $(grep -c {word} /tmp/rounds)", 60)
    return int(re.search(r"count (\d+)", printed)[1])


def kill(machine, name):
    return machine.command(f"k {name}", 60)[1] == 0


def wait_round(machine):
    """The round that is under way, and one that began after it, end."""
    before = count(machine, ".")
    end = time.monotonic() + 120
    while count(machine, ".") < before + 2:
        if time.monotonic() > end:
            raise Lost("tar does not go on:\n" + machine.last_lines())
        time.sleep(0.2)


class Series:
    def __init__(self, build, image, seed, options=()):
        self.image, self.chance = image, random.Random(seed)
        make(image, "-t ext4")
        self.machine = Machine("--build", build, "--unix-only", "--drive", image, *options).boot()
        for line in PREPARE:
            self.machine.output(line, 120)
        self.killed = 0

    def kill_drivers(self, times):
        machine = self.machine
        machine.output(": >/tmp/rounds")
        machine.output(LOOP)
        for _ in range(times):
            time.sleep(self.chance.uniform(0, 0.4))
            # One that is not up yet after the last time is given a moment.
            while not kill(machine, self.chance.choice(DRIVERS)):
                time.sleep(0.1)
            self.killed += 1
        wait_round(machine)
        machine.output("touch /tmp/stop; wait; rm /tmp/stop", 120)
        if count(machine, "wrong"):
            raise Lost("tar has failed: " + machine.output("cat /tmp/errors"))
        return count(machine, "ok")

    def kill_console(self, times):
        """The driver of this very terminal dies while a program prints. init says so in between."""
        machine, wanted = self.machine, [str(number).encode() for number in range(1, LINES + 1)]
        machine.output(": >/tmp/killed; cd /")
        for number in range(times):
            after = self.chance.uniform(0, 0.4)
            machine.send(f"(sleep {after:.3f}; k console/serial && echo x >>/tmp/killed) & seq 1 {LINES}; wait; echo en''d {number}\n")
            printed = re.sub(rb"init: [^\r\n]*\r\n", b"", machine.expect(f"end {number}\r\n".encode(), 90))
            machine.expect_prompt()
            if re.findall(rb"^(\d+)\r$", printed, re.M) != wanted:
                raise Lost("lines are lost:\n" + machine.last_lines())
        killed = int(machine.output("wc -l </tmp/killed"))
        self.killed += killed
        return killed

    def kill_file_server(self, times):
        """The server of the disk dies while tar writes there and a file is open."""
        machine = self.machine
        for number in range(times):
            machine.output(f"cd /; echo {number} >/tmp/m/synced && sync && exec 7>/tmp/m/open && echo x >&7")
            machine.output("(tar xf /tmp/m/all.tar -C /tmp/m/to 2>/dev/null) &")
            time.sleep(self.chance.uniform(0, 0.2))
            if not kill(machine, "$(cat /proc/[0-9]*/comm | grep ^fs/)"):
                raise Lost("there is no file server:\n" + machine.last_lines())
            self.killed += 1
            # What is said goes to a file: init's word about the server may come into the midst of what is on the terminal.
            if machine.command("wait; dd if=/dev/zero bs=1 count=1 conv=fsync >&7 2>/tmp/said", 60)[1] == 0 or \
                    machine.command("grep -q 'nput/output error' /tmp/said")[1] != 0:
                raise Lost("no error after the end of the server:\n" + machine.last_lines())
            if machine.command("dmesg | grep -q 'written to /tmp/m and not synced may be lost'")[1] != 0:
                raise Lost("the console does not name what may be lost:\n" + machine.last_lines())
            machine.output("exec 7>&-; cd /")
            end = time.monotonic() + 30
            while machine.command(f"[ \"$(cat /tmp/m/synced)\" = {number} ]")[1] != 0:
                if time.monotonic() > end:
                    raise Lost("what was synced is not there:\n" + machine.last_lines())
                time.sleep(0.3)

    def end(self):
        machine = self.machine
        machine.output("cd /; umount /tmp/m", 60)
        machine.send("poweroff\n")
        machine.expect_end(60)
        machine.close()
        code, text = tool("e2fsck", "-fn", self.image)
        if code != 0:
            raise Lost(f"damaged: {text}")


def main():
    parser = argparse.ArgumentParser(description="drivers and file servers that die at work")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--image", default=os.path.join("/tmp", f"atomik-death-{os.getpid()}.img"))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    series = Series(os.path.abspath(options.build), options.image, options.seed, ("--timeout", str(60 * options.runs)))
    rounds = series.kill_drivers(options.runs)
    print(f"{series.killed} drivers killed, {rounds} rounds of tar, each with the right result", flush=True)
    print(f"{series.kill_console(options.runs)} times the driver of the terminal killed, each line printed once", flush=True)
    before = series.killed
    series.kill_file_server(options.runs // 4)
    print(f"{series.killed - before} file servers killed: an error for open files, what was synced is there", flush=True)
    series.end()
    print("the file system is clean")
    os.unlink(options.image)
    return 0


if __name__ == "__main__":
    sys.exit(main())
