# SPDX-License-Identifier: MIT
"""Command interpreter, tools and programs of Windows: from batch files, and typed at in a terminal.

What the batch files of tests/nt/batch print under Wine 8 is recorded there (tests/nt/batch/record).
"""

import os
import re
import shutil

import pexpect
import pytest

from machine import BUILD, PROMPT as SHELL_PROMPT, ROOT, run

BATCH = os.path.join(ROOT, "tests", "nt", "batch")
PROGRAMS = os.path.join(BUILD, "tests", "nt")
PROMPT = rb"[A-Z]:\\[^\r\n>]*>"


def lines(output):
    return output.decode(errors="replace").replace("\r", "")


@pytest.mark.parametrize("name", ("language", "tools"))
def test_batch_file_prints_what_it_prints_under_wine(name, share):
    shutil.copytree(BATCH, share, dirs_exist_ok=True)
    shutil.rmtree(share / "expected")
    os.remove(share / "record")
    result = run("cmd.exe", "/c", name + ".bat", "one", "two", "three", options=("--share", str(share)))
    with open(os.path.join(BATCH, "expected", name + ".txt"), encoding="utf-8") as expected:
        assert lines(result.stdout) + f"exit code {result.returncode}\n" == expected.read()


TOOLS = {
    'findstr /n /i "WORLD gamma" words.txt': "2:world\n4:gamma\n",
    'findstr /r "^[a-h].*o$" words.txt': "hello\n",
    "findstr /v /c:hello words.txt": "world\nalpha\ngamma\n",
    "type words.txt | findstr /b al": "alpha\n",
    "findstr nosuch words.txt": "",
    "where find": "C:\\windows\\system32\\find.exe\nZ:\\usr\\bin\\find\n",
    "where /q nosuch": "",
    'tasklist /nh /fo csv /fi "imagename eq nosuch.exe"':
        "INFO: No tasks are running which match the specified criteria.\n",
    "systeminfo | findstr /b /c:\"OS Version\"": "OS Version:                10.0.18362 N/A Build 18362\n",
    "fsutil file createnew new.bin 100": "File new.bin is created\n",
    "fsutil hardlink create second.bin new.bin": "Hardlink created for second.bin <<===>> new.bin\n",
    "fsutil fsinfo drivetype C:": "C: - Fixed Drive\n",
    r'reg query HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0 /v Identifier | findstr /c:"x86 Family" >nul': "",
}


def test_small_tools_of_ours(share):
    (share / "words.txt").write_bytes(b"hello\r\nworld\r\nalpha\r\ngamma\r\n")
    script = "".join(f"{command}\r\necho [%errorlevel%]\r\n" for command in TOOLS)
    (share / "tools.bat").write_bytes(b"@echo off\r\n" + script.encode())
    result = run("cmd.exe", "/c", "tools.bat", options=("--share", str(share)))
    printed = re.split(r"\[(\d+)\]\n", lines(result.stdout))
    assert dict(zip(TOOLS, printed[0::2])) == TOOLS
    codes = dict(zip(TOOLS, printed[1::2]))
    failing = {command for command, code in codes.items() if code != "0"}
    assert failing == {"findstr nosuch words.txt", "where /q nosuch"}
    assert (share / "second.bin").stat().st_size == 100


# ---- typed at ----


class Cmd:
    """cmd.exe on the terminal of the shared machine."""

    def __init__(self, machine, *setup):
        self.machine = machine
        for command in setup:
            machine.output(command)
        machine.send("cmd.exe\n")
        self.prompt()

    def prompt(self):
        self.machine.expect(PROMPT)
        return self.machine.child.after.decode()

    def type(self, text):
        """Type a line; what it prints, and the prompt after it."""
        self.machine.send(text + "\r")
        self.machine.expect(re.escape(text).encode() + rb"\r+\n")
        self.machine.expect(PROMPT)
        return lines(self.machine.child.before), self.machine.child.after.decode()

    def leave(self, code=0):
        self.machine.send(f"exit {code}\r")
        self.machine.expect_prompt()


@pytest.fixture
def cmd(machine):
    shell = Cmd(machine, "printf 'one\\r\\ntwo\\r\\n' >words.txt")
    yield shell
    shell.leave()


def test_prompt_follows_the_directory(cmd):
    assert cmd.type("cd /d C:\\windows")[1] == "C:\\windows>"
    assert cmd.type("cd system32")[1] == "C:\\windows\\system32>"
    assert cmd.type("cd ..")[1] == "C:\\windows>"


def test_typed_commands(cmd):
    assert cmd.type("echo hello")[0].strip() == "hello"
    assert cmd.type("type words.txt")[0].split() == ["one", "two"]
    cmd.type("set GREETING=good day")
    assert cmd.type("echo %GREETING%")[0].strip() == "good day"
    assert cmd.type("for %i in (a b) do @echo item %i")[0].split("\n")[:2] == ["item a", "item b"]
    assert "words.txt" in cmd.type("dir")[0]
    cmd.type("copy words.txt copy.txt")
    assert cmd.type("if exist copy.txt echo copied")[0].strip() == "copied"


def test_a_mistyped_character_is_taken_back(cmd):
    cmd.machine.send("echo abx\x7fc\r")
    cmd.prompt()
    assert "abc" in lines(cmd.machine.child.before).split("\n")


