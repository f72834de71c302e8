/*
 * vyricon.c: the entry point. Its list is the map of the product: one line per room.
 */
#include "core/core.h"

#include "access/access.h"
#include "auth/auth.h"
#include "core/shm.h"
#include "http/http.h"
#include "jobs/jobs.h"
#include "mail/mail.h"
#include "rest/rest.h"
#include "schedules/schedules.h"
#include "setup/setup.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	if (process_shared_preload_libraries_in_progress)
		vy_shm_init();
	vy_setup_init();
	vy_identity_init();
	vy_auth_init();
	vy_access_init();
	vy_rest_init();
	vy_jobs_init();
	vy_mail_init();
	vy_schedules_init();
	vy_http_init();
	MarkGUCPrefixReserved("vyricon");
}
