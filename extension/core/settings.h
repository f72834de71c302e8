/*
 * settings.h: GUCs as rows. One row per setting; the prefix "vyricon." is reserved.
 */
#ifndef VY_SETTINGS_H
#define VY_SETTINGS_H

#include "core/core.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"

typedef struct VySetting
{
	const char *name; /* "vyricon.max_answer" */
	const char *text; /* one sentence, shown by pg_settings */
	GucContext context;
	int flags; /* GUC_UNIT_..., GUC_SUPERUSER_ONLY ... */
	enum config_type type; /* PGC_BOOL, PGC_INT, PGC_STRING */
	void *variable; /* bool *, int * or char ** */
	const char *string_default;
	int number_default; /* also for PGC_BOOL */
	int min;
	int max;
} VySetting;

/* Defines the rows; a PGC_POSTMASTER row only while the library is being preloaded. */
void vy_settings_define(const VySetting *rows, size_t n);

#define VY_SETTINGS_DEFINE(rows) vy_settings_define((rows), lengthof(rows))

#endif
