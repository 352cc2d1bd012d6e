# SPDX-License-Identifier: MIT
"""Fixtures of the system tests."""

import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import machine as harness  # noqa: E402


@pytest.fixture(scope="session")
def shared_machine():
    """One machine for all tests that leave it as they found it."""
    booted = harness.Machine().boot()
    yield booted
    booted.close()


@pytest.fixture
def machine(shared_machine):
    """The shared machine at a prompt in a fresh empty directory."""
    shared_machine.output("rm -rf /tmp/test && mkdir /tmp/test && cd /tmp/test")
    return shared_machine


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
