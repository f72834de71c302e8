/*
 * purge.c: deletes what expired. For keys a week ago: it leaves time to see in the table why a key stopped working.
 * Each statement takes a bounded batch, so that no purge holds its locks for long; what is left waits for the next run.
 */
#include "jobs/purge.h"

#include "core/query.h"

VY_QUERY(purge_api_keys,
		 .sql = "DELETE FROM auth.api_keys WHERE id = ANY (ARRAY("
				"SELECT k.id FROM auth.api_keys AS k WHERE k.expires_at < now() - interval '7 days' "
				"ORDER BY k.expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED))",
		 .expect = SPI_OK_DELETE);

/* A private key goes with its public one. */
VY_QUERY(purge_signing_keys,
		 .sql = "WITH gone AS (DELETE FROM auth.signing_keys WHERE kid = ANY (ARRAY("
				"SELECT k.kid FROM auth.signing_keys AS k WHERE k.expires_at < now() - interval '7 days' "
				"AND k.status IN ('previous', 'revoked') ORDER BY k.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)) "
				"RETURNING secret_name), secrets AS (DELETE FROM vyricon.secrets AS s USING gone "
				"WHERE s.name = gone.secret_name) SELECT gone.secret_name FROM gone",
		 .expect = SPI_OK_SELECT);

VY_QUERY(purge_idempotency_keys,
		 .sql = "DELETE FROM vyricon.idempotency_keys WHERE (subject, key) IN ("
				"SELECT k.subject, k.key FROM vyricon.idempotency_keys AS k WHERE k.expires_at < now() "
				"ORDER BY k.expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
		 .expect = SPI_OK_DELETE);

/* Those that failed, or of which nobody knows, wait for somebody to look at them. */
VY_QUERY(purge_jobs,
		 .sql = "DELETE FROM vyricon.jobs WHERE id = ANY (ARRAY("
				"SELECT j.id FROM vyricon.jobs AS j WHERE j.finished_at < now() - interval '7 days' AND j.state IN ('done', 'cancelled') "
				"ORDER BY j.finished_at LIMIT 1000 FOR UPDATE SKIP LOCKED))",
		 .expect = SPI_OK_DELETE);

VY_QUERY(purge_mailbox,
		 .sql = "DELETE FROM vyricon.mailbox WHERE id = ANY (ARRAY("
				"SELECT m.id FROM vyricon.mailbox AS m WHERE m.sent_at < now() - interval '7 days' ORDER BY m.sent_at LIMIT 1000))",
		 .expect = SPI_OK_DELETE);

/* From the lowest id on, and nothing above one that is kept: a reader is told by one number what is gone. Not while ids are given. */
VY_QUERY(purge_events,
		 .sql = "WITH oldest AS (SELECT e.written, e.id, e.at FROM vyricon.events AS e WHERE e.id IS NOT NULL ORDER BY e.id LIMIT 1000),"
				" kept AS (SELECT COALESCE(min(id) FILTER (WHERE at >= now() - interval '7 days'), max(id) + 1) AS id FROM oldest),"
				" counter AS (SELECT FROM vyricon.event_counter WHERE only_row FOR UPDATE SKIP LOCKED),"
				" counted AS (UPDATE vyricon.event_counter AS c SET purged_id = k.id - 1 FROM kept AS k"
				" WHERE c.only_row AND c.purged_id < k.id - 1 AND EXISTS (SELECT FROM counter))"
				" DELETE FROM vyricon.events WHERE written = ANY (ARRAY("
				"SELECT o.written FROM oldest AS o, kept AS k, counter WHERE o.id < k.id))",
		 .expect = SPI_OK_DELETE);

VY_QUERY(purge_tickets,
		 .sql =
			 "DELETE FROM vyricon.tickets WHERE id = ANY (ARRAY("
			 "SELECT t.id FROM vyricon.tickets AS t WHERE t.expires_at < now() ORDER BY t.expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED))",
		 .expect = SPI_OK_DELETE);

static VyQuery *const purges[] = {
	&purge_jobs, &purge_events, &purge_tickets, &purge_mailbox, &purge_idempotency_keys, &purge_api_keys, &purge_signing_keys,
};

int64
vy_purge_run(void)
{
	int64 deleted = 0;

	for (size_t i = 0; i < lengthof(purges); i++)
		deleted += (int64) vy_query_run(purges[i], NULL, NULL);
	return deleted;
}
