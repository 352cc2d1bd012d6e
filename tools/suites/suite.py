# SPDX-License-Identifier: MIT
"""What the suites of Debian source packages share: where they are kept, and how a script of tests runs on both sides.

The host's side is a root directory with the same busybox and nothing else, in namespaces of its own; so both sides see
the same commands. Everything is below build/suites.
"""

import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("ATOMIK_BUILD", "build"))
PACKAGES = os.path.join(BUILD, "packages")
BUSYBOX = os.path.join(PACKAGES, "busybox-static", "bin", "busybox")

HOST_ROOT = """
set -e
mount --bind {root} {root}
cd {root}
mkdir -p dev proc tmp root etc sys bin host
mount -t proc proc proc
mount --rbind /dev dev
mount --bind {share} host
exec chroot . /bin/sh /host/script
"""


def work_of(name):
    path = os.path.join(BUILD, "suites", name)
    os.makedirs(os.path.join(path, "share"), exist_ok=True)
    return path


def make_host_root(work):
    root = os.path.join(work, "root")
    os.makedirs(os.path.join(root, "bin"), exist_ok=True)
    os.makedirs(os.path.join(root, "etc"), exist_ok=True)
    os.makedirs(os.path.join(root, "tmp"), exist_ok=True)
    shutil.copy(BUSYBOX, os.path.join(root, "bin", "busybox"))
    for name in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split():
        link = os.path.join(root, "bin", name)
        if not os.path.lexists(link):
            os.symlink("busybox", link)
    for name in ("passwd", "group"):
        shutil.copy(os.path.join(ROOT, "tools", "image", "files", name), os.path.join(root, "etc", name))
    return root


def run_script(side, work, script, seconds):
    """The output of a shell script, with the suite's share as /host, in Atomik or on this host (as root)."""
    share = os.path.join(work, "share")
    with open(os.path.join(share, "script"), "w", encoding="utf-8") as out:
        out.write(script)
    if side == "atomik":
        command = [os.path.join(ROOT, "atomik"), "run", "--unix-only", "--mem", "256", "--build", BUILD,
                   "--timeout", str(seconds), "--share", share, "--", "/bin/sh", "/host/script"]
    else:
        command = ["unshare", "-mpfiu", "/bin/sh", "-c", HOST_ROOT.format(root=make_host_root(work), share=share)]
    # Into a file, so that one can see how far it is.
    log = os.path.join(work, side + ".log")
    with open(log, "wb") as output:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False,
                       timeout=seconds + 60)
    with open(log, encoding="utf-8", errors="replace") as output:
        return output.read()


def write_results(work, side, results):
    with open(os.path.join(work, side + ".txt"), "w", encoding="utf-8") as out:
        for name in sorted(results):
            out.write(f"{results[name]} {name}\n")


def read_results(work, side):
    path = os.path.join(work, side + ".txt")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as lines:
        return {line.rstrip("\n").split(" ", 1)[1]: line.split(" ", 1)[0] for line in lines}


def report(work):
    """Counts, and each test that passes on the host only."""
    host, atomik = read_results(work, "host"), read_results(work, "atomik")
    passing = [name for name in host if host[name] == "PASS"]
    failing = sorted(name for name in passing if atomik.get(name) != "PASS")
    print(f"{len(host)} tests, {len(passing)} pass on the host; {len(passing) - len(failing)} of these pass in Atomik")
    for name in failing:
        print(f"  {atomik.get(name, 'not run')} {name}")
    for name in sorted(atomik):
        if atomik[name] == "PASS" and host.get(name) == "FAIL":
            print(f"  passes here and not on the host: {name}")
