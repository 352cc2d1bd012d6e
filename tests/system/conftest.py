# SPDX-License-Identifier: MIT
"""Fixtures of the system tests."""

import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import machine as harness  # noqa: E402


class SharedMachine:
    """One machine for all tests that leave it as they found it; another one after a failure."""

    def __init__(self):
        self.booted = None

    def at_prompt(self):
        if self.booted is None or self.booted.broken:
            self.close()
            self.booted = harness.Machine().boot()
        return self.booted

    def close(self):
        if self.booted is not None:
            self.booted.close()
        self.booted = None


@pytest.fixture(scope="session")
def shared_machine():
    shared = SharedMachine()
    yield shared
    shared.close()


@pytest.fixture
def machine(shared_machine):
    """A shell at a prompt in a fresh empty directory, in the shared machine."""
    booted = shared_machine.at_prompt()
    booted.output("rm -rf /tmp/test && mkdir /tmp/test && cd /tmp/test")
    return booted


@pytest.fixture
def own_machine():
    """A function that boots a machine with its own options for one test."""
    booted = []

    def boot(*options):
        booted.append(harness.Machine(*options).boot())
        return booted[-1]

    yield boot
    for one in booted:
        one.close()


@pytest.fixture
def share(tmp_path):
    """A host directory to be /host in a machine."""
    path = tmp_path / "share"
    path.mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)
