/* SPDX-License-Identifier: MIT */
/*
 * Names of hosts and services: addresses written as numbers, and what stands in /etc/hosts,
 * /etc/services and /etc/protocols. There is no resolver: a name that none of them has is not found.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int h_errno;

/* ---- lines of words ---- */

enum { WORDS_MAX = 16, LINE_SIZE = 512 };

struct line {
    char text[LINE_SIZE];
    char *words[WORDS_MAX + 1];
    int count;
};

static bool read_words(FILE *file, struct line *line)
{
    while (fgets(line->text, sizeof line->text, file)) {
        char *rest, *word;
        line->text[strcspn(line->text, "#\n")] = 0;
        line->count = 0;
        for (word = strtok_r(line->text, " \t", &rest); word && line->count < WORDS_MAX;
             word = strtok_r(NULL, " \t", &rest))
            line->words[line->count++] = word;
        line->words[line->count] = NULL;
        if (line->count >= 2)
            return true;
    }
    return false;
}

static bool has_word(const struct line *line, int from, const char *word)
{
    for (int i = from; i < line->count; i++)
        if (!strcasecmp(line->words[i], word))
            return true;
    return false;
}

/* The address of a name in /etc/hosts, of the family that is asked for (or any). */
static bool find_host(const char *name, int family, int *found, void *address, struct line *line)
{
    FILE *file = fopen("/etc/hosts", "re");
    bool good = false;
    while (file && !good && read_words(file, line)) {
        if (!has_word(line, 1, name))
            continue;
        for (int i = 0; i < 2 && !good; i++) {
            *found = i ? AF_INET6 : AF_INET;
            good = (family == AF_UNSPEC || family == *found) &&
                   inet_pton(*found, line->words[0], address) == 1;
        }
    }
    if (file)
        fclose(file);
    return good;
}

/* ---- services and protocols ---- */

static struct servent service;
static struct protoent protocol;
static struct line service_line, protocol_line;
static FILE *service_file, *protocol_file;

static void restart(FILE **file)
{
    if (*file)
        fclose(*file);
    *file = NULL;
}

struct servent *getservent(void)
{
    if (!service_file && !(service_file = fopen("/etc/services", "re")))
        return NULL;
    while (read_words(service_file, &service_line)) {
        char *slash = strchr(service_line.words[1], '/');
        if (!slash)
            continue;
        *slash = 0;
        service = (struct servent){service_line.words[0], service_line.words + 2,
                                   htons((uint16_t)atoi(service_line.words[1])), slash + 1};
        return &service;
    }
    return NULL;
}

void setservent(int stay)
{
    (void)stay;
    restart(&service_file);
}

void endservent(void)
{
    restart(&service_file);
}

static bool has_name(const char *name, char **aliases, const char *wanted)
{
    bool found = !strcmp(name, wanted);
    for (; *aliases && !found; aliases++)
        found = !strcmp(*aliases, wanted);
    return found;
}

struct servent *getservbyname(const char *name, const char *proto)
{
    struct servent *found;
    setservent(0);
    while ((found = getservent()) != NULL)
        if (has_name(found->s_name, found->s_aliases, name) &&
            (!proto || !strcmp(found->s_proto, proto)))
            break;
    endservent();
    return found;
}

struct servent *getservbyport(int port, const char *proto)
{
    struct servent *found;
    setservent(0);
    while ((found = getservent()) != NULL)
        if (found->s_port == port && (!proto || !strcmp(found->s_proto, proto)))
            break;
    endservent();
    return found;
}

struct protoent *getprotoent(void)
{
    if (!protocol_file && !(protocol_file = fopen("/etc/protocols", "re")))
        return NULL;
    if (!read_words(protocol_file, &protocol_line))
        return NULL;
    protocol = (struct protoent){protocol_line.words[0], protocol_line.words + 2,
                                 atoi(protocol_line.words[1])};
    return &protocol;
}

void setprotoent(int stay)
{
    (void)stay;
    restart(&protocol_file);
}

void endprotoent(void)
{
    restart(&protocol_file);
}

struct protoent *getprotobyname(const char *name)
{
    struct protoent *found;
    setprotoent(0);
    while ((found = getprotoent()) != NULL)
        if (has_name(found->p_name, found->p_aliases, name))
            break;
    endprotoent();
    return found;
}

struct protoent *getprotobynumber(int number)
{
    struct protoent *found;
    setprotoent(0);
    while ((found = getprotoent()) != NULL)
        if (found->p_proto == number)
            break;
    endprotoent();
    return found;
}

/* ---- getaddrinfo ---- */

static int service_port(const char *name, const struct addrinfo *hints, int *port)
{
    char *end;
    *port = 0;
    if (!name)
        return 0;
    unsigned long number = strtoul(name, &end, 10);
    if (end != name && !*end) {
        *port = htons((uint16_t)number);
        return number > 65535 ? EAI_SERVICE : 0;
    }
    if (hints->ai_flags & AI_NUMERICSERV)
        return EAI_NONAME;
    const char *proto = hints->ai_socktype == SOCK_DGRAM ? "udp" : "tcp";
    const struct servent *found = getservbyname(name, proto);
    if (!found)
        return EAI_SERVICE;
    *port = found->s_port;
    return 0;
}

