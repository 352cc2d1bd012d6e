# SPDX-License-Identifier: MIT
"""What Debian's maintainer scripts would have done to an unpacked tree, as far as it matters.

Maintainer scripts are i386 programs and want root; the tree is made on any host by anybody. So, by hand:

* alternatives (awk, vi, editor, pager, cc, nc, ...): the links that the packages' own postinst scripts
  ask of update-alternatives, the highest priority first;
* accounts (base-passwd), shadow passwords: locked, root's too; name service switch (libc-bin);
* profiles, root's dot files, shells, motd (base-files, debianutils);
* authentication (libpam-runtime): passwords of Unix, for su and its like; empty login records;
* host name, hosts, resolver, time zone (UTC), locale (C.UTF-8), mtab;
* the cache of ld.so, so that a program's libraries are found without searching;
* dpkg's data base: every package as unpacked, not configured, which is what they are;
* /tmp and mount points.

Python's byte code is not compiled: Python does that when it first needs a module.
"""

import os
import re
import shlex
import shutil
import struct
import subprocess

INFO = "var/lib/dpkg/info"
PAM = {"auth": "pam_unix.so nullok", "account": "pam_unix.so", "password": "pam_unix.so obscure",
       "session": "pam_unix.so", "session-noninteractive": "pam_unix.so"}
PROFILE = """# Atomik's own programs, behind Debian's.
PATH=$PATH:/atomik/bin:/atomik/sbin
export LANG=C.UTF-8
"""


def path_in(root, path):
    return os.path.join(root, path.lstrip("/"))


def write(root, path, text, mode=0o644):
    """Write a file unless there is one: what somebody has changed in the tree stays."""
    target = path_in(root, path)
    if os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(target, mode)


def copy(root, source, path):
    if os.path.exists(path_in(root, source)) and not os.path.lexists(path_in(root, path)):
        shutil.copy(path_in(root, source), path_in(root, path))


def link(root, target, path):
    place = path_in(root, path)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    if os.path.islink(place):
        os.unlink(place)
    if not os.path.lexists(place):
        os.symlink(target, place)


# dpkg's data base


def register(deb, root):
    """The control files of one package where dpkg keeps them."""
    info = path_in(root, INFO)
    os.makedirs(info, exist_ok=True)
    fields = subprocess.run(["dpkg-deb", "-f", deb], text=True, capture_output=True, check=True).stdout
    name = re.search(r"^Package: (\S+)$", fields, re.MULTILINE)[1]
    same = re.search(r"^Multi-Arch: same$", fields, re.MULTILINE)
    arch = re.search(r"^Architecture: (\S+)$", fields, re.MULTILINE)[1]
    stem = os.path.join(info, f"{name}:{arch}" if same else name)
    scratch = stem + ".control-files"
    subprocess.run(["dpkg-deb", "-e", deb, scratch], check=True)
    for file in os.listdir(scratch):
        os.replace(os.path.join(scratch, file), f"{stem}.{file}")
    os.rmdir(scratch)
    listing = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], capture_output=True, check=True).stdout
    names = subprocess.run(["tar", "-t"], input=listing, capture_output=True, check=True).stdout.decode()
    with open(stem + ".list", "w", encoding="utf-8") as file:
        for line in names.splitlines():
            file.write("/" + (line.removeprefix("./").rstrip("/") or ".") + "\n")


def write_status(root):
    stanzas = []
    info = path_in(root, INFO)
    for file in sorted(os.listdir(info)):
        if file.endswith(".control"):
            with open(os.path.join(info, file), encoding="utf-8") as control:
                head, rest = control.read().rstrip("\n").split("\n", 1)
            stanzas.append(f"{head}\nStatus: install ok unpacked\n{rest}\n")
    with open(path_in(root, "var/lib/dpkg/status"), "w", encoding="utf-8") as status:
        status.write("\n".join(stanzas))
    write(root, "var/lib/dpkg/available", "")
    write(root, "var/lib/dpkg/arch", "i386\n")


# Alternatives


def wanted_alternatives(root):
    """{link: (priority, path)} of all `update-alternatives --install` in postinst scripts."""
    best = {}
    info = path_in(root, INFO)
    for file in os.listdir(info):
        if not file.endswith(".postinst"):
            continue
        with open(os.path.join(info, file), encoding="utf-8", errors="replace") as script:
            text = script.read().replace("\\\n", " ")
        for line in re.findall(r"update-alternatives\s+(?:--quiet\s+)?--install\s+([^\n;&|]*)", text):
            take_alternative(root, line, best)
    return best


def take_alternative(root, line, best):
    try:
        words = shlex.split(line)
        priority = int(words[3])
    except (ValueError, IndexError):
        return
    if not os.path.lexists(path_in(root, words[2])):
        return
    choices = [(words[0], words[2])]
    for at, word in enumerate(words):
        if word == "--slave" and at + 3 < len(words) and "/man/" not in words[at + 1]:
            choices.append((words[at + 1], words[at + 3]))
    for place, path in choices:
        if priority > best.get(place, (-1, ""))[0]:
            best[place] = (priority, path)


def set_alternatives(root):
    for place, (_, path) in wanted_alternatives(root).items():
        if os.path.lexists(path_in(root, path)):
            alternative = "/etc/alternatives/" + os.path.basename(place)
            link(root, path, alternative)
            link(root, alternative, place)


