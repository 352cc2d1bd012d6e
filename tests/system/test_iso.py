# SPDX-License-Identifier: MIT
"""ISO 9660 discs: what genisoimage and xorriso make is read."""

import os
import shutil
import subprocess

import pytest

from machine import BUILD, BUSYBOX, ROOT, run
from test_disk_errors import Monitor

MAKERS = {"rock ridge": ("genisoimage", "-quiet", "-R"), "rock ridge and joliet": ("genisoimage", "-quiet", "-R", "-J"),
          "joliet": ("genisoimage", "-quiet", "-J", "-D"), "xorriso": ("xorrisofs", "-quiet", "-R", "-iso-level", "3")}


@pytest.fixture
def tree(tmp_path):
    """The library's sources, a program, and a path that is too deep for ISO 9660."""
    top = tmp_path / "tree"
    subprocess.run(["cp", "-r", os.path.join(ROOT, "lib"), str(top)], check=True)
    deep = top / "deep" / "/".join("123456789abc")
    deep.mkdir(parents=True)
    (deep / "bottom").write_text("bottom\n")
    subprocess.run(["cp", BUSYBOX, str(top / "busybox")], check=True)
    return top


def make(tmp_path, tree, maker):
    image = tmp_path / "disc.iso"
    subprocess.run([*MAKERS[maker], "-o", str(image), str(tree)], check=True, capture_output=True)
    return image


def shell(image, script, device="/dev/sr0", drive="if=cd", options=""):
    result = run("/bin/sh", "-c", f"mount -t iso9660 {options} {device} /mnt && cd /mnt || exit 1\n{script}\ncd /; umount /mnt",
                 options=("--drive", f"{image},{drive}", "--share", ROOT))
    assert result.returncode == 0, result.stderr
    return result.stdout.decode().splitlines()


@pytest.mark.parametrize("maker", MAKERS)
def test_a_disc_holds_what_its_tree_did(tmp_path, tree, maker):
    image = make(tmp_path, tree, maker)
    script = ("diff -r fs /host/lib/fs && diff -r ext /host/lib/ext && echo same; cat deep/1/2/3/4/5/6/7/8/9/a/b/c/bottom;"
              "echo x 2>/dev/null >new || echo refused; rm fs/fs.h 2>/dev/null || echo refused; find . ! -name rr_moved | wc -l;"
              "./busybox echo runs; cmp busybox /bin/busybox && df /mnt | tail -1 | awk '{print $1, $4}'")
    # genisoimage leaves the directory that it moved the deep ones to, empty.
    count = sum(len(names) + len(files) for _, names, files in os.walk(tree)) + 1
    assert shell(image, script) == ["same", "bottom", "refused", "refused", str(count), "runs", "/dev/sr0 0"]


def test_owners_modes_and_links(tmp_path, tree):
    (tree / "link").symlink_to("deep/../fs/fs.h")
    os.chmod(tree / "fs" / "fs.h", 0o641)
    os.utime(tree / "fs" / "fs.h", (981173106, 981173106))
    image = make(tmp_path, tree, "rock ridge")
    script = "stat -c '%a %Y %s' fs/fs.h; readlink link; cmp link fs/fs.h && ls -ld deep | cut -c 1-10; ls FS 2>/dev/null || echo none"
    size = os.path.getsize(tree / "fs" / "fs.h")
    assert shell(image, script) == [f"641 981173106 {size}", "deep/../fs/fs.h",
                                    "drwxr-xr-x", "none"]


def test_a_disc_on_a_disk(tmp_path, tree):
    image = make(tmp_path, tree, "rock ridge and joliet")
    assert shell(image, "cat deep/1/2/3/4/5/6/7/8/9/a/b/c/bottom", "/dev/vda", "ro", "-o norock") == ["bottom"]


def test_what_is_no_disc_is_refused(tmp_path):
    image = tmp_path / "disc.iso"
    image.write_bytes(bytes(1 << 20))
    result = run("/bin/sh", "-c", "mount -t iso9660 /dev/sr0 /mnt 2>&1", options=("--drive", f"{image},if=cd"))
    assert b"Invalid argument" in result.stdout


# Drives with the medium d0.
DRIVES = {"ide": "-device ide-cd,drive=d0", "ahci": "-device ich9-ahci,id=hba -device ide-cd,bus=hba.0,drive=d0"}
LOOK = "for d in seen unseen; do tail -c 6 /mnt/$d/name; done; ls /mnt/listed"


def make_disc(tmp_path, name):
    """Discs of one size, with the same names and the disc's own name in each file."""
    top = tmp_path / name
    for directory in ("seen", "unseen", "listed"):
        (top / directory).mkdir(parents=True)
        (top / directory / "name").write_text(name * 80000 + "\n")
    (top / "old").write_text(name * 80000)  # what refusing_disk.exe reads
    image = tmp_path / f"{name}.iso"
    subprocess.run([*MAKERS["rock ridge"], "-o", str(image), str(top)], check=True, capture_output=True)
    return image


@pytest.mark.parametrize("drive", DRIVES)
def test_another_disc_is_noticed_and_never_mixed_with_the_first(tmp_path, own_machine, drive):
    first, second, path = make_disc(tmp_path, "first"), make_disc(tmp_path, "other"), str(tmp_path / "monitor")
    shutil.copy(os.path.join(BUILD, "tests", "nt", "refusing_disk.exe"), tmp_path)
    (tmp_path / "look").write_text(LOOK)
    machine = own_machine("--share", str(tmp_path), "--mem", "160", "--qemu",
                          f"-drive file={first},format=raw,if=none,id=d0,media=cdrom,readonly=on {DRIVES[drive]} "
                          f"-monitor unix:{path},server=on,wait=off")
    monitor = Monitor(path)
    machine.output("mount -t iso9660 /dev/sr0 /mnt && grep -c first /mnt/seen/name")
    machine.output("exec 7</mnt/unseen/name")

    monitor.command(f"change d0 {second} raw")
    printed = machine.command("tail -c 6 <&7; sh /host/look")[0]
    assert "other" not in printed and printed.count("nput/output error") + printed.count("o medium") >= 2
    assert "error 34, status c0000012" in machine.command("/host/refusing_disk.exe 'z:\\mnt'")[0].split("\n")[0]
    assert "Input/output error" in machine.command("cat <&7")[0]

    machine.output("exec 7<&-; umount /mnt; mount -t iso9660 /dev/sr0 /mnt")
    printed = machine.output("sh /host/look")
    assert "first" not in printed and printed.count("other") == 2

    monitor.command("eject d0")
    printed = machine.command("cat /mnt/listed/name")[0]
    assert "No medium found" in printed
    machine.output("umount /mnt")
    for command in ("mount -t iso9660 /dev/sr0 /mnt", "cat /dev/sr0"):
        printed, status = machine.command(command)
        assert status != 0 and "No medium found" in printed

    monitor.command(f"change d0 {first} raw")
    assert machine.output("mount -t iso9660 /dev/sr0 /mnt && sh /host/look").count("first") == 2
