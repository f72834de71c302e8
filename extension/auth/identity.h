/*
 * identity.h: who is calling, as C state that only the dispatcher sets.
 *
 * vy_identity_enter() makes the current user the caller's role (SECURITY_LOCAL_USERID_CHANGE: no SET ROLE from below), opens a GUC nest
 * level, and makes the identity readable by auth.uid() and friends. vy_identity_leave() undoes all of it and clears what the handler left
 * in the session. After an ERROR the transaction or subtransaction end restores the state before; nothing has to be caught.
 */
#ifndef VY_IDENTITY_H
#define VY_IDENTITY_H

#include "core/core.h"
#include "utils/uuid.h"

typedef enum VyCredential
{
	VY_CREDENTIAL_NONE,
	VY_CREDENTIAL_API_KEY,
	VY_CREDENTIAL_TOKEN
} VyCredential;

/* Everything lives as long as the request (or as the token cache's entry, which outlives it). */
typedef struct VyIdentity
{
	VyCredential credential;
	Oid role;
	const char *role_name;
	VyStr claims; /* the verified claims, a JSON object */
	bool has_uid; /* sub is a uuid */
	pg_uuid_t uid;
	VyStr user_id; /* sub; p == NULL: none */
	VyStr email;
	VyStr org_id;
	VyStr session_id;
} VyIdentity;

/* Fills in role_name, uid, user_id, email, org_id, session_id from claims (NULL-terminated copies in context); false: not a JSON object. */
VY_MUST_CHECK bool vy_identity_parse(MemoryContext context, VyStr claims, VyIdentity *out);

/* Canonical text form only; false otherwise. */
bool vy_identity_uuid(VyStr text, pg_uuid_t *out);

typedef struct VyIdentityFrame
{
	Oid user;
	int sec_context;
	int guc_level;
	bool read_only;
} VyIdentityFrame;

/* shared_session: the session is a person's, not the shim's, so what was in it before must survive (leftovers.h). */
void vy_identity_enter(VyIdentityFrame *frame, const VyIdentity *identity, bool read_only, bool shared_session);

/* Fires deferred triggers and constraints as the caller, then leaves. */
void vy_identity_leave(VyIdentityFrame *frame);

/* NULL: nobody is calling (no request, no auth.use_claims(), no trusted claims setting). */
const VyIdentity *vy_identity_current(void);

/* True between enter and leave. */
bool vy_identity_in_request(void);

void vy_identity_init(void);

#endif
