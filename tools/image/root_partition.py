# SPDX-License-Identifier: MIT
"""The root partition of the disk image: ext4, made or brought up to date with e2fsprogs, without root.

What somebody has changed in the machine stays when the image is built again: only files of ours that are different
from those of the last build are replaced. Which these are is said by a list beside the image, IMAGE.files: a digest
and a path a line.
"""

import hashlib
import os
import stat
import subprocess
import sys

LABEL = "atomik-root"
TOOLS = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/sbin:/usr/sbin"}


def tool(*command, accept=(0,), **settings):
    result = subprocess.run(command, env=TOOLS, text=True, capture_output=True, check=False, **settings)
    if result.returncode not in accept:
        sys.exit(f"mkimage: {command[0]}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def digest(path):
    """Of everything that a file of the tree is: its type, mode and content."""
    info = os.lstat(path)
    total = hashlib.sha256(oct(info.st_mode).encode())
    if stat.S_ISLNK(info.st_mode):
        total.update(os.readlink(path).encode())
    elif stat.S_ISREG(info.st_mode):
        with open(path, "rb") as file:
            total.update(file.read())
    return total.hexdigest()


def list_tree(tree):
    """Path below the root to digest, directories before what is in them."""
    found = {}
    for top, directories, files in os.walk(tree):
        directories.sort()
        for name in sorted(directories + files):
            path = os.path.join(top, name)
            found["/" + os.path.relpath(path, tree)] = digest(path)
    return found


def read_list(image):
    try:
        with open(image + ".files", encoding="utf-8") as lines:
            return {path: value for value, path in (line.rstrip("\n").split(" ", 1) for line in lines)}
    except FileNotFoundError:
        return None


def write_list(image, files):
    with open(image + ".files.new", "w", encoding="utf-8") as out:
        out.writelines(f"{value} {path}\n" for path, value in files.items())
    os.replace(image + ".files.new", image + ".files")


def create(image, offset, sectors, tree):
    # Of an ordinary user's files, root is the owner in there.
    mapped = [] if os.geteuid() == 0 else ["unshare", "-r"]
    tool(*mapped, "mke2fs", "-q", "-F", "-t", "ext4", "-L", LABEL, "-E", f"offset={offset}", "-d", tree, image,
         f"{sectors // 2}k")


def replacement(tree, path):
    """debugfs commands that put a file of the tree in place of what has its name."""
    source = os.path.join(tree, path[1:])
    mode = os.lstat(source).st_mode
    if stat.S_ISDIR(mode):
        commands = [f"mkdir {path}"]
    elif stat.S_ISLNK(mode):
        commands = [f"rm {path}", f"symlink {path} {os.readlink(source)}"]
    else:
        commands = [f"rm {path}", f"write {source} {path}"]
    if not stat.S_ISLNK(mode):
        commands += [f"sif {path} mode 0{mode:o}", f"sif {path} uid 0", f"sif {path} gid 0"]
    return commands


def update(image, offset, old, new, tree):
    """debugfs says nothing of use about what failed (a file to remove may be gone): e2fsck has the last word."""
    device = f"{image}?offset={offset}"
    tool("e2fsck", "-fp", device, accept=(0, 1))
    commands = [f"rm {path}" for path in old if path not in new]
    for path in new:
        if old.get(path) != new[path]:
            commands += replacement(tree, path)
    if commands:
        tool("debugfs", "-w", "-f", "-", device, input="\n".join(commands) + "\n")
        tool("e2fsck", "-fn", device)
