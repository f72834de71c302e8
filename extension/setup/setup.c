/*
 * setup.c: vyricon.setup(), which makes and upgrades the platform's tables.
 *
 * The steps are the files of sql/tables (three digits: each once per database, recorded in vyricon.setup_steps, run as vyricon_owner) and
 * two of sql/install (two digits: roles and grants, again each time, run as the superuser who calls). All in the caller's transaction, one
 * caller at a time: a second one waits and then finds nothing to do.
 */
#include "setup/setup.h"

#include <ctype.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "core/query.h"
#include "core/shm.h"
#include "jobs/jobs.h"
#include "setup/installation.h"

/* Any number that other applications do not lock; "vyricon" in ASCII. */
#define SETUP_LOCK INT64CONST(0x76797269636F6E)

/* The first minor release of 15 that replans a saved statement when the role changes (CVE-2026-14666). */
#define FIXED_MINOR 150019

static const VyStep steps[] = {
#include "steps.inc"
};

VY_QUERY(record_step, .sql = "INSERT INTO vyricon.setup_steps (step) VALUES ($1)", .nargs = 1, .types = {TEXTOID}, .expect = SPI_OK_INSERT);

VY_QUERY(find_step, .sql = "SELECT FROM vyricon.setup_steps WHERE step = $1", .nargs = 1, .types = {TEXTOID}, .expect = SPI_OK_SELECT);

static void require_superuser(void);
static void require_same_version(void);
static bool is_table_step(const VyStep *step);
static bool is_done(const VyStep *step);
static void run_step(const VyStep *step, StringInfo report);
static void run_script(const char *sql, Oid role);
static void warn_of_old_server(void);

VY_FUNCTION(vyricon_setup)
{
	bool adopt = PG_GETARG_BOOL(0);
	StringInfoData report;

	require_superuser();
	require_same_version();
	DirectFunctionCall1(pg_advisory_xact_lock_int8, Int64GetDatum(SETUP_LOCK));
	warn_of_old_server();
	initStringInfo(&report);
	for (size_t i = 0; i < lengthof(steps); i++)
		run_step(&steps[i], &report);
	if (vy_installation_record(adopt, &report))
		vy_jobs_start_at_commit();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(report.data, report.len));
}

VY_FUNCTION(vyricon_version)
{
	PG_RETURN_TEXT_P(cstring_to_text(VY_VERSION));
}

Datum
vy_steps_names(int *n)
{
	Datum names[lengthof(steps)];

	*n = 0;
	for (size_t i = 0; i < lengthof(steps); i++)
		if (is_table_step(&steps[i]))
			names[(*n)++] = CStringGetTextDatum(steps[i].name);
	return PointerGetDatum(construct_array(names, *n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
require_superuser(void)
{
	if (!superuser())
		ereport(ERROR, (errcode(ERRCODE_VY_FORBIDDEN), errmsg("only a superuser may set Vyricon up"),
						errhint("Run it once as an administrator: vyricon init, or psql -c 'SELECT vyricon.setup()'.")));
	/* Settings of the postmaster, the path of the root key among them, exist only when preloaded. */
	if (vy_shm == NULL)
		ereport(ERROR, (errcode(ERRCODE_VY_NOT_READY), errmsg("vyricon is not preloaded"),
						errhint("Add shared_preload_libraries = 'vyricon' to postgresql.conf and restart PostgreSQL.")));
}

static void
require_same_version(void)
{
	const char *version = vy_extension_version();

	if (version == NULL || strcmp(version, VY_VERSION) != 0)
		ereport(ERROR, (errcode(ERRCODE_VY_NOT_READY),
						errmsg("the library is version %s, the extension in this database %s", VY_VERSION, version ? version : "missing"),
						errhint("ALTER EXTENSION vyricon UPDATE; then SELECT vyricon.setup(); again.")));
}

/* Told by its three digits. */
static bool
is_table_step(const VyStep *step)
{
	return isdigit((unsigned char) step->name[2]);
}

/* The first step makes the table that records it. */
static bool
is_done(const VyStep *step)
{
	Oid schema = get_namespace_oid("vyricon", false);
	Datum name = CStringGetTextDatum(step->name);

	return OidIsValid(get_relname_relid("setup_steps", schema)) && vy_query_run(&find_step, &name, NULL) > 0;
}

static void
run_step(const VyStep *step, StringInfo report)
{
	Datum name = CStringGetTextDatum(step->name);

	if (!is_table_step(step))
	{
		run_script(step->sql, GetUserId());
		return;
	}
	if (is_done(step))
		return;
	run_script(step->sql, vy_owner_role());
	vy_query_run(&record_step, &name, NULL);
	appendStringInfo(report, "step %s done\n", step->name);
}

/* Several statements at once, which a VyQuery cannot hold. The role and the search_path are back after an error, too. */
static void
run_script(const char *sql, Oid role)
{
	Oid user;
	int sec_context;
	int guc_level = NewGUCNestLevel();
	int rc;

	GetUserIdAndSecContext(&user, &sec_context);
	SetUserIdAndSecContext(role, sec_context | SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	rc = SPI_execute(sql, false, 0);
	if (rc < 0)
		elog(ERROR, "a setup script failed: %s", SPI_result_code_string(rc));
	SPI_finish();
	AtEOXact_GUC(false, guc_level);
	SetUserIdAndSecContext(user, sec_context);
}

static void
warn_of_old_server(void)
{
	int version = atoi(GetConfigOption("server_version_num", false, false));

	if (version < FIXED_MINOR)
		ereport(WARNING, (errcode(ERRCODE_WARNING), errmsg("this PostgreSQL has a known hole in row-level security (CVE-2026-14666)"),
						  errhint("Update to PostgreSQL 15.19 or newer; no dump is needed.")));
}
