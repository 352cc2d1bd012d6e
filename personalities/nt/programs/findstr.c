/* SPDX-License-Identifier: MIT */
/*
 * findstr: lines that hold a string or match a simple pattern. Exit code 0: some line was printed, 1:
 * none, 2: bad command line or a file that cannot be read.
 *
 * Patterns: . * ^ $ [set] [^set] \x \< \>. As in the original, words of one argument are alternatives,
 * and they are patterns if one of them holds such a character and /l is not given.
 */
#include "program.h"

#include <ctype.h>

#define PATTERNS_MAX 256
#define LINE_SIZE    8192

static struct {
    bool ignore_case, invert, numbers, exact, at_begin, at_end, names_only, recurse, offsets;
    bool literal, regular;
} options;
static const char *patterns[PATTERNS_MAX];
static int pattern_count;
static bool show_names, any_match, any_error;

/* ---- matching ---- */

static int fold(int c)
{
    return options.ignore_case ? tolower((unsigned char)c) : (unsigned char)c;
}

static bool is_word(int c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Behind one element of a pattern that stands for a character. */
static const char *element_end(const char *at)
{
    if (*at == '\\' && at[1])
        return at + 2;
    if (*at != '[')
        return at + 1;
    const char *end = at + 1 + (at[1] == '^');
    for (end += *end == ']'; *end && *end != ']'; end++)
        ;
    return *end ? end + 1 : at + 1;
}

static bool in_set(const char *at, const char *end, int c)
{
    bool negated = *at == '^', found = false;
    for (at += negated; at < end; at++) {
        if (at + 2 < end && at[1] == '-') {
            found |= fold(at[0]) <= c && c <= fold(at[2]);
            at += 2;
        } else {
            found |= fold(*at) == c;
        }
    }
    return found != negated;
}

static bool matches_one(const char *element, const char *end, int c)
{
    if (element[0] == '\\' && end - element == 2)
        return fold(element[1]) == fold(c);
    if (element[0] == '[' && end - element > 2)
        return in_set(element + 1, end - 1, fold(c));
    return element[0] == '.' || fold(element[0]) == fold(c);
}

static bool match_here(const char *pattern, const char *line, const char *at);

static bool match_repeated(const char *element, const char *end, const char *line, const char *at)
{
    const char *stop = at;
    while (*stop && matches_one(element, end, *stop))
        stop++;
    for (; stop >= at; stop--)
        if (match_here(end + 1, line, stop))
            return true;
    return false;
}

static bool at_word_edge(bool begin, const char *line, const char *at)
{
    bool before = at > line && is_word(at[-1]), after = is_word(*at);
    return begin ? !before && after : before && !after;
}

static bool match_here(const char *pattern, const char *line, const char *at)
{
    while (*pattern) {
        if (pattern[0] == '$' && !pattern[1])
            return !*at;
        if (pattern[0] == '\\' && (pattern[1] == '<' || pattern[1] == '>')) {
            if (!at_word_edge(pattern[1] == '<', line, at))
                return false;
            pattern += 2;
            continue;
        }
        const char *end = element_end(pattern);
        if (*end == '*')
            return match_repeated(pattern, end, line, at);
        if (!*at || !matches_one(pattern, end, *at))
            return false;
        pattern = end;
        at++;
    }
    return (!options.exact && !options.at_end) || !*at;
}

static bool match_pattern(const char *pattern, const char *line)
{
    if (*pattern == '^')
        return match_here(pattern + 1, line, line);
    if (options.at_begin || options.exact)
        return match_here(pattern, line, line);
    const char *at = line;
    do
        if (match_here(pattern, line, at))
            return true;
    while (*at++);
    return false;
}

static bool match_literal(const char *text, const char *line)
{
    size_t length = strlen(text), left = strlen(line);
    for (size_t i = 0; i + length <= left; i++) {
        size_t same = 0;
        while (same < length && fold(line[i + same]) == fold(text[same]))
            same++;
        bool placed = (!(options.at_begin || options.exact) || i == 0) &&
                      (!(options.at_end || options.exact) || i + length == left);
        if (same == length && placed)
            return true;
    }
    return false;
}

static bool match_line(const char *line)
{
    for (int i = 0; i < pattern_count; i++)
        if (options.regular ? match_pattern(patterns[i], line) : match_literal(patterns[i], line))
            return true;
    return false;
}

/* ---- files ---- */

static void print_line(const char *name, int number, long offset, const char *line)
{
    if (show_names)
        printf("%s:", name);
    if (options.numbers)
        printf("%d:", number);
    if (options.offsets)
        printf("%ld:", offset);
    printf("%s\n", line);
}

static void search_stream(FILE *file, const char *name)
{
    static char line[LINE_SIZE];
    for (int number = 1;; number++) {
        long offset = options.offsets ? ftell(file) : 0;
        if (!fgets(line, sizeof line, file))
            return;
        line[strcspn(line, "\r\n")] = 0;
        if (match_line(line) == options.invert)
            continue;
        any_match = true;
        if (options.names_only) {
            printf("%s\n", name);
            return;
        }
        print_line(name, number, offset, line);
    }
}

static void cannot_open(const char *name)
{
    fprintf(stderr, "FINDSTR: Cannot open %s\n", name);
    any_error = true;
}

static void search_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    if (!file) {
        cannot_open(name);
        return;
    }
    search_stream(file, name);
    fclose(file);
}

