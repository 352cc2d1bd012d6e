# SPDX-License-Identifier: MIT
"""A few of the power cuts of tests/disk/powercut.py; `make power-cuts` is the long run."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "disk"))

import powercut  # noqa: E402
from machine import BUILD  # noqa: E402


def test_nothing_that_was_synced_is_lost_when_the_power_goes(tmp_path):
    series = powercut.Series(BUILD, str(tmp_path), powercut.KINDS[0], 1)
    for run in range(4):
        series.cut(drop=run % 2 == 1, longest=1.0)
    series.end()
    assert series.steps > 20
