#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Power cuts: machines that are killed while programs write to an ext4 disk.

Each run boots a machine on the disk that the last one left. There the journal is replayed by the mount, and
tests/disk/records looks for everything that was reported durable, then goes on writing; what it reports comes
over the console. At a random moment QEMU is killed. In every second run the disk has a write cache that loses
what was not flushed: QEMU logs the writes and flushes of the machine (blklogwrites), and the disk that is left
is the old one with everything before the last flush that was completed, and of the later writes a random part,
in units of 512 bytes. After each run, on a copy, the host's e2fsck replays the journal and must find nothing.
"""

import argparse
import os
import random
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MIB = 1 << 20
SIZE = 48 * MIB
WRITERS = 6
BOOT_SECONDS = 60
SECTOR = 512
FLUSH, DISCARD = 1, 4
KINDS = ("-t ext4", "-t ext4 -b 1024 -J size=4", "-t ext3 -b 2048")


class Lost(AssertionError):
    """Something durable is not there, or the file system is damaged."""


def tool(*words):
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")
    result = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


def make(path, kind):
    with open(path, "wb") as file:
        file.truncate(SIZE)
    code, text = tool("mke2fs", "-q", "-F", *kind.split(), path)
    if code != 0:
        raise RuntimeError(text)


def read_log(path):
    """The entries of a log of QEMU's blklogwrites as (flags, sector, data), in order."""
    with open(path, "rb") as file:
        head = file.read(SECTOR)
        _, _, _, size = struct.unpack_from("<QQQI", head)
        at = size
        while True:
            file.seek(at)
            entry = file.read(32)
            if len(entry) < 32:
                return
            sector, count, flags, length = struct.unpack("<QQQQ", entry)
            if count == 0 and not flags & FLUSH:
                return
            file.seek(at + size)
            data = file.read(count * size) if not flags & DISCARD else b""
            yield flags, sector * size, count * size, data
            at += size + (0 if flags & DISCARD else count * size)


def lose_cache(image, log, chance):
    """Bring the disk to a state in which a power cut may leave it; how many writes had not been flushed."""
    entries = list(read_log(log))
    flushes = [index for index, entry in enumerate(entries) if entry[0] & FLUSH]
    # One that was logged last may not have been completed; that it was is as possible, and may have been heard of.
    durable = flushes[-1] if flushes else -1
    unsafe = 0
    with open(image, "r+b") as disk:
        for index, (flags, at, length, data) in enumerate(entries):
            if index > durable:
                unsafe += not flags & FLUSH
            if flags & (FLUSH | DISCARD):
                continue
            kept = 1.0 if index <= durable else chance.choice((0.0, 0.5, 1.0))
            for offset in range(0, len(data), SECTOR):
                if kept == 1.0 or chance.random() < kept:
                    disk.seek(at + offset)
                    disk.write(data[offset:offset + SECTOR])
    return unsafe


def assert_clean(image):
    """On a copy: the journal is replayed by e2fsck, which must find nothing then."""
    copy = image + ".check"
    shutil.copyfile(image, copy)
    code, text = tool("e2fsck", "-fy", "-E", "journal_only", copy)
    if code not in (0, 1):
        raise Lost(f"the journal cannot be replayed: {text}")
    code, text = tool("e2fsck", "-fn", copy)
    if code != 0:
        raise Lost(f"damaged: {text}")