/* Files of one directory, or (`directories`) what is below its directories. */
static void search_directory(const char *directory, const char *mask, bool directories)
{
    char path[MAX_PATH * 2];
    WIN32_FIND_DATAA found;
    snprintf(path, sizeof path, "%s%s", directory, directories ? "*" : mask);
    HANDLE search = FindFirstFileA(path, &found);
    if (search == INVALID_HANDLE_VALUE) {
        if (!options.recurse)
            cannot_open(path);
        return;
    }
    do {
        bool is_directory = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
        if (is_directory != directories || (is_directory && found.cFileName[0] == '.'))
            continue;
        snprintf(path, sizeof path, "%s%s%s", directory, found.cFileName, directories ? "\\" : "");
        if (directories) {
            search_directory(path, mask, false);
            search_directory(path, mask, true);
        } else {
            search_file(path);
        }
    } while (FindNextFileA(search, &found));
    FindClose(search);
}

static void search_argument(const char *argument)
{
    char directory[MAX_PATH];
    const char *name = argument + strlen(argument);
    while (name > argument && name[-1] != '\\' && name[-1] != '/' && name[-1] != ':')
        name--;
    snprintf(directory, sizeof directory, "%.*s", (int)(name - argument), argument);
    if (!options.recurse && !strpbrk(name, "*?")) {
        search_file(argument);
        return;
    }
    search_directory(directory, name, false);
    if (options.recurse)
        search_directory(directory, name, true);
}

/* ---- command line ---- */

static void add_pattern(const char *text)
{
    if (pattern_count < PATTERNS_MAX && *text)
        patterns[pattern_count++] = text;
}

static bool add_file(const char *name)
{
    char line[LINE_SIZE];
    FILE *file = fopen(name, "r");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = 0;
        add_pattern(strdup(line));
    }
    fclose(file);
    return true;
}

static bool take_letter(char letter)
{
    static const struct {
        char letter;
        bool *option;
    } letters[] = {
        {'b', &options.at_begin}, {'e', &options.at_end},     {'i', &options.ignore_case},
        {'l', &options.literal},  {'m', &options.names_only}, {'n', &options.numbers},
        {'o', &options.offsets},  {'r', &options.regular},    {'s', &options.recurse},
        {'v', &options.invert},   {'x', &options.exact}};
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].letter == tolower((unsigned char)letter))
            return *letters[i].option = true;
    return false;
}

static bool take_option(char *argument)
{
    if (tolower((unsigned char)argument[1]) == 'c' && argument[2] == ':') {
        add_pattern(argument + 3);
        return true;
    }
    if (tolower((unsigned char)argument[1]) == 'g' && argument[2] == ':')
        return add_file(argument + 3);
    for (char *letter = argument + 1; *letter; letter++)
        if (*letter != '/' && !take_letter(*letter))
            return false;
    return true;
}

static void take_words(char *text)
{
    bool special = false;
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        add_pattern(word);
        special |= strpbrk(word, ".*[]^$\\") != NULL;
    }
    options.regular |= special && !options.literal;
}

static int bad_command_line(void)
{
    fprintf(stderr, "FINDSTR: Bad command line\n");
    return 2;
}

int main(int argc, char **argv)
{
    int at = 1;
    for (; at < argc && argv[at][0] == '/'; at++) {
        if (strcmp(argv[at], "/?") == 0) {
            printf("FINDSTR [/B] [/E] [/L] [/R] [/S] [/I] [/X] [/V] [/N] [/M] [/O]\n"
                   "        [/C:string] [/G:file] [strings] [[drive:][path]filename[ ...]]\n");
            return 0;
        }
        if (!take_option(argv[at]))
            return bad_command_line();
    }
    if (pattern_count == 0 && at < argc)
        take_words(argv[at++]);
    if (pattern_count == 0)
        return bad_command_line();
    show_names = at + 1 < argc || options.recurse || (at < argc && strpbrk(argv[at], "*?"));
    if (at >= argc) {
        _setmode(_fileno(stdin), _O_BINARY);
        search_stream(stdin, "(standard input)");
    }
    for (; at < argc; at++)
        search_argument(argv[at]);
    return any_match ? 0 : any_error ? 2 : 1;
}
