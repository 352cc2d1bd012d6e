# SPDX-License-Identifier: MIT
"""Snapshots: what is saved goes on elsewhere as if nothing had happened; debuggers open it; it can be
edited; and a file that is no good does no harm."""

import json
import os
import random
import re
import shutil
import subprocess

import pytest

from machine import ATOMIK, BUILD, run

PROGRAMS = os.path.join(BUILD, "tests", "snapshot")
MOMENTS = 12


def atomik(share, script, seconds=60):
    """Run a shell script in a machine of its own, with `share` as /host and the programs in it."""
    for name in ("threads", "files", "crash", "events", "inet", "recorded", "shared", "waits"):
        if not (share / name).exists():
            shutil.copy(os.path.join(PROGRAMS, name), share / name)
    return run("/bin/sh", "-c", script, options=("--share", str(share)), seconds=seconds)


def snap(*arguments):
    return subprocess.run([ATOMIK, "snap", *map(str, arguments)], capture_output=True, text=True, check=False)


def shown(path):
    result = snap("show", "--json", path)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def gdb(program, path, *commands):
    words = [word for command in commands for word in ("-ex", command)]
    return subprocess.run(["gdb", "-nx", "-batch", *words, program, str(path)], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL).stdout


@pytest.fixture
def threads(share):
    """A snapshot of the program with four threads, stopped in the middle of its work."""
    result = atomik(share, "cd /tmp; /host/threads >out & sleep 0.3; snap save --stop --files $! /host/t.snap >log && cat out")
    assert result.returncode == 0, result.stderr
    return share / "t.snap", result.stdout


def expected_of_threads():
    return subprocess.run([os.path.join(PROGRAMS, "threads")], capture_output=True, check=False).stdout


def test_threads_go_on_in_another_machine(share, threads):
    path, so_far = threads
    whole = expected_of_threads()
    assert whole.startswith(so_far) and len(so_far) < len(whole)
    result = atomik(share, f"cd /tmp; snap restore --files=snapshot /host/{path.name}; echo code $?; cat out")
    assert result.stdout == b"code 7\n" + whole


def test_calls_that_wait_do_not_notice(share):
    """What a signal ends early, and what is half through, goes on with the rest of its time: here, and restored elsewhere."""
    whole = subprocess.run([os.path.join(PROGRAMS, "waits")], capture_output=True, check=True).stdout
    script = """cd /tmp; /host/waits >out & for i in 1 2 3; do sleep 0.5; snap save $! s.snap >/dev/null; done; wait $!; cat out
/host/waits >out & sleep 1; snap save --stop $! s.snap >/dev/null; snap restore --files=current s.snap; cat out"""
    assert atomik(share, script).stdout == whole + whole


def test_restored_twice_and_as_a_program(share, threads):
    path, _ = threads
    whole = expected_of_threads()
    script = (f"cd /tmp; snap restore --files=snapshot /host/{path.name}; cat out; "
              f"/host/{path.name} --files=snapshot; echo code $?; cat out")
    result = atomik(share, script)
    assert result.stdout == whole + b"code 7\n" + whole


def test_compressed_goes_on_and_a_cut_one_is_refused(share):
    """Written and read packed, in the machine and on the host; what is missing is noticed, and nothing is left behind."""
    whole = expected_of_threads()
    script = """cd /tmp; /host/threads >out & sleep 0.3; snap save --stop --files $! /host/t.snap.zst >/dev/null
snap restore --files=snapshot /host/t.snap.zst; echo code $?; cat out
head -c 5000 /host/t.snap.zst >cut; snap restore cut; echo code $?; ls"""
    result = atomik(share, script)
    assert result.stdout == b"code 7\n" + whole + b"code 1\ncut\nout\n"
    assert b"cut: the compressed file is damaged or cut off" in result.stderr
    packed, edited = share / "t.snap.zst", share / "e.snap.zst"
    assert packed.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    assert snap("verify", packed).stdout.endswith("verified\n")
    assert snap("edit", packed, "-o", edited, "--reg", "edx=0x1234567").returncode == 0
    assert "-> 0x01234567" in snap("diff", packed, edited).stdout
    assert sorted(path.name for path in share.glob("*.snap*")) == ["e.snap.zst", "t.snap.zst"]


