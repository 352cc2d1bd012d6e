#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A machine writes and reads a file that is much larger than its memory (tests/disk/large.c), beside a shell that goes on."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# By mount's name: how one is made, and looked at afterwards.
KINDS = {"ext4": (("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0"), ("e2fsck", "-fn")), "vfat": (("mkfs.vfat", "-F", "32"), ("fsck.vfat", "-n"))}
SCRIPT = """mkdir /tmp/m && mount -t {kind} /dev/vda /tmp/m || exit 1
cp /host/large /tmp
(while :; do ls -l /etc; sleep 1; done >/dev/null) & shell=$!
/tmp/large /tmp/m/file {size} && sync && stat -c %s /tmp/m/file; kill $shell; umount /tmp/m
"""


def run(build, directory, memory, size, seconds, kind="ext4"):
    """What the machine printed; the image is checked afterwards."""
    image, share = os.path.join(directory, "large.img"), os.path.join(directory, "share")
    os.makedirs(share)
    shutil.copy(os.path.join(build, "tests/disk/large"), share)
    with open(image, "wb") as file:
        file.truncate((size + size // 8 + 32) << 20)
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")
    make, check = KINDS[kind]
    subprocess.run([*make, image], env=environment, stdout=subprocess.DEVNULL, check=True)
    command = [os.path.join(TOP, "atomik"), "run", "--build", build, "--unix-only", "--mem", str(memory), "--share", share, "--timeout",
               str(seconds), "--drive", image, "--", "/bin/sh", "-c", SCRIPT.format(size=size, kind=kind)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 30, check=False)
    checked = subprocess.run([*check, image], env=environment, capture_output=True, text=True, check=False)
    os.unlink(image)
    return done.stdout + done.stderr + ("" if checked.returncode == 0 else checked.stdout)


def expected(size):
    return f"all pages are right\n{size << 20}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--memory", type=int, default=128)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--kind", choices=KINDS, default="ext4")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        text = run(given.build, directory, given.memory, given.size, 900, given.kind)
    print(text, end="")
    sys.exit(0 if text == expected(given.size) else 1)


if __name__ == "__main__":
    main()
