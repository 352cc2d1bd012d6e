# SPDX-License-Identifier: MIT
"""Names that are remembered stay right, whoever changes the files: a program of this or of another personality."""

import machine as harness

CMD = "./cmd.exe /c"
LOOK = "cat {0} 2>/dev/null || echo none"


def printed(*commands):
    """The lines that commands of one shell print, in a fresh directory."""
    script = "\n".join(("mkdir /tmp/t; cd /tmp/t; cp /c/windows/system32/cmd.exe .",) + commands)
    result = harness.run("sh", "-c", script)
    assert result.returncode == 0, result.stderr
    return result.stdout.decode().replace("\r", "").splitlines()


def test_a_missing_file_appears_when_another_personality_makes_it():
    look = LOOK.format("new")
    assert printed(look, look, f"{CMD} 'echo made>new'", look) == ["none", "none", "made"]


def test_a_file_goes_when_another_personality_deletes_it():
    look = LOOK.format("old")
    assert printed("echo here >old", look, look, f"{CMD} 'del old'", look) == ["here", "here", "none"]


def test_size_and_content_follow_writes_of_another_personality():
    look = "stat -c %s grows"
    lines = printed("printf abc >grows", look, look, f"{CMD} 'echo more>>grows'", look, "cat grows")
    assert lines == ["3", "3", "9", "abcmore"]


def test_rename_over_and_links_are_seen_at_once():
    look = LOOK.format("l a")
    lines = printed("echo a >a; echo b >b; ln -s a l", look, look, "mv b a", look,
                    "ln -sf /tmp/t/none l", LOOK.format("l"), "echo c >none", LOOK.format("l"))
    assert lines == ["a", "a", "a", "a", "b", "b", "none", "c"]


def test_a_renamed_directory_takes_its_names_along():
    look = LOOK.format("d/e/f")
    lines = printed("mkdir -p d/e; echo x >d/e/f", look, look, "mv d n", look, "cat n/e/f", "mkdir d", look)
    assert lines == ["x", "x", "none", "x", "none"]


def test_permissions_on_the_way_count_for_those_who_had_access():
    look = "su -s /bin/sh nobody -c 'cat p/q/f 2>/dev/null || echo none'"
    lines = printed("chmod 755 .; mkdir -p p/q; echo x >p/q/f; chmod 755 p p/q; chmod 644 p/q/f", look, look,
                    "chmod 700 p", look, "chmod 755 p", look, "chmod 600 p/q/f", look, "cat p/q/f")
    assert lines == ["x", "x", "none", "x", "none", "x"]


def test_readers_of_one_file_have_positions_of_their_own():
    lines = printed("printf '1\\n2\\n3\\n' >three", "exec 3<three 4<three", "read a <&3; read b <&3; read c <&4",
                    "hello-native - <&3", "read d <&4", "echo $a $b $c $d")
    assert lines[-1] == "1 2 1 2"


def test_memory_of_a_removed_file_comes_back():
    free = "awk '/^MemFree/ {print $2}' /proc/meminfo"
    lines = printed(free, "dd if=/dev/zero of=large bs=1M count=16 2>/dev/null; cat large large >/dev/null; rm large", "sleep 1", free)
    assert int(lines[0]) - int(lines[1]) < 4096
