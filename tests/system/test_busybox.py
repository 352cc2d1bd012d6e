# SPDX-License-Identifier: MIT
"""busybox applets print the same in Atomik as on the host: the same unmodified binary runs in both."""

import os
import subprocess

import pytest

import batch
from machine import BUSYBOX, run

CASES = {
    "awk": "seq 1 100 | awk '{ s += $1 * $1 } END { printf \"%d %.3f %s\\n\", s, s / 7, toupper(\"x\") }'",
    "sed": "printf 'one two\\nthree\\n' | sed -e 's/\\(o\\)\\(n\\)/\\2\\1/' -e '/three/a tail'",
    "sort": "printf '10\\n9\\n2\\n33\\n' | sort -n; printf 'b\\na\\nc\\n' | sort -r",
    "uniq": "printf 'a\\na\\nb\\n' | uniq -c",
    "tr": "echo 'Hello World' | tr 'a-zA-Z' 'n-za-mN-ZA-M'",
    "cut": "echo 'a:b:c:d' | cut -d: -f2,4",
    "grep": "seq 1 50 | grep -E '^[1-3]?5$' | grep -v 25; seq 10 | grep -c 1",
    "find": "mkdir -p f/a/b && touch f/a/x.c f/a/b/y.c f/z.h && find f -name '*.c' | sort",
    "xargs": "seq 1 10 | xargs -n 3 echo line",
    "tar": "mkdir t && echo data >t/file && tar cf t.tar t && rm -r t && tar xf t.tar && cat t/file",
    "gzip": "seq 1 2000 | gzip -9 | gunzip | md5sum",
    "bzip2": "seq 1 500 | bzip2 | bunzip2 | sha256sum",
    "checksums": "seq 1 9999 >n; md5sum n; sha1sum n; sha512sum n; crc32 n",
    "dd": "dd if=/dev/zero bs=1k count=300 2>/dev/null | wc -c; echo abcdef | dd bs=1 skip=2 count=3 2>/dev/null",
    "od": "printf 'a\\0b\\377' | od -An -tx1; printf 'xyz' | hexdump -C",
    "expr": "expr 7 \\* 6; expr abc : 'a\\(.\\)'; echo '2^64' | bc; echo '5 3 + p' | dc",
    "date": "TZ=UTC date -d @1000000000 '+%Y-%m-%d %H:%M:%S %a'; TZ=UTC cal 2 2024",
    "printf": "printf '%05d|%-5s|%x|%o|%e\\n' 42 ab 255 8 1.5",
    "diff": "seq 5 >a; seq 2 6 >b; diff a b; diff -u a b | tail -n +3; cmp a b; true",
    "head and tail": "seq 100 | head -3; seq 100 | tail -n 2; seq 5 | tac; echo abc | rev",
    "fold": "echo 'some words to be folded at a width' | fold -s -w 12; seq 6 | paste - - -",
    "test": "[ -d /tmp ] && [ ! -e nothing ] && [ 3 -lt 4 ] && echo yes",
    "links": "echo x >l; ln -s l s; ln l h; ls -l s | sed 's/.* s/s/'; stat -c '%h %F' l s; realpath s | sed 's,.*/,,'",
    "mode bits": "touch m; for m in 644 755 4711 000; do chmod $m m; stat -c '%a %A' m; done; umask 027; touch u; stat -c %a u",
    "times": "touch -d '2010-10-10 10:10:10' o; TZ=UTC date -r o; touch n; [ n -nt o ] && echo newer",
    "cp and mv": "mkdir -p c/d; echo 1 >c/d/f; cp -a c e; mv e/d e/g; cat e/g/f; rm -r c; ls",
    "shell arithmetic": "i=0; while [ $i -lt 300 ]; do i=$((i+3)); done; echo $i $((0x10 + 010 % 3))",
    "shell functions": "f() { local x=$1; [ $x -le 1 ] && echo 1 && return; echo $((x * $(f $((x-1))))); }; f 7",
    "here document": "v=val; cat <<X\nline $v $(echo sub)\nX",
    "case and for": "for f in a.c b.h c; do case $f in *.c) echo C;; *.h) echo H;; *) echo other;; esac; done",
    "trap": "(trap 'echo got it' USR1; kill -USR1 $(sh -c 'echo $PPID'); echo after)",
    "exit trap": "(trap 'echo bye' EXIT; exit 3); echo $?",
    "wait": "(sleep 0.1; exit 5) & wait $!; echo $?",
    "subshell pipes": "(echo a; echo b) | while read x; do echo \"[$x]\"; done; { echo c; } | cat",
    "pipe status": "yes | head -2; seq 1 100000 | tail -1",
    "named pipe": "mkfifo p; (echo through >p &); cat p",
    "fd juggling": "exec 3>three; echo a >&3; exec 3>&-; cat three; { echo out; echo err >&2; } 2>&1 | sort",
    "vi script mode": "printf 'one\\ntwo\\n' >v; sed -i 's/two/2/' v; cat v",
    "timeout": "timeout 0.3 sleep 5; echo $?",
    "env": "env -i A=1 B=2 sh -c 'echo $A$B'; unset HOME; echo ${HOME:-none}",
    "which": "which sh ls >/dev/null && echo found; type cd",
    "sparse seek": "dd if=/dev/zero of=sp bs=1 count=1 seek=99999 2>/dev/null; stat -c %s sp; truncate -s 10 sp; stat -c %s sp",
    "unlinked file": "exec 4>gone; rm gone; echo still >&4 && echo written; exec 4>&-; ls gone 2>/dev/null | wc -l",
    "directory errors": "mkdir q; mkdir q 2>/dev/null; echo $?; rmdir q; rmdir q 2>/dev/null; echo $?; cd q 2>/dev/null; echo $?",
}


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What all cases print on the host and in Atomik."""
    work = tmp_path_factory.mktemp("busybox")
    names = work / "bin"
    names.mkdir()
    for name in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True,
                               check=True).stdout.split():
        os.symlink(BUSYBOX, names / name)
    script = batch.script("umask 022\nexport PATH=/bin:/usr/bin:/sbin:/usr/sbin LC_ALL=C", "$WORK", [
        (name, f"sh <<'END OF CASE'\n{text}\nEND OF CASE") for name, text in CASES.items()])
    on_host = script.replace("PATH=/bin:/usr/bin:/sbin:/usr/sbin", f"PATH={names}")
    (work / "host").mkdir()
    host = subprocess.run([BUSYBOX, "sh"], input=on_host.encode(), capture_output=True, check=False,
                          env={"WORK": str(work / "host"), "HOME": "/root"}, timeout=120)
    guest = run("/bin/sh", "-c", "mkdir /tmp/w; export WORK=/tmp/w; exec sh", input=script.encode(),
                seconds=120)
    return batch.split(host.stdout, CASES), batch.split(guest.stdout, CASES)


@pytest.mark.parametrize("name", CASES)
def test_applet_prints_the_same_as_on_the_host(printed, name):
    host, guest = printed
    assert "exit code" in host[name]
    assert guest.get(name) == host[name]