# Files of /etc and the like


def set_accounts(root):
    for name in ("passwd", "group"):
        copy(root, f"usr/share/base-passwd/{name}.master", f"etc/{name}")
    with open(path_in(root, "etc/passwd"), encoding="utf-8") as file:
        text = file.read()
    with open(path_in(root, "etc/passwd"), "w", encoding="utf-8") as file:
        file.write(re.sub(r"^(root:)\*", r"\1x", text, flags=re.MULTILINE))
    for name, tail, mode in (("shadow", "*:19000:0:99999:7:::", 0o640), ("gshadow", "*::", 0o640)):
        source = "passwd" if name == "shadow" else "group"
        with open(path_in(root, "etc/" + source), encoding="utf-8") as file:
            write(root, "etc/" + name, "".join(line.split(":")[0] + ":" + tail + "\n" for line in file),
                  mode)


def set_files(root):
    copy(root, "usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf")
    copy(root, "usr/share/base-files/profile", "etc/profile")
    copy(root, "usr/share/base-files/motd", "etc/motd")
    copy(root, "usr/share/base-files/dot.profile", "root/.profile")
    copy(root, "usr/share/base-files/dot.bashrc", "root/.bashrc")
    copy(root, "usr/share/debianutils/shells", "etc/shells")
    copy(root, "usr/share/zoneinfo/Etc/UTC", "etc/localtime")
    with open(path_in(root, "etc/profile.d/atomik.sh"), "w", encoding="utf-8") as file:
        file.write(PROFILE)
    write(root, "etc/hostname", "atomik\n")
    write(root, "etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\tatomik\n::1\tlocalhost\n")
    write(root, "etc/resolv.conf", "")
    write(root, "etc/timezone", "Etc/UTC\n")
    write(root, "etc/default/locale", "LANG=C.UTF-8\n")
    write(root, "etc/fstab", "")
    link(root, "/proc/self/mounts", "/etc/mtab")
    for name, module in PAM.items():
        write(root, f"etc/pam.d/common-{name}", f"{name.split('-')[0]} required {module}\n")
    for name in ("run/utmp", "var/log/wtmp", "var/log/btmp", "var/log/lastlog"):
        write(root, name, "", 0o664)


def set_directories(root):
    for path, mode in (("proc", 0o555), ("sys", 0o555), ("dev", 0o755), ("run", 0o755), ("tmp", 0o1777),
                       ("var/tmp", 0o1777), ("host", 0o755), ("atomik", 0o755), ("root", 0o700),
                       ("run/lock", 0o1777), ("dev/shm", 0o1777), ("var/lib/dpkg/updates", 0o755),
                       ("mnt", 0o755), ("media", 0o755), ("opt", 0o755), ("srv", 0o755)):  # by the script of base-files
        os.makedirs(path_in(root, path), exist_ok=True)
        os.chmod(path_in(root, path), mode)
    link(root, "atomik/c", "/c")
    for path, target in (("var/run", "/run"), ("var/lock", "/run/lock")):
        if not os.path.lexists(path_in(root, path)):
            os.symlink(target, path_in(root, path))


# The cache of ld.so, as glibc's dl-cache.h describes it

LIBRARY_DIRECTORIES = ("usr/local/lib", "usr/lib/i386-linux-gnu", "usr/lib")
CACHE_MAGIC = b"glibc-ld.so.cache1.1"
FLAG_ELF_LIBC6 = 3
LITTLE_ENDIAN = 2


def library_order(name):
    """Sorts as _dl_cache_libcmp does: numbers by value, and after everything else."""
    parts = re.findall(r"\d+|\D", name)
    return [(1, int(part), "") if part.isdigit() else (0, ord(part), "") for part in parts]


def find_libraries(root):
    found = {}
    for directory in LIBRARY_DIRECTORIES:
        base = path_in(root, directory)
        for name in os.listdir(base) if os.path.isdir(base) else []:
            if re.match(r"(lib|ld-).*\.so", name) and os.path.isfile(os.path.join(base, name)):
                shown = directory.removeprefix("usr") if directory != "usr/local/lib" else "/" + directory
                found.setdefault(name, f"{shown}/{name}")
    return found


def write_library_cache(root):
    libraries = find_libraries(root)
    names = sorted(libraries, key=library_order, reverse=True)
    header = struct.Struct("<20sIIB3xI12x")
    entry = struct.Struct("<iIIIQ")
    strings_at = header.size + entry.size * len(names)
    strings = bytearray()
    entries = bytearray()
    for name in names:
        key = strings_at + len(strings)
        strings += name.encode() + b"\0"
        value = strings_at + len(strings)
        strings += libraries[name].encode() + b"\0"
        entries += entry.pack(FLAG_ELF_LIBC6, key, value, 0, 0)
    with open(path_in(root, "etc/ld.so.cache"), "wb") as file:
        file.write(header.pack(CACHE_MAGIC, len(names), len(strings), LITTLE_ENDIAN, 0))
        file.write(entries + strings)


def configure(root):
    set_directories(root)
    set_accounts(root)
    set_files(root)
    set_alternatives(root)
    write_library_cache(root)
    write_status(root)
