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

typedef struct Check
{
	const char *name;
	const char *sql; /* one value; NULL or empty: all is well, else what to do */
} Check;

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

static const Check checks[] = {
	{"extension",
	 "SELECT CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'vyricon') THEN 'run: vyricon init' END"},
	{"preload", "SELECT CASE WHEN pg_catalog.current_setting('shared_preload_libraries') !~ '(^|[,/ ])vyricon' THEN "
				"'add vyricon to shared_preload_libraries in postgresql.conf and restart' END"},
	{"roles", "SELECT 'missing: ' || pg_catalog.string_agg(r, ', ') FROM pg_catalog.unnest('{anon,authenticated,service_role,vyricon_owner,"
			  "vyricon_worker,vyricon_shim}'::text[]) r WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = r)"},
	{"role attributes", "SELECT 'must not have SUPERUSER or BYPASSRLS: ' || pg_catalog.string_agg(rolname, ', ') FROM pg_catalog.pg_roles "
						"WHERE rolname ~ '^(anon|authenticated|vyricon_(owner|worker|shim))$' AND (rolsuper OR rolbypassrls)"},
	{"encryption",
	 "SELECT CASE WHEN pg_catalog.inet_client_addr() IS NOT NULL AND NOT pg_catalog.host(pg_catalog.inet_client_addr()) = ANY "
	 "('{127.0.0.1,::1}') AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid() AND ssl) "
	 "THEN 'the connection is not encrypted: use sslmode=verify-full' END"},
	{"ready", "SELECT vyricon.ready()"},
	{"jobs", "SELECT pg_catalog.string_agg(fact || ': ' || hint, E'\\n' || pg_catalog.repeat(' ', 17)) FROM vyricon.doctor()"},
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
	int findings = 0;
	(void) command;
	(void) argument;
	for (size_t i = 0; conn && i < sizeof(checks) / sizeof(checks[0]); i++)
	{
		PGresult *result = PQexec(conn, checks[i].sql);
		bool ran = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
		const char *finding = ran ? PQgetvalue(result, 0, 0) : PQresultErrorMessage(result);
		printf("%-16s %s%s", checks[i].name, *finding ? finding : "ok", ran ? "\n" : "");
		findings += *finding != '\0';
		PQclear(result);
	}
	PQfinish(conn);
	return conn && findings == 0 ? 0 : 1;
}