def children_of(process):
    """What ./atomik has started: QEMU."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == process.pid:
                    yield int(name)
        except OSError:
            pass  # it has ended


class Machine:
    """A machine with the disk and the program `records`; its output line by line."""

    def __init__(self, build, image, log, heard, words=()):
        drive = f"-blockdev driver=file,filename={image},node-name=disk,cache.direct=off,cache.no-flush=off"
        if log:
            drive += (f" -blockdev driver=file,filename={log},node-name=log"
                      " -blockdev driver=blklogwrites,file=disk,log=log,log-sector-size=512,node-name=logged")
        drive += f" -device virtio-blk-pci,write-cache=on,drive={'logged' if log else 'disk'}"
        numbers = " ".join(str(number) for number in heard)
        script = (f"mkdir /tmp/m && mount -t ext4 /dev/vda /tmp/m && /host/records /tmp/m {numbers} {' '.join(words)}"
                  f"{' && umount /tmp/m' if words else ''}")
        self.process = subprocess.Popen(
            [os.path.join(ROOT, "atomik"), "run", "--build", build, "--unix-only", "--timeout", str(BOOT_SECONDS + 60),
             "--share", os.path.join(build, "tests", "disk"), "--qemu", drive, "--", "/bin/sh", "-c", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.text = b""

    def read(self, seconds):
        """More output if it comes in time; False at the end."""
        if not select.select([self.process.stdout], [], [], max(seconds, 0))[0]:
            return True
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        self.text += data
        return bool(data)

    def wait_ready(self):
        end = time.monotonic() + BOOT_SECONDS
        while b"ready\n" not in self.text:
            if not self.read(1) or time.monotonic() > end:
                self.kill()
                errors = self.process.stderr.read().decode(errors="replace")
                raise Lost(self.text.decode(errors="replace") + errors)

    def write_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.read(end - time.monotonic()):
                raise Lost("the machine has ended: " + self.process.stderr.read().decode(errors="replace"))

    def kill(self):
        """The power is cut: QEMU is gone at once; what it had sent is still read."""
        for pid in list(children_of(self.process)):
            os.kill(pid, signal.SIGKILL)
        while self.read(10):
            pass
        self.process.wait()

    def heard(self, before):
        numbers = list(before)
        for writer, number in re.findall(rb"^(\d) (\d+)$", self.text, re.M):
            numbers[int(writer)] = max(numbers[int(writer)], int(number))
        return numbers


class Series:
    """A disk and its power cuts."""

    def __init__(self, build, directory, kind, seed):
        self.build, self.chance = build, random.Random(seed)
        self.image = os.path.join(directory, "disk.img")
        self.log = os.path.join(directory, "writes.log")
        self.heard = [0] * WRITERS
        self.unsafe = self.steps = 0
        make(self.image, kind)

    def cut(self, drop, longest=3.0):
        before = self.image + ".before"
        if drop:
            shutil.copyfile(self.image, before)
            with open(self.log, "wb"):
                pass
        machine = Machine(self.build, self.image, self.log if drop else None, self.heard)
        try:
            machine.wait_ready()
            machine.write_for(self.chance.uniform(0.02, longest))
        finally:
            machine.kill()
        heard = machine.heard(self.heard)
        self.steps += sum(heard) - sum(self.heard)
        self.heard = heard
        if drop:
            os.replace(before, self.image)
            self.unsafe += lose_cache(self.image, self.log, self.chance)
        assert_clean(self.image)

    def end(self):
        """What is left is complete, and the machine can leave it clean."""
        machine = Machine(self.build, self.image, None, self.heard, ("check",))
        machine.wait_ready()
        while machine.read(BOOT_SECONDS):
            pass
        machine.process.wait()
        code, text = tool("e2fsck", "-fn", self.image)
        if code != 0:
            raise Lost(f"damaged after umount: {text}")


def main():
    parser = argparse.ArgumentParser(description="power cuts under write load")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", metavar="DIR", help="where the disks stay")
    options = parser.parse_args()
    directory = options.keep or tempfile.mkdtemp(prefix="atomik-disk-")
    os.makedirs(directory, exist_ok=True)
    print(f"seed {options.seed}", flush=True)
    done = steps = unsafe = 0
    for number, kind in enumerate(KINDS):
        runs = options.runs * (number + 1) // len(KINDS) - options.runs * number // len(KINDS)
        series = Series(os.path.abspath(options.build), directory, kind, options.seed + number)
        for run in range(runs):
            try:
                series.cut(drop=run % 2 == 1)
            except Lost as problem:
                print(f"{kind}, run {run + 1}: {problem}; the disk is {series.image}")
                return 1
            done += 1
            if done % 10 == 0:
                print(f"{done} cuts, nothing lost", flush=True)
        series.end()
        steps, unsafe = steps + series.steps, unsafe + series.unsafe
    print(f"{done} power cuts, {steps} durable steps, {unsafe} writes lost from the cache or at its mercy: "
          "nothing synced is lost, every file system clean")
    if not options.keep:
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
