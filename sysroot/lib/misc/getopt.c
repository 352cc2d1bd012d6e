/* SPDX-License-Identifier: MIT */
/*
 * Options of a command line, as GNU has them: getopt, getopt_long, getopt_long_only. (newlib's takes an operand "-" for options
 * and refuses an empty argument.) Operands that stood before an option are moved behind it, so that at the end argv[optind]
 * is the first of them all; [operands.first, operands.end) are those skipped so far and end just before the options read since.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *optarg;
int optind = 1;
int opterr = 1;
int optopt = '?';

/* What a call was given. */
struct line {
    int count;
    char **words;
    const char *letters; /* without the sign in front */
    const struct option *longs;
    int *index;
    bool only;  /* a single dash may begin a long option */
    bool quiet; /* the letters begin with a colon: the caller speaks of errors */
    enum { PERMUTE, STOP, IN_ORDER } operands;
};

static bool begun;
static char *letter; /* the next of several letters behind one dash */
static struct {
    int first, end;
} operands;

static void __attribute__((format(printf, 2, 3)))
complain(const struct line *line, const char *format, ...)
{
    va_list arguments;

    if (!opterr || line->quiet)
        return;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", line->words[0]);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

static void reverse(char **words, int from, int end)
{
    for (; from < --end; from++) {
        char *word = words[from];
        words[from] = words[end];
        words[end] = word;
    }
}

/* Move the operands behind the options that were read after them. */
static void move_operands(char **words)
{
    reverse(words, operands.first, operands.end);
    reverse(words, operands.end, optind);
    reverse(words, operands.first, optind);
    operands.first += optind - operands.end;
    operands.end = optind;
}

static void settle_operands(char **words)
{
    if (operands.first == operands.end)
        operands.first = operands.end = optind;
    else if (operands.end != optind)
        move_operands(words);
}

static int missing(const struct line *line)
{
    return line->quiet ? ':' : '?';
}

static bool is_operand(const char *word)
{
    return word[0] != '-' || !word[1];
}

enum { NOT_FOUND = -1, AMBIGUOUS = -2 };

static int find_long(const struct line *line, const char *name, size_t length)
{
    const struct option *longs = line->longs;
    int found = NOT_FOUND;

    for (int i = 0; longs[i].name; i++) {
        if (strncmp(longs[i].name, name, length))
            continue;
        if (!longs[i].name[length])
            return i;
        if (found == NOT_FOUND)
            found = i;
        else if (line->only || longs[i].has_arg != longs[found].has_arg ||
                 longs[i].flag != longs[found].flag || longs[i].val != longs[found].val)
            found = AMBIGUOUS;
    }
    return found;
}

static void complain_ambiguous(const struct line *line, const char *dash, const char *name)
{
    if (!opterr || line->quiet)
        return;
    fprintf(stderr, "%s: option '%s%s' is ambiguous; possibilities:", line->words[0], dash, name);
    for (const struct option *one = line->longs; one->name; one++)
        if (!strncmp(one->name, name, strcspn(name, "=")))
            fprintf(stderr, " '%s%s'", dash, one->name);
    putc('\n', stderr);
}

/* The argument of a long option that has been found, and its value. */
static int take_long(const struct line *line, int index, const char *dash, char *equals)
{
    const struct option *one = &line->longs[index];

    if (equals && !one->has_arg) {
        complain(line, "option '%s%s' doesn't allow an argument\n", dash, one->name);
        optopt = one->val;
        return '?';
    }
    if (equals) {
        optarg = equals + 1;
    } else if (one->has_arg == required_argument) {
        if (optind >= line->count) {
            complain(line, "option '%s%s' requires an argument\n", dash, one->name);
            optopt = one->val;
            return missing(line);
        }
        optarg = line->words[optind++];
    }
    if (line->index)
        *line->index = index;
    if (!one->flag)
        return one->val;
    *one->flag = one->val;
    return 0;
}

/* A long option, optind at its word; NOT_FOUND when the word may be letters as well. */
static int long_option(const struct line *line, char *name, const char *dash, bool maybe_letters)
{
    char *equals = strchr(name, '=');
    int index = find_long(line, name, equals ? (size_t)(equals - name) : strlen(name));

    if (index == NOT_FOUND && maybe_letters)
        return NOT_FOUND;
    optind++;
    letter = NULL;
    optopt = 0;
    if (index == AMBIGUOUS) {
        complain_ambiguous(line, dash, name);
        return '?';
    }
    if (index == NOT_FOUND) {
        complain(line, "unrecognized option '%s%s'\n", dash, name);
        return '?';
    }
    return take_long(line, index, dash, equals);
}

/* The argument of a letter: the rest of its word or, when there has to be one, the next word. */
static int letter_argument(const struct line *line, int option, bool required)
{
    char *rest = letter;

    letter = NULL;
    if (rest) {
        optarg = rest;
        optind++;
    } else if (required) {
        if (optind >= line->count) {
            complain(line, "option requires an argument -- '%c'\n", option);
            optopt = option;
            return missing(line);
        }
        optarg = line->words[optind++];
    }
    return option;
}

static int letter_option(const struct line *line)
{
    int option = (unsigned char)*letter++;
    const char *known = option == ':' || option == ';' ? NULL : strchr(line->letters, option);

    if (!*letter) {
        letter = NULL;
        optind++;
    }
    if (!known) {
        complain(line, "invalid option -- '%c'\n", option);
        optopt = option;
        return '?';
    }
    if (known[1] == ':')
        return letter_argument(line, option, known[2] != ':');
    /* "W;": what follows -W is a long option. */
    if (known[0] == 'W' && known[1] == ';' && line->longs) {
        if (letter_argument(line, option, true) != option)
            return missing(line);
        char *name = optarg;
        optarg = NULL;
        optind--;
        return long_option(line, name, "-W ", false);
    }
    return option;
}

enum word { END, OPERAND, OPTION };

/* Put optind at the next word of options, or at the operand that stands in its place. */
static enum word next_word(const struct line *line)
{
    if (operands.end > optind)
        operands.end = optind;
    if (operands.first > optind)
        operands.first = optind;
    if (line->operands == PERMUTE) {
        settle_operands(line->words);
        while (optind < line->count && is_operand(line->words[optind]))
            optind++;
        operands.end = optind;
    }
    if (optind < line->count && !strcmp(line->words[optind], "--")) {
        optind++;
        settle_operands(line->words);
        operands.end = optind = line->count;
    }
    if (optind >= line->count) {
        if (operands.first != operands.end)
            optind = operands.first;
        return END;
    }
    return is_operand(line->words[optind]) ? OPERAND : OPTION;
}

static int next_option(const struct line *line)
{
    char *word;

    if (letter)
        return letter_option(line);
    switch (next_word(line)) {
    case END:
        return -1;
    case OPERAND:
        if (line->operands != IN_ORDER)
            return -1;
        optarg = line->words[optind++];
        return 1;
    case OPTION:
        break;
    }
    word = line->words[optind];
    if (line->longs && word[1] == '-')
        return long_option(line, word + 2, "--", false);
    if (line->longs && line->only) {
        bool is_letter = strchr(line->letters, word[1]) != NULL;
        int option = word[2] || !is_letter ? long_option(line, word + 1, "-", is_letter) : -1;
        if (option != NOT_FOUND)
            return option;
    }
    letter = word + 1;
    return letter_option(line);
}

static int scan(struct line *line, const char *letters)
{
    if (optind == 0 || !begun) {
        optind = optind ? optind : 1;
        operands.first = operands.end = optind;
        letter = NULL;
        begun = true;
    }
    if (*letters == '-' || *letters == '+')
        line->operands = *letters++ == '-' ? IN_ORDER : STOP;
    else
        line->operands = getenv("POSIXLY_CORRECT") ? STOP : PERMUTE;
    line->quiet = *letters == ':';
    line->letters = letters;
    optarg = NULL;
    return line->count < 1 ? -1 : next_option(line);
}

int getopt(int count, char *const words[], const char *letters)
{
    struct line line = {.count = count, .words = (char **)words};

    return scan(&line, letters);
}

int getopt_long(int count, char *const words[], const char *letters, const struct option *longs,
                int *index)
{
    struct line line = {.count = count, .words = (char **)words, .longs = longs, .index = index};

    return scan(&line, letters);
}

int getopt_long_only(int count, char *const words[], const char *letters,
                     const struct option *longs, int *index)
{
    struct line line = {
        .count = count, .words = (char **)words, .longs = longs, .index = index, .only = true};

    return scan(&line, letters);
}
