/* SPDX-License-Identifier: MIT */
#ifndef _ENDIAN_H
#define _ENDIAN_H

#include <machine/endian.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef LITTLE_ENDIAN
#define LITTLE_ENDIAN 1234
#endif
#ifndef BIG_ENDIAN
#define BIG_ENDIAN 4321
#endif
#ifndef PDP_ENDIAN
#define PDP_ENDIAN 3412
#endif
#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif
#define __LITTLE_ENDIAN LITTLE_ENDIAN
#define __BIG_ENDIAN    BIG_ENDIAN
#define __PDP_ENDIAN    PDP_ENDIAN
#define __BYTE_ORDER    BYTE_ORDER
#define htobe16(x)      __builtin_bswap16(x)
#define htole16(x)      ((__UINT16_TYPE__)(x))
#define be16toh(x)      __builtin_bswap16(x)
#define le16toh(x)      ((__UINT16_TYPE__)(x))
#define htobe32(x)      __builtin_bswap32(x)
#define htole32(x)      ((__UINT32_TYPE__)(x))
#define be32toh(x)      __builtin_bswap32(x)
#define le32toh(x)      ((__UINT32_TYPE__)(x))
#define htobe64(x)      __builtin_bswap64(x)
#define htole64(x)      ((__UINT64_TYPE__)(x))
#define be64toh(x)      __builtin_bswap64(x)
#define le64toh(x)      ((__UINT64_TYPE__)(x))

#ifdef __cplusplus
}
#endif

#endif
