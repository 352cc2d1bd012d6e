# SPDX-License-Identifier: MIT
"""Snapshots of Windows processes: they go on elsewhere as if nothing had happened, with their threads' waits,
objects, pipes, files and shared memory; debuggers open them; and a file that is no good does no harm."""

import json
import os
import random
import shutil
import struct
import subprocess

import pytest

from machine import ATOMIK, BUILD, run

PROGRAM = os.path.join(BUILD, "tests", "snapshot", "windows", "objects.exe")
MOMENTS = 8
SAVE = "cd /tmp; /host/objects.exe >out & until grep -q ^3: out; do usleep 5000; done; snap save --stop {} $! /host/o.snap >log || cat log; cat out"


def atomik(share, script, seconds=60):
    if not (share / "objects.exe").exists():
        shutil.copy(PROGRAM, share / "objects.exe")
    return run("/bin/sh", "-c", script, options=("--share", str(share)), seconds=seconds)


def snap(*arguments):
    return subprocess.run([ATOMIK, "snap", *map(str, arguments)], capture_output=True, text=True, check=False)


def shown(path):
    result = snap("show", "--json", path)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an undisturbed run prints."""
    result = atomik(tmp_path_factory.mktemp("whole"), "cd /tmp; /host/objects.exe; echo code $?")
    assert result.stdout.endswith(b"thread 2: 20\r\ncode 7\n")
    return result.stdout


def saved(share, options="--files"):
    result = atomik(share, SAVE.format(options))
    assert result.returncode == 0 and (share / "o.snap").exists(), result.stdout + result.stderr
    return share / "o.snap", result.stdout


@pytest.mark.parametrize("options,lazy", [("--files", ""), ("--files --no-text", ""), ("--files", "--lazy")])
def test_goes_on_in_another_machine(share, whole, options, lazy):
    path, so_far = saved(share, options)
    assert whole.startswith(so_far) and 0 < len(so_far) < len(whole)
    result = atomik(share, f"cd /tmp; snap restore {lazy} --files=snapshot /host/{path.name}; echo code $?; wc -l <objects.tmp")
    assert so_far + result.stdout == whole + b"30\n", result.stderr


def test_at_random_moments_and_with_another_pid(share, whole):
    chance = random.Random(6)
    moments = " ".join(str(chance.randrange(20000, 350000)) for _ in range(MOMENTS))
    script = f"""cd /tmp; (/host/objects.exe; echo code $?) >right
for moment in {moments}; do
    /host/objects.exe >out & pid=$!; usleep $moment
    snap save --stop --no-text $pid s.snap >log || cat log
    (snap restore --as-new-pid --files=current s.snap; echo code $?) >rest
    cat out rest | cmp - right && echo same
done; ls /tmp"""
    result = atomik(share, script, seconds=120)
    assert result.stdout.count(b"same\n") == MOMENTS, result.stdout + result.stderr


def test_a_file_that_it_lets_nobody_write_to_is_brought_back(share):
    """Whether it is still what it was, has changed, or is gone."""
    shutil.copy(os.path.join(BUILD, "tests", "snapshot", "windows", "kept.exe"), share / "kept.exe")
    script = r"""cd /tmp; printf 'as it was' >file; /host/kept.exe file >out & while ! grep -q open out; do usleep 20000; done