KEYS = {
    "a": "key 41 scan 1e char 61 state 0",
    "A": "key 41 scan 1e char 41 state 10",
    "5": "key 35 scan 6 char 35 state 0",
    "?": "key bf scan 35 char 3f state 10",
    "\x01": "key 41 scan 1e char 1 state 8",
    "\x1bx": "key 58 scan 2d char 78 state 2",
    "\r": "key d scan 1c char d state 0",
    "\x7f": "key 8 scan e char 8 state 0",
    "\x1b[A": "key 26 scan 48 char 0 state 100",
    "\x1b[1;5D": "key 25 scan 4b char 0 state 108",
    "\x1b[3~": "key 2e scan 53 char 0 state 100",
    "\x1bOP": "key 70 scan 3b char 0 state 0",
    "\u20ac": "key 0 scan 0 char 20ac state 0",
}


def test_keys_are_input_records(own_machine):
    cmd = Cmd(own_machine("--share", PROGRAMS))
    cmd.machine.send("Z:\\host\\keys.exe\r")
    cmd.machine.expect(rb"ready\r*\n")
    printed = lines(cmd.machine.child.before)
    assert "attributes 7, window 1, cursor column 0" in printed
    assert "attributes 1c, window 1" in printed
    assert "cursor column 4" in printed
    assert ", error" not in printed and " = 0" not in printed
    for key, record in KEYS.items():
        cmd.machine.send(key)
        cmd.machine.expect(re.escape("down " + record).encode() + rb"\r*\nup " + re.escape(record).encode())
    cmd.machine.send("q")
    cmd.machine.expect(PROMPT)


def test_unix_programs_in_a_pipe(cmd):
    assert cmd.type("type words.txt | grep t | wc -l")[0].strip() == "1"
    cmd.type('sh -c "exit 3"')
    assert cmd.type("echo %errorlevel%")[0].strip() == "3"
    assert cmd.type("dir /b | grep -c words")[0].strip() == "1"


def test_a_unix_program_that_becomes_a_windows_program_is_waited_for(cmd):
    assert cmd.type('sh -c "exec cmd.exe /c exit 300"')[0].strip() == ""
    assert cmd.type("echo %errorlevel%")[0].strip() == "300"


def test_unicode_names_and_output(cmd):
    cmd.type("chcp.com 65001")
    cmd.machine.send("echo caf\u00e9>caf\u00e9.txt\r")
    cmd.prompt()
    assert "caf\u00e9.txt" in cmd.type("dir /b")[0]
    assert cmd.type("type caf\u00e9.txt")[0].strip() == "caf\u00e9"
    cmd.type("chcp.com 437")


def test_exit_code_reaches_the_unix_shell(machine):
    shell = Cmd(machine)
    shell.leave(7)
    assert machine.command("cmd.exe /c exit 9")[1] == 9


def test_batch_file_started_by_the_unix_shell(machine):
    machine.output("printf '@echo off\\r\\necho got %%1 and %%2\\r\\nexit /b 6\\r\\n' >'a b.bat'")
    printed, status = machine.command("chmod +x 'a b.bat'; './a b.bat' one 'two words'")
    assert (printed.strip(), status) == ('got one and "two words"', 6)


# ---- Ctrl-C: it ends what runs, not the interpreters around it ----


def break_until(machine, prompt):
    """Press Ctrl-C until the prompt is there: the program may only be starting yet."""
    for _ in range(20):
        machine.send("\x03")
        if machine.child.expect([prompt, pexpect.TIMEOUT], timeout=1) == 0:
            return
    raise AssertionError("Ctrl-C does not end the program\n" + machine.last_lines())


@pytest.mark.parametrize("program", ("sleep 60", 'find "x"', "cmd /c sleep 60", 'sh -c "cmd.exe /c sleep 60"'))
def test_ctrl_c_ends_what_the_interpreter_runs(machine, program):
    shell = Cmd(machine)
    machine.send(program + "\r")
    machine.expect(re.escape(program).encode() + rb"\r+\n")
    break_until(machine, PROMPT)
    assert shell.type("echo still here")[0].strip() == "still here"
    shell.leave()


def test_ctrl_c_ends_a_nest_started_by_the_unix_shell(machine):
    machine.send("cmd.exe /c sleep 60\n")
    machine.expect(rb"60\r+\n")
    break_until(machine, SHELL_PROMPT)
    assert "sleep" not in machine.output("ps")


def test_control_events_reach_the_group_they_are_for(own_machine):
    machine = own_machine("--share", PROGRAMS)
    machine.send("/host/events.exe; echo code $?\n")
    printed = lines(machine.expect(rb"waiting\r*\n"))
    assert "event 1\nsent 1, waited 0, child takes ends with 5\n" in printed
    assert "passed on 1\nsent 1, waited 0, child passes ends with c000013a\n" in printed
    assert "WaitForSingleObject(heard, 0) = 258" in printed  # it was not for the parent
    assert "event 0\n" in printed and "WaitForSingleObject(heard, LONG_TIME) = 0" in printed
    assert "WaitForSingleObject(heard, SOON) = 258" in printed  # Ctrl-C was switched off
    machine.send("\x03")
    assert "event 0" in lines(machine.expect(rb"code 9\r*\n"))
    machine.expect_prompt()
    machine.send("/host/events.exe wait; echo code $?\n")
    machine.expect(rb"waiting\r*\n")
    machine.send("\x1c")
    assert "event 1" in lines(machine.expect(rb"code 9\r*\n"))
    machine.expect_prompt()