def test_a_full_disk_leaves_no_half_snapshot(share):
    """Plain, packed and of a tree: an error, no file at all, and the process goes on."""
    script = """mkdir /tmp/small; mount -t tmpfs -o size=300k none /tmp/small; cd /tmp/small; sleep 5 & pid=$!
snap save $pid p.snap && echo saved; snap save $pid p.snap.zst && echo saved; snap save --tree $pid tree && echo saved
find . -type f; kill -0 $pid && echo lives; snap save $pid /tmp/p.snap >/dev/null && echo saved elsewhere"""
    result = atomik(share, script)
    assert result.stdout == b"lives\nsaved elsewhere\n", result.stderr
    assert result.stderr.count(b"o space left") == 3


@pytest.mark.parametrize("program", ["threads", "files", "events", "inet"])
def test_at_random_moments(share, program):
    """Stopped and restored, the output of the whole run is that of an undisturbed one."""
    chance = random.Random(4)
    moments = " ".join(str(chance.randrange(20000, 400000)) for _ in range(MOMENTS))
    script = f"""cd /tmp; /host/{program} >right; right=$?
for moment in {moments}; do
    /host/{program} >out & pid=$!; usleep $moment
    if snap save --stop $pid p.snap >/dev/null 2>&1; then
        wait $pid 2>/dev/null; snap restore p.snap; code=$?
    else
        wait $pid; code=$?
    fi
    cmp out right && [ $code = $right ] && echo same
done"""
    result = atomik(share, script, 120)
    assert result.stdout.decode().split("\n")[:-1] == ["same"] * MOMENTS, result.stderr


# The server's side reads what came while nobody listened to it; the client sends in two parts.
CONNECTION = """rm -f hold; mkfifo hold; nc -l -p 7777 <>hold | (sleep 1; cat) &
until (echo first; sleep 2; echo second) | nc 127.0.0.1 7777 2>/dev/null; do :; done
wait; echo end
"""


def test_a_connection_over_the_loopback_interface(share):
    """Two programs and what was on its way between them, as one tree; then the port is somebody else's."""
    (share / "connection.sh").write_text(CONNECTION)
    script = """cd /tmp; for moment in 500000 1400000; do
    rm -rf tree; sh /host/connection.sh >out & pid=$!; usleep $moment; snap save --tree --stop $pid tree >/dev/null; wait $pid
    snap restore tree/p$pid.snap; echo code $?; cat out
done
count() { ls -d /proc/[0-9]* | wc -l; }
nc -l -p 7777 & usleep 100000; snap save --stop $! listener >/dev/null; wait
nc -l -p 7777 & usleep 100000; before=$(count); snap restore listener || echo refused
[ $(count) = $before ] && echo nothing left; kill $!"""
    result = atomik(share, script)
    assert result.stdout == 2 * b"code 0\nfirst\nsecond\nend\n" + b"refused\nnothing left\n", result.stderr
    assert b"cannot be bound to 0.0.0.0:7777 again" in result.stderr


def test_an_address_is_shown_and_edited_as_people_write_it(share):
    script = "cd /tmp; /host/inet >/dev/null & usleep 100000; snap save --stop $! /host/i.snap >/dev/null; true"
    assert atomik(share, script).returncode == 0
    path, edited = share / "i.snap", share / "e.snap"
    assert snap("edit", path, "-o", edited, "--set", "socket[0].endpoint=127.0.0.9:65535").returncode == 0
    assert " endpoint=127.0.0.9:65535" in snap("show", edited).stdout
    for wrong in ("127.0.0.1", "127.0.0.1:65536", "256.0.0.1:1", "1.2.3:4", "1.2.3.4:", "1.2.3.4:5:6"):
        assert snap("edit", path, "-o", edited, "--set", f"socket[0].endpoint={wrong}").returncode != 0
    assert atomik(share, "snap restore /host/e.snap").returncode == 0
    assert snap("edit", path, "-o", edited, "--set", "socket[0].endpoint=8.8.8.8:53").returncode == 0
    result = atomik(share, "snap restore /host/e.snap")
    assert result.returncode != 0 and b"cannot be bound to 8.8.8.8:53 again" in result.stderr


def test_nobody_at_the_other_end_of_a_pipe(share):
    """It is no end of the restoring program's: who writes into it gets SIGPIPE as before."""
    script = """cd /tmp; echo '(usleep 300000; echo lost) | true; echo end' >script; sh script >out & pid=$!; usleep 100000
snap save --tree --stop $pid tree >/dev/null; wait; snap restore tree/p$pid.snap; echo code $?; cat out"""
    result = atomik(share, script)
    assert result.stdout == b"code 0\nend\n", result.stderr


PIPELINE = r"""(i=0; while [ $i -lt 30 ]; do echo data $i; usleep 15000; i=$((i+1)); done) |
    sed 's/data/item/' | sort -r | head -40
(exit 5) & wait $!; echo end $?
"""


