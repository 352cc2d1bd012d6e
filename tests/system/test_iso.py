# SPDX-License-Identifier: MIT
"""ISO 9660 discs: what genisoimage and xorriso make is read."""

import os
import subprocess

import pytest

from machine import BUSYBOX, ROOT, run

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