snap save --stop --files $! k.snap >log || cat log
for change in true "sh -c 'echo other >file'" 'rm file'; do eval $change; snap restore --files=snapshot k.snap; cat file; echo; done"""
    assert atomik(share, script).stdout == b"as it was\r\nas it was\n" * 3


def test_goes_on_after_a_snapshot(share, whole):
    script = "cd /tmp; (/host/objects.exe; echo code $?) & sleep 0.2; snap save $! /host/o.snap >log || cat log; snap save $! x >>log; wait"
    assert atomik(share, script).stdout == whole


def test_show_names_objects_and_waits(share):
    path, _ = saved(share, "--no-text")
    snapshot = shown(path)
    classes = {note["class"] for note in snapshot["object"]}
    assert {"Event", "Mutant", "Semaphore", "Timer", "File", "Section", "Key", "Thread"} <= classes
    assert any(note.get("name") == "\\Sessions\\1\\BaseNamedObjects\\objects-done" for note in snapshot["object"])
    waits = [note.get("wait", "") for note in snapshot["thread"]]
    assert len(waits) == 4 and any(wait.startswith("NtWait") for wait in waits)


def test_gdb_opens_it(share):
    path, _ = saved(share, "")
    output = subprocess.run(["gdb", "-nx", "-batch", "-ex", "info threads", "-ex", "p counts",
                             PROGRAM, str(path)], capture_output=True, text=True, check=False,
                            stdin=subprocess.DEVNULL).stdout
    assert output.count("LWP") >= 4 and "$1 = {" in output, output


def test_edited_memory_and_registers_count(share, whole):
    """A counter of the program, found with gdb, is set in the file; what is printed after that says so."""
    path, so_far = saved(share, "")
    address = subprocess.run(["gdb", "-nx", "-batch", "-ex", "p/x &ticks", PROGRAM], capture_output=True, text=True,
                             check=False).stdout.split("=")[1].strip()
    edited = share / "edited.snap"
    result = snap("edit", path, "-o", edited, "--mem", f"{address}=e8030000")
    assert result.returncode == 0, result.stderr
    rest = atomik(share, "cd /tmp; touch objects.tmp; snap restore --files=current /host/edited.snap").stdout
    first = rest.split(b"\r\n")[0].split()
    assert int(first[4]) == 1001, rest


def test_changed_files_and_damage_are_refused(share):
    path, _ = saved(share, "")
    whole = bytearray(path.read_bytes())
    chance = random.Random(3)
    scripts = ["cd /tmp; snap restore /host/o.snap; echo code $?"]
    for number in range(12):
        bad = bytearray(whole)
        if number % 2:
            del bad[chance.randrange(len(bad)):]
        else:
            bad[chance.randrange(60000)] ^= 1 << chance.randrange(8)
        (share / f"bad{number}.snap").write_bytes(bad)
        scripts.append(f"snap restore --files=current /host/bad{number}.snap; echo code $?")
    scripts.append("objects.exe 2>/dev/null; hello-win.exe x | head -1")
    result = atomik(share, "; ".join(scripts), seconds=120)
    assert result.stdout.count(b"code 1\n") == 13, result.stdout + result.stderr
    assert b"/tmp/objects.tmp cannot be opened" in result.stderr
    assert b"Win32" in result.stdout or b"hello" in result.stdout.lower()


def test_crash_is_saved_mended_and_goes_on(share):
    """Saved at the instruction of the exception that ended it, not at the one that it handled before."""
    program = os.path.join(BUILD, "tests", "snapshot", "windows", "crash.exe")
    shutil.copy(program, share / "crash.exe")
    script = "echo 'crash /host crash.exe' >/etc/snap.conf; /host/crash.exe; echo code $?"
    result = atomik(share, script)
    assert result.stdout == b"before\r\ncode 5\n", result.stderr
    saved_as = list(share.glob("crash-crash.exe-*.snap"))
    assert len(saved_as) == 1
    output = subprocess.run(["gdb", "-nx", "-batch", "-ex", "bt", "-ex", "p &value", program, str(saved_as[0])],
                            capture_output=True, text=True, check=False).stdout
    assert "SIGSEGV" in output and "in main ()" in output, output
    address = output.split("(volatile int *) ")[1].split()[0]
    register = "eax"  # the pointer that was null; the instruction is movl (%eax), %...
    result = snap("edit", saved_as[0], "-o", share / "fixed.snap", "--reg", f"{register}={address}")
    assert result.returncode == 0, result.stderr
    result = atomik(share, "snap restore /host/fixed.snap; echo code $?")
    assert result.stdout == b"after: 42 42\r\ncode 3\n", result.stderr


def streams_of(dump):
    """The streams of a minidump by their type (minidumpapiset.h)."""
    signature, version, count, directory = struct.unpack_from("<4sIII", dump)
    assert signature == b"MDMP" and version & 0xffff == 0xa793
    rows = (struct.unpack_from("<III", dump, directory + 12 * i) for i in range(count))
    return {kind: dump[offset:offset + size] for kind, size, offset in rows}


def test_minidump_has_threads_modules_and_memory(share):
    path, _ = saved(share, "")
    result = snap("export", "--minidump", path, "-o", share / "o.dmp")
    assert result.returncode == 0, result.stderr
    dump = (share / "o.dmp").read_bytes()
    streams = streams_of(dump)
    snapshot = shown(path)
    threads, modules, memory = streams[3], streams[4], streams[9]
    count = struct.unpack_from("<I", threads)[0]
    ids = [struct.unpack_from("<I", threads, 4 + 48 * i)[0] for i in range(count)]
    assert ids == [thread["tid"] for thread in snapshot["thread"]]
    size, context = struct.unpack_from("<II", threads, 4 + 40)
    assert size == 716 and struct.unpack_from("<I", dump, context + 184)[0] == int(
        snapshot["thread"][0]["registers"]["eip"], 16)
    names = []
    for i in range(struct.unpack_from("<I", modules)[0]):
        base, name = struct.unpack_from("<Q12xI", modules, 4 + 108 * i)
        length = struct.unpack_from("<I", dump, name)[0]
        names.append((base, dump[name + 4:name + 4 + length].decode("utf-16-le")))
    assert names[0] == (0x400000, "Z:\\host\\objects.exe") and any(name.endswith("ntdll.dll") for _, name in names)
    ranges, offset = struct.unpack_from("<QQ", memory)
    for i in range(ranges):
        start, length = struct.unpack_from("<QQ", memory, 16 + 16 * i)
        if start == 0x400000:
            assert dump[offset:offset + 2] == b"MZ"
        offset += length
    assert offset == len(dump)


PIPE_LINE = r"""i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); usleep 10000; done |
/host/filter.exe | tr -d '\r' | sed s/LINE/x/; echo end"""


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_pipe_line_of_two_personalities_is_one_tree(share, where):
    """A shell, its loop, a Windows program and two Unix ones, with what is in the pipes between them."""
    shutil.copy(os.path.join(BUILD, "tests", "snapshot", "windows", "filter.exe"), share / "filter.exe")
    (share / "pipe.sh").write_text(PIPE_LINE)
    script = """cd /host; sh pipe.sh >right
