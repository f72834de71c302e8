/*
 * ready.c: do library, SQL functions and tables agree? Asked at each request, so the answer "yes" is kept until one of the two tables that
 * it was read from changes; any other answer is worked out anew.
 */
#include "setup/setup.h"

#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/acl.h"

#include "core/cache.h"
#include "core/query.h"
#include "core/shm.h"
#include "jobs/jobs.h"
#include "setup/installation.h"

static VyCache steps_cache = {.schema = "vyricon", .table = "setup_steps"};
static VyCache installation_cache = {.schema = "vyricon", .table = "installation"};
static bool ready;

VY_QUERY(extension_version, .sql = "SELECT extversion FROM pg_extension WHERE extname = 'vyricon'", .expect = SPI_OK_SELECT);

VY_QUERY(count_steps, .sql = "SELECT count(*) FROM vyricon.setup_steps WHERE step = ANY ($1)", .nargs = 1, .types = {TEXTARRAYOID},
		 .expect = SPI_OK_SELECT);

VY_QUERY(installed_version, .sql = "SELECT version FROM vyricon.installation WHERE only_row", .expect = SPI_OK_SELECT);

static const char *find_reason(void);
static bool tables_are_there(void);

VY_FUNCTION(vyricon_ready)
{
	const char *why = "";

	(void) vy_setup_ready(&why);
	PG_RETURN_TEXT_P(cstring_to_text(why));
}

void
vy_setup_init(void)
{
	vy_jobs_set_home(vy_installation_home);
}

bool
vy_setup_ready(const char **why)
{
	bool steps_fresh = vy_cache_fresh(&steps_cache);
	bool installation_fresh = vy_cache_fresh(&installation_cache);

	if (likely(steps_fresh && installation_fresh && ready))
		return true;
	*why = find_reason();
	ready = **why == '\0';
	if (!steps_fresh)
		vy_cache_filled(&steps_cache);
	if (!installation_fresh)
		vy_cache_filled(&installation_cache);
	return ready;
}

char *
vy_extension_version(void)
{
	Datum version;
	bool isnull;

	/* Without the role there is no extension, and a platform statement could not run. */
	if (!OidIsValid(get_extension_oid("vyricon", true)) || !OidIsValid(get_role_oid("vyricon_owner", true)) ||
		!vy_query_row(&extension_version, NULL, NULL, 1, &version, &isnull))
		return NULL;
	return TextDatumGetCString(version);
}

/* The empty string: nothing is missing. */
static const char *
find_reason(void)
{
	const char *version = vy_extension_version();

	if (vy_shm == NULL)
		return "add shared_preload_libraries = 'vyricon' to postgresql.conf and restart PostgreSQL";
	if (version == NULL)
		return "run CREATE EXTENSION vyricon; SELECT vyricon.setup();";
	if (strcmp(version, VY_VERSION) != 0)
		return "run ALTER EXTENSION vyricon UPDATE; SELECT vyricon.setup();";
	return tables_are_there() ? "" : "run SELECT vyricon.setup();";
}

static bool
tables_are_there(void)
{
	int wanted;
	Datum names = vy_steps_names(&wanted);
	Datum found;
	Datum version;
	bool isnull;

	return vy_cache_table_exists(&steps_cache) && vy_cache_table_exists(&installation_cache) &&
		   vy_query_row(&count_steps, &names, NULL, 1, &found, &isnull) && DatumGetInt64(found) == wanted &&
		   vy_query_row(&installed_version, NULL, NULL, 1, &version, &isnull) && strcmp(TextDatumGetCString(version), VY_VERSION) == 0;
}
