# SPDX-License-Identifier: MIT
"""FAT volumes: made by mkfs.vfat and mtools, used by Unix programs, looked over by fsck.fat afterwards."""

import os
import re
import subprocess
import sys

import pytest

from machine import BUILD, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "disk"))
import large  # noqa: E402

KIB = 1024
VOLUMES = {"fat12": (12, 1440, 1), "fat16": (16, 32 * KIB, 4), "fat32": (32, 40 * KIB, 1)}


@pytest.fixture
def volume(tmp_path, request):
    """A volume on a disk without partitions."""
    bits, kibibytes, sectors = VOLUMES[getattr(request, "param", "fat32")]
    path = tmp_path / "volume.img"
    subprocess.run(["/sbin/mkfs.vfat", "-F", str(bits), "-s", str(sectors), "-C", str(path), str(kibibytes)],
                   check=True, stdout=subprocess.DEVNULL)
    return path


def mtools(tool, volume, *words, **settings):
    return subprocess.run([tool, "-i", str(volume), *words], check=True, capture_output=True, **settings).stdout


def shell(volume, script, seconds=60):
    result = run("/bin/sh", "-c", f"mount -t vfat /dev/vda /mnt && cd /mnt || exit 1\n{script}\ncd /; umount /mnt",
                 options=("--drive", str(volume)), seconds=seconds)
    assert result.returncode == 0, result.stderr
    return result.stdout.decode().splitlines()


def assert_clean(volume):
    result = subprocess.run(["/sbin/fsck.fat", "-n", str(volume)], capture_output=True, check=False)
    assert result.returncode == 0, result.stdout.decode()
    assert "irty" not in result.stdout.decode()


def test_sync_reaches_all_file_systems(volume):
    script = "mount -t vfat /dev/vda /mnt; cp /bin/busybox /mnt/file; sync; echo synced; cat /dev/zero >/dev/null"
    result = run("/bin/sh", "-c", script, options=("--drive", str(volume), "--timeout", "8"), seconds=1)
    assert result.stdout == b"synced\n"
    assert shell(volume, "cmp file /bin/busybox && echo whole") == ["whole"]


@pytest.mark.parametrize("volume", VOLUMES, indirect=True)
def test_files_of_the_host_and_files_for_it(volume):
    mtools("mcopy", volume, "-", "::From the host.txt", input=b"host\n")
    mtools("mmd", volume, "::Directory")
    script = """
    cat 'FROM THE HOST.TXT'; ls
    mkdir -p a/b; echo one >'a/b/a long name of ours.text'; echo two >DIRECTORY/x
    mv 'a/b/a long name of ours.text' directory/moved; mv a/b Directory/b; rmdir a
    dd if=/dev/zero of=zeros bs=1000 count=100 2>/dev/null; wc -c <zeros
    echo tail >>zeros; truncate -s 50000 zeros; wc -c <zeros; rm 'from the host.txt'; ls -R
    """
    assert shell(volume, script) == [
        "host", "Directory", "From the host.txt", "100000", "50000", ".:", "Directory", "zeros", "",
        "./Directory:", "b", "moved", "x", "", "./Directory/b:"]
    assert_clean(volume)
    assert mtools("mtype", volume, "::Directory/moved") == b"one\n"
    assert mtools("mtype", volume, "::Directory/x") == b"two\n"


def test_a_program_runs_from_a_volume(volume):
    assert shell(volume, "cp /bin/busybox . && ./busybox echo runs && cmp busybox /bin/busybox && echo same") == [
        "runs", "same"]
    assert_clean(volume)


def test_a_full_volume(volume):
    script = """
    dd if=/dev/zero of=big bs=64k 2>&1 | grep -c 'No space'; df /mnt | tail -1 | awk '{print $4}'
    echo more 2>/dev/null >more || echo refused; ls; rm big; df /mnt | tail -1 | awk '{print $3 < 100}'
    """
    lines = shell(volume, script)
    assert lines[:2] == ["1", "0"] and lines[-1] == "1"
    assert_clean(volume)


def test_a_file_as_large_as_the_memory_is_read(volume):
    script = "dd if=/dev/zero of=big bs=64k count=600 2>/dev/null; wc -c <big; cat big | wc -c"
    result = run("/bin/sh", "-c", f"mount -t vfat /dev/vda /mnt && cd /mnt && {script}",
                 options=("--drive", str(volume), "--mem", "64", "--unix-only"))
    assert result.stdout == b"39321600\n39321600\n"


def test_many_files_and_their_removal(volume):
    script = """
    for i in $(seq 200); do echo $i >"file number $i"; done; ls | wc -l; cat 'file number 177'
    rm file*1?; ls | wc -l; for i in $(seq 200); do rm -f "file number $i"; done; ls | wc -l
    """
    assert shell(volume, script) == ["200", "177", "180", "0"]
    assert_clean(volume)


