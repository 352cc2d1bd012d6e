# SPDX-License-Identifier: MIT
"""The disk image: GRUB boots it, its root partition keeps what changes, its FAT partition takes programs."""

import os
import subprocess

import pytest

from machine import BUILD, ROOT, Machine, atomik, run

ROOT_OFFSET = 65 << 20  # behind a MiB of GRUB and 64 MiB of FAT
TOOLS = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")


def tool(*words):
    result = subprocess.run(words, env=TOOLS, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "system.img"
    tool("cp", "--sparse=always", os.path.join(BUILD, "atomik.img"), str(path))
    return path


def shell(image, script, *options):
    result = run("/bin/sh", "-c", script, options=("--disk", str(image), *options))
    assert result.returncode == 0, result.stderr
    return result.stdout.decode()


def assert_clean(image):
    tool("e2fsck", "-fn", f"{image}?offset={ROOT_OFFSET}")


def test_what_changes_in_the_root_is_there_after_a_reboot(image):
    shell(image, "echo kept >/etc/kept; mkdir /home/new; rm /etc/motd; cp /bin/busybox /home/new; echo x >/tmp/gone")
    assert_clean(image)
    script = "cat /etc/kept; cmp /bin/busybox /home/new/busybox; ls /etc/motd /tmp/gone 2>&1 | wc -l; df / | tail -1"
    lines = shell(image, script, "--mem", "64", "--unix-only").splitlines()
    assert lines[:2] == ["kept", "2"]
    assert lines[2].startswith("/dev/vda2 ") and lines[2].endswith(" /")
    assert_clean(image)


def test_the_registry_is_kept(image):
    key = r"HKCU\Software\Kept"
    shell(image, rf"reg.exe add '{key}' /v Name /d Value /f && echo text >/c/users/root/file.txt")
    assert "Value" in shell(image, rf"reg.exe query '{key}' /v Name && cat /c/users/root/file.txt")
    assert_clean(image)


def test_discarded_changes_are_not_kept(image):
    shell(image, "echo lost >/etc/lost", "--discard")
    assert "0" == shell(image, "ls /etc | grep -c lost; true").strip()


def test_a_program_put_into_the_boot_partition_runs(image):
    program = os.path.join(BUILD, "tests", "nt", "hello-win.exe")
    tool("mcopy", "-i", f"{image}@@1M", program, "::first.exe")
    copied = image.with_name("second.exe")
    copied.write_bytes(open(program, "rb").read())
    result = atomik("put", "--disk", str(image), str(copied))
    assert result.returncode == 0, result.stderr
    printed = shell(image, "/boot/first.exe one; /boot/second.exe two; true")
    assert "argument 1: one" in printed and "argument 1: two" in printed


@pytest.mark.parametrize("interface", ["ide", "ahci"])
def test_an_ata_disk_boots_too(image, interface):
    assert "/dev/sda2" in shell(f"{image},if={interface}", "df /")


def test_poweroff_at_the_shell_leaves_the_root_clean(image):
    machine = Machine("--disk", str(image), "--mem", "96").boot()
    assert machine.output("echo typed >/etc/typed; cat /etc/typed") == "typed"
    machine.send("poweroff\n")
    assert machine.expect_end() == 0
    assert_clean(image)
    assert shell(image, "cat /etc/typed") == "typed\n"


def test_a_new_build_replaces_its_own_files_and_no_others(tmp_path):
    tree, image = tmp_path / "tree", str(tmp_path / "built.img")
    (tree / "etc").mkdir(parents=True)

    def build(**files):
        for name, text in files.items():
            (tree / "etc" / name).write_text(text)
        tool(os.path.join(ROOT, "tools/image/mkimage"), "-o", image, "--root", str(tree),
             os.path.join(ROOT, "tools/image/grub.cfg"), f"boot/atomik.elf={ROOT}/README.md")

    def debugfs(request, *options):
        return tool("debugfs", *options, "-R", request, f"{image}?offset={ROOT_OFFSET}")

    build(ours="first", same="first")
    (tmp_path / "edited").write_text("edited")
    for request in ("rm /etc/same", f"write {tmp_path}/edited /etc/same", f"write {tmp_path}/edited /etc/theirs"):
        debugfs(request, "-w")
    (tree / "etc" / "ours").chmod(0o700)
    build(ours="second", new="second")
    assert [debugfs(f"cat /etc/{name}") for name in ("ours", "new", "same", "theirs")] == ["second", "second", "edited",
                                                                                           "edited"]
    assert "Mode:  0700" in debugfs("stat /etc/ours")
    assert_clean(image)
