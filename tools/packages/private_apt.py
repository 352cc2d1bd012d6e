# SPDX-License-Identifier: MIT
"""apt with private state: what the programs of this directory share.

The host's own package state is left alone: apt runs with state, cache and status directories of its own
and with the host's sources, keys and settings, for architecture i386. So this works without root, and on
a host that has no foreign architecture configured. With an empty status file nothing counts as installed,
so apt resolves the dependencies of a whole system.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile


class FetchError(Exception):
    """A failure that the user is told about in one line."""


class Apt:
    """apt with its own state below `root`, so that the host's is neither needed nor changed."""

    def __init__(self, root):
        self.root = root
        self.updated = False
        for path in ("state/lists/partial", "cache/archives/partial", "parts", "debs"):
            os.makedirs(os.path.join(root, path), exist_ok=True)
        self._write_settings()

    def _write_settings(self):
        parts = os.path.join(self.root, "parts")
        host_parts = "/etc/apt/apt.conf.d"
        for name in os.listdir(host_parts) if os.path.isdir(host_parts) else []:
            if os.access(os.path.join(host_parts, name), os.R_OK):
                shutil.copy(os.path.join(host_parts, name), os.path.join(parts, name))
        # The host's hooks are about the host's own caches.
        with open(os.path.join(parts, "zz-private"), "w", encoding="utf-8") as settings:
            settings.write("#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n"
                           "#clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Post-Invoke;\n")
        open(os.path.join(self.root, "status"), "w", encoding="utf-8").close()

    def _command(self, program, *arguments):
        options = {
            "Dir::Etc::Parts": os.path.join(self.root, "parts"),
            "Dir::State": os.path.join(self.root, "state"),
            "Dir::State::status": os.path.join(self.root, "status"),
            "Dir::Cache": os.path.join(self.root, "cache"),
            "APT::Architecture": "i386",
            "APT::Architectures::": "i386",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
        }
        flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        return [program, *flags, *arguments]

    def _run(self, program, *arguments, cwd=None):
        return subprocess.run(self._command(program, *arguments), cwd=cwd, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})

    def update(self):
        """Read the archive's lists again. A source that cannot be read is no failure by itself."""
        self.updated = True
        result = self._run("apt-get", "-q", "update")
        if result.returncode != 0 and not self._run("apt-cache", "pkgnames").stdout.strip():
            raise FetchError("cannot read the package lists:\n" + result.stderr.strip())

    def stanzas(self, name):
        """What the archive has under that name, newest first, each as a dictionary."""
        text = self._run("apt-cache", "show", name).stdout
        found = []
        for block in text.split("\n\n"):
            fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", block, re.MULTILINE))
            if fields.get("Package") == name and "SHA256" in fields:
                found.append(fields)
        return found

    def download(self, stanza):
        """Return the path of the .deb of that stanza, or None when the archive does not give it."""
        name, version = stanza["Package"], stanza["Version"]
        with tempfile.TemporaryDirectory(dir=self.root) as scratch:
            result = self._run("apt-get", "-q", "download", f"{name}={version}", cwd=scratch)
            debs = os.listdir(scratch)
            if result.returncode != 0 or len(debs) != 1:
                return None
            target = os.path.join(self.root, "debs", name + ".deb")
            os.replace(os.path.join(scratch, debs[0]), target)
        return target

    def resolve(self, names):
        """What installing those packages on an empty system takes: (name, version, architecture)."""
        result = self._run("apt-get", "-q", "-s", "--no-install-recommends", "install", *names)
        if result.returncode != 0:
            return None
        return re.findall(r"^Inst (\S+) \((\S+) .*\[(\w+)\]\)", result.stdout, re.MULTILINE)

    def download_all(self, names):
        """The .deb files of `resolve`, as {(name, version, architecture): path}; apt checks them."""
        for attempt in range(2):
            wanted = self.resolve(names)
            if wanted:
                result = self._run("apt-get", "-q", "-y", "-d", "--no-install-recommends", "install",
                                   *names)
                if result.returncode == 0:
                    break
            if attempt == 1 or self.updated:
                raise FetchError("apt cannot get the packages: " + " ".join(names))
            self.update()
        archives = os.path.join(self.root, "cache", "archives")
        return {item: os.path.join(archives, "_".join(item).replace(":", "%3a") + ".deb")
                for item in wanted}


class SourceApt(Apt):
    """The same for source packages, which the host's lists of sources need not name."""

    def __init__(self, root):
        super().__init__(root)
        self.lists = os.path.join(root, "sources")
        shutil.rmtree(self.lists, ignore_errors=True)
        os.makedirs(self.lists)
        folder = "/etc/apt/sources.list.d"
        names = [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []
        for path in ["/etc/apt/sources.list", *names]:
            if os.path.isfile(path) and path.endswith((".list", ".sources")):
                self._take_list(path)

    def _take_list(self, path):
        with open(path, encoding="utf-8") as given:
            text = re.sub(r"^deb(?=\s)", "deb-src", given.read(), flags=re.MULTILINE)
        with open(os.path.join(self.lists, os.path.basename(path)), "w", encoding="utf-8") as taken:
            taken.write(re.sub(r"^Types:.*", "Types: deb-src", text, flags=re.MULTILINE))

    def _command(self, program, *arguments):
        lists = ["-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={self.lists}"]
        return super()._command(program, *lists, *arguments)

    def download_source(self, name, version, folder):
        """Put the files of a source package into a folder; apt checks them against the description (.dsc)."""
        self._run("apt-get", "-q", "source", "--download-only", f"{name}={version}", cwd=folder)
        return sorted(os.path.join(folder, file) for file in os.listdir(folder))


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def warn(text):
    print(f"packages: warning: {text}", file=sys.stderr)
