# SPDX-License-Identifier: MIT
"""Deltas of snapshots: what has not changed since another snapshot is not in them, and all the same they are
shown, compared, flattened and restored as if it were."""

import filecmp
import os
import shutil
import subprocess

import pytest

from machine import ATOMIK, BUILD, run

PROGRAMS = os.path.join(BUILD, "tests", "snapshot")
FIXED = 48 << 10  # of a delta: registers, descriptors, mappings
PAGE = 4096


def snap(*arguments):
    return subprocess.run([ATOMIK, "snap", *map(str, arguments)], capture_output=True, text=True, check=False)


SAVES = """cd /tmp; {program} >out & p=$!; sleep 0.3; snap save {options} $p /host/a.snap || exit 1
sleep 0.2; snap save {options} --incremental /host/a.snap $p /host/b.snap || exit 1
sleep 0.2; snap save --stop {options} --incremental /host/b.snap $p /host/c.snap || exit 1
cp out /host/so-far"""


def save_chain(directory, program, options):
    """A program at three moments: whole, a delta of that, a delta of the delta; and what it wrote so far."""
    directory.mkdir()
    shutil.copy(os.path.join(PROGRAMS, program), directory)
    script = SAVES.format(program="/host/" + os.path.basename(program), options=options)
    result = run("/bin/sh", "-c", script, options=("--share", str(directory)))
    assert result.returncode == 0, result.stderr


def goes_on(directory):
    """The last of the chain, restored in another machine, ends as the undisturbed program does."""
    program = next(name for name in ("rounds", "rounds.exe") if (directory / name).exists())
    whole = run("/host/" + program, options=("--share", str(directory))).stdout
    so_far = (directory / "so-far").read_bytes()
    assert whole.startswith(so_far) and len(so_far) < len(whole)
    result = run("/bin/sh", "-c", "cp /host/so-far /tmp/out; cd /tmp; snap restore --files=current /host/c.snap >>out; echo code $?; cat out",
                 options=("--share", str(directory)))
    assert result.stdout == b"code 0\n" + whole, result.stderr


IN_MEMORY = """cd /tmp; {program} >right; {program} >out & p=$!; sleep 0.3; snap save {options} $p a.snap || exit 1
{more}snap save --stop {options} --incremental a.snap $p e.snap || exit 1
snap restore --files=current e.snap >>out; cmp right out && echo same"""


@pytest.mark.parametrize("program, options, more", [
    ("rounds", "", "for name in b c d; do sleep 0.1; snap save --incremental a.snap $p $name.snap || exit 1; done; "),
    ("windows/rounds.exe", "--no-text", "snap save --no-text --incremental a.snap $p b.snap; "),
    ("../../debug/snapshot-native", "--files", "")], ids=["unix", "windows", "native"])
def test_deltas_in_memory_go_on_as_well(program, options, more, tmp_path):
    """There the kernel tells which pages have not been written to since."""
    shutil.copy(os.path.join(PROGRAMS, program), tmp_path)
    script = IN_MEMORY.format(program="/host/" + os.path.basename(program), options=options, more=more)
    result = run("/bin/sh", "-c", script, options=("--share", str(tmp_path)))
    assert result.stdout.splitlines()[-1:] == [b"same"], result.stdout + result.stderr


STANDING = """cd /tmp; cp /host/rounds .; ./rounds >out & p=$!; sleep 0.3; kill -STOP $p; snap save $p a.snap
for name in b c d; do kill -CONT $p; sleep 0.2; kill -STOP $p
snap save --incremental a.snap $p $name.snap && snap save $p $name-whole.snap || exit 1; done; kill -KILL $p; cp *.snap /host"""


def test_what_the_kernel_tells_is_what_a_look_at_all_pages_says(tmp_path):
    shutil.copy(os.path.join(PROGRAMS, "rounds"), tmp_path)
    result = run("/bin/sh", "-c", STANDING, options=("--share", str(tmp_path)))
    assert result.returncode == 0, result.stderr
    for name in "bcd":
        told, whole, looked = (tmp_path / f"{name}{end}.snap" for end in ("", "-whole", "-looked"))
        assert snap("delta", tmp_path / "a.snap", whole, "-o", looked).returncode == 0
        assert "page " not in snap("diff", told, whole).stdout  # what is left of a wait may differ
        assert abs(told.stat().st_size - looked.stat().st_size) < PAGE


