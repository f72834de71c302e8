/*
 * due.c: deadlines stay in the order of their time, whatever is put in, moved and taken out.
 */
#include "base/due.h"

#include "tap.h"

#define N 40

static VyDueList lists[2];
static VyDue dues[N];

/* Whether a list is in order and linked both ways, and its number of entries. */
static bool
sound(const VyDueList *list, size_t *n)
{
	const VyDue *before = NULL;

	*n = 0;
	for (const VyDue *due = list->first; due; before = due, due = due->later)
	{
		if (due->list != list || due->earlier != before || (before && before->at > due->at) || ++*n > N)
			return false;
	}
	return list->last == before;
}

int
main(void)
{
	uint32_t seed = 1;
	size_t n[2] = {0, 0};
	size_t want = 0;
	bool good = true;

	ok(vy_due_next(&lists[0]) == INT64_MAX, "nothing is due on an empty list");
	vy_due_clear(&dues[0]);
	ok(sound(&lists[0], &n[0]) && n[0] == 0, "what is on no list can be taken off");
	for (int i = 0; i < 3; i++)
		vy_due_set(&dues[i], &lists[0], 5);
	ok(lists[0].first == &dues[0] && lists[0].last == &dues[2], "of the same time, who came first is first");
	vy_due_set(&dues[3], &lists[0], 1);
	ok(vy_due_next(&lists[0]) == 1 && lists[0].first == &dues[3], "an earlier one passes them");
	vy_due_set(&dues[3], &lists[0], 9);
	ok(vy_due_next(&lists[0]) == 5 && lists[0].last == &dues[3], "and can be moved behind them");
	vy_due_set(&dues[1], &lists[1], 7);
	ok(sound(&lists[0], &n[0]) && sound(&lists[1], &n[1]) && n[0] == 3 && n[1] == 1, "or to another list");
	for (int i = 0; i < 20000 && good; i++)
	{
		VyDue *due = &dues[(seed = seed * 1664525 + 1013904223) >> 16 & 31];

		if (seed >> 8 & 3)
			vy_due_set(due, &lists[seed >> 10 & 1], seed >> 12 & 15);
		else
			vy_due_clear(due);
		good = sound(&lists[0], &n[0]) && sound(&lists[1], &n[1]);
	}
	for (int i = 0; i < N; i++)
		want += dues[i].list != NULL;
	ok(good && n[0] + n[1] == want, "20,000 moves leave both lists in order, and lose nothing");
	return tap_done();
}
