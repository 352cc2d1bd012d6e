# SPDX-License-Identifier: MIT
"""The shell at the serial line: busybox, files, pipes, jobs and the terminal."""

import re
import time


def test_uname_names_the_system(machine):
    assert machine.output("uname -a").startswith("Linux atomik ")
    assert "Atomik" in machine.output("uname -v") + machine.output("uname -o") + machine.output("uname -r")


def test_root_directory_lists_what_belongs_there(machine):
    listing = machine.output("ls -l /")
    for name in ("bin", "dev", "etc", "proc", "tmp"):
        assert re.search(rf"^d[rwxt-]{{9}} .* {name}$", listing, re.MULTILINE), name


def test_pipeline_of_three(machine):
    assert int(machine.output("cat /etc/motd | grep -i atomik | wc -l")) >= 1


def test_ps_shows_itself_and_the_shell(machine):
    listing = machine.output("ps")
    # An applet that needs no exec keeps the shell's command line, here as on any Linux.
    assert re.search(r"^\s*\d+ +root +(ps|\{ps\} .*)$", listing, re.MULTILINE)
    assert re.search(r"\bsh\b", listing)


def test_redirections(machine):
    machine.output("echo one >a; echo two >>a; cat <a >b")
    assert machine.output("cat b") == "one\ntwo"
    assert machine.command("ls /no/such 2>err; wc -l <err")[0].strip() == "1"


def test_exit_codes(machine):
    assert machine.command("true")[1] == 0
    assert machine.command("false")[1] == 1
    assert machine.command("sh -c 'exit 42'")[1] == 42
    assert machine.command("/no/such/program 2>/dev/null")[1] == 127
    assert machine.command("/etc/motd 2>/dev/null")[1] == 126
    assert machine.command("sh -c 'kill -9 $$'")[1] == 137


def test_files_links_and_permissions(machine):
    machine.output("echo text >f && ln f hard && ln -s f soft && chmod 640 f")
    assert machine.output("cat hard soft") == "text\ntext"
    assert machine.output("stat -c '%a %h %s' f") == "640 2 5"
    assert machine.output("readlink soft") == "f"
    machine.output("mkdir -p d/e && mv f d/e/g && rm hard")
    assert machine.output("cat d/e/g; stat -c %h d/e/g") == "text\n1"
    assert machine.command("cat soft 2>/dev/null")[1] == 1
    machine.output("touch -d '2001-02-03 04:05:06' d/e/g")
    assert machine.output("stat -c %y d/e/g").startswith("2001-02-03 04:05:06")


def test_background_job_is_listed_and_killed(machine):
    machine.output("sleep 100 &")
    assert "sleep 100" in machine.output("jobs")
    machine.output("kill %1; wait; true")
    assert "sleep 100" not in machine.output("jobs")


def test_orphan_is_adopted(machine):
    machine.output("(sleep 100 &)")
    assert "sleep 100" in machine.output("ps")
    machine.output("kill $(pidof sleep)")
    assert "sleep 100" not in machine.output("sleep 0.2; ps")


def test_control_c_ends_the_foreground(machine):
    machine.send("sleep 100\n")
    machine.expect("sleep 100\r\n")
    machine.send("\x03")
    machine.expect_prompt()
    assert machine.output("echo back") == "back"


def test_control_z_stops_and_fg_goes_on(machine):
    machine.send("sleep 100\n")
    machine.expect("sleep 100\r\n")
    machine.send("\x1a")
    machine.expect_prompt()
    assert re.search(r"Stopped\s+sleep 100", machine.output("jobs"))
    machine.send("fg\n")
    machine.expect("sleep 100\r\n")
    machine.send("\x03")
    machine.expect_prompt()
    assert machine.output("jobs") == ""


def test_control_d_is_the_end_of_input(machine):
    machine.send("cat >typed\n")
    machine.expect("typed\r\n")
    machine.send("line\n\x04")
    machine.expect_prompt()
    assert machine.output("cat typed") == "line"


def test_erase_key_in_canonical_mode(machine):
    machine.send("cat >typed\n")
    machine.expect("typed\r\n")
    machine.send("wronG\x7fg line\n\x04")
    machine.expect_prompt()
    assert machine.output("cat typed") == "wrong line"


def test_arrow_keys_edit_the_line(machine):
    machine.send("echo ac\x1b[Db\n")
    machine.expect("\r\nabc\r\n")
    machine.expect_prompt()
    machine.send("\x1b[A\n")
    machine.expect("\r\nabc\r\n")
    machine.expect_prompt()


def test_vi_edits_a_file(machine):
    machine.output("echo first >f")
    machine.send("vi f\n")
    machine.expect("first")
    machine.send("osecond\x1b")
    time.sleep(0.5)  # what follows an escape character at once would be taken for a key
    machine.send(":wq\n")
    machine.expect_prompt()
    assert machine.output("cat f") == "first\nsecond"


def test_terminal_has_a_name(machine):
    assert machine.output("tty") == "/dev/console"
    assert machine.output("tty </dev/tty0") == "/dev/console"


def test_window_size_is_the_terminals(machine):
    assert machine.output("stty size") == "24 80"


def test_script_with_interpreter_line(machine):
    machine.output("printf '#!/bin/sh\\necho script $1\\n' >s && chmod +x s")
    assert machine.output("./s arg") == "script arg"


def test_crash_gives_the_signal(machine):
    assert machine.command("sh -c 'kill -SEGV $$'")[1] == 139


def test_memory_is_returned_after_many_processes(machine):
    """A thousand process starts leave no memory behind."""
    free = "awk '/^MemFree/ {print $2}' /proc/meminfo"
    start = "i=0; while [ $i -lt {} ]; do /bin/true; i=$((i+1)); done"
    machine.output(start.format(50), 120)
    before = int(machine.output(free))
    machine.output(start.format(1000), 300)
    after = int(machine.output(free))
    assert before - after < 256, f"{before - after} KiB of memory are gone"


def test_descriptors_have_position_and_flags_in_proc(machine):
    """Flags as Linux writes them: octal, O_APPEND, O_LARGEFILE and O_WRONLY among them."""
    assert machine.output("head -n 1 /etc/motd | wc -c") == machine.output(
        "(read -r x; awk '/^pos/ {print $2}' /proc/self/fdinfo/0) </etc/motd")
    assert machine.output("awk '/^flags/ {print $2}' /proc/self/fdinfo/3 3>>/tmp/fdinfo").strip() == "0102001"
