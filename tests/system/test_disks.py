# SPDX-License-Identifier: MIT
"""Block drivers and partitions: what is written is on the host's image, and nothing else is."""

import hashlib
import os
import struct
import subprocess

import pytest

from machine import BUILD, run

PROGRAMS = ("--share", os.path.join(BUILD, "bin"))
TABLE = "label: dos\n2048,8192,c\n10240,8192,5\n12288,2048,83\n"
AHCI_DISK = "-device ich9-ahci,id=ahci -device ide-hd,bus=ahci.0"
MIB = 1 << 20


def sfdisk(image, table):
    subprocess.run(["/sbin/sfdisk", "-q", str(image)], input=table.encode(), check=True)


def pattern(number, seed):
    """A sector as block-check fills it."""
    value = (number * 2654435761 & 0xFFFFFFFF) ^ seed
    words = []
    for _ in range(128):
        words.append(value)
        value = (value * 1664525 + 1013904223) & 0xFFFFFFFF
    return struct.pack("<128I", *words)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.img"
    with open(path, "wb") as file:
        file.truncate(16 * MIB)
    return path


def check(image, *words, drive="", options=()):
    result = run("/host/block-check", *words, options=(*PROGRAMS, *options, "--drive", f"{image}{drive}"))
    return result.stdout.decode()


def test_partitions_of_an_mbr_with_logical_ones(image):
    sfdisk(image, TABLE)
    lines = sorted(check(image, "list").splitlines())
    assert [line.split()[:5] for line in lines] == [
        ["vda", "start", "0", "sectors", "32768"],
        ["vda1", "start", "2048", "sectors", "8192"],
        ["vda2", "start", "10240", "sectors", "8192"],
        ["vda5", "start", "12288", "sectors", "2048"]]


def test_partitions_of_a_gpt_whose_first_header_is_damaged(image):
    sfdisk(image, "label: gpt\n2048,4096\n8192,4096\n")
    with open(image, "r+b") as file:
        file.seek(512 + 40)
        file.write(b"\xff")
    lines = sorted(check(image, "list").splitlines())
    assert [line.split()[:5] for line in lines[1:]] == [
        ["vda1", "start", "2048", "sectors", "4096"],
        ["vda2", "start", "8192", "sectors", "4096"]]


def test_what_is_written_to_a_partition_is_there_and_nowhere_else(image):
    sfdisk(image, TABLE)
    before = image.read_bytes()
    assert check(image, "fill", "vda1", "7") == "right\n"
    after = image.read_bytes()
    assert after[:2048 * 512] == before[:2048 * 512]
    assert after[10240 * 512:] == before[10240 * 512:]
    for sector in (0, 1, 4095, 8191):
        at = (2048 + sector) * 512
        assert after[at:at + 512] == pattern(sector, 7)


@pytest.mark.parametrize("interface", ["disable-legacy=on", "disable-modern=on"])
def test_both_interfaces_of_virtio(image, interface):
    disk = f"-drive file={image},format=raw,if=none,id=d -device virtio-blk-pci,drive=d,{interface}"
    result = run("/host/block-check", "fill", "vda", "5", options=(*PROGRAMS, "--qemu", disk))
    assert result.stdout == b"right\n"
    assert image.read_bytes()[512:1024] == pattern(1, 5)


@pytest.mark.parametrize("device, name", [
    ("-device virtio-blk-pci", "vda"), ("-device ide-hd", "sda"), (AHCI_DISK, "sda")], ids=["virtio", "ide", "ahci"])
def test_sectors_that_cannot_be_read_or_written_are_errors(image, tmp_path, device, name):
    rules = tmp_path / "rules"
    rules.write_text('[inject-error]\nevent = "none"\nsector = "20480"\nerrno = "5"\nonce = "off"\niotype = "read"\n'
                     '[inject-error]\nevent = "none"\nsector = "22528"\nerrno = "5"\nonce = "off"\niotype = "write"\n')
    disk = (f"-drive file=blkdebug:{rules}:{image},format=raw,if=none,id=d,rerror=report,werror=report "
            f"{device},drive=d")
    script = (f"cd /dev; dd if={name} of=/dev/null bs=512 skip=20479 count=3 2>&1 | grep -o 'Input/output error';"
              f"dd if={name} of=/dev/null bs=512 skip=20481 count=3 2>&1 | grep -c error;"
              f"dd if=zero of={name} bs=512 seek=22528 count=1 2>&1 | grep -o 'Input/output error';"
              f"dd if=zero of={name} bs=512 seek=20480 count=1 2>&1 | grep -c error")
    result = run("/bin/sh", "-c", script, options=("--qemu", disk))
    assert result.stdout.decode().splitlines() == ["Input/output error", "0", "Input/output error", "0"]


def test_requests_that_no_disk_can_carry_out_are_refused(image):
    assert check(image, "bad", "vda") == "refused\n"


def test_a_read_only_disk_is_not_opened_for_writing(image):
    assert check(image, "fill", "vda", drive=",ro") == "vda: read-only file system\n"


SCRIPT = r"""
mkdir /tmp/m && mount -t tmpfs -o mode=700 here /tmp/m && grep /tmp/m /proc/mounts && stat -c %a /tmp/m
echo text >/tmp/m/file; cat /tmp/m/file
(cd /tmp/m && umount /tmp/m 2>/dev/null) && echo wrong || echo busy
umount /tmp/m && ls /tmp/m && grep /tmp/m /proc/mounts || echo gone
mount -t nonsense none /tmp/m 2>/dev/null || echo no such type
mount -t vfat /dev/null /tmp/m 2>/dev/null || echo no block device
umount /tmp/m 2>/dev/null || echo nothing there
for i in 1 2 3 4 5; do mount -t tmpfs here /tmp/m && echo $i >/tmp/m/n && umount /tmp/m || echo failed; done
"""


