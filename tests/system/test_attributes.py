# SPDX-License-Identifier: MIT
"""What NT knows of files beyond Unix: attributes, creation times, names without case and short names, on all file systems."""

import subprocess

import pytest

from machine import run
from test_ext import assert_clean, make, tool

MIB = 1 << 20


def make_fat(path):
    subprocess.run(["/sbin/mkfs.vfat", "-F", "16", "-C", str(path), "16384"], check=True, capture_output=True)


def shell(script, *options):
    result = run("/bin/sh", "-c", script, options=options, seconds=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.decode().replace("\r", "").splitlines()


# Wine's attrib takes one letter at a time to be all of them.
ATTRIB = r"""
printf x >File.txt; mkdir Dir
attrib.exe FILE.TXT; attrib.exe +h file.txt; attrib.exe +s FILE.txt; attrib.exe File.txt
attrib.exe -s file.TXT; attrib.exe -a file.TXT; attrib.exe +r file.TXT; attrib.exe File.txt; attrib.exe -r File.txt
"""


def flags(lines):
    """The letters in front of the names."""
    return ["".join(line[:11].split()) for line in lines]


def test_attributes_in_memory():
    assert flags(shell("cd /tmp && " + ATTRIB)) == ["A", "ASH", "HR"]


def test_attributes_on_ext4_are_kept(tmp_path):
    image = tmp_path / "disk.img"
    make(image, "-t ext4")
    mount = "mount -t ext4 /dev/vda /mnt && cd /mnt"
    assert flags(shell(f"{mount} && {ATTRIB}", "--drive", str(image))) == ["A", "ASH", "HR"]
    assert_clean(image)
    assert "0x2" in tool("debugfs", "-R", "ea_get /File.txt user.DOSATTRIB", str(image)).stdout
    assert flags(shell(f"{mount} && attrib.exe fIlE.txt", "--drive", str(image))) == ["H"]


def test_attributes_on_fat_are_the_volumes_own(tmp_path):
    image = tmp_path / "volume.img"
    make_fat(image)
    lines = shell(f"mount -t vfat /dev/vda /mnt && cd /mnt && {ATTRIB}\ncd /; umount /mnt", "--drive", str(image))
    assert flags(lines) == ["A", "ASH", "HR"]
    listed = subprocess.run(["mattrib", "-i", str(image), "::File.txt"], capture_output=True, text=True, check=True).stdout
    assert listed.split()[0] == "H"


NAMES = r"""
mkdir -p GrößeUndLänge/ÄÖ && echo found >'GrößeUndLänge/ÄÖ/Dätei Éins.TXT'
cmd.exe /c type 'GRÖSSEUNDLÄNGE\äö\dätei éINS.txt' 2>/dev/null | grep -c found
cmd.exe /c type 'GRÖßEUNDLÄNGE\äö\dätei éINS.txt'
cmd.exe /c del 'größeundlänge\ÄÖ\DÄTEI éins.txt' && ls GrößeUndLänge/ÄÖ | wc -l
cmd.exe /c 'echo new>größeundlänge\äö\neu.txt'; ls GrößeUndLänge/ÄÖ
cmd.exe /c dir /x | tr -s ' ' | grep 'GR.*~' | cut -d ' ' -f 5 >/tmp/short
cmd.exe /c type "$(cat /tmp/short)\\äö\\NEU.TXT"; ls -d Gr* | wc -l
"""
FOUND = ["0", "found", "0", "neu.txt", "new", "1"]


@pytest.mark.parametrize("kind", ["memory", "ext4", "fat", "host"])
def test_names_without_case_and_short_names(tmp_path, kind):
    image = tmp_path / "disk.img"
    if kind == "ext4":
        make(image, "-t ext4")
    elif kind == "fat":
        make_fat(image)
    where = {"memory": "cd /tmp", "host": "mkdir /host/d && cd /host/d", "ext4": "mount -t ext4 /dev/vda /mnt && cd /mnt",
             "fat": "mount -t vfat /dev/vda /mnt && cd /mnt"}[kind]
    options = {"memory": (), "host": ("--share", str(tmp_path))}.get(kind, ("--drive", str(image)))
    assert shell(f"{where}\n{NAMES}\ncd /; umount /mnt 2>/dev/null; true", *options) == FOUND


def test_a_large_directory_is_searched_once(tmp_path):
    """Names that are not there, and some that are, in a directory of many: each look-up by a table."""
    image = tmp_path / "disk.img"
    make(image, "-t ext4", 64 * MIB)
    script = ("mount -t ext4 /dev/vda /mnt && mkdir /mnt/d && cd /mnt/d && for i in $(seq 3000); do >Name$i; done\n"
              "cmd.exe /c 'for /l %i in (1,1,300) do @if exist NAME%i if not exist none%i echo %i' | wc -l")
    assert shell(script, "--drive", str(image)) == ["300"]


def test_names_that_come_later_are_found_too(tmp_path):
    """The table of a directory's names follows whatever makes one: links and renames as well."""
    image = tmp_path / "disk.img"
    make(image, "-t ext4")
    script = ("mount -t ext4 /dev/vda /mnt && cd /mnt && echo found >First && cmd.exe /c type FIRST\n"
              "ln First Second; cmd.exe /c type SECOND\nmv Second Third; cmd.exe /c type THIRD\n"
              "ln -s Third Fourth; cmd.exe /c type FOURTH\nrm Third; ln First tHIRD; cmd.exe /c type THIRD")
    assert shell(script, "--drive", str(image)) == ["found"] * 5