sh pipe.sh >out & pid=$!; sleep 0.5
snap save --tree --stop --no-text $pid tree >log || cat log; wait; ls tree | wc -l; echo $pid >pid"""
    result = atomik(share, script)
    assert int(result.stdout) >= 5, result.stderr
    restore = "cd /host; snap restore --files=current tree/p$(cat pid).snap; echo code $?; cmp out right && echo same"
    if where == "here":
        restore = "sleep 100 & " + restore + "; sh pipe.sh | cmp - right && echo same"
    result = atomik(share, restore)
    assert result.stdout == b"code 0\n" + b"same\n" * (2 if where == "here" else 1), result.stderr


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_operations_that_go_on_behind_their_calls(share, where):
    """Overlapped reads, writes and connections of pipes, waits for locks and for changes of directories and keys."""
    shutil.copy(os.path.join(os.path.dirname(PROGRAM), "overlapped.exe"), share)
    right = "mkdir -p /tmp/right /tmp/run; cd /tmp/right; /host/overlapped.exe >../expected; echo code $?"
    save = f"""{right}; cd ../run; /host/overlapped.exe >../out & usleep 500000; snap save --stop --files $! /host/o.snap >&2
wait; cp ../out /host/so-far"""
    restore = """mkdir -p /tmp/run/watched; cd /tmp/run; cp /host/so-far ../out
snap restore --files=snapshot /host/o.snap >>../out; echo code $?"""
    same = "cmp /tmp/out /tmp/expected && echo same"
    result = atomik(share, save + (f"\n{restore}\n{same}" if where == "here" else ""))
    if where == "elsewhere":
        result = atomik(share, f"{restore}\n{right}\n{same}")  # the other way round: the key is not in the snapshot
    assert result.stdout == b"code 8\ncode 8\nsame\n", result.stdout + result.stderr
    notes = subprocess.run([ATOMIK, "snap", "show", str(share / "o.snap")], capture_output=True, text=True, check=False).stdout
    assert notes.count("\noperation[") == 6 and "kind=range" in notes


def test_the_command_line_of_a_program_that_another_started_is_whole(share):
    find = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | grep -q '^[^ ]*objects.exe' && snap save --stop ${p#/proc/} /host/o.snap; done"
    start = r'cd /tmp; >out; cmd.exe /c "z:\\host\\objects.exe one two>out" & until grep -q ^3: out; do usleep 5000; done'
    result = atomik(share, f"{start}\n{find}")
    assert (share / "o.snap").exists(), result.stdout + result.stderr
    assert shown(share / "o.snap")["process"][0]["command"] == r"z:\host\objects.exe one two"
