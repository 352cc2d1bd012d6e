/* SPDX-License-Identifier: MIT */
/* snap COMMAND: which command, and the usage of all. */
#include <stdio.h>
#include <string.h>

#include "snap.h"

static const struct snap_command file_commands[] = {
    {"show", command_show,
     "show FILE [--json|--traps]    everything that a snapshot holds, or the last system calls"},
    {"edit", command_edit,
     "edit FILE [-o NEW] CHANGE...  change it:\n"
     "      --reg [TID:]NAME=VALUE       a register\n"
     "      --mem ADDRESS=HEX            memory\n"
     "      --file FD.FIELD=VALUE        a field of an open file: offset, path, flags\n"
     "      --file-content PATH=FILE     what an open file contains after the restore\n"
     "      --pipe FD.bytes=HEX          what waits in a pipe\n"
     "      --env NAME=VALUE             a variable that is there already\n"
     "      --cwd PATH                   the working directory\n"
     "      --set NOTE[N].FIELD=VALUE    anything that show prints"},
    {"diff", command_diff, "diff OLD NEW                  what changed"},
    {"verify", command_verify, "verify FILE                   compare it with its digests"},
    {"delta", command_delta,
     "delta BASE FILE -o NEW        a snapshot without the memory that is the same in another one"},
    {"flatten", command_flatten,
     "flatten FILE -o NEW           a complete one of a delta and its base, for gdb"},
    {"export", command_export,
     "export --minidump FILE -o NEW a Windows process for the debuggers of that world"},
    {NULL, NULL, NULL},
};

static void print_usage(const struct snap_command *commands)
{
    for (; commands->name != NULL; commands++)
        printf("  snap %s\n", commands->usage);
}

static const struct snap_command *find(const struct snap_command *commands, const char *name)
{
    for (; commands->name != NULL; commands++)
        if (strcmp(commands->name, name) == 0)
            return commands;
    return NULL;
}

int main(int argc, char **argv)
{
    const struct snap_command *command = NULL;
    if (argc > 1 && strcmp(argv[1], "--help") != 0) {
        command = find(live_commands, argv[1]);
        if (command == NULL)
            command = find(file_commands, argv[1]);
        if (command != NULL)
            return command->run(argc - 2, argv + 2);
        complain("'%s' is no command; see snap --help", argv[1]);
        return 2;
    }
    printf("Snapshots of processes. Files named *.zst are compressed.\n");
    print_usage(live_commands);
    print_usage(file_commands);
    return argc > 1 ? 0 : 2;
}
