/*
 * kind.h: kinds of jobs, as rows: how a payload becomes the request that is kept, how it is sent, and what an answer means.
 */
#ifndef VY_KIND_H
#define VY_KIND_H

#include "base/job.h"
#include "base/json.h"
#include "base/wire.h"
#include "core/core.h"

typedef struct VyTransfer VyTransfer;

/* What a payload is turned into when it is enqueued. */
typedef struct VyJobDraft
{
	const char *key; /* the idempotency key, given to build() */
	VyWireRequest request; /* what is sent; its strings live as long as the draft */
	bool repeatable; /* the peer takes the same idempotency key twice as once */
	const char *secret_name; /* NULL: not signed */
} VyJobDraft;

/* A claimed job; everything lives in the transfer's context. */
typedef struct VyJobRow
{
	int64 id;
	VyJobTry attempt;
	const char *idempotency_key;
	const char *secret_name; /* NULL: none */
	VyWireRequest request;
} VyJobRow;

typedef struct VyJobKind
{
	const char *name;
	int max_attempts;
	/* Its effect commits together with the record of it, in a process of its own (sql_worker.c): what is not recorded did not happen. */
	bool in_database;
	/* payload is a JSON object; raises what the enqueuer should mend. */
	void (*build)(VyJobDraft *draft, VyStr payload);
	/* In the transaction that claims: reads what sending needs. May settle the job without the network by setting transfer->outcome. */
	void (*prepare)(VyTransfer *transfer);
	/* Outside any transaction, signals blocked: sets the options of transfer->curl. No palloc, no error. */
	bool (*start)(VyTransfer *transfer);
	/* What it means that curl ended it with this result (a CURLcode): settles the transfer. Signals are blocked. */
	void (*end)(VyTransfer *transfer, int result);
	/*
	 * In the transaction that records what has become of the job: applies the answer. NULL: there is nothing to do. When it raises, what it
	 * wrote is undone, and the peer's answer counts as an error.
	 */
	void (*apply)(const VyTransfer *transfer, VyJobState state);
} VyJobKind;

extern const VyJobKind vy_http_kind;
extern const VyJobKind vy_sql_kind;

/* A room's rows, registered from its init function. */
void vy_job_kinds_add(const VyJobKind *const *rows, size_t n);

/* NULL: there is none of that name. */
const VyJobKind *vy_job_kind_find(const char *name);

/* In the order of registration; NULL: there are no more. */
const VyJobKind *vy_job_kind_at(int i);

/* "http, mail", for a hint. */
char *vy_job_kind_names(void);

typedef struct VyMember
{
	const char *name;
	VyJsonKind kind; /* VY_JSON_NONE: it is not there */
	VyStr value;
} VyMember;

/*
 * All members of a payload in one pass: those whose names stand in the list, filled in. Any other is refused: it would be lost without a
 * word.
 */
void vy_payload_read(VyStr payload, VyMember *members, size_t n);
pg_attribute_noreturn() void vy_payload_refuse(const char *name, const char *problem);

/* Of one member; a copy lives in the current context, and is NULL for what is not there. */
char *vy_member_text(const VyMember *member, bool required);
bool vy_member_bool(const VyMember *member, bool otherwise);

#endif
