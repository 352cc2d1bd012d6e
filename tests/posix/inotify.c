/* SPDX-License-Identifier: MIT */
/* inotify: what is told of files and directories, and in which order. */
#include "show.h"

#include <sys/epoll.h>
#include <sys/inotify.h>

static int fd, names;

static void show_events(const char *text)
{
    static char buffer[8192];
    uint32_t first_cookie = 0;
    say("%s:", text);
    for (;;) {
        long size = read(fd, buffer, sizeof buffer);
        if (size < 0) {
            if (errno != EAGAIN)
                say("  %s", strerrorname_np(errno));
            return;
        }
        for (long at = 0; at < size;) {
            const struct inotify_event *event = (const void *)(buffer + at);
            if (event->cookie && !first_cookie)
                first_cookie = event->cookie;
            say("  wd %d mask %#x cookie %u length %u %s", event->wd, event->mask,
                event->cookie ? event->cookie - first_cookie + 1 : 0, event->len,
                event->len ? event->name : "");
            at += (long)sizeof *event + event->len;
        }
    }
}

static void directories(void)
{
    need(mkdir("d", 0755));
    show(names = inotify_add_watch(fd, "d", IN_ALL_EVENTS & ~(IN_OPEN | IN_CLOSE | IN_ACCESS)));
    int file = need(open("d/file", O_CREAT | O_RDWR, 0600));
    show_events("create");
    need(write(file, "abc", 3));
    need(write(file, "def", 3));
    show_events("write");
    need(ftruncate(file, 2));
    show_events("truncate");
    need(fchmod(file, 0644));
    show_events("chmod");
    close(file);
    need(rename("d/file", "d/other"));
    show_events("rename");
    need(rename("d/other", "out"));
    show_events("moved away");
    need(rename("out", "d/back"));
    show_events("moved here");
    need(mkdir("d/sub", 0755));
    need(symlink("x", "d/link"));
    need(link("d/back", "d/hard"));
    need(mkfifo("d/fifo", 0600));
    show_events("mkdir, symlink, link, mkfifo");
    need(unlink("d/link"));
    need(unlink("d/hard"));
    need(unlink("d/fifo"));
    need(rmdir("d/sub"));
    need(unlink("d/back"));
    show_events("unlink and rmdir");
    need(rename("d", "e"));
    show_events("the directory renamed");
    need(rmdir("e"));
    show_events("the directory removed");
    show(inotify_rm_watch(fd, names));
}

static void files(void)
{
    char byte;
    int file = need(open("f", O_CREAT | O_RDWR, 0600));
    show(names = inotify_add_watch(fd, "f", IN_ALL_EVENTS));
    show(inotify_add_watch(fd, "f",
                           IN_MODIFY | IN_OPEN | IN_CLOSE | IN_ACCESS | IN_ATTRIB | IN_DELETE_SELF |
                               IN_MOVE_SELF));
    need(write(file, "abc", 3));
    int other = need(open("f", O_RDONLY));
    need(read(other, &byte, 1));
    need(read(other, &byte, 1));
    close(other);
    show_events("write, open, read, close");
    need(rename("f", "g"));
    need(close(need(open("g", O_WRONLY))));
    show_events("rename, open, close");
    show(inotify_add_watch(fd, "g", IN_CLOSE_WRITE | IN_DELETE_SELF));
    close(file);
    show_events("close");
    need(unlink("g"));
    show_events("unlink");
    show(inotify_rm_watch(fd, names));
}

static void rules(void)
{
    int file = need(open("f", O_CREAT | O_RDWR, 0600));
    show(inotify_add_watch(fd, "nothing", IN_MODIFY));
    show(inotify_add_watch(fd, "f", 0));
    show(inotify_add_watch(fd, "f", IN_MODIFY | IN_ONLYDIR));
    show(inotify_add_watch(1, "f", IN_MODIFY));
    show(inotify_add_watch(99, "f", IN_MODIFY));
    show(inotify_init1(1));
    int watch = (int)show(inotify_add_watch(fd, "f", IN_MODIFY | IN_ONESHOT));
    write(file, "x", 1);
    show_poll("ready", fd, POLLIN | POLLOUT, 0);
    int queued = 0;
    show(ioctl(fd, FIONREAD, &queued));
    say("queued %d", queued);
    char few[10];
    show(read(fd, few, sizeof few));
    show_events("once");
    write(file, "x", 1);
    show_events("no more");
    show(inotify_rm_watch(fd, watch));
    watch = (int)show(inotify_add_watch(fd, "f", IN_MODIFY));
    show(inotify_add_watch(fd, "f", IN_ATTRIB | IN_MASK_ADD) == watch);
    show(inotify_add_watch(fd, "f", IN_ATTRIB | IN_MASK_CREATE));
    need(fchmod(file, 0600));
    write(file, "x", 1);
    show_events("mask added");
    show(inotify_rm_watch(fd, watch));
    show_events("removed");
    show_poll("nothing", fd, POLLIN, 0);
    close(file);
    unlink("f");
}

static void waiting(void)
{
    int epoll = need(epoll_create1(0)), file = need(open("f", O_CREAT | O_RDWR, 0600));
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    need(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    need(inotify_add_watch(fd, "f", IN_MODIFY));
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(50);
        write(file, "x", 1);
        _exit(0);
    }
    show(epoll_wait(epoll, &event, 1, 5000));
    show_events("from a child");
    show_end("child", child);
    unlink("f");
}

int main(void)
{
    fd = need(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    directories();
    files();
    rules();
    waiting();
    return 0;
}
