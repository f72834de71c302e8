/*
 * due.c: see due.h.
 */
#include "base/due.h"

void
vy_due_set(VyDue *due, VyDueList *list, int64_t at)
{
	VyDue *before;

	vy_due_clear(due);
	before = list->last;
	while (before && before->at > at)
		before = before->earlier;
	*due = (VyDue){list, before, before ? before->later : list->first, at};
	*(before ? &before->later : &list->first) = due;
	*(due->later ? &due->later->earlier : &list->last) = due;
}

void
vy_due_clear(VyDue *due)
{
	VyDueList *list = due->list;

	if (!list)
		return;
	*(due->earlier ? &due->earlier->later : &list->first) = due->later;
	*(due->later ? &due->later->earlier : &list->last) = due->earlier;
	due->list = NULL;
}
