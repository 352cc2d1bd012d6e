# SPDX-License-Identifier: MIT
"""One file open in programs of both worlds: NT's denial of writing holds against Unix, and Unix's writers against it;
locks of ranges hold against each other, and bind the reads and writes of NT."""

import os

from machine import BUILD, ROOT, run

SCRIPT = r"""
cd /tmp && echo text >file
exec 3>>file
/host/sharing.exe file 0
exec 3>&-
/host/sharing.exe file 4000 | { read -r line; echo "$line"; (echo more >>file) 2>&1 | grep -o 'Text file busy'
cat file; echo new >other && mv other file && cat file; wait; cat >/dev/null; }
echo more >>file && tail -n 1 file
"""

# The second open finds the node of the first, which has gone on to deny nothing (struct fs_claim).
AGAIN = r"""
cd /tmp && echo text >file
/host/sharing.exe file 0
/host/sharing.exe file 3000 | { read -r line; echo "$line"; (echo more >>file) 2>&1 | grep -o 'Text file busy'; cat >/dev/null; }
exec 3>>file
/host/sharing.exe file 0
echo more >&3
exec 3>&-
/host/sharing.exe file 0 && cat file
"""


def test_denied_writing_holds_across_personalities():
    """32: a sharing violation. Reading, and taking the name away, are never refused to Unix."""
    result = run("/bin/sh", "-c", SCRIPT, options=("--share", os.path.join(BUILD, "tests", "nt")))
    assert result.stdout.decode().replace("\r", "").splitlines() == ["error 32", "open", "Text file busy", "text", "new",
                                                                     "more"], result.stderr


def test_a_remembered_node_denies_only_while_it_is_open():
    result = run("/bin/sh", "-c", AGAIN, options=("--share", os.path.join(BUILD, "tests", "nt")))
    assert result.stdout.decode().replace("\r", "").splitlines() == ["open", "open", "Text file busy", "error 32", "open",
                                                                     "text", "more"], result.stderr


def test_locks_of_ranges_meet_across_personalities():
    """33: a lock violation."""
    programs = os.path.join(BUILD, "tests", "system", "locks")
    result = run("/bin/sh", "-c", "cd /tmp && /host/crossing file /host/locker.exe", options=("--share", programs))
    with open(os.path.join(ROOT, "tests", "system", "locks", "expected.txt"), encoding="ascii") as expected:
        assert result.stdout.decode() == expected.read(), result.stderr
