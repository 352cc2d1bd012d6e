# SPDX-License-Identifier: MIT
"""ext2, ext3 and ext4 on a disk: what mke2fs makes is used, and e2fsck finds the result clean."""

import os
import shutil
import subprocess
import sys

import pytest

from machine import BUILD, BUSYBOX, ROOT, Machine, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "disk"))
import large  # noqa: E402

MIB = 1 << 20
KINDS = ("-t ext4", "-t ext4 -b 1024", "-t ext3 -b 2048", "-t ext2")


def tool(*words):
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def make(path, kind, size=32 * MIB, source=os.path.join(ROOT, "lib")):
    with open(path, "wb") as file:
        file.truncate(size)
    result = tool("mke2fs", "-q", "-F", *kind.split(), "-d", source, str(path))
    assert result.returncode == 0, result.stderr


def assert_clean(path):
    result = tool("e2fsck", "-fn", str(path))
    assert result.returncode == 0, result.stdout + result.stderr


def content(path, name):
    return tool("debugfs", "-R", f"cat {name}", str(path)).stdout


SCRIPT = r"""
mkdir /tmp/m && mount -t ${1:-ext4} /dev/vda /tmp/m && cd /tmp/m || exit 1
cat libc/string.h | wc -c
mkdir d && for i in 1 2 3 4 5 6 7 8 9; do echo text $i >d/file$i; done
mv d/file1 renamed && rm d/file2 && ln d/file3 hard && ln -s renamed link && cat link hard
stat -c '%h %F' hard link d
yes 0123456789abcde | head -c 6000000 >big && md5sum big && truncate -s 1000000 big && echo end >>big
echo sparse | dd of=holes bs=1 seek=9000000 2>/dev/null && stat -c %s holes
touch -d '2001-02-03 04:05:06' d && stat -c %y d
cp -r fs copy && rm -r copy/* && rmdir copy && ls | wc -l
cd / && umount /tmp/m && mount -t ${1:-ext4} /dev/vda /tmp/m && tail -c 4 /tmp/m/big && md5sum </tmp/m/renamed && umount /tmp/m
"""
EXPECTED = """text 1
text 3
2 regular file
1 symbolic link
2 directory
43505427df5d41647909ba911d6a33d5  big
9000007
2001-02-03 04:05:06.000000000 +0000"""


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_there_after_the_next_mount(tmp_path, kind):
    image = tmp_path / "disk.img"
    make(image, kind)
    result = run("/bin/sh", "-c", SCRIPT, "sh", kind.split()[1], options=("--drive", str(image)))
    lines = result.stdout.decode().splitlines()
    assert lines[0] == str(os.path.getsize(os.path.join(ROOT, "lib/libc/string.h")))
    assert lines[1:9] == EXPECTED.splitlines()
    assert lines[10:] == ["end", "4eb1fec212e954b24fa69287e864c9c6  -"]
    assert_clean(image)
    assert content(image, "renamed") == "text 1\n"


# What names lead to is remembered; here each is asked for before and after it changes.
NAMES = r"""
mkdir /tmp/m && mount -t ext4 /dev/vda /tmp/m && cd /tmp/m || exit 1
is() { stat -c "$1: %F %s" $1 2>/dev/null || echo "$1: none"; }
is a; echo 1 >a; is a; rm a; is a; mkdir a; is a/b; mkdir a; rmdir a; mkdir a && is a
echo 12 >a/b; is a/b; mv a c; is a/b; is c/b; mkdir a; is a/b; mv -T a c; is c; mv c/b d; mv -T a c; is c/b; is d
ln d e; is e; echo 1234 >e; is d; echo 5 >new; mv new e; is d; is e; ln -s d f; cat f; rm d; cat f; ln e d; cat f
mkdir g; (cd g; rmdir ../g; is x; echo >x); is g/x; mkdir g; is g/x; rmdir g; is g
touch -d '2001-02-03 04:05:06' e; echo 678 >new; touch -d '2002-03-04 05:06:07' new; sync; stat -c '%n %y' e new
chmod 700 new; stat -c '%n %a %y' new; cd /; umount /tmp/m; mount -t ext4 /dev/vda /tmp/m; stat -c '%n %a %y' /tmp/m/new; umount /tmp/m
"""
NAMES_EXPECTED = """a: none
a: regular file 2
a: none
a/b: none
a: directory 4096
a/b: regular file 3
a/b: none
c/b: regular file 3
a/b: none
c: directory 4096
c/b: none
d: regular file 3
e: regular file 3
d: regular file 5
d: regular file 5
e: regular file 2
1234
5
x: none
g/x: none
g/x: none
g: none
e 2001-02-03 04:05:06.000000000 +0000
new 2002-03-04 05:06:07.000000000 +0000
new 700 2002-03-04 05:06:07.000000000 +0000
/tmp/m/new 700 2002-03-04 05:06:07.000000000 +0000
"""