def test_what_fat_cannot_hold(volume):
    script = """
    ln -s a b 2>&1 | grep -c 'not permitted'; echo >plain; ln plain other 2>&1 | grep -c 'not permitted'
    mkfifo f 2>&1 | grep -c 'not permitted'; echo 2>/dev/null >'a:b' || echo invalid
    chmod 777 plain; stat -c %a plain; chmod 600 plain 2>&1 | grep -c 'not permitted'
    chmod a-w plain; stat -c %a plain; rmdir plain 2>&1 | grep -c 'Not a directory'
    """
    assert shell(volume, script) == ["1", "1", "1", "invalid", "755", "1", "555", "1"]
    assert_clean(volume)


def test_a_read_only_mount_and_a_wrong_file_system(volume):
    before = volume.read_bytes()
    script = ("mount -t vfat -o ro /dev/vda /mnt && touch /mnt/x 2>&1 | grep -c Read-only; umount /mnt;"
              "dd if=/dev/zero of=/tmp/zeros bs=1k count=1 2>/dev/null; mkdir /tmp/m;"
              "mount -t vfat -o nonsense /dev/vda /mnt 2>/dev/null || echo no such option")
    result = run("/bin/sh", "-c", script, options=("--drive", str(volume)))
    assert result.stdout == b"1\nno such option\n"
    assert volume.read_bytes() == before


def test_the_driver_is_killed_while_files_are_written(volume):
    script = """
    cat /bin/busybox /bin/busybox >/tmp/source
    (for i in 1 2 3 4 5 6; do cp /tmp/source copy$i && sync; done) &
    for i in 1 2 3 4 5; do
        sleep 0.2; pid=$(ps | grep '[b]lock/virtio$' | awk '{print $1}'); [ "$pid" ] && kill -9 $pid
    done
    wait; for i in 1 2 3 4 5 6; do cmp /tmp/source copy$i && echo same; done; dmesg | grep -c 'starting block/virtio'
    """
    lines = shell(volume, script, seconds=90)
    assert lines[:6] == ["same"] * 6
    assert int(lines[6]) >= 1
    assert_clean(volume)


def test_shutdown_leaves_the_volume_clean(volume):
    result = run("/bin/sh", "-c", "mount -t vfat /dev/vda /mnt; echo kept >/mnt/file", options=("--drive", str(volume)))
    assert result.returncode == 0
    assert_clean(volume)
    assert mtools("mtype", volume, "::file") == b"kept\n"


def test_a_file_without_a_name_that_is_open_at_shutdown_leaves_nothing(volume):
    writer = "(while :; do echo more; done) >>/mnt/file"
    script = f"mount -t vfat /dev/vda /mnt; cp /bin/busybox /mnt/file; sync; {writer} & sleep 1; rm /mnt/file"
    result = run("/bin/sh", "-c", script, options=("--drive", str(volume)))
    assert result.returncode == 0
    assert_clean(volume)


def test_fsync_reaches_the_medium(volume):
    """The machine is ended without a word after an fsync: the file is whole."""
    script = ("mount -t vfat /dev/vda /mnt; cp /bin/busybox /mnt/file; sync /mnt/file; echo synced;"
              "echo lost >/mnt/other; cat /dev/zero >/dev/null")
    result = run("/bin/sh", "-c", script, options=("--drive", str(volume), "--timeout", "8"), seconds=1)
    assert re.match(rb"synced\n", result.stdout)
    check = shell(volume, "cmp file /bin/busybox && echo whole")
    assert check == ["whole"]


def test_the_file_server_is_killed(volume):
    """What was synced is there again, and so is the mount."""
    script = """
    echo kept >kept; sync; cd /; kill -9 $(ps | grep '[f]s/[0-9]*$' | awk '{print $1}')
    for i in $(seq 50); do cat /mnt/kept 2>/dev/null && break; sleep 0.1; done; echo new >/mnt/new; ls /mnt
    """
    assert shell(volume, script) == ["kept", "kept", "new"]


def test_init_mounts_what_its_configuration_says(tmp_path):
    disk = tmp_path / "disk.img"
    with open(disk, "wb") as file:
        file.truncate(24 << 20)
    subprocess.run(["/sbin/sfdisk", "-q", str(disk)], input=b"label: dos\n2048,40960,c\n", check=True)
    subprocess.run(["/sbin/mkfs.vfat", "--offset", "2048", str(disk), "20480"], check=True, capture_output=True)
    script = "echo text >/data/file; grep /data /proc/mounts"
    result = run("/bin/sh", "-c", script, options=("--append", "data", "--drive", str(disk)))
    assert result.stdout == b"/dev/vda1 /data vfat rw 0 0\n"
    assert mtools("mtype", f"{disk}@@1M", "::file") == b"text\n"
    result = run("/bin/sh", "-c", "grep -c /data /proc/mounts", options=("--append", "data"))
    assert result.stdout == b"0\n"


def test_a_file_larger_than_memory_is_mapped_and_read_back(tmp_path):
    assert large.run(BUILD, str(tmp_path), 48, 64, 120, "vfat") == large.expected(64)
