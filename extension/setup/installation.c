/*
 * installation.c: the row that ties the tables to one cluster, one database and one root key.
 *
 * A dump carries the row along, so a restored copy, a database made from this one as template and a clone of the cluster with another key
 * do not match it. Such a copy serves requests but runs no job, until somebody who knows says setup(adopt => true).
 */
#include "setup/installation.h"

#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "core/attempt.h"
#include "core/query.h"
#include "core/secrets.h"
#include "jobs/jobs.h"
#include "schedules/schedules.h"
#include "setup/setup.h"

typedef struct Installation
{
	char *system_identifier;
	Oid database;
	char *fingerprint;
} Installation;

VY_QUERY(read_installation, .sql = "SELECT system_identifier, database_oid, root_key_fingerprint FROM vyricon.installation WHERE only_row",
		 .expect = SPI_OK_SELECT);

VY_QUERY(write_installation,
		 .sql =
			 "INSERT INTO vyricon.installation (system_identifier, database_oid, root_key_fingerprint, version) VALUES ($1, $2, $3, $4) "
			 "ON CONFLICT (only_row) DO UPDATE SET system_identifier = excluded.system_identifier, database_oid = excluded.database_oid, "
			 "root_key_fingerprint = excluded.root_key_fingerprint, version = excluded.version, adopted_at = now()",
		 .nargs = 4, .types = {TEXTOID, OIDOID, TEXTOID, TEXTOID}, .expect = SPI_OK_INSERT);

VY_QUERY(write_version, .sql = "UPDATE vyricon.installation SET version = $1 WHERE only_row AND version <> $1", .nargs = 1,
		 .types = {TEXTOID}, .expect = SPI_OK_UPDATE);

VY_QUERY(next_secret, .sql = "SELECT name FROM vyricon.secrets WHERE name > $1 ORDER BY name LIMIT 1", .nargs = 1, .types = {TEXTOID},
		 .expect = SPI_OK_SELECT);

VY_QUERY(keys_of_secret,
		 .sql = "SELECT kid, status = 'active' OR status = 'previous' AND public_key IS NOT NULL "
				"FROM auth.signing_keys WHERE secret_name = $1 AND status <> 'revoked'",
		 .nargs = 1, .types = {TEXTOID}, .expect = SPI_OK_SELECT);

VY_QUERY(active_keys, .sql = "SELECT secret_name FROM auth.signing_keys WHERE status = 'active'", .expect = SPI_OK_SELECT);

static bool read_row(Installation *row);
static bool matches(const Installation *row, const char *fingerprint);
static void write_row(const char *fingerprint);
static char *present_fingerprint(void);
static void get_fingerprint(void *arg);
static void report_lost_secrets(bool adopt, StringInfo report);
static void open_secret(void *arg);
static bool active_key_opens(void);
static void retire_unusable_keys(Datum secret, StringInfo report);
static char *call_auth(const char *sql, int nargs, Datum arg);
static bool succeeds(void (*fn)(void *), void *arg);

VyHome
vy_installation_home(void)
{
	Oid schema = get_namespace_oid("vyricon", true);
	Installation row;
	const char *why;

	if (!OidIsValid(schema) || !OidIsValid(get_relname_relid("installation", schema)) || vy_extension_version() == NULL || !read_row(&row))
		return VY_HOME_NONE;
	if (!matches(&row, present_fingerprint()))
		return VY_HOME_COPY;
	return vy_setup_ready(&why) ? VY_HOME_HERE : VY_HOME_NONE;
}