def test_a_base_in_memory_that_another_tool_has_changed_is_refused(tmp_path):
    shutil.copy(os.path.join(PROGRAMS, "rounds"), tmp_path)
    script = """cd /tmp; /host/rounds >out & p=$!; sleep 0.3; snap save $p a.snap && snap save --incremental a.snap $p b.snap || exit 1
printf x | dd of=a.snap bs=1 seek=1500000 conv=notrunc 2>/dev/null; snap save --incremental a.snap $p c.snap; echo code $?; ls; kill $p"""
    result = run("/bin/sh", "-c", script, options=("--share", str(tmp_path)))
    assert b"code 1" in result.stdout and b"c.snap" not in result.stdout.split(b"code")[1]
    assert b"deltas need it as it was written" in result.stderr


@pytest.fixture(scope="module", name="saved")
def saved_chain(tmp_path_factory):
    directory = tmp_path_factory.mktemp("delta") / "share"
    save_chain(directory, "rounds", "")
    return directory


@pytest.fixture(name="chain")
def copied_chain(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "share")


def test_the_end_of_a_chain_goes_on_in_another_machine(chain):
    goes_on(chain)


def test_a_windows_program_goes_on_too(tmp_path):
    directory = tmp_path / "share"
    save_chain(directory, "windows/rounds.exe", "--no-text")
    goes_on(directory)


def test_a_delta_has_only_the_pages_that_changed(chain):
    lines = snap("diff", chain / "a.snap", chain / "b.snap").stdout.splitlines()
    changed = sum(line.startswith("page ") for line in lines)
    assert 0 < changed
    assert (chain / "b.snap").stat().st_size <= changed * PAGE + FIXED < (chain / "a.snap").stat().st_size


def test_flattened_it_is_what_it_was_made_of(chain):
    assert snap("flatten", chain / "b.snap", "-o", chain / "whole.snap").returncode == 0
    assert snap("diff", chain / "b.snap", chain / "whole.snap").stdout == ""
    assert "verified" in snap("verify", chain / "whole.snap").stdout
    assert snap("delta", chain / "a.snap", chain / "whole.snap", "-o", chain / "again.snap").returncode == 0
    assert filecmp.cmp(chain / "again.snap", chain / "b.snap", shallow=False)
    shown = subprocess.run(["gdb", "-nx", "-batch", "-ex", "bt", os.path.join(PROGRAMS, "rounds"),
                            str(chain / "whole.snap")], capture_output=True, text=True, check=False).stdout
    assert "in main ()" in shown and "rounds.c" in shown


def test_packed_ones_are_read_too(chain):
    for name in "abc":
        assert snap("flatten" if name == "a" else "verify", chain / f"{name}.snap",
                    *(("-o", chain / "p.snap.zst") if name == "a" else ())).returncode == 0
    assert snap("delta", chain / "p.snap.zst", chain / "c.snap", "-o", chain / "q.snap.zst").returncode == 0
    assert snap("diff", chain / "q.snap.zst", chain / "c.snap").stdout == ""


def edit_base(chain):
    assert snap("edit", chain / "a.snap", "--reg", "eax=1").returncode == 0


def replace_base(chain):
    shutil.copy(chain / "b.snap", chain / "a.snap")


def remove_base(chain):
    (chain / "a.snap").unlink()


def damage_base(chain):
    with open(chain / "a.snap", "r+b") as file:
        file.seek(-PAGE, os.SEEK_END)
        file.write(bytes(byte ^ 1 for byte in file.read(16)))


@pytest.mark.parametrize("change, says", [
    (edit_base, "is not the snapshot that it was made against"), (replace_base, "one on the other"),
    (remove_base, "No such file"), (damage_base, "deltas need it as it was written")],
    ids=["edited", "replaced", "removed", "damaged"])
def test_a_base_that_is_not_the_one_is_refused(chain, change, says):
    change(chain)
    for path in (chain / "b.snap", chain / "c.snap"):
        result = snap("show", path)
        assert result.returncode != 0 and says in result.stderr
    assert snap("edit", chain / "b.snap", "--reg", "eax=1").returncode != 0


def test_edited_it_stands_by_itself(chain):
    assert snap("edit", chain / "b.snap", "-o", chain / "edited.snap", "--reg", "eax=1").returncode == 0
    (chain / "a.snap").unlink()
    assert "eax=0x00000001" in snap("show", chain / "edited.snap").stdout


def test_a_personality_refuses_a_delta_that_nobody_completed(chain):
    result = run("/host/c.snap", options=("--share", str(chain)))
    assert result.returncode != 0 and result.stdout == b""