def test_a_pipeline_in_flight_at_random_moments(share):
    """All processes of a shell's pipe line with the bytes in its pipes, stopped and restored as one tree."""
    (share / "pipeline.sh").write_text(PIPELINE)
    chance = random.Random(6)
    moments = " ".join(str(chance.randrange(50000, 500000)) for _ in range(8))
    script = f"""cd /tmp; sh /host/pipeline.sh >right
for moment in {moments}; do
    rm -rf tree; sh /host/pipeline.sh >out & pid=$!; usleep $moment
    if snap save --tree --stop $pid tree >/dev/null; then
        wait $pid 2>/dev/null; snap restore tree/p$pid.snap; code=$?
    else
        wait $pid; code=$?
    fi
    cmp out right && [ $code = 0 ] && echo same
done"""
    result = atomik(share, script, 120)
    assert result.stdout.decode().split("\n")[:-1] == ["same"] * 8, result.stderr


def test_a_tree_goes_on_in_another_machine(share):
    (share / "pipeline.sh").write_text(PIPELINE)
    script = "cd /tmp; sh /host/pipeline.sh >out & usleep 200000; snap save --tree --stop --files $! /host/tree >&2; echo $!"
    pid = atomik(share, script).stdout.decode().strip()
    result = atomik(share, f"cd /tmp; snap restore --files=snapshot /host/tree/p{pid}.snap; echo code $?; cat out")
    assert result.stdout.decode().startswith("code 0\nitem 9\n") and result.stdout.endswith(b"end 5\n")
    assert len(result.stdout.splitlines()) == 32


def test_the_saved_process_goes_on(share):
    result = atomik(share, "/host/threads >/tmp/out & sleep 0.2; snap save $! /tmp/p.snap; wait $!; echo $?; cat /tmp/out")
    first, rest = result.stdout.split(b"\n", 1)
    assert re.fullmatch(rb"/tmp/p.snap: \d+ bytes, paused \d+ us, \d+ us in all", first)
    assert rest == b"7\n" + expected_of_threads()


def test_shared_memory_is_of_the_moment_though_the_process_goes_on(share):
    script = """cd /tmp; /host/shared 25 & usleep 300000; for i in 1 2; do snap save $! $i.snap >/dev/null; done; wait
for i in 1 2; do snap restore --as-new-pid $i.snap; echo code $?; done"""
    assert atomik(share, script).stdout == b"of one moment\n" + b"of one moment\ncode 0\n" * 2


def test_gdb_shows_threads_with_symbols(threads):
    path, _ = threads
    program = os.path.join(PROGRAMS, "threads")
    printed = gdb(program, path, "info threads", "thread apply all bt", "p turn", "info proc mappings", "info auxv")
    assert len(re.findall(r"^\*? +\d+ +Thread", printed, re.MULTILINE)) == 5
    assert re.search(r"play \(argument=0x?[0-3]\)", printed)
    assert re.search(r"\$1 = \d+", printed)
    assert "/host/threads" in printed and "AT_ENTRY" in printed


