# SPDX-License-Identifier: MIT
"""Programs of Debian in its root: the same ext4 image on Debian's kernel and on Atomik. Each run begins with a fresh copy of the
image (make debian-image).

A part of Lua is built by gcc and make -j2: the whole of it would take minutes in an emulated machine; the part is its smaller files
and the library of them. `git status` looks at four times the tree of this repository, some 6,000 files, all of which it has looked
at before; the best of some rounds.
"""

import os
import shutil
import subprocess
import sys

import disk
import machines

MEBIBYTES = 512
SOURCE = ("lua5.4", "lua5.4_5.4.4.orig.tar.gz", "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61")
COPIES = 4
ROUNDS = 10
OBJECTS = "lctype.o lmem.o lopcodes.o linit.o lstring.o lzio.o ltm.o lfunc.o ldump.o lundump.o lobject.o ltable.o"
SCRIPT = f"""\
cd /root && rm -rf lua && mkdir lua && tar xzf $1/lua.tar.gz -C lua --strip-components=1 && cd lua/src || exit 1
begin=$(date +%s%N)
make -s -j2 {OBJECTS} && ar rc part.a {OBJECTS} && sync || exit 1
echo "lua-part-build $(($(date +%s%N) - begin)) ns"
export HOME=/root
mkdir /root/tree && cd /root/tree || exit 1
for copy in $(seq {COPIES}); do mkdir $copy && tar xf $1/source.tar -C $copy || exit 1; done
git init -q . && git add -A && git -c user.name=bench -c user.email=bench@localhost commit -qm all && sync || exit 1
test -z "$(git status --porcelain)" || exit 1
best=
for round in $(seq {ROUNDS}); do
    begin=$(date +%s%N)
    git status >/dev/null || exit 1
    took=$(($(date +%s%N) - begin))
    if [ -z "$best" ] || [ $took -lt $best ]; then best=$took; fi
done
echo "git-status $best ns"
"""
INIT = """\
#!/bin/sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for m in {modules}; do /bin/busybox insmod /lib/$m.ko; done
/bin/busybox mount -t ext4 /dev/vda /mnt
/bin/busybox mount -t proc proc /mnt/proc; /bin/busybox mount -t devtmpfs dev /mnt/dev
/bin/busybox cp /given/* /mnt/root
PATH=/usr/sbin:/usr/bin:/sbin:/bin /bin/busybox chroot /mnt /bin/sh /root/run.sh /root
/bin/busybox poweroff -f
"""


def share(build, directory):
    """A directory with the sources and the script; its path."""
    path = os.path.join(directory, "debian-share")
    os.makedirs(path, exist_ok=True)
    subprocess.run([os.path.join("tools", "ports", "fetch"), build, *SOURCE], cwd=machines.TOP, check=True)
    shutil.copy(os.path.join(machines.TOP, build, "ports", "archives", SOURCE[1]), os.path.join(path, "lua.tar.gz"))
    machines.source_archive(os.path.join(path, "source.tar"))
    with open(os.path.join(path, "run.sh"), "w", encoding="ascii") as file:
        file.write(SCRIPT)
    return path


def linux_initrd(build, directory):
    files = share(build, directory)
    more = "dir given 755\n" + "".join(f"file given/{name} 644 {files}/{name}\n" for name in os.listdir(files))
    return disk.linux_initrd(build, directory, INIT, more)


def run_linux(build, initrd, image):
    command = disk.linux_command(build, initrd, "", MEBIBYTES)
    done = subprocess.run([*command, *disk.drive(image)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=machines.LIMIT, check=False)
    return machines.figures(done.stdout)


def run_atomik(build, directory, image):
    command = ["./atomik", "run", *machines.atomik_command(build)[1:], "--unix-only", "--root", image, "--share",
               share(build, directory), "--timeout", str(machines.LIMIT), "--mem", str(MEBIBYTES), "--",
               "/bin/sh", "/host/run.sh", "/host"]
    done = subprocess.run(command, cwd=machines.TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          timeout=machines.LIMIT + 30, check=False)
    if done.returncode != 0:
        print(f"bench: Debian's programs on Atomik ended with {done.returncode}", file=sys.stderr)
    return machines.figures(done.stdout)
