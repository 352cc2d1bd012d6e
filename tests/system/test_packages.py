# SPDX-License-Identifier: MIT
"""Fetching recorded Debian packages, with a stand-in for apt that has one package in one version."""

import hashlib
import os
import shutil
import subprocess

import pytest

from machine import ROOT

APT_CACHE = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift 2; done
[ "$1" = show ] && cat "$ARCHIVE/$2.stanza" 2>/dev/null
exit 0
"""
# `apt-get ... download NAME=VERSION` puts the file into the current directory.
APT_GET = """#!/bin/sh
for last; do :; done
case "$*" in
*download*) cp "$ARCHIVE/${last%%=*}.deb" . ;;
esac
"""


class Archive:
    """A package `thing` as the archive has it, and the tool with a lock file of its own."""

    def __init__(self, path):
        self.path = path
        for folder in ("bin", "archive", "tools", "build"):
            (path / folder).mkdir()
        for name, text in (("apt-get", APT_GET), ("apt-cache", APT_CACHE)):
            (path / "bin" / name).write_text(text)
            (path / "bin" / name).chmod(0o755)
        for name in ("fetch", "private_apt.py"):
            shutil.copy(os.path.join(ROOT, "tools", "packages", name), path / "tools" / name)

    def publish(self, version, contents, checksum=None):
        """Put a version into the archive; return the checksum of its file."""
        tree = self.path / f"tree-{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(
            f"Package: thing\nVersion: {version}\nArchitecture: i386\nMaintainer: nobody\n"
            "Description: a package\n")
        (tree / "file").write_text(contents)
        deb = self.path / "archive" / "thing.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, deb], check=True,
                       stdout=subprocess.DEVNULL)
        actual = hashlib.sha256(deb.read_bytes()).hexdigest()
        (self.path / "archive" / "thing.stanza").write_text(
            f"Package: thing\nVersion: {version}\nSHA256: {checksum or actual}\n\n")
        return actual

    def record(self, version, checksum):
        (self.path / "tools" / "packages.lock").write_text(f"thing i386 {version} {checksum} ./file\n")

    def fetch(self):
        environment = {**os.environ, "ARCHIVE": str(self.path / "archive"),
                       "PATH": f"{self.path}/bin:{os.environ['PATH']}"}
        return subprocess.run([self.path / "tools" / "fetch", self.path / "build", "thing"], text=True,
                              capture_output=True, check=False, env=environment)

    def extracted(self):
        path = self.path / "build" / "packages" / "thing" / "file"
        return path.read_text() if path.exists() else None


@pytest.fixture(name="archive")
def make_archive(tmp_path):
    return Archive(tmp_path)


def test_recorded_version_is_extracted(archive):
    archive.record("1.0", archive.publish("1.0", "one"))
    result = archive.fetch()
    assert (result.returncode, result.stderr) == (0, "")
    assert archive.extracted() == "one"


def test_other_checksum_of_the_recorded_version_is_an_error(archive):
    archive.publish("1.0", "tampered with")
    archive.record("1.0", "0" * 64)
    result = archive.fetch()
    assert result.returncode == 1 and "checksum" in result.stderr and "1.0" in result.stderr
    assert archive.extracted() is None


def test_file_that_is_not_what_the_archive_says_is_an_error(archive):
    archive.publish("1.0", "damaged", checksum="1" * 64)
    archive.record("1.0", "1" * 64)
    result = archive.fetch()
    assert result.returncode == 1 and "checksum" in result.stderr
    assert archive.extracted() is None


def test_newer_version_is_taken_with_a_warning(archive):
    checksum = archive.publish("1.1", "newer")
    archive.record("1.0", "0" * 64)
    result = archive.fetch()
    assert result.returncode == 0
    assert "warning" in result.stderr and "1.1" in result.stderr and checksum in result.stderr
    assert archive.extracted() == "newer"


def test_package_that_is_gone_is_an_error(archive):
    archive.record("1.0", "0" * 64)
    result = archive.fetch()
    assert result.returncode == 1 and "thing" in result.stderr


def test_fetched_file_is_not_fetched_again(archive):
    archive.record("1.0", archive.publish("1.0", "one"))
    assert archive.fetch().returncode == 0
    (archive.path / "archive" / "thing.deb").unlink()
    assert archive.fetch().returncode == 0
    assert archive.extracted() == "one"
