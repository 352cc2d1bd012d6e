# SPDX-License-Identifier: MIT
"""Disks that are full, pulled out or that fail: the right error for who asks, and nothing damaged."""

import os
import socket
import subprocess
import time

import pytest

from machine import BUILD, Machine, run
from test_ext import MIB, assert_clean, make, tool

MOUNT = "mkdir /tmp/m && mount -t ext4 /dev/vda /tmp/m && cd /tmp/m || exit 1; "

FULL = MOUNT + r"""
dd if=/dev/zero of=fill bs=64k 2>&1 | grep -o 'No space left on device'
sync; echo text >more 2>&1 || echo small refused; rm -f more
(cd libc && md5sum * | md5sum) >/tmp/before
dd if=/dev/zero of=libc/string.h bs=1 count=1 conv=notrunc,fsync 2>/dev/null && echo in place
mkdir d 2>/dev/null; truncate -s 1000 fill && sync && dd if=/dev/zero of=again bs=64k count=8 conv=fsync 2>/dev/null && stat -c %s again
cd / && umount /tmp/m && echo unmounted
"""


def test_a_full_disk_is_enospc_and_stays_whole(tmp_path):
    image = tmp_path / "disk.img"
    make(image, "-t ext4", size=8 * MIB)
    result = run("/bin/sh", "-c", FULL, options=("--drive", str(image)))
    lines = [line for line in result.stdout.decode().splitlines() if line != "small refused"]
    assert lines == ["No space left on device", "in place", "524288", "unmounted"], result.stderr
    assert_clean(image)


def block_of(image, name, number=0):
    """Where a block of a file is."""
    return int(tool("debugfs", "-R", f"bmap {name} {number}", str(image)).stdout)


REFUSED = "error 19, status c00000a2"  # ERROR_WRITE_PROTECT, STATUS_MEDIA_WRITE_PROTECTED
NT_RESULTS = {
    "full": ["done"] * 4 + ["error 112, status c000007f", "yes"] + ["done"] * 5,  # ERROR_DISK_FULL, STATUS_DISK_FULL
    "read-only": ["done"] + [REFUSED] * 4 + ["no"] + [REFUSED] * 5,
    "write-protected": ["done"] + [REFUSED] * 4 + ["no"] + [REFUSED] * 5,
}
# A block of `old` cannot be read: ERROR_IO_DEVICE, STATUS_IO_DEVICE_ERROR.
NT_RESULTS["broken"] = ["error 1117, status c0000185"] + NT_RESULTS["full"][1:]


def failing_drive(rules, image, sector, kind):
    """A disk for a -device, of which one sector cannot be read or written."""
    rules.write_text(f'[inject-error]\nevent = "none"\nsector = "{sector}"\nerrno = "5"\nonce = "off"\niotype = "{kind}"\n')
    return f"-drive file=blkdebug:{rules}:{image},format=raw,if=none,id=d,rerror=report,werror=report"


@pytest.mark.parametrize("kind", NT_RESULTS)
def test_a_windows_program_is_told_what_a_disk_refuses(tmp_path, kind):
    image, source = tmp_path / "disk.img", tmp_path / "source"
    for name in ("dir", "other"):
        os.makedirs(source / name)
    for name in ("old", "spare"):
        (source / name).write_text(name * 4000)
    make(image, "-t ext4 -b 4096", size=8 * MIB, source=str(source))
    drive = ("--drive", str(image) + (",ro" if kind == "write-protected" else ""))
    if kind == "broken":
        bad = failing_drive(tmp_path / "rules", image, block_of(image, "/old", 1) * 8, "read")
        drive = ("--qemu", bad + " -device virtio-blk-pci,drive=d")
    options = "-o ro" if kind == "read-only" else ""
    script = (f"mkdir /tmp/m && mount -t ext4 {options} /dev/vda /tmp/m && "
              "/host/refusing_disk.exe 'z:\\tmp\\m'; umount /tmp/m")
    result = run("/bin/sh", "-c", script, seconds=60, options=(
        "--share", os.path.join(BUILD, "tests", "nt"), "--mem", "160", *drive))
    lines = result.stdout.decode().replace("\r", "").splitlines()
    assert [line.partition(": ")[2] for line in lines] == NT_RESULTS[kind], result.stdout + result.stderr
    assert_clean(image)


