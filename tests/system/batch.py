# SPDX-License-Identifier: MIT
"""Many programs one after the other in one shell, each in an empty directory: the script, and its output by program."""

SEPARATOR = "---------- {} ----------"


def script(head, work, commands):
    """What a shell runs: `commands` has each program's name and its lines; `work` is where the directories are made."""
    lines = [head]
    for number, (name, command) in enumerate(commands):
        lines += [f"echo '{SEPARATOR.format(name)}'", f"mkdir -p {work}/{number} && cd {work}/{number}", command,
                  'echo "exit code $?"']
    return "\n".join(lines) + "\n"


def split(output, names):
    """What each program printed, by name."""
    results, name = {}, None
    separators = {SEPARATOR.format(case): case for case in names}
    for line in output.decode(errors="replace").split("\n"):
        if line in separators:
            name = separators[line]
            results[name] = ""
        elif name:
            results[name] += line + "\n"
    return {name: text.rstrip("\n") + "\n" for name, text in results.items()}
