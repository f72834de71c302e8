/*
 * sqlstate.h: what a failed statement means to who sent it: whether it may be sent again, and whether its connection is worth keeping.
 */
#ifndef VY_SQLSTATE_H
#define VY_SQLSTATE_H

#include "base/base.h"

typedef enum VyErrorClass
{
	VY_ERROR_ORDINARY, /* the application's affair */
	VY_ERROR_REPEAT, /* rolled back because of somebody else: once more */
	VY_ERROR_LOST, /* the connection is being closed */
	VY_ERROR_MISSING /* our functions or statements are not there */
} VyErrorClass;

/* NULL: the server has sent none. */
static inline VyErrorClass
vy_error_class(const char *sqlstate)
{
	static const struct
	{
		const char *sqlstate;
		VyErrorClass class;
	} rows[] = {
		{"40001", VY_ERROR_REPEAT},  {"40P01", VY_ERROR_REPEAT},  {"57P01", VY_ERROR_LOST}, {"57P02", VY_ERROR_LOST},
		{"57P03", VY_ERROR_LOST},    {"57P05", VY_ERROR_LOST},    {"25P03", VY_ERROR_LOST}, {"26000", VY_ERROR_MISSING},
		{"3F000", VY_ERROR_MISSING}, {"42883", VY_ERROR_MISSING},
	};

	for (size_t i = 0; sqlstate && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(sqlstate, rows[i].sqlstate) == 0)
			return rows[i].class;
	return sqlstate ? VY_ERROR_ORDINARY : VY_ERROR_LOST;
}

#endif