def test_gdb_edits_memory_in_place(share, threads):
    path, _ = threads
    program = os.path.join(PROGRAMS, "threads")
    subprocess.run(["gdb", "-nx", "-batch", "--write", "-ex", "set var turn = 1000000", program, str(path)],
                   capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert "edited by another tool" in snap("verify", path).stdout
    refused = atomik(share, f"cd /tmp; snap restore --files=snapshot /host/{path.name}")
    assert refused.returncode == 1 and b"--accept-edited" in refused.stderr


def test_show_has_all_of_it_as_json(threads):
    path, so_far = threads
    state = shown(path)
    assert state["verdict"] == "verified"
    assert state["header"][0]["personality"] == "posix"
    assert state["process"][0]["command"] == "/host/threads" and state["process"][0]["cwd"] == "/tmp"
    assert len(state["thread"]) == 5 and all("eip" in thread["registers"] for thread in state["thread"])
    out = next(item for item in state["object"] if item.get("path") == "/tmp/out")
    assert out["offset"] == len(so_far) and out["class"] == "file"
    assert any(item.get("name") == "[heap]" for item in state["mapping"])
    blob = next(item for item in state["content"] if item["object"] == out["id"])["blob"]
    assert bytes.fromhex(next(item["hex"] for item in state["blob"] if item["id"] == blob)) == so_far


def test_the_last_system_calls_are_in_it(threads):
    path, so_far = threads
    lines = snap("show", "--traps", path).stdout.splitlines()
    assert all(re.fullmatch(r"\d+\.\d{9} \d+ \w+\(.*\) = -?\w+", line) for line in lines)
    writes = [line for line in lines if " write(" in line]
    assert len(writes) == len(so_far.splitlines()) and all(line.split("= ")[1] != "0" for line in writes)
    times = [float(line.split()[0]) for line in lines]
    assert times == sorted(times) and shown(path)["traps"][0]["count"] == len(lines)


def test_unlinked_files_and_pipes_travel(share):
    script = "cd /tmp; /host/files >out & sleep 0.15; snap save --stop $! /host/f.snap"
    assert atomik(share, script).returncode == 0
    state = shown(share / "f.snap")
    assert any(item.get("links") == 0 for item in state["object"])
    pipe = next(item for item in state["object"] if item["class"] == "pipe" and item["side"] == "read")
    assert next(item["size"] for item in state["blob"] if item["id"] == pipe["queue"]) > 0


def test_crash_is_saved_looked_into_mended_and_goes_on(share):
    script = "echo 'crash /host crash' >/etc/snap.conf; /host/crash; echo code $?; ls /host"
    result = atomik(share, script)
    assert b"before\ncode 139\n" in result.stdout
    path = next(share.glob("crash-crash-*.snap"))
    state = shown(path)
    assert state["header"][0]["reason"] == "crash" and state["crash"][0]["signal"] == 11
    printed = gdb(os.path.join(PROGRAMS, "crash"), path, "bt", "p pointer", "p &value", "p $_siginfo.si_signo")
    assert "SIGSEGV" in printed and "main ()" in printed
    address = re.search(r"\(volatile int \*\) (0x[0-9a-f]+) <value>", printed)[1]
    register = next(name for name in ("eax", "edx", "ecx", "ebx")
                    if state["thread"][0]["registers"][name] == "0x00000000")
    fixed = share / "fixed.snap"
    edited = snap("edit", path, "-o", fixed, "--reg", f"{register}={address}", "--mem", f"{address}=2a000000")
    assert edited.returncode == 0, edited.stderr
    changes = snap("diff", path, fixed).stdout
    assert register in changes and "page" in changes
    result = atomik(share, "snap restore /host/fixed.snap")
    assert result.stdout == b"after: 42\n" and result.returncode == 42


def test_crash_of_a_program_without_a_rule_leaves_nothing(share):
    result = atomik(share, "/host/crash; echo $?; ls /host/*.snap 2>/dev/null")
    assert result.stdout == b"before\n139\n"


def test_limit_of_core_files_decides_about_a_core_file_and_the_status_says_so(share):
    result = atomik(share, "cd /host; for n in 0 1 unlimited; do (ulimit -c $n; exec sh -c '/host/crash; echo $?; "
                    "test -f core && echo core'); done")
    assert result.stdout == b"before\n139\nbefore\n139\nbefore\n139\ncore\n"
    assert [line.endswith(b"(core dumped)") for line in result.stderr.splitlines()] == [False, False, True], result.stderr
    printed = gdb(os.path.join(PROGRAMS, "crash"), share / "core", "bt")
    assert "SIGSEGV" in printed and "main ()" in printed


@pytest.mark.parametrize("change", [
    ("--reg", "nosuch=1"), ("--reg", "eax=0x1ffffffff"), ("--mem", "0xdeadb000=00"), ("--mem", "0x1000=0"),
    ("--file", "99.offset=0"), ("--file", "1.nosuch=0"), ("--pipe", "1.bytes=00"), ("--env", "NOSUCH=x"),
    ("--reg", "cs=8"), ("--reg", "eflags=0x3246"), ("--set", "mapping[1].end=0x5"), ("--set", "descriptor[0].object=99"),
    ("--set", "descriptor[1].fd=0"), ("--set", "thread[0].tid=1"), ("--blob", "77=00"), ("--blob", "1=xyz"),
    ("--cwd", "relative"), ("--set", "integrity[0].table=00"), ("--set", "thread[9].tid=1"), ("--nosuch", "x"),
], ids=lambda change: " ".join(change))
def test_an_impossible_edit_is_refused_and_changes_nothing(threads, change):
    path, _ = threads
    before = path.read_bytes()
    result = snap("edit", path, *change)
    assert result.returncode == 1 and result.stderr.startswith("snap: ")
    assert path.read_bytes() == before


def test_blobs_are_set_by_their_numbers(share, threads):
    path, _ = threads
    number = shown(path)["blob"][0]["id"]
    (share / "bytes").write_bytes(b"other")
    for value in ("6f74686572", f"@{share / 'bytes'}"):
        assert snap("edit", path, "-o", share / "b.snap", "--blob", f"{number}={value}").returncode == 0
        assert next(blob["hex"] for blob in shown(share / "b.snap")["blob"] if blob["id"] == number) == "6f74686572"


def test_damaged_files_are_refused(share, threads):
    path, _ = threads
    good = path.read_bytes()
    chance = random.Random(5)
    names = []
    for number in range(20):
        damaged = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(6000)] = chance.randrange(256)
        if number % 4 == 0:
            damaged = damaged[:chance.randrange(len(damaged))]
        name = f"bad{number}.snap"
        (share / name).write_bytes(damaged)
        names.append(name)
    script = "cd /tmp; for name in " + " ".join(names) + "; do timeout 5 snap restore --files=snapshot /host/$name; echo $?; done; echo alive"
    result = atomik(share, script)
    codes = result.stdout.decode().split()
    assert codes[-1] == "alive" and all(code in ("1", "7") for code in codes[:-1]), result.stdout


