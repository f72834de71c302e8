/*
 * kind.c: the list of kinds, and reading their payloads.
 */
#include "jobs/kind.h"

#include "core/shm.h"

#define MAX_KINDS VY_SHM_KINDS

static const VyJobKind *kinds[MAX_KINDS];
static int nkinds;

void
vy_job_kinds_add(const VyJobKind *const *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (nkinds == MAX_KINDS)
			elog(ERROR, "too many kinds of jobs");
		kinds[nkinds++] = rows[i];
	}
}

const VyJobKind *
vy_job_kind_find(const char *name)
{
	for (int i = 0; i < nkinds; i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

const VyJobKind *
vy_job_kind_at(int i)
{
	return i < nkinds ? kinds[i] : NULL;
}

char *
vy_job_kind_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < nkinds; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", kinds[i]->name);
	return names.data;
}

char *
vy_member_text(const VyMember *member, bool required)
{
	char *text;

	if ((member->kind == VY_JSON_NONE || member->kind == VY_JSON_NULL) && !required)
		return NULL;
	if (member->kind == VY_JSON_NONE || member->kind == VY_JSON_NULL)
		vy_payload_refuse(member->name, "is missing");
	if (member->kind != VY_JSON_STRING)
		vy_payload_refuse(member->name, "must be a text");
	text = palloc(member->value.n + 1);
	text[vy_json_unescape(text, member->value)] = '\0';
	return text;
}

bool
vy_member_bool(const VyMember *member, bool otherwise)
{
	if (member->kind == VY_JSON_NONE || member->kind == VY_JSON_NULL)
		return otherwise;
	if (member->kind != VY_JSON_TRUE && member->kind != VY_JSON_FALSE)
		vy_payload_refuse(member->name, "must be true or false");
	return member->kind == VY_JSON_TRUE;
}

void
vy_payload_read(VyStr payload, VyMember *members, size_t n)
{
	VyJsonIter it = vy_json_iter(payload);

	while (vy_json_next(&it))
	{
		char *name = palloc(it.key.n + 1);
		size_t i = 0;

		name[vy_json_unescape(name, it.key)] = '\0';
		while (i < n && strcmp(members[i].name, name) != 0)
			i++;
		if (i == n)
			vy_payload_refuse(name, "is not known to this kind of job");
		members[i].kind = it.kind;
		members[i].value = it.value;
	}
}

void
vy_payload_refuse(const char *name, const char *problem)
{
	ereport(ERROR, (errcode(ERRCODE_VY_INVALID), errmsg("the job's payload is not valid"), errdetail("\"%s\" %s.", name, problem)));
}
