# SPDX-License-Identifier: MIT
"""A native program asks servers directly; what it may is its user's, whatever it says of itself."""

import os
import shutil

import pytest

from machine import BUILD, run

# What user-check tries, what becomes of it for root and for a user.
ATTEMPTS = """
read a file of root's             | no error         | right or privilege missing
make a file in root's directory   | no error         | right or privilege missing
name a file of root's             | no error         | no error
open what is only named           | no error         | right or privilege missing
give a file to root               | no error         | operation not permitted
change the mode of an own file    | no error         | no error
set an attribute                  | no error         | operation not permitted
the machine's root directory      | no error         | no error
end its file system               | busy             | operation not permitted
open a disk                       | no error         | operation not permitted
open the console                  | no error         | operation not permitted
take the screen away              | no error         | operation not permitted
signal a process of root's        | no error         | operation not permitted
take a snapshot of it             | no error         | operation not permitted
start a program of an own server's| not found        | operation not permitted
"""
TABLE = [[part.strip() for part in line.split("|")] for line in ATTEMPTS.strip().splitlines()]

SCRIPT = """
echo secret >/tmp/secret; chmod 600 /tmp/secret; mkdir -m 777 /tmp/u; cd /tmp/u
sleep 100 & p=$!
{run} "/host/user-check $p >out"
ls -ln out | cut -d' ' -f1; kill $p; cat out
"""
"""As whom, and what it does to the mode and owner of its own file."""


@pytest.fixture(name="outcome", scope="module")
def outcome_fixture(tmp_path_factory):
    """What user-check printed for root and for a user, by name of the user; and the mode of its file."""
    share = tmp_path_factory.mktemp("users")
    shutil.copy(os.path.join(BUILD, "bin", "user-check"), share)
    share.chmod(0o755)
    disk = share / "disk.img"
    disk.write_bytes(bytes(1 << 20))
    outcomes = {}
    for user, through in (("root", "sh -c"), ("nobody", "su -s /bin/sh nobody -c")):
        result = run("sh", "-c", SCRIPT.format(run=through),
                     options=("--share", str(share), "--drive", str(disk), "--timeout", "60"))
        mode, *lines = result.stdout.decode().splitlines()
        outcomes[user] = mode, dict(line.split(": ", 1) for line in lines), result.stderr
    return outcomes


@pytest.mark.parametrize("what, root, nobody", TABLE, ids=[row[0] for row in TABLE])
def test_only_root_may(outcome, what, root, nobody):
    assert outcome["root"][1].get(what) == root, outcome["root"]
    assert outcome["nobody"][1].get(what) == nobody, outcome["nobody"]


def test_own_file_stays_its_users(outcome):
    assert outcome["nobody"][0] == "-rw-r-----"


def test_nothing_else_was_tried(outcome):
    names = {row[0] for row in TABLE}
    assert set(outcome["root"][1]) == set(outcome["nobody"][1]) == names
