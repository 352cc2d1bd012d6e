# SPDX-License-Identifier: MIT
"""A file system on a disk: the same ext4 image on Debian's kernel and on Atomik, in the same QEMU.

tests/bench/disk-bench.c says what is measured. The virtio disk has QEMU's write-back cache, so what is measured is the
two systems and not the host's disk; each run begins with a fresh image.
"""

import glob
import os
import shutil
import subprocess
import sys
import time

import machines

MEBIBYTES = 256
IMAGE_MEBIBYTES = 700
# In the order in which they need one another.
MODULES = ("virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk",
           "crc16", "mbcache", "libcrc32c", "crc32c_generic", "jbd2", "ext4")
PROMPT = b"/ # "
INIT = """\
#!/bin/sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for m in {modules}; do /bin/busybox insmod /lib/$m.ko; done
if /bin/busybox grep -q shell /proc/cmdline; then PS1='/ # ' exec /bin/busybox sh; fi
/bin/busybox mount -t ext4 /dev/vda /mnt && /bin/disk-bench /mnt /bin/busybox
/bin/busybox umount /mnt; /bin/busybox poweroff -f
"""


def make_image(build, path):
    """An ext4 file system with source.tar: this repository's own tree."""
    tree = path + ".tree"
    os.makedirs(tree, exist_ok=True)
    machines.source_archive(os.path.join(tree, "source.tar"))
    with open(path, "wb") as file:
        file.truncate(IMAGE_MEBIBYTES << 20)
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=0", "-d", tree, path], check=True)


def linux_initrd(build, directory, script=INIT, more=""):
    package = os.path.join(machines.TOP, build, "packages/linux-image-686")
    init = os.path.join(directory, "disk-init")
    with open(init, "w", encoding="ascii") as file:
        file.write(script.format(modules=" ".join(MODULES)))
    text = ("dir proc 755\ndir mnt 755\ndir bin 755\ndir lib 755\ndir dev 755\nnode dev/console 600 c 5 1\nnode dev/null 666 c 1 3\n"
            f"file init 755 {init}\nfile bin/busybox 755 {build}/packages/busybox-static/bin/busybox\nlink bin/sh busybox\n"
            f"file bin/disk-bench 755 {build}/tests/bench/disk-bench\n")
    for module in MODULES:
        found = glob.glob(os.path.join(package, "lib/modules/*/kernel/**", module + ".ko"), recursive=True)
        text += f"file lib/{module}.ko 644 {found[0]}\n"
    return machines.make_initrd(build, directory, "disk", text + more)


def drive(image):
    return ["-drive", f"file={image},format=raw,if=none,id=d,cache=writeback", "-device", "virtio-blk-pci,drive=d"]


def linux_command(build, initrd, words, mebibytes=MEBIBYTES):
    return ["qemu-system-i386", "-accel", "tcg", "-cpu", "qemu32", "-m", str(mebibytes), "-nographic", "-no-reboot", "-kernel",
            machines.linux_kernel(build), "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1 " + words]


def run_linux(build, initrd, image):
    done = subprocess.run([*linux_command(build, initrd, ""), *drive(image)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=machines.LIMIT, check=False)
    return machines.figures(done.stdout)


def run_atomik(build, directory, image):
    share = os.path.join(directory, "disk-share")
    os.makedirs(share, exist_ok=True)
    shutil.copy(os.path.join(machines.TOP, build, "tests/bench/disk-bench"), share)
    script = "mkdir /tmp/m && mount -t ext4 /dev/vda /tmp/m && cp /host/disk-bench /tmp && /tmp/disk-bench /tmp/m /bin/busybox; umount /tmp/m"
    command = ["./atomik", "run", *machines.atomik_command(build)[1:], "--unix-only", "--share", share, "--timeout",
               str(machines.LIMIT), "--mem", str(MEBIBYTES), "--drive", image, "--", "/bin/sh", "-c", script]
    done = subprocess.run(command, cwd=machines.TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=machines.LIMIT + 30,
                          check=False)
    if done.returncode != 0:
        print(f"bench: the disk on Atomik ended with {done.returncode}", file=sys.stderr)
    return machines.figures(done.stdout)


def to_prompt(command):
    """Nanoseconds from the start of QEMU to the shell's prompt."""
    begun = time.monotonic()
    text = b""
    with subprocess.Popen(command, cwd=machines.TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while PROMPT not in text:
            data = os.read(process.stdout.fileno(), 4096)
            if not data:
                raise SystemExit("bench: a machine does not get to its prompt")
            text += data
        took = time.monotonic() - begun
        process.kill()
    return took * 1e9


def boots(build, initrd):
    atomik = [*machines.atomik_command(build), "--unix-only", "--mem", str(MEBIBYTES), "--timeout", "60"]
    return ({"boot-to-shell": to_prompt(linux_command(build, initrd, "shell"))}, {"boot-to-shell": to_prompt(atomik)})
