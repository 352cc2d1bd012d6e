/* SPDX-License-Identifier: MIT */
/*
 * The sorted names of a directory, with what records say of each. A list does not change once it is
 * made, but for what is known of its entries: that is found out when it is asked for, and kept while the
 * file system says that neither the directory nor the entry has changed. Lists are remembered, so that
 * looking through an unchanged directory again costs no message.
 */
#ifndef NT_DIRECTORY_LIST_H
#define NT_DIRECTORY_LIST_H

#include <fs/short_name.h>
#include <personalities/nt/file.h>

struct directory_entry {
    FILE_NETWORK_OPEN_INFORMATION info;
    uint64_t named; /* inode of the name itself: of a link, not of what it leads to */
    uint64_t ino;   /* as info is: of the last look at it */
    uint32_t since;
    bool known; /* info and ino hold while they have not changed since then */
    bool dots;  /* . or .. */
    uint8_t short_length;
    WCHAR short_name[FS_SHORT_MAX];
    uint32_t length;       /* of the name, in characters */
    const char *unix_name; /* behind the name */
    WCHAR name[];
};

struct directory_list {
    struct list link; /* the remembered ones, most recently used last */
    uint32_t references;
    uint64_t ino;
    uint32_t device, uid, gid;
    const volatile struct fs_changes *changes; /* NULL: it is not remembered */
    uint32_t since;
    uint32_t count;
    struct directory_entry **entries;
};

/* The list of an open directory as it is now; a reference. Gives the lock up. */
NTSTATUS directory_list_open(struct nt_process *process, struct nt_file *file,
                             struct directory_list **list);
void directory_list_release(struct directory_list *list);
/* Fill in info and ino, if need be. False: the entry is gone. Gives the lock up. */
bool directory_entry_look(struct nt_process *process, struct nt_file *file,
                          const struct directory_list *list, struct directory_entry *entry);

#endif
