/* SPDX-License-Identifier: MIT */
/* Files: 64-bit offsets and times, directories, walks, temporary files, locks, vectors. */
#include <aio.h>
#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

static int visited, depth;

static int visit(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    visited++;
    if (place->level > depth)
        depth = place->level;
    CHECK(type != FTW_NS && path[place->base]);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void test_stdio(void)
{
    char *line = NULL, *memory = NULL;
    size_t size = 0;
    write_file("a/text", "first\nsecond line\n");
    FILE *file = fopen("a/text", "r+");
    CHECK(getline(&line, &size, file) == 6 && !strcmp(line, "first\n"));
    CHECK(ftello(file) == 6 && getline(&line, &size, file) == 12 &&
          getline(&line, &size, file) < 0);
    CHECK(fseeko(file, 5000000000LL, SEEK_SET) == 0 && ftello(file) == 5000000000LL);
    CHECK(fseeko(file, 100000, SEEK_SET) == 0 && fputc('x', file) == 'x' && fclose(file) == 0);
    struct stat status;
    CHECK(stat("a/text", &status) == 0 && status.st_size == 100001);
    free(line);
    file = open_memstream(&memory, &size);
    fprintf(file, "%5.2f|%-6s|%#llx", 3.14159, "ab", 0x123456789abcLL);
    fclose(file);
    printf("%s %zu\n", memory, size);
    free(memory);
    file = popen("echo from the shell; exit 3", "r");
    char buffer[64];
    CHECK(fgets(buffer, sizeof buffer, file) && !strcmp(buffer, "from the shell\n"));
    CHECK(pclose(file) == 3 << 8);
    CHECK(system("exit 5") == 5 << 8);
}

static void test_times(void)
{
    struct timespec times[2] = {{4102444800LL, 123456789}, {1000000000, 5}};
    struct stat status;
    CHECK(utimensat(AT_FDCWD, "a/b/one", times, 0) == 0 && stat("a/b/one", &status) == 0);
    CHECK(status.st_atim.tv_sec == 4102444800LL && status.st_mtim.tv_sec == 1000000000);
    struct timeval older[2] = {{7, 8}, {9, 10}};
    CHECK(utimes("a/b/one", older) == 0 && stat("a/b/one", &status) == 0);
    CHECK(status.st_mtime == 9 && status.st_nlink == 1 && S_ISREG(status.st_mode));
}

static void test_directories(void)
{
    struct dirent **list;
    glob_t found;
    char path[PATH_MAX];
    int count = scandir("a/b", &list, NULL, alphasort);
    for (int i = 0; i < count; i++)
        printf("scandir %s\n", list[i]->d_name);
    CHECK(glob("a/b/t*", 0, NULL, &found) == 0 && found.gl_pathc == 2);
    printf("glob %s %s\n", found.gl_pathv[0], found.gl_pathv[1]);
    CHECK(glob("a/nothing*", GLOB_APPEND, NULL, &found) == GLOB_NOMATCH && found.gl_pathc == 2);
    CHECK(glob("a/\\b/\\one", GLOB_APPEND, NULL, &found) == 0 && found.gl_pathc == 3);
    CHECK(glob("a/\\b/one", GLOB_APPEND | GLOB_NOESCAPE, NULL, &found) == GLOB_NOMATCH);
    globfree(&found);
    CHECK(nftw("a", visit, 5, FTW_PHYS) == 0 && visited == 8 && depth == 2);
    CHECK(realpath("a/./b/../link/one", path) != NULL);
    printf("realpath ...%s\n", strstr(path, "/a/"));
    CHECK(realpath("a/nothing/one", path) == NULL && errno == ENOENT);
    CHECK(symlink("a/b/one", "to-file") == 0 && realpath("to-file", path) != NULL);
    printf("realpath ...%s\n", strstr(path, "/a/"));
    CHECK(realpath("to-file/", path) == NULL && errno == ENOTDIR);
    CHECK(unlink("to-file") == 0);
    char *roots[] = {"a", NULL};
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    int entries = 0;
    for (FTSENT *entry; (entry = fts_read(fts)) != NULL;)
        entries += entry->fts_info == FTS_D ? 100 : entry->fts_info == FTS_DP ? 10000 : 1;
    CHECK(fts_close(fts) == 0 && entries == 30305);
}

static void test_vectors_and_locks(void)
{
    struct iovec vector[2] = {{"abc", 3}, {"defg", 4}};
    char buffer[8] = "";
    int fd = open("a/vector", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(writev(fd, vector, 2) == 7 && pread(fd, buffer, 4, 2) == 4 && !strcmp(buffer, "cdef"));
    CHECK(lseek(fd, -1, SEEK_END) == 6 && ftruncate(fd, 3) == 0 && lseek(fd, 0, SEEK_END) == 3);
    CHECK(lockf(fd, F_TLOCK, 0) == 0 && lockf(fd, F_ULOCK, 0) == 0);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && posix_fallocate(fd, 0, 100) == 0);
    close(fd);
    struct statvfs space;
    CHECK(statvfs("a", &space) == 0 && space.f_bsize > 0 && space.f_namemax >= 255);
    CHECK(fchmodat(AT_FDCWD, "a/vector", 0640, 0) == 0 &&
          faccessat(AT_FDCWD, "a/none", F_OK, 0) < 0);
    CHECK(remove("a/vector") == 0 && remove("a/empty") == 0 && access("a/empty", F_OK) < 0);
}

/* Requests of a descriptor are carried out in order; what has not begun can be taken back. */
static void test_aio(void)
{
    enum { COUNT = 6 };
    static char block[4];
    struct aiocb requests[COUNT], none = {.aio_fildes = -1, .aio_nbytes = 1};
    const struct aiocb *last = &requests[COUNT - 1], *failing = &none;
    int ends[2];
    memset(requests, 0, sizeof requests);
    int fd = open("a/appended", O_RDWR | O_CREAT | O_APPEND, 0600);
    for (int i = 0; i < COUNT; i++) {
        requests[i] =
            (struct aiocb){.aio_fildes = fd, .aio_buf = (char *)"abcdef" + i, .aio_nbytes = 1};
        CHECK(aio_write(&requests[i]) == 0);
    }
    CHECK(aio_suspend(&last, 1, NULL) == 0 && aio_return(&requests[COUNT - 1]) == 1);
    char text[COUNT + 1] = "";
    CHECK(pread(fd, text, COUNT, 0) == COUNT && !strcmp(text, "abcdef"));
    CHECK(aio_read(&none) == 0 && aio_suspend(&failing, 1, NULL) == 0 && aio_error(&none) == EBADF);
    CHECK(pipe(ends) == 0);
    for (int i = 0; i < COUNT; i++) {
        requests[i] = (struct aiocb){.aio_fildes = ends[0], .aio_buf = block, .aio_nbytes = 1};
        CHECK(aio_read(&requests[i]) == 0);
    }
    usleep(20000); /* the first has begun */
    CHECK(aio_cancel(ends[0], &requests[0]) == AIO_NOTCANCELED);
    CHECK(aio_cancel(ends[0], &requests[3]) == AIO_CANCELED &&
          aio_error(&requests[3]) == ECANCELED);
    CHECK(write(ends[1], "x", 1) == 1);
    last = &requests[0];
    CHECK(aio_suspend(&last, 1, NULL) == 0 && aio_return(&requests[0]) == 1 && block[0] == 'x');
    aio_cancel(ends[0], NULL);
    CHECK(aio_error(&requests[COUNT - 1]) == ECANCELED);
    close(fd);
}

/* Functions that newlib has too, in members with others: ours must be the ones that are linked. */
static void test_whose_functions(void)
{
    CHECK(mkdir("a/empty", 0700) == 0 && remove("a/empty") == 0); /* newlib's knows files only */
    CHECK(system("exit 3") == 3 << 8 && system(NULL) != 0);
    FILE *file = tmpfile();
    CHECK(file && fputs("x", file) >= 0 && fclose(file) == 0);
}

int main(void)
{
    char dir[] = "/tmp/sysroot.XXXXXX";
    CHECK(mkdtemp(dir) != NULL && chdir(dir) == 0);
    CHECK(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0 && mkdir("a/empty", 0700) == 0);
    write_file("a/b/one", "1");
    write_file("a/b/two", "2");
    write_file("a/b/three", "3");
    CHECK(symlink("b", "a/link") == 0);
    test_stdio();
    test_times();
    test_directories();
    test_vectors_and_locks();
    test_aio();
    test_whose_functions();
    CHECK(chdir("/") == 0);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", dir);
    CHECK(system(command) == 0);
    return finish();
}
