/*
 * ticket.c: what is a ticket, and which numbers are remembered.
 */
#include "base/ticket.h"

#include "tap.h"

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct
{
	const char *value;
	int64_t number; /* 0: no ticket */
	int64_t wait_ms;
	const char *text;
} cases[] = {
	{"1." SECRET " 10000", 1, 10000, "1." SECRET},
	{"999999999999999." SECRET " 0", INT64_C(999999999999999), 0, "999999999999999." SECRET},
	{"7.s 1", 7, 1, "7.s"},
	{"", 0, 0, NULL},
	{"secret", 0, 0, NULL},
	{"1.s", 0, 0, NULL},
	{"1 s", 0, 0, NULL},
	{"1 s.t", 0, 0, NULL},
	{".s 1", 0, 0, NULL},
	{"0.s 1", 0, 0, NULL},
	{"-1.s 1", 0, 0, NULL},
	{"x.s 1", 0, 0, NULL},
	{"1.s ", 0, 0, NULL},
	{"1.s 1x", 0, 0, NULL},
	{"1.s 1 1", 0, 0, NULL},
	{"1.s 9999999999", 0, 0, NULL},
	{"1000000000000000.s 1", 0, 0, NULL},
	{"1." SECRET SECRET " 1", 0, 0, NULL},
};

static VyHeard heard;

int
main(void)
{
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		VyTicket ticket = {.number = -1};
		VyStr value = tight(vy_cstr(cases[i].value));
		bool good = vy_ticket_read(&ticket, value);

		if (cases[i].number > 0)
			ok(good && ticket.number == cases[i].number && ticket.wait_ms == cases[i].wait_ms && strcmp(ticket.text, cases[i].text) == 0,
			   "\"%s\" is a ticket", cases[i].value);
		else
			ok(!good && ticket.number == -1, "\"%s\" is none", cases[i].value);
		free((char *) value.p);
	}
	ok(!vy_heard_take(&heard, 1), "nothing was heard");
	vy_heard_add(&heard, 1);
	ok(vy_heard_take(&heard, 1) && !vy_heard_take(&heard, 1), "what was heard is taken once");
	for (int64_t i = 1; i <= VY_HEARD + 1; i++)
		vy_heard_add(&heard, i);
	ok(!vy_heard_take(&heard, 1) && vy_heard_take(&heard, 2) && vy_heard_take(&heard, VY_HEARD + 1), "the oldest is forgotten first");
	return tap_done();
}
