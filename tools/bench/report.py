# SPDX-License-Identifier: MIT
"""Tables of figures in Markdown, and where they are recorded."""

import os
import re

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/benchmarks.md")
BEGIN, END = "<!-- recorded by tools/bench/run --record -->\n", "<!-- end of the record -->\n"


def ratio(ours, theirs):
    return f"{ours / theirs:.2f}" if theirs else ""


def cell(figures, name):
    return f"{figures[name]:,.0f}" if name in figures else "failed"


def table(title, unit, other, ours):
    """One row for each test that either side has figures for, in the order of the program."""
    names = list(dict.fromkeys([*other[1], *ours[1]]))
    lines = [f"### {title}", "", f"| test | {other[0]} | {ours[0]} | {ours[0]} / {other[0]} |", "|---|---:|---:|---:|"]
    for name in names:
        both = name in other[1] and name in ours[1]
        lines.append(f"| {name} | {cell(other[1], name)} | {cell(ours[1], name)} | "
                     f"{ratio(ours[1][name], other[1][name]) if both else ''} |")
    if not names:
        raise SystemExit(f"bench: no figures in {unit} from either side")
    return "\n".join(lines) + "\n"


def title_of(part):
    return part.split("\n", 1)[0]


def record(tables):
    """Each table takes the place of the one with its title; the others stay."""
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    try:
        before, rest = text.split(BEGIN, 1)
        old, after = rest.split(END, 1)
    except ValueError:
        raise SystemExit("bench: docs/benchmarks.md has no place for the record") from None
    kept = {title_of(part): part for part in re.split(r"^(?=### )", old.strip() + "\n", flags=re.MULTILINE) if part.strip()}
    kept.update({title_of(part): part for part in tables})
    record_text = "\n".join(part.strip("\n") + "\n" for part in kept.values())
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n" + record_text + "\n" + END + after)
