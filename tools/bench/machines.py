# SPDX-License-Identifier: MIT
"""The machines that the programs run on: Debian's kernel, and Atomik, both in the same QEMU."""

import os
import re
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LINE = re.compile(rb"^([a-z0-9-]+(?:-4MiB|-256MiB)?) +([0-9.]+) ns\r*$", re.MULTILINE)
LIMIT = 900  # seconds for one run of all tests
MEBIBYTES = 128

LINUX_MANIFEST = """\
dir tmp 1777
dir dev 755
node dev/console 600 c 5 1
node dev/null 666 c 1 3
node dev/zero 666 c 1 5
file tmp/bench 755 {build}/tests/bench/bench
"""


# Wine needs no more than this: its loader and server, the C library, the DLLs that a console program loads.
WINE_MANIFEST = """\
dir tmp 1777
dir proc 755
dir root 700
dir dev 755
node dev/console 600 c 5 1
node dev/null 666 c 1 3
node dev/zero 666 c 1 5
node dev/random 444 c 1 8
node dev/urandom 444 c 1 9
file init 755 tools/bench/wine-init
file bin/busybox 755 {build}/packages/busybox-static/bin/busybox
link bin/sh busybox
file tmp/bench-win.exe 755 {build}/tests/bench/bench-win.exe
file tmp/hello-win.exe 755 {build}/tests/nt/hello-win.exe
file usr/lib/wine/wine 755 {build}/packages/wine32/usr/lib/wine/wine
file usr/lib/wine/wineserver 755 {build}/packages/wine32/usr/lib/wine/wineserver32
file lib/ld-linux.so.2 755 {build}/packages/libc6/lib/i386-linux-gnu/ld-linux.so.2
file lib/i386-linux-gnu/libgcc_s.so.1 755 {build}/packages/libgcc-s1/lib/i386-linux-gnu/libgcc_s.so.1
"""
WINE_LIBRARIES = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1")
WINE = "usr/lib/i386-linux-gnu/wine"
WINE_MEBIBYTES = 512


def figures(output):
    return {name.decode(): float(value) for name, value in LINE.findall(output)}


def source_archive(path):
    """This repository's own tree as a tar file."""
    with open(path, "wb") as file:
        subprocess.run(["git", "archive", "--prefix=source/", "HEAD"], cwd=TOP, stdout=file, check=True)


def make_initrd(build, directory, name, text):
    manifest = os.path.join(directory, name + ".manifest")
    with open(manifest, "w", encoding="ascii") as file:
        file.write(text)
    initrd = os.path.join(directory, name + ".cpio")
    subprocess.run([sys.executable, "tools/mkarchive", "-o", initrd, "--build", build, manifest], cwd=TOP, check=True)
    return initrd


def linux_initrd(build, directory):
    """An initial RAM file system that holds nothing but the program and the devices it opens."""
    return make_initrd(build, directory, "linux", LINUX_MANIFEST.format(build=build))


def wine_initrd(build, directory):
    text = WINE_MANIFEST.format(build=build)
    for name in WINE_LIBRARIES:
        text += f"file lib/i386-linux-gnu/{name} 755 {build}/packages/libc6/lib/i386-linux-gnu/{name}\n"
    for name in ("ntdll.so", "win32u.so"):
        text += f"file {WINE}/i386-unix/{name} 755 {build}/packages/libwine/{WINE}/i386-unix/{name}\n"
    for name in sorted(os.listdir(os.path.join(TOP, build, "windows"))):
        text += f"file {WINE}/i386-windows/{name} 644 {build}/windows/{name}\n"
    for name in sorted(os.listdir(os.path.join(TOP, build, "packages/libwine/usr/share/wine/nls"))):
        text += f"file usr/share/wine/nls/{name} 644 {build}/packages/libwine/usr/share/wine/nls/{name}\n"
    return make_initrd(build, directory, "wine", text)


def linux_kernel(build):
    directory = os.path.join(TOP, build, "packages/linux-image-686/boot")
    return os.path.join(directory, next(name for name in sorted(os.listdir(directory)) if name.startswith("vmlinuz")))


def run_linux(build, initrd, mebibytes, words, extra):
    """Debian's kernel with an initial RAM file system; the figures that come out of it."""
    command = ["qemu-system-i386", "-accel", "tcg", "-cpu", "qemu32", "-m", str(mebibytes), "-nographic", "-no-reboot",
               "-kernel", linux_kernel(build), "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1 " + words]
    done = subprocess.run([*command, *extra.split()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LIMIT, check=False)
    return figures(done.stdout)


def run_unix_bench(build, initrd, tests, extra):
    return run_linux(build, initrd, MEBIBYTES, "rdinit=/tmp/bench -- " + " ".join(tests), extra)


def run_wine_bench(build, initrd, tests, extra):
    return run_linux(build, initrd, WINE_MEBIBYTES, "-- " + " ".join(tests), extra)


def atomik_command(build):
    return ["./atomik", "--build", build, "--accel", "tcg"]


def run_atomik(build, directory, program, tests, extra):
    """Run tests of a program; it is copied to /tmp first, so that it lies in the file system of the others."""
    share = os.path.join(directory, "share")
    os.makedirs(share, exist_ok=True)
    for source in (f"tests/bench/{program}", "tests/nt/hello-win.exe"):
        shutil.copy(os.path.join(TOP, build, source), share)
    script = f"cp /host/* /tmp; cd /tmp; exec /tmp/{program} " + " ".join(tests)
    command = ["./atomik", "run", *atomik_command(build)[1:], "--share", share, "--timeout", str(LIMIT),
               "--mem", str(MEBIBYTES), *(["--qemu", extra] if extra else [])]
    done = subprocess.run([*command, "--", "/bin/sh", "-c", script], cwd=TOP, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, timeout=LIMIT + 30, check=False)
    if done.returncode != 0:
        print(f"bench: {program} on Atomik ended with {done.returncode}", file=sys.stderr)
    return figures(done.stdout)
