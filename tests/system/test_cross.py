# SPDX-License-Identifier: MIT
"""The cross compiler of the sysroot as its users call it; what it makes runs on Atomik (and on this host)."""

import os
import shutil
import subprocess

import pytest

from machine import BUILD, run

SYSROOT = os.path.join(BUILD, "sysroot")
TOOLS = os.path.join(SYSROOT, "bin")
ENVIRONMENT = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}", "LC_ALL": "C"}
CALL_SECONDS = 300


def call(*command, cwd):
    result = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, text=True, capture_output=True, check=False,
                            timeout=CALL_SECONDS)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def printed_by(share, name, *arguments):
    result = run(f"/host/{name}", *arguments, options=("--share", str(share), "--unix-only"))
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.decode()


def test_macros_are_of_atomik_and_not_of_linux(share):
    macros = call("i686-atomik-gcc", "-dM", "-E", "-xc", "/dev/null", cwd=share)
    names = {line.split()[1] for line in macros.splitlines()}
    assert {"__atomik__", "__unix__", "__i386__"} <= names
    assert not {"__linux__", "__linux", "linux", "__gnu_linux__", "__pie__", "__SSP__"} & names


def test_nothing_is_looked_for_in_linux_directories(share):
    said = subprocess.run(["i686-atomik-gcc", "-v", "-E", "-xc", "/dev/null"], cwd=share, env=ENVIRONMENT, text=True,
                          capture_output=True, check=True).stderr
    searched = said.split("search starts here:")[-1].split("End of search")[0].split()
    assert searched and all(path.startswith(os.path.realpath(SYSROOT)) for path in searched)
    (share / "a.c").write_text("int main(void) { return 0; }\n")
    linked = subprocess.run(["i686-atomik-gcc", "a.c", "-lcrypt"], cwd=share, env=ENVIRONMENT, check=False,
                            capture_output=True)
    assert linked.returncode != 0  # this host's libcrypt.a must not be found


def test_shared_libraries_are_refused(share):
    (share / "a.c").write_text("int a;\n")
    result = subprocess.run(["i686-atomik-gcc", "-shared", "a.c", "-o", "a.so"], cwd=share, env=ENVIRONMENT, text=True,
                            capture_output=True, check=False)
    assert result.returncode != 0 and "static" in result.stderr


def test_sysroot_works_where_it_is_copied(share, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(SYSROOT, copy, symlinks=True, ignore=shutil.ignore_patterns("c++"))
    (share / "a.c").write_text('#include <stdio.h>\nint main(void) { return puts("moved") < 0; }\n')
    call(str(copy / "bin" / "i686-atomik-gcc"), "-O2", "a.c", "-o", "a", cwd=share)
    assert printed_by(share, "a") == "moved\n"


def test_native_program_says_its_personality(share):
    (share / "n.c").write_text('#include <stdio.h>\nint main(int argc, char **argv)\n'
                               '{\n    printf("native %d %s\\n", argc, argv[1]);\n    return 0;\n}\n')
    call("i686-atomik-gcc", "-O2", "-mnative", "n.c", "-o", "n", cwd=share)
    assert "Atomik" in call("i686-atomik-readelf", "-n", "n", cwd=share)
    assert printed_by(share, "n", "word") == "native 2 word\n"


PROJECT = {
    "one.c": "int one(void) { return 1; }\n",
    "two.c": '#include <stdio.h>\nint one(void);\nint main(void) { printf("two %d\\n", one() + 1); return 0; }\n',
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.20)\nproject(two C)\nadd_library(one one.c)\n"
                      "add_executable(two two.c)\ntarget_link_libraries(two one m)\n",
    "meson.build": "project('two', 'c')\nlib = library('one', 'one.c')\n"
                   "executable('two', 'two.c', link_with: lib)\n",
}


@pytest.fixture(name="project")
def make_project(share):
    for name, text in PROJECT.items():
        (share / name).write_text(text)
    return share