def test_mount_and_umount():
    result = run("/bin/sh", "-c", SCRIPT)
    assert result.stdout.decode().splitlines() == [
        "here /tmp/m tmpfs rw,relatime,mode=700 0 0", "700", "text", "busy", "gone", "no such type", "no block device",
        "nothing there"]


def test_a_disk_as_a_file(image):
    sfdisk(image, TABLE)
    script = ("cat /proc/partitions | tail -4 | tr -s ' '; blockdev --getsize64 /dev/vda1; blockdev --getss /dev/vda;"
              "printf unaligned | dd of=/dev/vda5 bs=1 seek=1000 conv=notrunc 2>/dev/null;"
              "dd if=/dev/vda5 bs=1 skip=998 count=13 2>/dev/null | tr '\\0' .; echo; stat -c '%F %t %T' /dev/vda5;"
              "dd if=/dev/zero of=/dev/vda5 bs=64k 2>&1 | grep -c 'No space'; sync /dev/vda5")
    result = run("/bin/sh", "-c", script, options=("--drive", str(image)))
    assert result.stdout.decode().splitlines() == [
        " 254 0 16384 vda", " 254 1 4096 vda1", " 254 2 4096 vda2", " 254 5 1024 vda5", "4194304", "512",
        "..unaligned..", "block special file fe 5", "1"]


@pytest.mark.parametrize("interface, options", [("ide", ()), ("ide", ("--append", "ide-pio")), ("ahci", ())],
                         ids=["dma", "pio", "ahci"])
def test_an_ata_disk(image, interface, options):
    sfdisk(image, TABLE)
    before = image.read_bytes()
    assert check(image, "fill", "sda5", "9", drive=f",if={interface}", options=options) == "right\n"
    after = image.read_bytes()
    assert after[:12288 * 512] == before[:12288 * 512] and after[14336 * 512:] == before[14336 * 512:]
    assert after[12288 * 512:12289 * 512] == pattern(0, 9)
    assert check(image, "bad", "sda", drive=f",if={interface}", options=options) == "refused\n"


def test_disks_of_two_drivers_have_different_names(image, tmp_path):
    options = []
    for name in ("one.img", "two.img"):
        (tmp_path / name).write_bytes(bytes(1 << 20))
        options += ["--drive", f"{tmp_path / name},if=ahci"]
    lines = check(image, "list", drive=",if=ide", options=options)
    assert sorted(line.split()[0] for line in lines.splitlines()) == ["sda", "sdb", "sdc"]


@pytest.mark.parametrize("device, options", [
    ("-device ide-cd", ()), ("-device ide-cd", ("--append", "ide-pio")), (AHCI_DISK.replace("ide-hd", "ide-cd"), ())],
    ids=["dma", "pio", "ahci"])
def test_an_optical_disc(tmp_path, device, options):
    disc = tmp_path / "disc.iso"
    disc.write_bytes(os.urandom(333 * 2048))
    script = "md5sum </dev/sr0; blockdev --getss /dev/sr0; echo 2>/dev/null x >/dev/sr0 || echo read-only"
    result = run("/bin/sh", "-c", script, options=(
        *options, "--qemu", f"-drive file={disc},format=raw,if=none,readonly=on,id=d {device},drive=d"))
    digest = hashlib.md5(disc.read_bytes()).hexdigest()
    assert result.stdout.decode().splitlines() == [f"{digest}  -", "2048", "read-only"]


def test_sixteen_disks_and_a_word_about_others(tmp_path):
    options = []
    for number in range(18):
        path = tmp_path / f"{number}.img"
        path.write_bytes(b"%6d\n" % number + bytes(32761))
        options += ["--drive", str(path)]
    script = ("cd /dev; until dmesg | grep -o 'more than 16 virtio disks'; do sleep 0.1; done;"
              "for disk in vd?; do head -n 1 $disk; done")
    lines = run("/bin/sh", "-c", script, options=options).stdout.decode().splitlines()
    assert [line.strip() for line in lines] == ["more than 16 virtio disks"] + [str(number) for number in range(16)]


def test_a_disk_in_memory():
    script = "blockdev --getsize64 /dev/ram0; mke2fs /dev/ram0 >/dev/null && dd if=/dev/ram0 bs=1 skip=1080 count=2 2>/dev/null | od -An -tx1"
    result = run("/bin/sh", "-c", script, options=("--append", "ramdisk"))
    lines = result.stdout.decode().splitlines()
    assert (lines[0], lines[-1]) == ("16777216", " 53 ef")


def test_disks_are_in_sys(image):
    sfdisk(image, TABLE)
    script = ("cd /sys/block && ls; cat vda/vda5/start vda/vda5/size vda/queue/logical_block_size vda/vda1/dev;"
              "readlink /sys/dev/block/254:5; cat /sys/dev/block/254:5/partition; ls vda | tail -3")
    result = run("/bin/sh", "-c", script, options=("--drive", str(image)))
    assert result.stdout.decode().split() == [
        "vda", "12288", "2048", "512", "254:1", "../../block/vda/vda5", "5", "vda1", "vda2", "vda5"]
