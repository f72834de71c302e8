/*
 * policies.h: what row-level security does to a table for one caller, measured policy by policy.
 */
#ifndef VY_POLICIES_H
#define VY_POLICIES_H

#include "auth/identity.h"
#include "nodes/pg_list.h"

#define VY_POLICY_SAMPLE 10000

typedef struct VyPolicy
{
	const char *name;
	const char *roles;
	const char *command; /* "ALL", "SELECT" ... */
	const char *using; /* NULL: none */
	const char *check;
	bool permissive;
	bool applies_to_role;
	bool applies_to_command;
	int64 passes; /* rows of the sample that it lets through alone; -1: not measured */
	const char *error; /* why not; NULL: no error */
} VyPolicy;

typedef struct VyPolicyReport
{
	Oid relid;
	const char *relation; /* schema.name */
	const char *privilege;
	bool has_privilege;
	bool enabled; /* row security is on and binds this role */
	int64 rows; /* in the sample, at most VY_POLICY_SAMPLE */
	int64 visible; /* of these; -1: not measured */
	List *policies;
} VyPolicyReport;

/*
 * Called between vy_identity_enter() and vy_identity_leave(), in a subtransaction that is rolled back. privilege: "SELECT", "INSERT",
 * "UPDATE" or "DELETE". Rows are counted for reading only: a policy's USING; up to VY_POLICY_SAMPLE rows are looked at.
 */
void vy_policies_measure(VyPolicyReport *report, Oid relid, const char *privilege);

/* "policy a hides 3 of 9 rows from role anon", or what else explains an empty or refused answer. */
char *vy_policies_sentence(const VyPolicyReport *report, const char *role);

/* The policies that hide rows, for an answer that has some: "policy a hides 3 of 9 rows from role anon", or that none does. */
char *vy_policies_verdicts(const VyPolicyReport *report, const char *role);

#endif
