/* SPDX-License-Identifier: MIT */
/* io_setup, io_submit, io_getevents; files without a name. */
#include "show.h"

#include <linux/aio_abi.h>
#include <sys/eventfd.h>

static aio_context_t context;

static int submit(struct iocb *request)
{
    return (int)syscall(SYS_io_submit, context, 1, &request);
}

static void show_events(const char *text, int least, int most)
{
    struct io_event events[4];
    struct timespec none = {0, 20000000};
    long count = syscall(SYS_io_getevents, context, least, most, events, &none);
    say("%s: %ld", text, count);
    for (long i = 0; i < count; i++)
        say("  data %llu result %lld", (unsigned long long)events[i].data,
            (long long)events[i].res);
}

static void requests(int fd)
{
    char text[] = "some text", back[16] = "";
    int event = need(eventfd(0, EFD_NONBLOCK));
    uint64_t told = 0;
    struct iocb write_it = {.aio_data = 1,
                            .aio_lio_opcode = IOCB_CMD_PWRITE,
                            .aio_fildes = (uint32_t)fd,
                            .aio_buf = (uintptr_t)text,
                            .aio_nbytes = 9,
                            .aio_offset = 100},
                read_it = write_it, bad;
    read_it.aio_data = 2;
    read_it.aio_lio_opcode = IOCB_CMD_PREAD;
    read_it.aio_buf = (uintptr_t)back;
    read_it.aio_offset = 102;
    read_it.aio_flags = IOCB_FLAG_RESFD;
    read_it.aio_resfd = (uint32_t)event;
    show(submit(&write_it));
    show_events("written", 1, 4);
    show(submit(&read_it));
    show_events("read", 1, 4);
    say("%s", back);
    show(read(event, &told, 8));
    say("told %d", (int)told);
    show_events("nothing", 1, 1);
    bad = read_it;
    bad.aio_fildes = 99;
    show(submit(&bad));
    bad = read_it;
    bad.aio_lio_opcode = 77;
    show(submit(&bad));
    bad = read_it;
    bad.aio_buf = 16;
    show(submit(&bad));
    show_events("a bad address", 1, 1);
    show(syscall(SYS_io_submit, context, 1, (void *)16));
    show(syscall(SYS_io_submit, context + 1, 1, NULL));
    show(syscall(SYS_io_submit, context, -1, NULL));
    show(syscall(SYS_io_submit, context, 0, NULL));
}

static void contexts(void)
{
    aio_context_t other = 0;
    show(syscall(SYS_io_setup, 0, &other));
    show(syscall(SYS_io_setup, 4, (void *)16));
    show(syscall(SYS_io_setup, 4, &other));
    show(syscall(SYS_io_setup, 4, &other)); /* it is in use */
    show(syscall(SYS_io_destroy, other));
    show(syscall(SYS_io_destroy, other));
}

static void unnamed_files(void)
{
    struct stat stat;
    char path[64], text[8] = "";
    int fd = need(open(".", O_TMPFILE | O_RDWR, 0640));
    need(fstat(fd, &stat));
    say("links %d mode %o", (int)stat.st_nlink, stat.st_mode);
    show(write(fd, "hidden", 6));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    show(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    need(fstat(fd, &stat));
    say("links %d", (int)stat.st_nlink);
    close(fd);
    fd = need(open("named", O_RDONLY));
    show(read(fd, text, 7));
    close(fd);
    fd = need(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
    show(linkat(fd, "", AT_FDCWD, "never", AT_EMPTY_PATH));
    close(fd);
    fd = need(open(".", O_TMPFILE | O_RDWR, 0600));
    show(linkat(fd, "", AT_FDCWD, "second", AT_EMPTY_PATH));
    close(fd);
    show(access("second", F_OK));
    show(open(".", O_TMPFILE | O_RDONLY, 0600));
    show(open("named", O_TMPFILE | O_RDWR, 0600));
    show(open("missing", O_TMPFILE | O_RDWR, 0600));
    fd = need(open("named", O_PATH));
    show(fchmod(fd, 0600));
    show(ioctl(fd, FIONREAD, text));
    show((long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
}

int main(void)
{
    int fd = need(open("file", O_RDWR | O_CREAT, 0600));
    show(syscall(SYS_io_setup, 3, &context));
    requests(fd);
    contexts();
    unnamed_files();
    return 0;
}