@pytest.mark.skipif(not shutil.which("cmake"), reason="cmake is not installed")
def test_cmake_builds_with_the_toolchain_file(project):
    call("cmake", "--toolchain", f"{SYSROOT}/share/atomik.cmake", "-B", "c", ".", cwd=project)
    call("cmake", "--build", "c", cwd=project)
    assert printed_by(project, "c/two") == "two 2\n"


@pytest.mark.skipif(not shutil.which("meson"), reason="meson is not installed")
def test_meson_builds_with_the_cross_file(project):
    call("meson", "setup", "--cross-file", f"{SYSROOT}/share/atomik.ini", "m", cwd=project)
    call("ninja", "-C", "m", cwd=project)
    assert printed_by(project, "m/two") == "two 2\n"


def test_cxx_program(share):
    shutil.copy(os.path.join(os.path.dirname(__file__), "..", "posix", "cxx.cc"), share / "cxx.cc")
    call("i686-atomik-g++", "-std=c++17", "-O2", "cxx.cc", "-o", "cxx", "-pthread", cwd=share)
    here = call("./cxx", cwd=share)
    assert here.splitlines()[-1] == "done"
    assert printed_by(share, "cxx") == here


def test_cxx_library_and_thread_local_objects(share):
    """What g++ of Linux says with its own library, recorded; both places must say it."""
    shutil.copy(os.path.join(os.path.dirname(__file__), "..", "posix", "cxx_more.cc"), share / "more.cc")
    call("i686-atomik-g++", "-std=c++17", "-O1", "more.cc", "-o", "more", "-pthread", cwd=share)
    with open(os.path.join(os.path.dirname(__file__), "..", "posix", "expected", "cxx_more.txt"), encoding="utf-8") as recorded:
        expected = recorded.read()
    assert call("./more", cwd=share) == expected
    assert printed_by(share, "more") == expected


def test_undefined_behaviour_traps_when_asked(share):
    (share / "u.c").write_text('#include <limits.h>\n#include <stdio.h>\nint main(int argc, char **argv)\n{\n    volatile int sum = INT_MAX - 1;\n'
                               '    (void)argv, puts("before");\n    fflush(stdout);\n    sum += argc;\n    return 0;\n}\n')
    call("i686-atomik-gcc", "-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "u.c", "-o", "u", cwd=share)
    fine = run("/host/u", options=("--share", str(share), "--unix-only"))
    trapped = run("/host/u", "word", options=("--share", str(share), "--unix-only"))
    assert (fine.returncode, fine.stdout) == (0, b"before\n")
    assert (trapped.returncode, trapped.stdout) == (128 + 4, b"before\n")  # SIGILL


DEBUGGED = """#include <stdio.h>
#include <unistd.h>
struct point { int x, y; };
static volatile struct point here = {3, 4};
static int wait_in(volatile struct point *p)
{
    for (;;) {
        p->x++;
        usleep(1000);
    }
}
int main(void) { return wait_in(&here); }
"""


def test_gdb_wrapper_reads_a_snapshot_of_a_program(share):
    """Stack, variables with their types, and a change that is there when the program goes on."""
    (share / "d.c").write_text(DEBUGGED)
    call("i686-atomik-gcc", "-g", "-O0", "d.c", "-o", "d", cwd=share)
    saved = run("/bin/sh", "-c", "/host/d & sleep 0.3; snap save --stop $! /host/d.snap",
                options=("--share", str(share), "--unix-only"))
    assert saved.returncode == 0, saved.stdout + saved.stderr
    said = call("i686-atomik-gdb", "-nx", "-batch", "-ex", "bt", "-ex", "frame function wait_in", "-ex", "print *p", "-ex", "ptype here",
                "d", "d.snap", cwd=share)
    assert "in wait_in (p=" in said and "main () at d.c:" in said
    assert "y = 4}" in said and "int x;" in said
