/*
 * commands.c: the subcommands that are thin calls of SQL functions.
 */
#include "options.h"
#include "shim.h"

#include <stdlib.h>

#define READY "SELECT coalesce(nullif(vyricon.ready(), ''), 'yes')"

typedef struct Step
{
	const char *command;
	const char *label; /* of the value that is printed; NULL: none is */
	const char *sql;
} Step;

static const Step steps[] = {
	{"init", NULL, "CREATE EXTENSION IF NOT EXISTS vyricon"},
	{"init", NULL, "SELECT vyricon.setup()"},
	{"init", "ready: ", READY},
	{"status", "vyricon: ", "SELECT '" VY_VERSION "'"},
	{"status", "PostgreSQL: ", "SHOW server_version"},
	{"status", "extension: ", "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vyricon'"},
	{"status", "ready: ", READY},
	{"token", "", "SELECT vyricon.token($1)"},
};

static PGconn *
connect_or_tell(void)
{
	PGconn *conn = vy_connect(true);
	if (PQstatus(conn) == CONNECTION_OK)
		return conn;
	fprintf(stderr, "vyricon: %s", conn ? PQerrorMessage(conn) : "out of memory\n");
	PQfinish(conn);
	return NULL;
}

static bool
run_step(PGconn *conn, const Step *step, const char *argument)
{
	PGresult *result = PQexecParams(conn, step->sql, argument ? 1 : 0, NULL, &argument, NULL, NULL, 0);
	bool ok = PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK;
	if (!ok)
		fprintf(stderr, "vyricon: %s", PQerrorMessage(conn));
	else if (step->label && PQntuples(result) > 0)
		printf("%s%s\n", step->label, PQgetvalue(result, 0, 0));
	PQclear(result);
	return ok;
}

int
vy_command_steps(const char *command, const char *argument)
{
	PGconn *conn = connect_or_tell();
	bool ok = conn != NULL;
	for (size_t i = 0; ok && i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(steps[i].command, command) == 0)
			ok = run_step(conn, &steps[i], argument);
	PQfinish(conn);
	return ok ? 0 : 1;
}

int
vy_command_doctor(const char *command, const char *argument)
{
	PGconn *conn = connect_or_tell();
	PGresult *result = conn ? PQexec(conn, "SELECT name, finding FROM vyricon.checks()") : NULL;
	bool well = PQresultStatus(result) == PGRES_TUPLES_OK;
	(void) command;
	(void) argument;
	if (conn && !well)
		printf("%-16s run: vyricon init\n%s", "extension", PQresultErrorMessage(result));
	for (int i = 0; i < PQntuples(result); i++)
	{
		const char *finding = PQgetvalue(result, i, 1);
		printf("%-16s %s\n", PQgetvalue(result, i, 0), *finding ? finding : "ok");
		well &= *finding == '\0';
	}
	PQclear(result);
	PQfinish(conn);
	return well ? 0 : 1;
}
