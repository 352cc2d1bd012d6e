/* SPDX-License-Identifier: MIT */
/* Pseudo terminals: making them, both ends' data, modes, packet mode, hanging up. */
#include "show.h"

#include <asm/termbits.h>

#define ALL (POLLIN | POLLOUT | POLLPRI)

static int open_pair(int *slave)
{
    int master = need(open("/dev/ptmx", O_RDWR | O_NOCTTY)), number, unlock = 0;
    char path[32];
    need(ioctl(master, TIOCGPTN, &number));
    need(ioctl(master, TIOCSPTLCK, &unlock));
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    *slave = need(open(path, O_RDWR | O_NOCTTY));
    return master;
}

/* What one read gets, with control characters shown. */
static void show_read(const char *text, int fd, int length)
{
    char bytes[256], line[1024] = "";
    int count = (int)read(fd, bytes, (size_t)length), at = 0;
    if (count < 0) {
        say("%s: %s", text, strerrorname_np(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        if (bytes[i] >= ' ' && bytes[i] < 127)
            line[at++] = bytes[i];
        else
            at += sprintf(line + at, "\\%03o", (unsigned char)bytes[i]);
    }
    line[at] = 0;
    say("%s: %d \"%s\"", text, count, line);
}

static void put(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        say("write of %s: %s", text, strerrorname_np(errno));
}

static void making(void)
{
    int master = need(open("/dev/ptmx", O_RDWR | O_NOCTTY)), number = -1, value = 5;
    char path[32];
    struct stat status;
    show(ioctl(master, TIOCGPTN, &number));
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    show(stat(path, &status));
    say("mode %o, major %u, own number %d", status.st_mode & S_IFMT,
        (unsigned)(status.st_rdev >> 8), (int)(status.st_rdev & 0xff) == number);
    show(ioctl(master, TIOCGPTLCK, &value));
    say("locked %d", value);
    show(open(path, O_RDWR | O_NOCTTY));
    show(write(master, "x", 1));
    show_poll("master of a locked one", master, ALL, 0);
    value = 0;
    show(ioctl(master, TIOCSPTLCK, &value));
    int slave = need(open(path, O_RDWR | O_NOCTTY));
    show(isatty(master));
    show(isatty(slave));
    show(ioctl(slave, TIOCGPTN, &number));
    show(strcmp(ttyname(slave), path));
    show(lseek(slave, 0, SEEK_CUR));
    struct winsize size = {1, 1, 1, 1};
    show(ioctl(slave, TIOCGWINSZ, &size));
    say("size %d %d", size.ws_row, size.ws_col);
    size = (struct winsize){30, 100, 1, 2};
    show(ioctl(master, TIOCSWINSZ, &size));
    size.ws_row = 0;
    show(ioctl(slave, TIOCGWINSZ, &size));
    say("size %d %d %d %d", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
    int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    say("peer %s", peer < 0                      ? strerrorname_np(errno)
                   : ttyname(peer)[9] == path[9] ? "same"
                                                 : "other");
    show(chmod(path, 0600));
    show(chown(path, 7, 8));
    need(fstat(slave, &status));
    say("mode %o, owner %d %d", status.st_mode & 0777, status.st_uid, status.st_gid);
    show(ioctl(slave, TIOCEXCL));
    show(ioctl(slave, 0x80045440, &value));
    say("exclusive %d", value);
    pid_t child = fork();
    if (child == 0) {
        need(chmod(path, 0666));
        need(setuid(1000));
        show(open(path, O_RDWR | O_NOCTTY));
        show(ioctl(slave, TIOCNXCL));
        show_ok(open(path, O_RDWR | O_NOCTTY));
        _exit(0);
    }
    show_end("child", child);
    close(peer);
    close(slave);
    close(master);
    show(access(path, F_OK));
    show(open("/dev/pts/4000", O_RDWR));
}

static void settings_of_a_new_one(int master, int slave)
{
    struct termios settings;
    struct termios2 more;
    int discipline = -1;
    show(ioctl(slave, TCGETS, &settings));
    say("%#o %#o %#o %#o line %d", settings.c_iflag, settings.c_oflag, settings.c_cflag,
        settings.c_lflag, settings.c_line);
    for (int i = 0; i < 17; i++)
        say("cc %d = %d", i, settings.c_cc[i]);
    show(ioctl(slave, TCGETS2, &more));
    say("speeds %u %u", more.c_ispeed, more.c_ospeed);
    settings.c_cflag = (settings.c_cflag & ~CBAUD) | B115200;
    show(ioctl(slave, TCSETS, &settings));
    show(ioctl(slave, TCGETS2, &more));
    say("speeds %u %u", more.c_ispeed, more.c_ospeed);
    show(ioctl(master, TCGETS, &settings));
    say("%#o", settings.c_cflag);
    show(ioctl(slave, TIOCGETD, &discipline));
    say("discipline %d", discipline);
}

static void lines(int master, int slave)
{
    int queued = -1;
    put(master, "line one\nsecond\n");
    show(ioctl(slave, FIONREAD, &queued));
    show_poll("slave", slave, ALL, 0);
    show_read("first line", slave, 100);
    show_read("part of the second", slave, 3);
    show_read("rest of the second", slave, 100);
    show_read("echo", master, 100);
    put(master, "ab\177c\025def\027gh\004");
    show_read("edited", slave, 100);
    show_read("echo of editing", master, 200);
    put(master, "\004");
    show_read("end of file", slave, 100);
    put(master, "\026\003x\r");
    show_read("literal", slave, 100);
    show_read("its echo", master, 100);
    put(slave, "out\n\ttab");
    show_read("output", master, 100);
}

static void raw(int master, int slave)
{
    struct termios settings;
    need(ioctl(slave, TCGETS, &settings));
    settings.c_lflag &= ~(unsigned)(ICANON | ECHO | ISIG);
    settings.c_iflag &= ~(unsigned)ICRNL;
    settings.c_oflag &= ~(unsigned)OPOST;
    settings.c_cc[VMIN] = 3;
    settings.c_cc[VTIME] = 0;
    show(ioctl(slave, TCSETSF, &settings));
    put(master, "a\r");
    show_poll("two of three", slave, ALL, 0);
    put(master, "\003");
    show_poll("three of three", slave, ALL, 0);
    show_read("raw", slave, 100);
    settings.c_cc[VMIN] = 0;
    settings.c_cc[VTIME] = 1;
    show(ioctl(slave, TCSETS, &settings));
    show_read("nothing within a time", slave, 100);
    settings.c_cc[VMIN] = 5;
    settings.c_cc[VTIME] = 1;
    show(ioctl(slave, TCSETS, &settings));
    put(master, "zz");
    show_read("two, then a pause", slave, 100);
    put(slave, "raw\n");
    show_read("raw output", master, 100);
    show(ioctl(slave, TCFLSH, TCIOFLUSH));
    show(ioctl(slave, TCSBRK, 1));
    show(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
    show_read("nothing there", slave, 10);
    show(fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK));
    show_read("nothing there", master, 10);
}

static void modes(void)
{
    int slave, master = open_pair(&slave);
    settings_of_a_new_one(master, slave);
    lines(master, slave);
    raw(master, slave);
    close(slave);
    close(master);
}

static void packets(void)
{
    int slave, master = open_pair(&slave), on = 1;
    struct termios settings;
    show(ioctl(slave, TIOCPKT, &on));
    show(ioctl(master, TIOCPKT, &on));
    on = 0;
    show(ioctl(master, TIOCGPKT, &on));
    say("packet mode %d", on);
    put(slave, "data");
    show_poll("data", master, ALL, 0);
    show_read("data", master, 100);
    show(ioctl(slave, TCFLSH, TCIFLUSH));
    show_poll("status", master, ALL, 0);
    show_read("status", master, 100);
    need(ioctl(slave, TCGETS, &settings));
    settings.c_iflag &= ~(unsigned)IXON;
    need(ioctl(slave, TCSETS, &settings));
    show_read("status", master, 100);
    settings.c_iflag |= IXON;
    need(ioctl(slave, TCSETS, &settings));
    show_read("status", master, 100);
    put(master, "\023");
    show_read("status", master, 100);
    show_poll("stopped", slave, POLLOUT, 0);
    put(master, "\021");
    show_read("status", master, 100);
    show_poll("going on", slave, POLLOUT, 0);
    close(slave);
    close(master);
}

static void ends(void)
{
    int slave, master = open_pair(&slave);
    put(slave, "last words");
    close(slave);
    show_poll("slave closed, data waits", master, ALL, 0);
    show_read("data", master, 100);
    show_poll("slave closed", master, ALL, 0);
    show_read("slave closed", master, 100);
    show(write(master, "x", 1));
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    show_poll("slave open again", master, ALL, 0);
    put(slave, "again");
    show_read("data", master, 100);
    close(master);
    show_poll("master closed", slave, ALL, 0);
    show_read("master closed", slave, 100);
    show(write(slave, "x", 1));
    struct termios settings;
    show(ioctl(slave, TCGETS, &settings));
    close(slave);
}

static void *closer(void *argument)
{
    sleep_ms(50);
    close(*(int *)argument);
    return NULL;
}

static void waiting_reader(void)
{
    int slave, master = open_pair(&slave);
    pthread_t thread;
    pthread_create(&thread, NULL, closer, &slave);
    show_read("the slave closes meanwhile", master, 10);
    pthread_join(thread, NULL);
    close(master);
}

/* More than fits goes through, with nothing lost, while both sides take turns. */
static void much_data(void)
{
    int slave, master = open_pair(&slave), sum = 0, wrong = 0;
    struct termios settings;
    need(ioctl(slave, TCGETS, &settings));
    settings.c_lflag &= ~(unsigned)(ICANON | ECHO | ISIG);
    settings.c_iflag = 0;
    settings.c_oflag &= ~(unsigned)OPOST;
    need(ioctl(slave, TCSETS, &settings));
    pid_t child = fork();
    if (child == 0) {
        close(slave);
        unsigned char out[700];
        for (int sent = 0; sent < 140000; sent += 700) {
            for (int i = 0; i < 700; i++)
                out[i] = (unsigned char)((sent + i) % 251);
            for (int done = 0; done < 700;)
                done += (int)write(master, out + done, (size_t)(700 - done));
        }
        unsigned char byte;
        _exit(read(master, &byte, 1) == 1 ? 0 : 1);
    }
    unsigned char in[1000];
    while (sum < 140000) {
        int count = (int)read(slave, in, sizeof in);
        if (count <= 0)
            break;
        for (int i = 0; i < count; i++)
            wrong += in[i] != (sum + i) % 251;
        sum += count;
    }
    say("received %d, wrong %d", sum, wrong);
    write(slave, "!", 1);
    show_end("writer", child);
    close(slave);
    close(master);
}

int main(void)
{
    making();
    modes();
    packets();
    ends();
    waiting_reader();
    much_data();
    return 0;
}
