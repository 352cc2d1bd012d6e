# SPDX-License-Identifier: MIT
"""Debian's own programs in a root of unmodified packages (make debian-root).

The scripts of tests/debian ran on Linux in the same tree; what they printed is recorded beside them.
"""

import os
import shutil
import subprocess

import machine as harness
import pytest

DEBIAN = os.path.join(harness.BUILD, "debian")
SCRIPTS = os.path.join(harness.ROOT, "tests", "debian")
NOBODY = 65534


@pytest.fixture(scope="session", name="root")
def debian_root():
    """The options for a machine with the Debian root; it is unpacked when it is not there."""
    subprocess.run(["make", "-s", "-C", harness.ROOT, "debian-root"], check=True)
    return ("--root", DEBIAN)


def in_debian(root, *program, seconds=60, options=(), **settings):
    return harness.run(*program, options=(*root, *options), seconds=seconds, **settings)


@pytest.mark.parametrize("script, interpreter", [
    ("bash.sh", "bash"), ("python.py", "python3"), ("tools.sh", "bash"), ("compilers.sh", "bash")])
def test_script_prints_what_it_prints_on_linux(root, script, interpreter):
    result = in_debian(root, interpreter, "/host/" + script, seconds=240, options=("--share", SCRIPTS))
    with open(os.path.join(SCRIPTS, os.path.splitext(script)[0] + ".expected"), "rb") as expected:
        assert result.stdout.decode() == expected.read().decode(), result.stderr.decode()


def test_all_three_kinds_of_program_in_one_pipe_line_of_bash(root):
    result = in_debian(root, "bash", "-c", "hello-win.exe b a | sort | hello-native - | wc -l; "
                       "hello-win.exe >/dev/null; echo $?")
    assert result.stdout.split()[1] == b"3", result.stderr
    assert int(result.stdout.split()[0]) > 2


def test_changes_of_files_reach_the_host_and_come_back(root, tmp_path):
    in_debian(root, "bash", "-c", "echo kept >/root/kept; mkdir /root/kept.d; ln -s ../kept /root/kept.d/l")
    kept = os.path.join(DEBIAN, "root", "kept")
    try:
        with open(kept, encoding="ascii") as file:
            assert file.read() == "kept\n"
        assert os.readlink(kept + ".d/l") == "../kept"
        assert in_debian(root, "cat", "/root/kept.d/l").stdout == b"kept\n"
    finally:
        in_debian(root, "rm", "-r", "/root/kept", "/root/kept.d")
    assert not os.path.exists(kept)


def test_fifos_sockets_and_devices_in_the_root_outlast_the_machine(root):
    """The host has an empty file for each: QEMU makes no such files."""
    make = ("cd /root; mkfifo special.f; mknod special.n c 1 3; chmod 620 special.n; chown 5:6 special.f; "
            "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"special.s\")'; "
            "(echo through >special.f &); cat special.f; find . -name 'special.?' -type f")
    show = "cd /root; stat -c '%n %F %a %u %t' special.*; echo gone >special.n; rm special.*"
    assert in_debian(root, "bash", "-c", make).stdout == b"through\n"
    assert in_debian(root, "bash", "-c", show).stdout.decode().splitlines() == [
        "special.f fifo 644 5 0", "special.n character special file 620 0 1", "special.s socket 755 0 0"]


def test_exit_code_and_streams_pass_through(root):
    result = in_debian(root, "sh", "-c", "cat; echo err >&2; exit 5", input=b"in\n")
    assert (result.returncode, result.stdout, result.stderr) == (5, b"in\n", b"err\n")


def test_a_login_shell_on_the_terminal(root):
    machine = harness.Machine(*root)
    try:
        machine.expect(rb"root@atomik:/# ", harness.BOOT_SECONDS)
        other = in_debian(root, "true")
        assert other.returncode == 125 and b"another machine uses it" in other.stderr
        machine.send("PS1='\\w # '\n")
        machine.expect_prompt()
        assert machine.command("shopt -q login_shell")[1] == 0
        # A typed signal empties the input: it is typed when what is to get it runs.
        machine.send("sh -c 'echo is'' there; exec sleep 100'\n")
        machine.expect(rb"is there\r\n")
        machine.send("\x1a")
        machine.expect(rb"Stopped +sh -c")
        machine.expect_prompt()
        assert "Stopped" in machine.output("jobs")
        machine.send("fg\n")
        machine.expect(rb"exec sleep 100'\r\n")
        machine.send("\x03")
        machine.expect_prompt()
        machine.send("poweroff -f\n")
        assert machine.expect_end() == 0
    finally:
        machine.close()


