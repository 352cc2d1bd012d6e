/* SPDX-License-Identifier: MIT */
/* What needs no system: strings at all alignments, regular expressions, UTF-8, iconv, numbers, sorting. */
#include <arpa/inet.h>
#include <complex.h>
#include <ctype.h>
#include <dlfcn.h>
#include <fnmatch.h>
#include <getopt.h>
#include <iconv.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <malloc.h>
#include <math.h>
#include <netdb.h>
#include <pwd.h>
#include <regex.h>
#include <search.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>
#include <wordexp.h>

#include "check.h"

/* Against plain loops, up to the end of a page that nothing follows. */
static void test_strings(void)
{
    char *pages = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *end = pages + 8192, from[400], to[400];
    CHECK(mprotect(end, 4096, PROT_NONE) == 0);
    for (int i = 0; i < 400; i++)
        from[i] = (char)(i % 250 + 1);
    for (size_t size = 0; size < 300; size++) {
        char *text = end - size - 1;
        memcpy(text, from, size);
        text[size] = 0;
        CHECK(strlen(text) == size && strnlen(text, 10000) == size && !memcmp(text, from, size));
        CHECK(strchr(text, 0) == text + size && memchr(text, 0, size + 1) == text + size);
        CHECK(strcmp(text, from) < 0 && strcmp(from, text) > 0);
        CHECK(size == 0 || (memchr(text, from[size - 1], size) != NULL && strchr(text, 1) == text));
        memset(to, 9, sizeof to);
        for (size_t at = 0; at < 17; at += 4) {
            memcpy(to + at, from + 3, size);
            for (size_t i = 0; i < size; i++)
                if (to[at + i] != from[3 + i])
                    CHECK(!"memcpy");
        }
        memcpy(to, from, 400);
        memmove(to + 5, to, size);
        CHECK(!memcmp(to + 5, from, size));
        memcpy(to, from, 400);
        memmove(to, to + 7, size);
        CHECK(!memcmp(to, from + 7, size) && to[size] == from[size]);
        memset(to, 5, size);
        CHECK(to[size] == from[size] && (size == 0 || (to[0] == 5 && to[size - 1] == 5)));
    }
    CHECK(strcpy(to, "abc") == to && !strcmp(strcat(to, "def"), "abcdef"));
    CHECK(memmem("abcabd", 6, "abd", 3) != NULL && strcasestr("xHeLLo", "hello") != NULL);
}

static void test_patterns(void)
{
    regex_t regex;
    regmatch_t match[3];
    wordexp_t words;
    CHECK(regcomp(&regex, "([a-z]+)=([0-9]{2,4})", REG_EXTENDED) == 0);
    CHECK(regexec(&regex, "  key=1234;", 3, match, 0) == 0 && match[1].rm_so == 2 &&
          match[2].rm_eo == 10);
    CHECK(regexec(&regex, "key=1", 3, match, 0) == REG_NOMATCH);
    regfree(&regex);
    CHECK(fnmatch("*.[ch]", "file.c", 0) == 0 && fnmatch("*.[ch]", "file.o", 0) == FNM_NOMATCH);
    setenv("NAME", "two words", 1);
    CHECK(wordexp("a $NAME \"$NAME\" '*'", &words, 0) == 0 && words.we_wordc == 5);
    CHECK(!strcmp(words.we_wordv[3], "two words") && !strcmp(words.we_wordv[4], "*"));
    wordfree(&words);
    CHECK(wordexp("$(echo x)", &words, WRDE_NOCMD) == WRDE_CMDSUB &&
          wordexp("a|b", &words, 0) == WRDE_BADCHAR);
}

static void test_text(void)
{
    wchar_t wide[8];
    char buffer[32], *in = "\xe9t\xe9", *out = buffer;
    size_t in_left = 3, out_left = sizeof buffer;
    CHECK(setlocale(LC_ALL, "C.UTF-8") != NULL && !strcmp(nl_langinfo(CODESET), "UTF-8"));
    CHECK(mbstowcs(wide, "h\xc3\xa9\xe2\x82\xac", 8) == 3 && wide[1] == 0xe9 && wide[2] == 0x20ac);
    CHECK(wcstombs(buffer, L"\u00e9x", 8) == 3 && iswalpha(0xe9) && towupper(0xe9) == 0xc9);
    iconv_t convert = iconv_open("UTF-8", "ISO-8859-1");
    CHECK(convert != (iconv_t)-1 && iconv(convert, &in, &in_left, &out, &out_left) == 0);
    CHECK(!memcmp(buffer, "\xc3\xa9t\xc3\xa9", 5) && iconv_close(convert) == 0);
    printf("%s %.3e %a %Lg %" PRId64 "\n", strerror(ENOENT), 12345.678, 1.5, 2.5L, INT64_MIN);
    CHECK(strtod("0x1.8p1", NULL) == 3.0 && strtoll("-9223372036854775808", NULL, 10) == INT64_MIN);
    CHECK(fabs(sin(1) - 0.8414709848078965) < 1e-15 && isnan(nan("")) && lround(2.5) == 3);
}

