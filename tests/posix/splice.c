/* SPDX-License-Identifier: MIT */
/* splice, tee, vmsplice, sendfile, copy_file_range, preadv2, holes. */
#include "show.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

static char text[8192];

static void show_pipe(const char *name, int fd)
{
    int queued = -1;
    ioctl(fd, FIONREAD, &queued);
    say("%s: %d queued", name, queued);
}

static int file_with(const char *name, const char *content)
{
    int fd = need(open(name, O_CREAT | O_RDWR | O_TRUNC, 0600));
    need(write(fd, content, strlen(content)));
    need(lseek(fd, 0, SEEK_SET));
    return fd;
}

static void pipes(void)
{
    int a[2], b[2], file = file_with("file", "0123456789");
    loff_t place = 2;
    need(pipe(a));
    need(pipe(b));
    show(splice(file, &place, a[1], NULL, 5, 0));
    say("place %d, file at %d", (int)place, (int)lseek(file, 0, SEEK_CUR));
    show(splice(file, NULL, a[1], NULL, 3, SPLICE_F_MOVE));
    say("file at %d", (int)lseek(file, 0, SEEK_CUR));
    show_pipe("a", a[0]);
    show(tee(a[0], b[1], 4, 0));
    show_pipe("a", a[0]);
    show_pipe("b", b[0]);
    show(splice(a[0], NULL, b[1], NULL, 100, 0));
    show_pipe("a", a[0]);
    memset(text, 0, sizeof text);
    show(read(b[0], text, 100));
    say("%s", text);
    show(splice(a[0], NULL, b[1], NULL, 100, SPLICE_F_NONBLOCK));
    show(tee(a[0], b[1], 100, SPLICE_F_NONBLOCK));
    struct iovec pieces[2] = {{"vec", 3}, {"tor", 3}};
    show(vmsplice(a[1], pieces, 2, 0));
    place = 20;
    show(splice(a[0], NULL, file, &place, 100, 0));
    say("place %d, size %d", (int)place, (int)lseek(file, 0, SEEK_END));
    show(splice(file, NULL, file, NULL, 1, 0));
    show(splice(a[0], &place, file, NULL, 1, 0));
    show(splice(a[0], NULL, a[1], NULL, 1, 0));
    show(tee(a[0], a[1], 1, 0));
    show(splice(a[0], NULL, file, NULL, 0, 0));
    show(splice(a[0], NULL, file, NULL, 1, 0x100));
    show(splice(a[1], NULL, file, NULL, 1, 0));
    int append = need(open("file", O_WRONLY | O_APPEND));
    write(a[1], "x", 1);
    show(splice(a[0], NULL, append, NULL, 1, 0));
    close(a[1]);
    show(splice(a[0], NULL, file, NULL, 10, 0));
    show(splice(a[0], NULL, file, NULL, 10, 0));
    close(b[0]);
    signal(SIGPIPE, SIG_IGN);
    show(splice(file, &place, b[1], NULL, 1, 0));
    unlink("file");
}

/* More than there is room for: what fits goes in. */
static void too_much(void)
{
    static char much[200000] __attribute__((aligned(4096)));
    int ends[2];
    struct iovec piece = {much, sizeof much};
    need(pipe(ends));
    show(vmsplice(ends[1], &piece, 1, 0));
    show(vmsplice(ends[1], &piece, 1, SPLICE_F_NONBLOCK));
    close(ends[0]);
    close(ends[1]);
}

static void copies(void)
{
    int in = file_with("in", "abcdefghij"), out = file_with("out", "");
    off64_t from = 2, to = 1;
    off_t place = 4;
    show(copy_file_range(in, &from, out, &to, 3, 0));
    say("%d %d, size %d", (int)from, (int)to, (int)lseek(out, 0, SEEK_END));
    show(copy_file_range(in, NULL, out, NULL, 100, 0));
    show(copy_file_range(in, NULL, out, NULL, 100, 0));
    show(pread(out, text, 100, 0));
    say("%d %.13s", text[0], text + 1);
    show(copy_file_range(in, NULL, out, NULL, 1, 1));
    from = 0;
    to = 5;
    show(copy_file_range(in, &from, in, &to, 7, 0));
    show(copy_file_range(in, &from, in, &to, 3, 0));
    int written = need(open("out", O_WRONLY)), fds[2];
    need(pipe(fds));
    show(copy_file_range(written, NULL, out, NULL, 1, 0));
    show(copy_file_range(fds[1], NULL, out, NULL, 1, 0));
    close(written);
    show(copy_file_range(99, NULL, out, NULL, 1, 0));
    show(sendfile(out, in, &place, 3));
    say("place %d", (int)place);
    place = -1;
    show(sendfile(out, in, &place, 3));
    show(sendfile(fds[1], in, NULL, 3));
    show(sendfile(out, fds[0], NULL, 3));
    struct iovec piece = {text, 4};
    show(preadv2(in, &piece, 1, 3, 0));
    say("%.4s", text);
    need(lseek(in, 1, SEEK_SET));
    show(preadv2(in, &piece, 1, -1, 0));
    say("%.4s at %d", text, (int)lseek(in, 0, SEEK_CUR));
    show(preadv2(in, &piece, 1, 0, 0x4000));
    show(pwritev2(in, &piece, 1, 0, RWF_APPEND));
    say("size %d", (int)lseek(in, 0, SEEK_END));
    show(lseek(in, 5, SEEK_DATA));
    show(lseek(in, 5, SEEK_HOLE));
    show(lseek(in, 500, SEEK_DATA));
    show(lseek(fds[0], 0, SEEK_DATA));
    unlink("in");
    unlink("out");
}

static void room(void)
{
    struct stat status;
    int fd = file_with("file", "0123456789");
    show(fallocate(fd, 0, 5, 20));
    need(fstat(fd, &status));
    say("size %d", (int)status.st_size);
    show(fallocate(fd, FALLOC_FL_KEEP_SIZE, 5, 200));
    show(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 3));
    show(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3));
    need(fstat(fd, &status));
    memset(text, '.', 12);
    need(pread(fd, text, 12, 0));
    for (int i = 0; i < 12; i++)
        text[i] = text[i] ? text[i] : '_';
    say("size %d: %.12s", (int)status.st_size, text);
    show(fallocate(fd, 0, -1, 3));
    show(fallocate(fd, 0, 0, 0));
    show(fallocate(99, 0, 0, 1));
    int fds[2];
    need(pipe(fds));
    show(fallocate(fds[1], 0, 0, 1));
    show(fallocate(fds[0], 0, 0, 1));
    unlink("file");
}

int main(void)
{
    pipes();
    too_much();
    copies();
    room();
    return 0;
}
