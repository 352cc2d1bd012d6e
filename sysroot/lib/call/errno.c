/* SPDX-License-Identifier: MIT */
/* Linux error numbers to newlib's. Up to 34 they agree but for none; above they differ. */
#include <errno.h>

#include "linux_call.h"

static const struct {
    unsigned char linux_number;
    unsigned char number;
} differing[] = {
    {35, EDEADLK},         {36, ENAMETOOLONG},  {37, ENOLCK},       {38, ENOSYS},
    {39, ENOTEMPTY},       {40, ELOOP},         {42, ENOMSG},       {43, EIDRM},
    {61, ENODATA},         {62, ETIME},         {67, ENOLINK},      {71, EPROTO},
    {74, EBADMSG},         {75, EOVERFLOW},     {84, EILSEQ},       {88, ENOTSOCK},
    {89, EDESTADDRREQ},    {90, EMSGSIZE},      {91, EPROTOTYPE},   {92, ENOPROTOOPT},
    {93, EPROTONOSUPPORT}, {95, EOPNOTSUPP},    {96, EPFNOSUPPORT}, {97, EAFNOSUPPORT},
    {98, EADDRINUSE},      {99, EADDRNOTAVAIL}, {100, ENETDOWN},    {101, ENETUNREACH},
    {102, ENETRESET},      {103, ECONNABORTED}, {104, ECONNRESET},  {105, ENOBUFS},
    {106, EISCONN},        {107, ENOTCONN},     {110, ETIMEDOUT},   {111, ECONNREFUSED},
    {112, EHOSTDOWN},      {113, EHOSTUNREACH}, {114, EALREADY},    {115, EINPROGRESS},
    {116, ESTALE},         {122, EDQUOT},       {125, ECANCELED},
};

static int number_of(long linux_number)
{
    for (unsigned i = 0; i < sizeof differing / sizeof differing[0]; i++)
        if (differing[i].linux_number == linux_number)
            return differing[i].number;
    return linux_number <= 34 ? (int)linux_number : EINVAL;
}

long atomik_result(long raw)
{
    if (raw >= 0 || raw < -4095)
        return raw;
    errno = number_of(-raw);
    return -1;
}
