# SPDX-License-Identifier: MIT
"""A part of Lua is built by gcc and make -j2 in the Debian root: the same ext4 image on Debian's kernel and on Atomik.

The whole of Lua would take minutes in an emulated machine; the part is its smaller files and the library of them. Each run
begins with a fresh copy of the image (make debian-image).
"""

import os
import shutil
import subprocess
import sys

import disk
import machines

MEBIBYTES = 512
SOURCE = ("lua5.4", "lua5.4_5.4.4.orig.tar.gz", "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61")
OBJECTS = "lctype.o lmem.o lopcodes.o linit.o lstring.o lzio.o ltm.o lfunc.o ldump.o lundump.o lobject.o ltable.o"
SCRIPT = f"""\
cd /root && rm -rf lua && mkdir lua && tar xzf $1/lua.tar.gz -C lua --strip-components=1 && cd lua/src || exit 1
begin=$(date +%s%N)
make -s -j2 {OBJECTS} && ar rc part.a {OBJECTS} && sync || exit 1
echo "lua-part-build $(($(date +%s%N) - begin)) ns"
"""
INIT = """\
#!/bin/sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for m in {modules}; do /bin/busybox insmod /lib/$m.ko; done
/bin/busybox mount -t ext4 /dev/vda /mnt
/bin/busybox mount -t proc proc /mnt/proc; /bin/busybox mount -t devtmpfs dev /mnt/dev
/bin/busybox cp /lua.tar.gz /build.sh /mnt/root
PATH=/usr/sbin:/usr/bin:/sbin:/bin /bin/busybox chroot /mnt /bin/sh /root/build.sh /root
/bin/busybox poweroff -f
"""


def share(build, directory):
    """A directory with the source and the script; its path."""
    path = os.path.join(directory, "lua-share")
    os.makedirs(path, exist_ok=True)
    subprocess.run([os.path.join("tools", "ports", "fetch"), build, *SOURCE], cwd=machines.TOP, check=True)
    shutil.copy(os.path.join(machines.TOP, build, "ports", "archives", SOURCE[1]), os.path.join(path, "lua.tar.gz"))
    with open(os.path.join(path, "build.sh"), "w", encoding="ascii") as file:
        file.write(SCRIPT)
    return path


def linux_initrd(build, directory):
    files = share(build, directory)
    more = f"file lua.tar.gz 644 {files}/lua.tar.gz\nfile build.sh 644 {files}/build.sh\n"
    return disk.linux_initrd(build, directory, INIT, more)


def run_linux(build, initrd, image):
    command = disk.linux_command(build, initrd, "", MEBIBYTES)
    done = subprocess.run([*command, *disk.drive(image)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=machines.LIMIT, check=False)
    return machines.figures(done.stdout)


def run_atomik(build, directory, image):
    command = ["./atomik", "run", *machines.atomik_command(build)[1:], "--unix-only", "--root", image, "--share",
               share(build, directory), "--timeout", str(machines.LIMIT), "--mem", str(MEBIBYTES), "--",
               "/bin/sh", "/host/build.sh", "/host"]
    done = subprocess.run(command, cwd=machines.TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          timeout=machines.LIMIT + 30, check=False)
    if done.returncode != 0:
        print(f"bench: the build of Lua on Atomik ended with {done.returncode}", file=sys.stderr)
    return machines.figures(done.stdout)