def test_a_file_that_has_changed_is_named(share, threads):
    path, _ = threads
    result = atomik(share, f"cd /tmp; echo other >out; snap restore /host/{path.name}; echo $?; cat out")
    assert b"/tmp/out has changed" in result.stderr
    assert result.stdout == b"1\nother\n"


def test_no_half_snapshot_on_a_full_disk(own_machine):
    machine = own_machine("--unix-only", "--mem", "64")
    machine.output("cd /tmp; sleep 100 &")
    machine.command("dd if=/dev/zero of=/tmp/full bs=64k 2>/dev/null", 120)
    printed, status = machine.command("snap save $! /tmp/p.snap", 120)
    assert status == 1 and "snap:" in printed
    assert machine.output("ls /tmp; rm /tmp/full").split() == ["full"]
    assert "bytes" in machine.output("snap save $! /tmp/p.snap")


def test_a_recording_happens_again_without_an_effect(share):
    script = """cd /tmp; snap record -o run -- /host/recorded >out; echo code $?; cp out before
snap replay run; echo code $?; cmp out before && echo same
snap replay --to 20 run; echo code $?; cmp out before && echo same"""
    lines = atomik(share, script).stdout.decode().splitlines()
    assert lines[0] == "code 3" and re.fullmatch(r"process \d+ ended: 3", lines[1]) and lines[2:4] == ["code 0", "same"]
    assert re.match(r"replay: call 20: before \w+\(", lines[4]) and lines[5].endswith("stands still")
    assert lines[6:] == ["code 0", "same"]


def test_a_replay_reaches_the_crash_though_the_world_has_changed(share):
    """And there it is what the recorded process was, in all registers and all memory."""
    script = """echo 'crash /host recorded' >/etc/snap.conf; cd /tmp; echo xyz >in; snap record -o run -- /host/recorded in >out; echo code $?
echo other >in; snap replay --until-crash run; snap save $(ps | awk '/recorded/ && !/awk/ {print $1; exit}') /host/at.snap >&2"""
    output = atomik(share, script).stdout.decode()
    assert output.startswith("code 139\n") and re.search(r"replay: call \d+: the crash: signal 11 at 0x", output)
    assert re.search(r"^#0  main ", gdb(os.path.join(PROGRAMS, "recorded"), share / "at.snap", "bt"), re.MULTILINE)
    crash = next(share.glob("crash-recorded-*.snap"))
    assert shown(crash)["thread"][0]["registers"] == shown(share / "at.snap")["thread"][0]["registers"]
    assert "page " not in snap("diff", crash, share / "at.snap").stdout


def test_a_replay_that_differs_says_where(share):
    program = os.path.join(PROGRAMS, "recorded")
    assert atomik(share, "cd /host; snap record -o run -- /host/recorded >/tmp/out").returncode == 3
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    alarms = re.search(r"^([0-9a-f]+) \w alarms$", symbols, re.MULTILINE)[1]
    assert snap("edit", share / "run.snap", "--mem", f"0x{alarms}=03000000").returncode == 0
    result = atomik(share, "cd /host; snap replay run")
    assert re.search(rb"^replay: call \d+: divergence: write says something else", result.stdout, re.MULTILINE), result.stdout


def test_saved_and_restored_at_every_call(share):
    shutil.copy(os.path.join(BUILD, "tests", "posix", "eventfd"), share / "eventfd")
    script = "cd /tmp; /host/eventfd >right; snap step -n 1 -- /host/eventfd >out 2>steps; cmp out right && cat steps"
    result = atomik(share, script)
    assert re.fullmatch(rb"\d\d+ times saved and restored\n", result.stdout), result.stdout
