/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of oneself (docs/sysroot.md has the manual page).
 *
 *   switch (atomik_snapshot("/host/state.snap", 0)) {
 *   case 0: ...    the file is there, and this process goes on
 *   case 1: ...    this process has been made from the file: snap restore /host/state.snap
 *   default: ...   no file; errno. ENOSYS: this is not Atomik
 *   }
 */
#ifndef _ATOMIK_SNAPSHOT_H
#define _ATOMIK_SNAPSHOT_H

#ifdef __cplusplus
extern "C" {
#endif

#define ATOMIK_SNAPSHOT_NO_TEXT 2u /* without memory that is unchanged from its file */
#define ATOMIK_SNAPSHOT_FILES   4u /* with the contents of all open regular files */

int atomik_snapshot(const char *path, unsigned flags);

#ifdef __cplusplus
}
#endif

#endif
