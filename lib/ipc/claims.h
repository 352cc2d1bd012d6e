/* SPDX-License-Identifier: MIT */
/*
 * Claims of this program that it denies others to write files (struct fs_claim of protocols/fs.h). All are
 * in one page, whose VMO goes along with each open that has one. A claim is somebody's as long as it
 * is used or held: used by opens that deny now, held by who remembers the open node to use it again. The node
 * is closed before the last of both ends. No locks are needed to call these.
 */
#ifndef IPC_CLAIMS_H
#define IPC_CLAIMS_H

#include <atomik/objects.h>
#include <protocols/fs.h>

/* A new one, used once: where it is. NULL: there are no more (*page, *offset are as before). */
struct fs_claim *claim_new(handle_t *page, uint32_t *offset);
void claim_hold(struct fs_claim *claim);
void claim_release(struct fs_claim *claim);
/* Once more, of one that is held or used. False: it has been withdrawn, and is not used. */
bool claim_use(struct fs_claim *claim);
void claim_end(struct fs_claim *claim);
bool claim_is_withdrawn(const struct fs_claim *claim);

#endif
