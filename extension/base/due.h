/*
 * due.h: a list of deadlines in the order of their time, whose entries stand in what they belong to.
 *
 * An entry is put in from the end: where every deadline of a list has the same length that is one step.
 */
#ifndef VY_DUE_H
#define VY_DUE_H

#include "base/base.h"

typedef struct VyDueList VyDueList;

/* All zeros: on no list. */
typedef struct VyDue
{
	VyDueList *list;
	struct VyDue *earlier;
	struct VyDue *later;
	int64_t at;
} VyDue;

struct VyDueList
{
	VyDue *first;
	VyDue *last;
};

/* Puts it on that list, wherever it was; behind others of the same time. */
void vy_due_set(VyDue *due, VyDueList *list, int64_t at);

/* Takes it off its list, if it is on one. */
void vy_due_clear(VyDue *due);

/* The earliest time; INT64_MAX: the list is empty. */
static inline int64_t
vy_due_next(const VyDueList *list)
{
	return list->first ? list->first->at : INT64_MAX;
}

#endif