static int host_address(const char *name, const struct addrinfo *hints, int *family, void *address)
{
    struct line line;
    for (int i = 0; i < 2; i++) {
        *family = i ? AF_INET6 : AF_INET;
        if (hints->ai_family != AF_UNSPEC && hints->ai_family != *family)
            continue;
        if (!name) {
            bool passive = hints->ai_flags & AI_PASSIVE;
            memset(address, 0, 16);
            if (!passive && *family == AF_INET)
                *(in_addr_t *)address = htonl(INADDR_LOOPBACK);
            else if (!passive)
                *(struct in6_addr *)address = in6addr_loopback;
            return 0;
        }
        if (inet_pton(*family, name, address) == 1)
            return 0;
        if (*family == AF_INET && inet_aton(name, address))
            return 0;
    }
    if (hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    return find_host(name, hints->ai_family, family, address, &line) ? 0 : EAI_NONAME;
}

struct result {
    struct addrinfo info;
    struct sockaddr_in6 address;
};

static struct addrinfo *make_result(int family, int type, int proto, const void *address, int port)
{
    struct result *result = calloc(1, sizeof *result);
    if (!result)
        return NULL;
    struct sockaddr_in *four = (struct sockaddr_in *)&result->address;
    bool six = family == AF_INET6;
    result->info = (struct addrinfo){
        .ai_family = family,
        .ai_socktype = type,
        .ai_protocol = proto,
        .ai_addrlen = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
        .ai_addr = (struct sockaddr *)&result->address,
    };
    result->address.sin6_family = (sa_family_t)family;
    result->address.sin6_port = (in_port_t)port;
    if (six)
        memcpy(&result->address.sin6_addr, address, 16);
    else
        memcpy(&four->sin_addr, address, 4);
    return &result->info;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list->ai_canonname);
        free(list);
        list = next;
    }
}

static bool fits(int wanted, int value)
{
    return wanted == 0 || wanted == value;
}

static int make_all(const struct addrinfo *hints, int family, const void *address, int port,
                    struct addrinfo **result)
{
    static const struct {
        int type, protocol;
    } kinds[] = {{SOCK_STREAM, IPPROTO_TCP}, {SOCK_DGRAM, IPPROTO_UDP}, {SOCK_RAW, 0}};
    struct addrinfo **end = result;
    for (unsigned i = 0; i < 3; i++) {
        bool raw = kinds[i].type == SOCK_RAW;
        if (!fits(hints->ai_socktype, kinds[i].type) || (raw && hints->ai_socktype != SOCK_RAW) ||
            (!raw && !fits(hints->ai_protocol, kinds[i].protocol)))
            continue;
        int proto = raw ? hints->ai_protocol : kinds[i].protocol;
        if (!(*end = make_result(family, kinds[i].type, proto, address, port)))
            return EAI_MEMORY;
        end = &(*end)->ai_next;
    }
    return *result ? 0 : EAI_SOCKTYPE;
}

int getaddrinfo(const char *restrict name, const char *restrict service_name,
                const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
    static const struct addrinfo none;
    char address[16] __attribute__((aligned(4)));
    int family, port;
    *result = NULL;
    if (!hints)
        hints = &none;
    if (!name && !service_name)
        return EAI_NONAME;
    if (hints->ai_flags & AI_CANONNAME && !name)
        return EAI_BADFLAGS;
    if (!fits(hints->ai_family, AF_INET) && hints->ai_family != AF_INET6)
        return EAI_FAMILY;
    int error = service_port(service_name, hints, &port);
    if (!error)
        error = host_address(name, hints, &family, address);
    if (!error)
        error = make_all(hints, family, address, port, result);
    if (!error && hints->ai_flags & AI_CANONNAME && !((*result)->ai_canonname = strdup(name)))
        error = EAI_MEMORY;
    if (error) {
        freeaddrinfo(*result);
        *result = NULL;
    }
    return error;
}

const char *gai_strerror(int error)
{
    static const char *const text[] = {
        "Success",
        "Bad value for ai_flags",
        "Name or service not known",
        "Temporary failure in name resolution",
        "Non-recoverable failure in name resolution",
        "Unknown error",
        "ai_family not supported",
        "ai_socktype not supported",
        "Servname not supported for ai_socktype",
        "Unknown error",
        "Memory allocation failure",
        "System error",
        "Argument buffer overflow",
    };
    return error <= 0 && error >= EAI_OVERFLOW ? text[-error] : "Unknown error";
}

/* ---- getnameinfo ---- */

static int put(char *to, socklen_t size, const char *text)
{
    if (!to || size == 0)
        return 0;
    if (strlen(text) >= size)
        return EAI_OVERFLOW;
    strcpy(to, text);
    return 0;
}

