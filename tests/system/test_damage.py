# SPDX-License-Identifier: MIT
"""Damaged file systems are that mount's own problem (damage.py; `make damage` goes on for longer)."""

from damage import run


def test_two_hundred_damaged_images_are_nobody_elses_trouble():
    images, mounted, crashes = run(200, 20240101)
    assert images == 200 and mounted > 60
    assert not crashes, crashes
