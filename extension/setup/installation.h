/*
 * installation.h: what the files of this room share: steps, readiness, and the one row of vyricon.installation.
 */
#ifndef VY_INSTALLATION_H
#define VY_INSTALLATION_H

#include "core/core.h"
#include "jobs/jobs.h"

/* A row of sql/install or sql/tables, compiled into the library by the Makefile. */
typedef struct VyStep
{
	const char *name; /* "010_vyricon" */
	const char *sql;
} VyStep;

/* The names of all numbered steps as a text[]; n is how many. */
Datum vy_steps_names(int *n);

/* Version of the extension in this database; NULL: not created. */
char *vy_extension_version(void);

/* Does the row of vyricon.installation match this database, cluster and root key? */
VyHome vy_installation_home(void);

/*
 * Writes the row, or leaves it alone on a copy that is not adopted; makes root key and first signing key. Tells in report. Returns whether
 * the installation belongs here now.
 */
bool vy_installation_record(bool adopt, StringInfo report);

#endif
