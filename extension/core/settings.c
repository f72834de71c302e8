/*
 * settings.c: defines the rows of settings.h as GUCs.
 */
#include "core/settings.h"

static void define(const VySetting *row);

void
vy_settings_define(const VySetting *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		/* Defined later, a postmaster setting is FATAL; without preload its default holds. */
		if (rows[i].context == PGC_POSTMASTER && !process_shared_preload_libraries_in_progress)
			continue;
		define(&rows[i]);
	}
}

static void
define(const VySetting *row)
{
	switch (row->type)
	{
		case PGC_BOOL:
			DefineCustomBoolVariable(row->name, row->text, NULL, row->variable, row->number_default != 0, row->context, row->flags, NULL,
									 NULL, NULL);
			break;
		case PGC_INT:
			DefineCustomIntVariable(row->name, row->text, NULL, row->variable, row->number_default, row->min, row->max, row->context,
									row->flags, NULL, NULL, NULL);
			break;
		case PGC_STRING:
			DefineCustomStringVariable(row->name, row->text, NULL, row->variable, row->string_default, row->context, row->flags, NULL, NULL,
									   NULL);
			break;
		default:
			elog(ERROR, "setting %s has a type that rows cannot have", row->name);
	}
}