def as_nobody():
    """What to put before a command of another user than root, who may use what QEMU needs and the place of this tree."""
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    for power in ("dac_read_search", "dac_override"):
        start = [*command, "sh", "-c", 'test -r "$0" && qemu-system-i386 --version <>/dev/null 1>&0', harness.ATOMIK]
        if subprocess.run(start, check=False).returncode == 0:
            break
        command[4:] = ["--inh-caps", f"+{power}", "--ambient-caps", f"+{power}"]
    return command


def test_root_inside_needs_no_root_outside(tmp_path):
    """A tree that belongs to an ordinary user: owners, set-id bits and devices are kept beside the files."""
    prefix = as_nobody() if os.geteuid() == 0 else []
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "dev" / "shm").mkdir(parents=True)
    shutil.copy(harness.BUSYBOX, tree / "bin" / "busybox")
    os.symlink("busybox", tree / "bin" / "sh")
    if prefix:
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(tmp_path)], check=True)
        for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
            os.chmod(directory, 0o755)
    script = ("PATH=/bin; busybox --install -s /bin; cd /; echo x >f; chown 12:34 f; chmod 4750 f; "
              "mknod n c 1 3; echo y >s; chmod 0 s; mkdir -m 1777 d; rm /bin/ls; ")
    look = "busybox stat -c '%A %u %g %n' f n s d bin; busybox cat s"
    expected = b"-rwsr-x--- 12 34 f\ncrw-r--r-- 0 0 n\n---------- 0 0 s\ndrwxrwxrwt 0 0 d\ndrwxr-xr-x 0 0 bin\ny\n"
    for commands in (script + look, "cd /; " + look):
        result = subprocess.run(
            [*prefix, harness.ATOMIK, "run", "--build", harness.BUILD, "--root", str(tree), "--timeout", "60", "--",
             "/bin/sh", "-c", commands], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        assert result.stdout == expected, result.stderr


PYTHON_WORK = """
import hashlib, tempfile, time
named, unnamed, digest = open("named", "w+"), tempfile.TemporaryFile(mode="w+"), hashlib.sha256()
for i in range(40):
    digest.update(str(i).encode() * 1000)
    print("line", i, file=named, flush=True)
    print(digest.hexdigest(), file=unnamed, flush=True)
    time.sleep(0.02)
unnamed.seek(0)
print(digest.hexdigest(), len(unnamed.read()), named.tell())
"""
SQLITE_WORK = ("sqlite3 d.db 'create table t(x); begin; insert into t values(1);' '.shell sleep 0.6' "
               "'insert into t values(2); commit; select sum(x) from t;'")


def test_snapshots_of_python_and_of_sqlite_in_a_transaction(root, tmp_path):
    """Stopped and restored, a dynamic program with open and unlinked files, and a tree in a transaction."""
    (tmp_path / "work.py").write_text(PYTHON_WORK)
    (tmp_path / "work.sh").write_text(SQLITE_WORK)
    result = in_debian(root, "bash", "-c", """cd /tmp
python3 /host/work.py >right
python3 /host/work.py >out & sleep 1; snap save --stop $! py.snap >/dev/null || echo ended
wait; snap restore py.snap; cmp out right && echo same
sh /host/work.sh >out & sleep 0.4; snap save --stop --tree $! sq >/dev/null || echo ended
wait; snap restore --files=current sq/p$!.snap; cat out; sqlite3 d.db 'pragma integrity_check; select sum(x) from t'""",
                       seconds=120, options=("--share", str(tmp_path)))
    assert result.stdout == b"same\n3\nok\n3\n", result.stderr.decode()


SYSROOT_TOOL = os.path.join(harness.BUILD, "sysroot", "bin", "i686-atomik-")


@pytest.mark.parametrize("compiler, debugger", [("i686-linux-gnu-gcc", "gdb"), (SYSROOT_TOOL + "gcc", SYSROOT_TOOL + "gdb")])
def test_gdb_of_the_host_debugs_a_program_through_gdbserver(root, share, compiler, debugger):
    """A program of Linux's C library, and one of the sysroot's with the wrapper's gdb."""
    program = share / "debugged"
    subprocess.run([compiler, "-g", "-O0", "-static", "-o", program, os.path.join(SCRIPTS, "debugged.c")], check=True)
    server = f"{harness.ATOMIK} run --build {harness.BUILD} --timeout 120 {' '.join(root)} --share {share} " \
             "-- gdbserver - /host/debugged"
    commands = ["set confirm off", f"target remote | {server}", "break add", "continue", "backtrace", "next",
                "print sum", "set var counter = 100", "stepi", "delete", "finish", "watch counter", "continue"]
    options = [word for command in commands for word in ("-ex", command)]
    result = subprocess.run([debugger, "-nx", "-batch", *options, program], capture_output=True, check=False,
                            stdin=subprocess.DEVNULL, timeout=150)
    printed = result.stdout.decode()
    for expected in ("#0  add (a=0, b=10)", "in main ()", "$1 = 10", "Value returned is $2 = 110",
                     "exited with code 0115"):
        assert expected in printed, printed + result.stderr.decode()


REPLAY_UNDER_GDB = """cd /tmp; echo xyz >in; snap record -o run -- /host/recorded in >out 2>&1
snap replay --until-crash run >told 2>&1
exec gdbserver --attach - $(awk '/stands still/ {print $2}' told)"""


def test_gdb_of_the_host_looks_at_a_replay_that_reached_the_crash(root, share):
    program = shutil.copy(os.path.join(harness.BUILD, "tests", "snapshot", "recorded"), share)
    (share / "go.sh").write_text(REPLAY_UNDER_GDB)
    server = f"{harness.ATOMIK} run --build {harness.BUILD} --timeout 120 {' '.join(root)} --share {share} -- sh /host/go.sh"
    commands = ["set confirm off", "set remotetimeout 100", f"target remote | {server}", "bt", "print alarms", "kill"]
    options = [word for command in commands for word in ("-ex", command)]
    result = subprocess.run(["gdb", "-nx", "-batch", *options, program], capture_output=True, check=False,
                            stdin=subprocess.DEVNULL, timeout=150)
    printed = result.stdout.decode()
    assert "#0  main (argc=2" in printed and "*nowhere" in printed and "$1 = 5" in printed, printed + result.stderr.decode()


def test_strace_follows_children(root):
    result = in_debian(root, "sh", "-c", "strace -f -o /tmp/strace -e trace=write,execve sh -c "
                       "'echo one; /bin/echo two | cat' >/dev/null; cat /tmp/strace; rm /tmp/strace")
    printed = result.stdout.decode()
    assert printed.count("execve(") == 3, printed
    assert 'write(1, "two\\n", 4)' in printed and printed.count("+++ exited with 0 +++") == 3, printed


DISK_SCRIPT = r"""
PATH=$PATH:/usr/sbin:/sbin; set -e
printf 'label: dos\nlabel-id: 0x1234abcd\n,32M,83\n,16M,c\n' | sfdisk -q /dev/vda
fdisk -l /dev/vda | grep ^/dev | tr -s ' '
mkfs.ext4 -q -L lasting /dev/vda1 && mkfs.vfat -n SMALL /dev/vda2 >/dev/null
lsblk -rno NAME,MAJ:MIN,RO,TYPE /dev/vda
mkdir /tmp/a /tmp/b && mount /dev/vda1 /tmp/a && mount /dev/vda2 /tmp/b
cp -r /etc /tmp/a/ && cp /bin/bash /tmp/a/ && cp /bin/bash "/tmp/b/A long name of a shell"
df --output=source,fstype,target /tmp/a /tmp/b | tail -n 2 | tr -s ' '
lsblk -rno NAME,MOUNTPOINT /dev/vda | sed 's/ $//'; findmnt -rno SOURCE,FSTYPE /tmp/a
umount /tmp/a /tmp/b
fsck.ext4 -fn /dev/vda1 >/dev/null 2>&1; echo $?; fsck.vfat -n /dev/vda2 >/dev/null; echo $?
blkid -o value -s LABEL /dev/vda1 /dev/vda2
mount LABEL=lasting /tmp/a && cmp /bin/bash /tmp/a/bash && diff -r --no-dereference /etc /tmp/a/etc && umount /tmp/a
fsck -f -y /dev/vda1 >/dev/null 2>&1; echo $?
"""
DISK_LINES = """/dev/vda1 2048 67583 65536 32M 83 Linux
/dev/vda2 67584 100351 32768 16M c W95 FAT32 (LBA)
vda 254:0 0 disk
vda1 254:1 0 part
vda2 254:2 0 part
/dev/vda1 ext4 /tmp/a
/dev/vda2 vfat /tmp/b
vda
vda1 /tmp/a
vda2 /tmp/b
/dev/vda1 ext4
0
0
lasting
SMALL
0
"""


def test_debians_tools_make_partitions_and_file_systems_and_check_them(root, tmp_path):
    disk = tmp_path / "disk.img"
    with open(disk, "wb") as file:
        file.truncate(64 << 20)
    result = in_debian(root, "bash", "-c", DISK_SCRIPT, options=("--drive", str(disk)), seconds=120)
    assert result.stdout.decode() == DISK_LINES, result.stderr
    assert subprocess.run(["/sbin/e2fsck", "-fn", f"{disk}?offset={2048 * 512}"], capture_output=True).returncode == 0
