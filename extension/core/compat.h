/*
 * compat.h: the only place that asks which PostgreSQL this is. 15 is the oldest supported.
 */
#ifndef VY_COMPAT_H
#define VY_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "Vyricon needs PostgreSQL 15 or newer"
#endif

#endif