static void test_time_zones(void)
{
    time_t summer = 1720000000; /* 2024-07-03 09:46:40 UTC */
    char text[64];
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    const struct tm *local = localtime(&summer);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %Z %z", local);
    printf("%s %s/%s\n", text, tzname[0], tzname[1]);
    struct tm again = *local;
    CHECK(mktime(&again) == summer && timegm(gmtime(&summer)) == summer);
    CHECK(strptime("2030-02-03", "%Y-%m-%d", &again) != NULL && again.tm_year == 130);
}

static void test_names(void)
{
    struct in6_addr six;
    char text[64];
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    CHECK(inet_pton(AF_INET6, "2001:db8::1:0:0:5", &six) == 1 &&
          inet_pton(AF_INET6, "1::2::3", &six) == 0);
    CHECK(inet_pton(AF_INET6, "2001:db8::1:0:0:5", &six) == 1);
    printf("%s\n", inet_ntop(AF_INET6, &six, text, sizeof text));
    CHECK(inet_pton(AF_INET6, "::ffff:1.2.3.4", &six) == 1);
    printf("%s\n", inet_ntop(AF_INET6, &six, text, sizeof text));
    CHECK(getaddrinfo("127.0.0.1", "8080", &hints, &found) == 0);
    CHECK(((struct sockaddr_in *)found->ai_addr)->sin_port == htons(8080));
    freeaddrinfo(found);
    CHECK(getaddrinfo("no.such.name.", "1", &hints, &found) == EAI_NONAME);
    CHECK(getpwuid(0) != NULL && !strcmp(getpwuid(0)->pw_name, "root"));
    CHECK(dlopen("libc.so", RTLD_NOW) == NULL);
    printf("%s\n", dlerror());
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void test_memory(void)
{
    enum { COUNT = 2000 };
    static void *blocks[COUNT];
    int numbers[100];
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < COUNT; i++) {
            size_t size = (size_t)(i * 37 % 3000);
            blocks[i] = realloc(blocks[i], size);
            CHECK(size == 0 || (blocks[i] && ((unsigned long)blocks[i] & 15) == 0));
            if (size)
                memset(blocks[i], i, size);
        }
        for (int i = round; i < COUNT; i += 3) {
            free(blocks[i]);
            blocks[i] = NULL;
        }
    }
    void *aligned = NULL;
    CHECK(posix_memalign(&aligned, 256, 100) == 0 && ((unsigned long)aligned & 255) == 0);
    free(aligned);
    char *zero = calloc(1000, 3);
    CHECK(zero && zero[0] == 0 && zero[2999] == 0);
    volatile size_t too_much = (size_t)3 << 30;
    void *huge = malloc(too_much);
    CHECK(huge == NULL && errno == ENOMEM);
    for (int i = 0; i < 100; i++)
        numbers[i] = i * 77 % 100;
    qsort(numbers, 100, sizeof *numbers, compare);
    size_t count = 100;
    int wanted = 55;
    CHECK(numbers[0] == 0 && numbers[99] == 99 &&
          bsearch(&wanted, numbers, 100, 4, compare) == numbers + 55);
    CHECK(lfind(&wanted, numbers, &count, 4, compare) == numbers + 55);
    srandom(1);
    printf("%ld %ld\n", random(), random());
}

static void test_digits(void)
{
    int point, sign;
    CHECK(!strcmp(fcvt(-12.3456, 2, &point, &sign), "1235") && point == 2 && sign);
    CHECK(strlen(fcvt(1e300, 5, &point, &sign)) == 306 && point == 301 && !sign);
    double _Complex square = cpow(1 + 2 * I, 2);
    long double _Complex root = ccosl(0);
    CHECK(fabs(creal(square) + 3) < 1e-12 && creall(root) == 1);
    CHECK(CLOCKS_PER_SEC == 1000000);
}

/* Operands between options, one of them a dash; an argument that may be missing; a name cut short. */
static void test_options(void)
{
    static const struct option longs[] = {{"extra", required_argument, NULL, 'e'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {NULL, 0, NULL, 0}};
    char *words[] = {"test", "-", "-i", "one", "-ix", "--ex=", "--qui", "--", "-q", NULL};
    char seen[16] = "";

    optind = 0;
    for (int option; (option = getopt_long(9, words, "e:i::q", longs, NULL)) != -1;)
        sprintf(seen + strlen(seen), "%c%s", option, !optarg ? "." : *optarg ? optarg : "=");
    CHECK(!strcmp(seen, "i.ixe=q.") && optind == 6);
    CHECK(!strcmp(words[6], "-") && !strcmp(words[7], "one") && !strcmp(words[8], "-q"));
}

int main(void)
{
    test_options();
    test_strings();
    test_patterns();
    test_text();
    test_time_zones();
    test_names();
    test_digits();
    test_memory();
    return finish();
}
