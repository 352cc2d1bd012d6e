# SPDX-License-Identifier: MIT
"""Programs are stopped at random moments and go on in another machine as if nothing had happened.
tests/snapshot/moments does it; `make snapshot-moments` runs all of its programs, more often."""

import os
import subprocess

import pytest

from machine import BUILD, ROOT


@pytest.mark.parametrize("name", ["shell", "windows", "cmd", "native", "mixed"])
def test_stopped_at_random_moments_and_restored_in_another_machine(name):
    result = subprocess.run([os.path.join(ROOT, "tests", "snapshot", "moments"), "--build", BUILD, "--runs", "3", name],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
