/*
 * commands.c: the subcommands that are thin calls of SQL functions.
 */
#include "options.h"
#include "shim.h"

#include <stdlib.h>

typedef struct Check
{
	const char *name;
	const char *sql; /* one value; NULL or empty: all is well, else what to do */
} Check;

static const Check checks[] = {
	{"extension",
	 "SELECT CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'vyricon') THEN 'run: vyricon init' END"},
	{"preload", "SELECT CASE WHEN pg_catalog.current_setting('shared_preload_libraries') !~ '(^|[,/ ])vyricon' THEN "
				"'add vyricon to shared_preload_libraries in postgresql.conf and restart' END"},
	{"roles", "SELECT 'missing: ' || pg_catalog.string_agg(r, ', ') FROM pg_catalog.unnest('{anon,authenticated,service_role,vyricon_owner,"
			  "vyricon_worker,vyricon_shim}'::text[]) r WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = r)"},
	{"role attributes", "SELECT 'must not be a superuser or bypass row-level security: ' || pg_catalog.string_agg(rolname, ', ') FROM "
						"pg_catalog.pg_roles WHERE rolname IN ('anon', 'authenticated', 'vyricon_owner', 'vyricon_worker', 'vyricon_shim') "
						"AND (rolsuper OR rolbypassrls)"},
	{"shim role", "SELECT CASE WHEN pg_catalog.current_setting('is_superuser') = 'on' THEN 'this connection is a superuser''s: serve as "
				  "vyricon_shim' END"},
	{"encryption", "SELECT CASE WHEN pg_catalog.inet_client_addr() IS NOT NULL AND NOT pg_catalog.host(pg_catalog.inet_client_addr()) = ANY "
				   "('{127.0.0.1,::1}') AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid() AND ssl) "
				   "THEN 'the connection is not encrypted: use sslmode=verify-full' END"},
	{"ready", "SELECT vyricon.ready()"},
};

static PGconn *
connect_now(void)
{
	PGconn *conn = vy_connect_start();
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	while (conn && PQstatus(conn) != CONNECTION_BAD && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED)
		state = PQconnectPoll(conn);
	if (conn && PQstatus(conn) == CONNECTION_OK)
		return conn;
	fprintf(stderr, "vyricon: %s", conn ? PQerrorMessage(conn) : "out of memory\n");
	PQfinish(conn);
	return NULL;
}

/* Runs one statement; prints the value of its first row, if there is one and name is given. Returns an exit status. */
static int
run_sql(PGconn *conn, const char *name, const char *sql, const char *parameter)
{
	PGresult *result = PQexecParams(conn, sql, parameter ? 1 : 0, NULL, &parameter, NULL, NULL, 0);
	bool ok = PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!ok)
		fprintf(stderr, "vyricon: %s", PQerrorMessage(conn));
	else if (name && PQntuples(result) > 0)
		printf("%s%s%s\n", name, *name ? ": " : "", PQgetvalue(result, 0, 0));
	PQclear(result);
	return ok ? 0 : 1;
}

int
vy_command_init(int argc, char **argv)
{
	PGconn *conn = connect_now();
	int status;

	(void) argc;
	(void) argv;
	if (!conn)
		return 1;
	status = run_sql(conn, NULL, "CREATE EXTENSION IF NOT EXISTS vyricon", NULL);
	if (status == 0)
		status = run_sql(conn, NULL, "SELECT vyricon.setup()", NULL);
	if (status == 0)
		status = run_sql(conn, "ready", "SELECT coalesce(nullif(vyricon.ready(), ''), 'yes')", NULL);
	PQfinish(conn);
	return status;
}

int
vy_command_status(int argc, char **argv)
{
	PGconn *conn = connect_now();
	int status;

	(void) argc;
	(void) argv;
	if (!conn)
		return 1;
	printf("vyricon: %s\n", VY_VERSION);
	run_sql(conn, "PostgreSQL", "SHOW server_version", NULL);
	run_sql(conn, "extension", "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vyricon'", NULL);
	status = run_sql(conn, "ready", "SELECT coalesce(nullif(vyricon.ready(), ''), 'yes')", NULL);
	PQfinish(conn);
	return status;
}

int
vy_command_token(int argc, char **argv)
{
	PGconn *conn = connect_now();
	int status;

	(void) argc;
	if (!conn)
		return 1;
	status = run_sql(conn, "", "SELECT vyricon.token($1)", argv[0]);
	PQfinish(conn);
	return status;
}

int
vy_command_doctor(int argc, char **argv)
{
	PGconn *conn = connect_now();
	int findings = 0;

	(void) argc;
	(void) argv;
	if (!conn)
		return 1;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
	{
		PGresult *result = PQexec(conn, checks[i].sql);
		bool ran = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
		const char *finding = ran ? PQgetvalue(result, 0, 0) : PQresultErrorMessage(result);

		printf("%-16s %s\n", checks[i].name, *finding ? finding : "ok");
		findings += *finding != '\0';
		PQclear(result);
	}
	PQfinish(conn);
	return findings > 0 ? 1 : 0;
}
