/* SPDX-License-Identifier: MIT */
#ifndef _NL_TYPES_H
#define _NL_TYPES_H

#ifdef __cplusplus
extern "C" {
#endif

typedef void *nl_catd;
typedef int nl_item;
#define _NL_ITEM_DECLARED
#define NL_SETD       1
#define NL_CAT_LOCALE 1

int catclose(nl_catd);
char *catgets(nl_catd, int, int, const char *);
nl_catd catopen(const char *, int);

#ifdef __cplusplus
}
#endif

#endif
