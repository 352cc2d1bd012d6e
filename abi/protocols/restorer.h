/* SPDX-License-Identifier: MIT */
/* Structures and constants of the restorer's protocol (restorer.def). */
#ifndef ATOMIK_PROTOCOLS_RESTORER_H
#define ATOMIK_PROTOCOLS_RESTORER_H

#include <protocols/message.h>

#define RESTORER_NAME "restorer" /* in init's name service */

#define PROTOCOL <protocols/restorer.def>
#include <protocols/expand.def>

#endif
