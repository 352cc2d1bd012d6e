/* SPDX-License-Identifier: MIT */
/* openat2: what its ways of resolving let through and what they refuse. */
#include "show.h"

#include <linux/openat2.h>
#include <sys/mount.h>

static int base;

static int open_how(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

/* What the descriptor is: a letter for its kind, and the text of a file. */
static void try_from(int dir, const char *ways, uint64_t resolve, const char *path, uint64_t flags)
{
    char text[16] = "";
    struct stat stat;
    int fd = open_how(dir, path, flags, flags & O_CREAT ? 0600 : 0, resolve);
    if (fd < 0) {
        say("%s %s: %s", ways, path, strerrorname_np(errno));
        return;
    }
    need(fstat(fd, &stat));
    if (S_ISREG(stat.st_mode) && read(fd, text, sizeof text - 1) < 0)
        strcpy(text, "?");
    say("%s %s: %s %s", ways, path,
        S_ISDIR(stat.st_mode)   ? "directory"
        : S_ISLNK(stat.st_mode) ? "link"
                                : "file",
        text);
    close(fd);
}

static void make_file(const char *path)
{
    int fd = need(open(path, O_CREAT | O_WRONLY, 0644));
    need(write(fd, path, strlen(path)));
    close(fd);
}

static void make_tree(void)
{
    need(mkdir("base", 0755));
    need(mkdir("base/sub", 0755));
    need(mkdir("base/mount", 0755));
    make_file("out");
    make_file("base/in");
    make_file("base/sub/deep");
    need(symlink("sub/deep", "base/relative"));
    need(symlink("../out", "base/up"));
    need(symlink("/in", "base/absolute"));
    need(symlink("/proc/self/exe", "base/magic"));
    need(symlink("loop", "base/loop"));
    need(symlink("../sub/../in", "base/sub/back"));
    need(symlink("sub", "base/to_sub"));
    need(symlink("new", "base/dangling"));
    need(mount("none", "base/mount", "tmpfs", 0, NULL));
    make_file("base/mount/file");
}

static const char *const paths[] = {
    "in",        "sub/deep",   "sub/../in", "../out",   "..",        ".",           "sub/../..",
    "/in",       "/",          "relative",  "up",       "absolute",  "magic",       "loop",
    "to_sub",    "to_sub/",    "to_sub/..", "sub/back", "in/",       "in/x",        "missing",
    "missing/x", "mount/file", "mount",     "mount/..", "sub//deep", "to_sub/deep",
};

/* What is above the directory may be on another file system, or not. */
static bool differs(const char *path, uint64_t resolve)
{
    bool absolute = path[0] == '/' || strcmp(path, "absolute") == 0;
    return absolute &&
           ((resolve & RESOLVE_NO_XDEV) || (path[1] == '\0' && !(resolve & RESOLVE_IN_ROOT)));
}

static void try_all(const char *ways, uint64_t resolve)
{
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        if (!differs(paths[i], resolve))
            try_from(base, ways, resolve, paths[i], O_RDONLY);
}

int main(void)
{
    make_tree();
    base = need(open("base", O_PATH | O_DIRECTORY));
    try_all("beneath", RESOLVE_BENEATH);
    try_all("in root", RESOLVE_IN_ROOT);
    try_all("no links", RESOLVE_NO_SYMLINKS);
    try_all("no magic", RESOLVE_NO_MAGICLINKS);
    try_all("no other", RESOLVE_NO_XDEV);
    try_all("no other, beneath", RESOLVE_NO_XDEV | RESOLVE_BENEATH);
    try_from(base, "no links", RESOLVE_NO_SYMLINKS, "relative", O_PATH | O_NOFOLLOW);
    try_from(base, "no links", RESOLVE_NO_SYMLINKS, "relative", O_RDONLY | O_NOFOLLOW);
    try_from(base, "create beneath", RESOLVE_BENEATH, "dangling", O_RDWR | O_CREAT);
    try_from(base, "create beneath", RESOLVE_BENEATH, "new", O_RDWR | O_CREAT | O_EXCL);
    try_from(base, "create beneath", RESOLVE_BENEATH, "relative", O_RDWR | O_CREAT | O_EXCL);
    try_from(base, "create beneath", RESOLVE_BENEATH, "../made", O_RDWR | O_CREAT);
    try_from(base, "create in root", RESOLVE_IN_ROOT, "../made", O_RDWR | O_CREAT);
    try_from(base, "create in root", RESOLVE_IN_ROOT, "made/", O_RDWR | O_CREAT);
    show(access("base/made", F_OK));
    try_from(AT_FDCWD, "beneath", RESOLVE_BENEATH, "base/in", O_RDONLY);
    try_from(AT_FDCWD, "beneath", RESOLVE_BENEATH, "", O_RDONLY);
    try_from(99, "beneath", RESOLVE_BENEATH, "in", O_RDONLY);
    try_from(base, "both", RESOLVE_BENEATH | RESOLVE_IN_ROOT, "in", O_RDONLY);
    try_from(base, "unknown", 0x1000, "in", O_RDONLY);
    need(umount("base/mount"));
    return 0;
}
