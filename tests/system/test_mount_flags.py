# SPDX-License-Identifier: MIT
"""Flags of mounted file systems, changed while they are mounted; lazy unmounting. All in one machine."""

from machine import run

SCRIPT = r"""
mkdir -p /tmp/m && cd /tmp
show() { echo "$1: $(grep ' /tmp/m ' /proc/mounts | sed 's/^[^ ]* //')"; }
mount -t tmpfs -o nosuid,noatime none /tmp/m; show new
cp /bin/busybox m/true; mknod m/null c 1 3; echo text >m/file
m/true && echo runs
mount -o remount,ro,noexec,nodev /tmp/m; show changed
(echo x >m/file) 2>&1 | grep -o 'Read-only.*'
rm m/file 2>&1 | grep -o 'Read-only.*'
mkdir m/d 2>&1 | grep -o 'Read-only.*'
chmod 600 m/file 2>&1 | grep -o 'Read-only.*'
m/true 2>&1 | grep -o '[Pp]ermission.*'
(: <m/null) 2>&1 | grep -o '[Pp]ermission.*'
cat m/file
mount -o remount,rw /tmp/m; show again
exec 5>m/file
mount -o remount,ro /tmp/m 2>&1 | grep -o 'busy.*'
exec 5<&-
exec 6<m/file
umount /tmp/m 2>&1 | grep -o 'busy.*'
umount -l /tmp/m; show gone
ls m
exec 6<&-
mount -t nonsense none /tmp/m 2>&1 | grep -o 'No such device'
"""

EXPECTED = """new: /tmp/m tmpfs rw,nosuid,noatime 0 0
runs
changed: /tmp/m tmpfs ro,nosuid,nodev,noexec,noatime 0 0
Read-only file system
Read-only file system
Read-only file system
Read-only file system
Permission denied
Permission denied
text
again: /tmp/m tmpfs rw,nosuid,nodev,noexec,noatime 0 0
busy
busy
gone: 
No such device
"""


def test_flags_of_a_mounted_file_system_can_be_changed_and_are_kept():
    result = run("/bin/sh", options=("--unix-only",), input=SCRIPT.encode(), seconds=60)
    assert result.stdout.decode() == EXPECTED
