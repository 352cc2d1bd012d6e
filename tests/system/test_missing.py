# SPDX-License-Identifier: MIT
"""What is not there is counted, and is no part of any program's output."""

import os
import subprocess

from machine import BUILD, ROOT, run


def test_what_programs_miss_is_listed_by_program():
    result = run("sh", "-c", "cat /proc/nosuch; cat /proc/nosuch; atrace --missing")
    rows = [line.split(None, 2) for line in result.stdout.decode().splitlines()]
    assert ["2", "cat", "the file /proc/nosuch"] in rows
    assert result.stderr.decode().splitlines() == ["cat: can't open '/proc/nosuch': No such file or directory"] * 2


def test_the_coverage_page_has_a_row_for_each_call_of_the_table():
    subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={os.path.relpath(BUILD, ROOT)}",
                    f"{os.path.relpath(BUILD, ROOT)}/docs/posix.md"], check=True)
    with open(os.path.join(BUILD, "docs", "posix.md"), encoding="utf-8") as page:
        rows = [line for line in page if line.startswith("| ") and "`" in line]
    with open(os.path.join(ROOT, "personalities/posix/syscalls.def"), encoding="utf-8") as table:
        calls = [line for line in table if line.startswith(("SYSCALL(", "MISSING("))]
    assert len(rows) == len(calls) > 300
    assert all("| full" in row or "| partial: " in row or "| none: " in row for row in rows)
