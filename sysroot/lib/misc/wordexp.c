/* SPDX-License-Identifier: MIT */
/*
 * Expansion of words as the shell does it, by the shell: after what may not stand in the words has been
 * refused here, sh prints each of them with a zero byte behind it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

struct scan {
    bool single, twice; /* inside '' and "" */
    int braces, parentheses;
};

static int scan_dollar(struct scan *scan, const char **at, int flags)
{
    if ((*at)[1] == '{') {
        scan->braces++;
        ++*at;
    } else if ((*at)[1] == '(') {
        if ((*at)[2] != '(' && flags & WRDE_NOCMD)
            return WRDE_CMDSUB;
        scan->parentheses++;
        ++*at;
    }
    return 0;
}

static int scan_plain(struct scan *scan, const char *at)
{
    if (strchr("|&;<>\n", *at))
        return scan->parentheses ? 0 : WRDE_BADCHAR;
    if (*at == '(') {
        if (!scan->parentheses)
            return WRDE_BADCHAR;
        scan->parentheses++;
    } else if (*at == ')') {
        if (scan->parentheses-- == 0)
            return WRDE_BADCHAR;
    } else if (*at == '{' && !scan->braces) {
        return WRDE_BADCHAR;
    } else if (*at == '}') {
        if (scan->braces-- == 0)
            return WRDE_BADCHAR;
    }
    return 0;
}

static int check(const char *words, int flags)
{
    struct scan scan = {0};
    for (const char *at = words; *at; at++) {
        int bad = 0;
        if (scan.single) {
            scan.single = *at != '\'';
        } else if (*at == '\\') {
            if (!*++at)
                return WRDE_SYNTAX;
        } else if (*at == '\'' && !scan.twice) {
            scan.single = true;
        } else if (*at == '"') {
            scan.twice = !scan.twice;
        } else if (*at == '`') {
            bad = flags & WRDE_NOCMD ? WRDE_CMDSUB : 0;
        } else if (*at == '$') {
            bad = scan_dollar(&scan, &at, flags);
        } else if (!scan.twice || scan.parentheses || scan.braces) {
            bad = scan_plain(&scan, at);
        }
        if (bad)
            return bad;
    }
    return scan.single || scan.twice || scan.braces || scan.parentheses ? WRDE_SYNTAX : 0;
}

/* Adds words to what the structure has; the vector ends with a null. */
static int add_word(wordexp_t *result, const char *text)
{
    size_t used = result->we_offs + result->we_wordc;
    char **more = realloc(result->we_wordv, (used + 2) * sizeof *more);
    if (!more)
        return WRDE_NOSPACE;
    result->we_wordv = more;
    if (!(more[used] = strdup(text)))
        return WRDE_NOSPACE;
    more[used + 1] = NULL;
    result->we_wordc++;
    return 0;
}

static int begin(wordexp_t *result, int flags)
{
    if (flags & WRDE_APPEND)
        return 0;
    if (flags & WRDE_REUSE)
        wordfree(result);
    if (!(flags & WRDE_DOOFFS))
        result->we_offs = 0;
    result->we_wordc = 0;
    result->we_wordv = calloc(result->we_offs + 1, sizeof *result->we_wordv);
    return result->we_wordv ? 0 : WRDE_NOSPACE;
}

static FILE *start(const char *words, int flags)
{
    static const char script[] = "%s%s for w in %s; do printf '%%s\\0' \"$w\"; done; printf end";
    size_t size = sizeof script + strlen(words) + 64;
    char *command = malloc(size);
    if (!command)
        return NULL;
    snprintf(command, size, script, flags & WRDE_SHOWERR ? "" : "exec 2>/dev/null;",
             flags & WRDE_UNDEF ? " set -u;" : "", words);
    FILE *pipe = popen(command, "r");
    free(command);
    return pipe;
}

/* The shell writes `end` when it has got to the end. */
static int collect(FILE *pipe, wordexp_t *result)
{
    char *word = NULL;
    size_t size = 0;
    int error = 0;
    bool ended = false;
    ssize_t length;
    while ((length = getdelim(&word, &size, 0, pipe)) > 0) {
        if (word[length - 1] == 0) {
            if (!error)
                error = add_word(result, word);
        } else {
            ended = !strcmp(word, "end");
        }
    }
    free(word);
    return error ? error : ended ? 0 : WRDE_SYNTAX;
}

int wordexp(const char *restrict words, wordexp_t *restrict result, int flags)
{
    wordexp_t old = *result;
    int error = check(words, flags);
    if (error)
        return error;
    size_t before = flags & WRDE_APPEND ? result->we_wordc : 0;
    if ((error = begin(result, flags)) != 0)
        return error;
    FILE *pipe = start(words, flags);
    if (!pipe)
        return WRDE_NOSPACE;
    error = collect(pipe, result);
    int status = pclose(pipe);
    if (error == WRDE_SYNTAX && flags & WRDE_UNDEF && WIFEXITED(status) && WEXITSTATUS(status))
        error = WRDE_BADVAL;
    if (error && error != WRDE_NOSPACE) {
        while (result->we_wordc > before)
            free(result->we_wordv[result->we_offs + --result->we_wordc]);
        result->we_wordv[result->we_offs + before] = NULL;
        if (!(flags & WRDE_APPEND)) {
            free(result->we_wordv);
            *result = old;
        }
    }
    return error;
}

void wordfree(wordexp_t *result)
{
    for (size_t i = 0; result->we_wordv && i < result->we_wordc; i++)
        free(result->we_wordv[result->we_offs + i]);
    free(result->we_wordv);
    result->we_wordv = NULL;
    result->we_wordc = 0;
}