bool
vy_installation_record(bool adopt, StringInfo report)
{
	Installation row;
	bool first = !read_row(&row);
	bool here = !first && matches(&row, present_fingerprint());
	Datum version = CStringGetTextDatum(VY_VERSION);
	uint64 parked;

	if (first || (adopt && !here))
	{
		write_row(vy_root_key_fingerprint(true));
		appendStringInfoString(report, first ? "installed\n" : "adopted: jobs run here from now on\n");
		parked = first ? 0 : vy_jobs_park();
		if (parked > 0)
			appendStringInfo(report, UINT64_FORMAT " jobs of the original are parked: vyricon.retry() sends one\n", parked);
		if (!first)
			vy_schedules_restart();
		here = true;
	}
	vy_query_run(&write_version, &version, NULL);
	if (!here)
		appendStringInfoString(report,
							   "this is a copy of another installation: no job runs here until SELECT vyricon.setup(adopt => true)\n");
	CommandCounterIncrement();
	report_lost_secrets(adopt && here, report);
	if (here && !active_key_opens())
		appendStringInfo(report, "signing key %s made\n", call_auth("SELECT auth.create_signing_key('ES256', true)", 0, (Datum) 0));
	appendStringInfo(report, "Vyricon %s is ready", VY_VERSION);
	return here;
}

static bool
read_row(Installation *row)
{
	Datum values[3];
	bool nulls[3];

	if (!vy_query_row(&read_installation, NULL, NULL, 3, values, nulls))
		return false;
	*row = (Installation){TextDatumGetCString(values[0]), DatumGetObjectId(values[1]), TextDatumGetCString(values[2])};
	return true;
}

/* fingerprint is NULL where no root key can be read. */
static bool
matches(const Installation *row, const char *fingerprint)
{
	const char *system_identifier = psprintf(UINT64_FORMAT, GetSystemIdentifier());

	return strcmp(row->system_identifier, system_identifier) == 0 && row->database == MyDatabaseId && fingerprint != NULL &&
		   strcmp(row->fingerprint, fingerprint) == 0;
}

static void
write_row(const char *fingerprint)
{
	Datum args[] = {CStringGetTextDatum(psprintf(UINT64_FORMAT, GetSystemIdentifier())), ObjectIdGetDatum(MyDatabaseId),
					CStringGetTextDatum(fingerprint), CStringGetTextDatum(VY_VERSION)};

	vy_query_run(&write_installation, args, NULL);
}

static char *
present_fingerprint(void)
{
	char *fingerprint = NULL;

	return succeeds(get_fingerprint, &fingerprint) ? fingerprint : NULL;
}

static void
get_fingerprint(void *arg)
{
	*(char **) arg = vy_root_key_fingerprint(false);
}

/* Names what the root key does not open. When adopting, signing keys among it make room for a new one. */
static void
report_lost_secrets(bool adopt, StringInfo report)
{
	Datum name = CStringGetTextDatum("");
	bool isnull;

	while (vy_query_row(&next_secret, &name, NULL, 1, &name, &isnull))
	{
		char *secret = TextDatumGetCString(name);

		if (succeeds(open_secret, secret))
			continue;
		appendStringInfo(report, "secret \"%s\" cannot be opened: bring the old root key file, or store it anew\n", secret);
		if (adopt)
			retire_unusable_keys(name, report);
	}
}

static void
open_secret(void *arg)
{
	(void) vy_secret_get(arg);
}

static bool
active_key_opens(void)
{
	Datum secret;
	bool isnull;

	return vy_query_row(&active_keys, NULL, NULL, 1, &secret, &isnull) && !isnull && succeeds(open_secret, TextDatumGetCString(secret));
}

/* A public key goes on verifying tokens that are out; what can neither sign nor verify is revoked. */
static void
retire_unusable_keys(Datum secret, StringInfo report)
{
	Datum values[2];
	bool nulls[2];

	if (vy_query_row(&keys_of_secret, &secret, NULL, 2, values, nulls) && !DatumGetBool(values[1]))
	{
		(void) call_auth("SELECT auth.revoke_signing_key($1)", 1, values[0]);
		appendStringInfo(report, "signing key %s revoked\n", TextDatumGetCString(values[0]));
	}
}

/* Key management is another room's, reached as any superuser reaches it: by its SQL functions. */
static char *
call_auth(const char *sql, int nargs, Datum arg)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid types[] = {TEXTOID};
	char *result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(sql, nargs, types, &arg, NULL, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "a function of schema auth did not answer");
	result = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return result;
}

static bool
succeeds(void (*fn)(void *), void *arg)
{
	const char *message;

	return vy_attempt(fn, arg, &message);
}
