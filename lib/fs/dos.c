/* SPDX-License-Identifier: MIT */
/*
 * NT's attributes of files (hidden, system, archive, ...) in file systems that have none of their own: in the extended
 * attribute user.DOSATTRIB, a hexadecimal number as text ("0x22"), where Wine and Samba keep them too. Read-only is not
 * among them: that is what the mode says.
 */
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define NAME       "user.DOSATTRIB"
#define TEXT_BYTES 64u /* Samba puts more behind the number */

static bool keeps_any(const struct fs_attr *attr)
{
    uint32_t type = attr->mode & FS_TYPE_MASK;
    return type == FS_TYPE_FILE || type == FS_TYPE_DIRECTORY;
}

static bool parse(const uint8_t *text, uint32_t length, uint32_t *bits)
{
    uint32_t at = 2;
    *bits = 0;
    if (length < 3 || text[0] != '0' || text[1] != 'x')
        return false;
    for (; at < length && at < 10; at++) {
        uint8_t c = text[at] | 0x20;
        if (c >= '0' && c <= '9')
            *bits = *bits << 4 | (c - '0');
        else if (c >= 'a' && c <= 'f')
            *bits = *bits << 4 | (c - 'a' + 10);
        else
            break;
    }
    return at > 2;
}

void fs_dos_get(struct fs_node *node, struct fs_attr *attr)
{
    const struct fs_ops *ops = node->server->ops;
    uint8_t text[TEXT_BYTES];
    struct fs_xattr call = {.op = FS_XATTR_GET,
                            .name = NAME,
                            .name_length = sizeof NAME - 1,
                            .value = text,
                            .size = sizeof text};
    uint32_t bits;
    if (ops->keeps_dos || ops->xattr == NULL || !keeps_any(attr) || ops->xattr(node, &call) != OK ||
        call.result > call.size)
        return;
    if (parse(text, call.result, &bits))
        attr->dos = FS_DOS_KNOWN | (bits & FS_DOS_MASK);
}

status_t fs_dos_set(struct fs_node *node, uint32_t bits)
{
    const struct fs_ops *ops = node->server->ops;
    char text[16];
    if (ops->xattr == NULL)
        return ERR_NOT_SUPPORTED;
    int length = snprintf(text, sizeof text, "0x%x", (unsigned)(bits & FS_DOS_MASK));
    struct fs_xattr call = {.op = FS_XATTR_SET,
                            .name = NAME,
                            .name_length = sizeof NAME - 1,
                            .value = (uint8_t *)text,
                            .size = (uint32_t)length};
    return ops->xattr(node, &call);
}