def test_names_are_what_they_were_changed_to(tmp_path):
    image = tmp_path / "disk.img"
    make(image, "-t ext4 -b 4096")
    result = run("/bin/sh", "-c", NAMES, options=("--drive", str(image)))
    assert result.stdout.decode() == NAMES_EXPECTED
    assert_clean(image)


def test_the_end_of_the_machine_leaves_the_disk_clean(tmp_path):
    image = tmp_path / "disk.img"
    make(image, "-t ext4")
    script = "mkdir /tmp/m && mount -t ext4 /dev/vda /tmp/m && echo last >/tmp/m/last"
    run("/bin/sh", "-c", script, options=("--drive", str(image)))
    assert_clean(image)
    assert content(image, "last") == "last\n"


def test_what_was_synced_survives_the_loss_of_the_machine(tmp_path):
    image = tmp_path / "disk.img"
    make(image, "-t ext4")
    machine = Machine("--drive", str(image))
    machine.boot()
    machine.command("mkdir /tmp/m && mount -t ext4 /dev/vda /tmp/m && cp -r /tmp/m/libc /tmp/m/copy")
    machine.command("echo kept >/tmp/m/kept && sync && echo lost >/tmp/m/lost && rm -r /tmp/m/fs")
    machine.child.close(force=True)
    script = "mkdir /tmp/m && mount -t ext4 /dev/vda /tmp/m && cat /tmp/m/kept && diff -r /tmp/m/libc /tmp/m/copy && umount /tmp/m"
    result = run("/bin/sh", "-c", script, options=("--drive", str(image)))
    assert (result.stdout + result.stderr).decode() == "kept\n"
    assert_clean(image)


def test_a_read_only_disk_is_read(tmp_path):
    image = tmp_path / "disk.img"
    make(image, "-t ext4")
    before = image.read_bytes()
    script = ("mkdir /tmp/m && mount -t ext4 -o ro /dev/vda /tmp/m && wc -c </tmp/m/libc/string.h;"
              "echo x 2>/dev/null >/tmp/m/new || echo refused; rm -f /tmp/m/libc/string.h 2>/dev/null || echo refused")
    result = run("/bin/sh", "-c", script, options=("--drive", f"{image},ro"))
    assert result.stdout.decode().split() == [str(os.path.getsize(os.path.join(ROOT, "lib/libc/string.h"))),
                                              "refused", "refused"]
    assert image.read_bytes() == before


def test_what_is_no_file_system_is_refused(tmp_path):
    image = tmp_path / "disk.img"
    with open(image, "wb") as file:
        file.truncate(8 * MIB)
    result = run("/bin/sh", "-c", "mkdir /tmp/m; mount -t ext4 /dev/vda /tmp/m 2>&1",
                 options=("--drive", str(image)))
    assert b"Invalid argument" in result.stdout


def test_the_root_is_on_a_disk(tmp_path):
    root, image = tmp_path / "root", tmp_path / "disk.img"
    for name in ("atomik", "bin", "dev/shm", "host", "proc", "tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    make(image, "-t ext4", source=root)
    script = "echo kept >/kept; mkdir /new; df / | tail -1 | cut -d ' ' -f 1; grep ' / ' /proc/mounts | cut -d ' ' -f 2"
    first = run("/bin/busybox", "sh", "-c", script, options=("--root", str(image)))
    assert first.stdout.decode().split()[-1] == "/", first.stderr
    assert_clean(image)
    second = run("/bin/busybox", "cat", "/kept", options=("--root", str(image)))
    assert second.stdout == b"kept\n", second.stderr
    assert_clean(image)


def test_a_file_larger_than_memory_is_written_and_read(tmp_path):
    """`make large-file` is the long run."""
    assert large.run(BUILD, str(tmp_path), 48, 96, 120) == large.expected(96)
