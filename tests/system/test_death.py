# SPDX-License-Identifier: MIT
"""A few of the deaths of tests/disk/death.py; `make driver-deaths` is the long run."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "disk"))

import death  # noqa: E402
from machine import BUILD  # noqa: E402


def test_tar_goes_on_when_drivers_die_and_what_was_synced_survives_a_file_server(tmp_path):
    series = death.Series(BUILD, str(tmp_path / "disk.img"), 1)
    assert series.kill_drivers(3) >= 2
    assert series.kill_console(3) == 3
    series.kill_file_server(1)
    series.end()