/* The name of an address in /etc/hosts. */
static bool host_name(int family, const void *address, struct line *line)
{
    char other[16];
    size_t size = family == AF_INET ? 4 : 16;
    FILE *file = fopen("/etc/hosts", "re");
    bool found = false;
    while (file && !found && read_words(file, line))
        found = inet_pton(family, line->words[0], other) == 1 && !memcmp(other, address, size);
    if (file)
        fclose(file);
    return found;
}

int getnameinfo(const struct sockaddr *restrict address, socklen_t size, char *restrict host,
                socklen_t host_size, char *restrict name, socklen_t name_size, int flags)
{
    const struct sockaddr_in6 *six = (const void *)address;
    const struct sockaddr_in *four = (const void *)address;
    int family = address->sa_family;
    if ((family != AF_INET || size < sizeof *four) && (family != AF_INET6 || size < sizeof *six))
        return EAI_FAMILY;
    const void *bytes = family == AF_INET ? (const void *)&four->sin_addr : &six->sin6_addr;
    char text[INET6_ADDRSTRLEN];
    struct line line;
    const char *found = inet_ntop(family, bytes, text, sizeof text);
    if (!(flags & NI_NUMERICHOST) && host_name(family, bytes, &line))
        found = line.words[1];
    else if (flags & NI_NAMEREQD)
        return EAI_NONAME;
    int error = put(host, host_size, found);
    char number[8];
    snprintf(number, sizeof number, "%d", ntohs(four->sin_port));
    const struct servent *known =
        flags & NI_NUMERICSERV ? NULL
                               : getservbyport(four->sin_port, flags & NI_DGRAM ? "udp" : "tcp");
    return error ? error : put(name, name_size, known ? known->s_name : number);
}

/* ---- the older functions ---- */

static struct hostent *old_host(const char *name, int family, const void *address)
{
    static struct hostent host;
    static char bytes[16], text[256];
    static char *list[] = {bytes, NULL}, *none[] = {NULL};
    int length = family == AF_INET ? 4 : 16;
    memcpy(bytes, address, (size_t)length);
    snprintf(text, sizeof text, "%s", name);
    host = (struct hostent){text, none, family, length, list};
    return &host;
}

struct hostent *gethostbyname(const char *name)
{
    static const struct addrinfo hints = {.ai_family = AF_INET};
    char address[16] __attribute__((aligned(4)));
    int family;
    if (host_address(name, &hints, &family, address) == 0)
        return old_host(name, family, address);
    h_errno = HOST_NOT_FOUND;
    return NULL;
}

struct hostent *gethostbyaddr(const void *address, socklen_t size, int family)
{
    struct line line;
    if (size == (family == AF_INET ? 4 : 16) && host_name(family, address, &line))
        return old_host(line.words[1], family, address);
    h_errno = HOST_NOT_FOUND;
    return NULL;
}

static FILE *host_file;

struct hostent *gethostent(void)
{
    struct line line;
    char address[16];
    if (!host_file && !(host_file = fopen("/etc/hosts", "re")))
        return NULL;
    while (read_words(host_file, &line))
        for (int i = 0; i < 2; i++)
            if (inet_pton(i ? AF_INET6 : AF_INET, line.words[0], address) == 1)
                return old_host(line.words[1], i ? AF_INET6 : AF_INET, address);
    return NULL;
}

void sethostent(int stay)
{
    (void)stay;
    restart(&host_file);
}

void endhostent(void)
{
    restart(&host_file);
}

const char *hstrerror(int error)
{
    static const char *const text[] = {"Resolver Error 0 (no error)", "Unknown host",
                                       "Host name lookup failure", "Unknown server error",
                                       "No address associated with name"};
    return error >= 0 && error < 5 ? text[error] : "Unknown resolver error";
}

void herror(const char *prefix)
{
    if (prefix && *prefix)
        fprintf(stderr, "%s: ", prefix);
    fprintf(stderr, "%s\n", hstrerror(h_errno));
}

/* Names of networks: there are none. */
struct netent *getnetent(void)
{
    return NULL;
}

struct netent *getnetbyname(const char *name)
{
    (void)name;
    h_errno = HOST_NOT_FOUND;
    return NULL;
}

struct netent *getnetbyaddr(uint32_t net, int family)
{
    (void)net, (void)family;
    h_errno = HOST_NOT_FOUND;
    return NULL;
}

void setnetent(int stay)
{
    (void)stay;
}

void endnetent(void) {}

/* Interfaces: the kernel interface has none that could be named. */
unsigned if_nametoindex(const char *name)
{
    (void)name;
    errno = ENODEV;
    return 0;
}

char *if_indextoname(unsigned index, char *name)
{
    (void)index, (void)name;
    errno = ENXIO;
    return NULL;
}

struct if_nameindex *if_nameindex(void)
{
    return calloc(1, sizeof(struct if_nameindex));
}

void if_freenameindex(struct if_nameindex *list)
{
    free(list);
}