def test_a_read_only_disk_is_erofs(tmp_path):
    image = tmp_path / "disk.img"
    make(image, "-t ext4")
    script = ("mkdir /tmp/m && mount -t ext4 -o ro /dev/vda /tmp/m && cd /tmp/m; "
              "for c in 'touch new' 'rm libc/string.h' 'mkdir d' 'mv libc l' 'ln libc/string.h l' 'chmod 0 libc'; do "
              "$c 2>&1 | grep -o 'Read-only file system' || echo wrong; done; echo x 2>&1 >libc/string.h | grep -o 'Read-only file system'")
    result = run("/bin/sh", "-c", script, options=("--drive", f"{image},ro"))
    assert result.stdout.decode().splitlines() == ["Read-only file system"] * 7


class Monitor:
    """QEMU's monitor on a socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(10)
        self.answer()

    def answer(self):
        text = b""
        while not text.endswith(b"(qemu) "):
            text += self.socket.recv(4096)
        return text.decode(errors="replace")

    def command(self, line):
        self.socket.sendall(line.encode() + b"\n")
        return self.answer()


def pull_out(monitor, identifier, slot):
    """device_del, and what the firmware of a machine does then: the slot is ejected (ACPI PCI hot plug)."""
    monitor.command(f"device_del {identifier}")
    monitor.command("o /4 0xae10 0")
    monitor.command(f"o /4 0xae08 {1 << slot:#x}")
    end = time.monotonic() + 10
    while f'id "{identifier}"' in monitor.command("info pci"):
        assert time.monotonic() < end
        time.sleep(0.1)


# The device that is taken out, at slot 9, with the disk d0; and the name of the disk.
PULLED = {
    "virtio": ("-device virtio-blk-pci,drive=d0,id=pulled,addr=9", "vda"),
    "ahci": ("-device ich9-ahci,id=pulled,addr=9 -device ide-hd,bus=pulled.0,drive=d0", "sda"),
}


@pytest.mark.parametrize("kind", PULLED)
def test_a_disk_that_is_pulled_out_is_eio(tmp_path, own_machine, kind):
    image, path = tmp_path / "disk.img", str(tmp_path / "monitor")
    device, name = PULLED[kind]
    make(image, "-t ext4")
    machine = own_machine("--qemu", f"-drive file={image},format=raw,if=none,id=d0 {device} "
                                    f"-monitor unix:{path},server=on,wait=off")
    machine.output(f"mkdir /tmp/m && mount -t ext4 /dev/{name} /tmp/m && echo kept >/tmp/m/kept && sync")
    machine.output("exec 7>/tmp/m/open; echo before >&7")
    pull_out(Monitor(path), "pulled", 9)
    printed, status = machine.command("dd if=/dev/zero bs=64k count=1 conv=fsync >&7", 90)
    assert status != 0 and "nput/output error" in printed
    printed, status = machine.command(f"dd if=/dev/{name} of=/dev/null bs=4k count=1 2>&1", 60)
    assert status != 0
    assert machine.output("echo alive") == "alive"
    machine.command("exec 7>&-; umount -f /tmp/m", 60)
    assert machine.output("ls -A /tmp/m; echo done").endswith("done")
    machine.close()
    tool("e2fsck", "-fy", "-E", "journal_only", str(image))
    assert_clean(image)


FAILING = {"virtio": ("-device virtio-blk-pci", "vda"), "ahci": ("-device ich9-ahci,id=hba -device ide-hd,bus=hba.0", "sda")}


@pytest.mark.parametrize("interface", FAILING)
@pytest.mark.parametrize("kind", ["read", "write"])
def test_blocks_that_fail_are_eio_for_their_file_alone(tmp_path, kind, interface):
    image, rules = tmp_path / "disk.img", tmp_path / "rules"
    device, name = FAILING[interface]
    make(image, "-t ext4 -b 4096")
    block = block_of(image, "/libc/string.c")
    disk = f"{failing_drive(rules, image, block * 8, kind)} {device},drive=d"
    script = MOUNT.replace("vda", name) + {
        "read": "cat libc/string.c 2>&1 >/dev/null | grep -o 'I.*error'; md5sum <libc/string.h >/dev/null && echo other; ",
        "write": "dd if=/dev/zero of=libc/string.c bs=1k count=1 conv=notrunc,fsync 2>&1 | grep -o 'I.*error'; "
                 "echo x >libc/new && sync libc/new && echo other; ",
    }[kind] + "cd /; umount /tmp/m; echo end"
    result = run("/bin/sh", "-c", script, options=("--qemu", disk))
    assert result.stdout.decode().splitlines() == ["Input/output error", "other", "end"], result.stderr
    assert_clean(image)
