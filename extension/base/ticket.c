/*
 * ticket.c: see ticket.h.
 */
#include "base/ticket.h"

#include "base/field.h"

bool
vy_ticket_read(VyTicket *ticket, VyStr value)
{
	const char *dot = value.n > 0 ? memchr(value.p, '.', value.n) : NULL;
	const char *blank = value.n > 0 ? memchr(value.p, ' ', value.n) : NULL;
	size_t number;
	size_t ms;
	size_t n;

	if (!dot || !blank || blank < dot)
		return false;
	n = (size_t) (blank - value.p);
	if (n > VY_TICKET_MAX || !vy_field_length(vy_str(value.p, (size_t) (dot - value.p)), &number) ||
		!vy_field_length(vy_str(blank + 1, value.n - n - 1), &ms) || number == 0 || ms > INT32_MAX)
		return false;
	ticket->number = (int64_t) number;
	ticket->wait_ms = (int64_t) ms;
	memcpy(ticket->text, value.p, n);
	ticket->text[n] = '\0';
	return true;
}

void
vy_heard_add(VyHeard *heard, int64_t number)
{
	heard->numbers[heard->next] = number;
	heard->next = (heard->next + 1) % VY_HEARD;
}

bool
vy_heard_take(VyHeard *heard, int64_t number)
{
	for (size_t i = 0; i < VY_HEARD; i++)
		if (heard->numbers[i] == number)
		{
			heard->numbers[i] = 0;
			return true;
		}
	return false;
}
