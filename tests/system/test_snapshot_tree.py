# SPDX-License-Identifier: MIT
"""Trees whose first process is a Windows or a native program: relations, handles of children, what they share
and the pipes between them come back, with Unix programs below and others below these."""

import os
import random
import shutil

import pytest

from machine import BUILD, run

TESTS = os.path.join(BUILD, "tests", "snapshot")
# A Unix program below a Windows program, and a Windows program below that.
SCRIPT = """(i=0; while [ $i -lt 30 ]; do echo unix $i; i=$((i+1)); usleep 10000; done) | /host/filter.exe | tr -d '\\r'
exit 6
"""
BATCH = "@echo off\r\nset name=batch\r\nfamily.exe\r\necho %name% %errorlevel%\r\nexit 9\r\n"
ROOTS = {"windows": "/host/family.exe", "native": "/host/family-native", "cmd": "cmd.exe /c family.bat"}
SAVE = r"""cd /host; {command} >right; echo code $? >>right; {command} >out & pid=$!
until grep -q ' 3.$\| 3$' out; do usleep 5000; done
snap save --tree --stop --files --no-text $pid tree >log || cat log; wait; echo $pid >pid; ls tree"""
RESTORE = """cd /host; (snap restore --files=snapshot tree/p$(cat pid).snap; echo code $?) >>out
cmp out right && echo same"""


@pytest.fixture
def family(share):
    shutil.copy(os.path.join(TESTS, "windows", "family.exe"), share)
    shutil.copy(os.path.join(TESTS, "windows", "filter.exe"), share)
    shutil.copy(os.path.join(BUILD, "bin", "family-native"), share)
    (share / "family.sh").write_text(SCRIPT)
    (share / "family.bat").write_text(BATCH)
    return share


def atomik(share, script, seconds=60):
    return run("/bin/sh", "-c", script, options=("--share", str(share)), seconds=seconds)


@pytest.mark.parametrize("root", ROOTS)
def test_goes_on_in_another_machine(family, root):
    first = atomik(family, SAVE.format(command=ROOTS[root]))
    assert first.stdout.count(b".snap") >= 3, first.stdout + first.stderr
    second = atomik(family, RESTORE)
    assert second.stdout == b"same\n", second.stdout + second.stderr + (family / "out").read_bytes()


@pytest.mark.parametrize("root", ROOTS)
def test_at_random_moments(family, root):
    chance = random.Random(root)
    moments = " ".join(str(chance.randrange(50000, 350000)) for _ in range(4))
    script = f"""cd /host; {ROOTS[root]} >right; echo code $? >>right
for moment in {moments}; do
    rm -rf tree; {ROOTS[root]} >out & pid=$!; usleep $moment
    snap save --tree --stop --no-text $pid tree >log || cat log
    wait; (snap restore --files=current tree/p$pid.snap; echo code $?) >>out; cmp out right && echo same
done"""
    result = atomik(family, script, seconds=120)
    assert result.stdout == 4 * b"same\n", result.stdout + result.stderr


@pytest.mark.parametrize("root", ROOTS)
def test_goes_on_after_a_snapshot(family, root):
    script = f"""cd /host; {ROOTS[root]} >right; {ROOTS[root]} >out & pid=$!; usleep 200000
snap save --tree $pid tree >log || cat log; wait; cmp out right && ls tree | grep -c snap$"""
    result = atomik(family, script)
    assert int(result.stdout) >= 3, result.stdout + result.stderr


def test_one_that_cannot_be_saved_leaves_nothing_and_all_go_on(family):
    shutil.copy(os.path.join(TESTS, "filtered"), family)
    (family / "family.sh").write_text("/host/filtered & pid=$!; usleep 400000; kill $pid; echo unix; exit 6\n")
    script = """cd /host; /host/family.exe >right; /host/family.exe >out & pid=$!; usleep 300000
snap save --tree $pid tree 2>&1; wait; cmp out right && ls tree"""
    result = atomik(family, script)
    assert b"not supported" in result.stdout and b".snap" not in result.stdout, result.stdout + result.stderr
