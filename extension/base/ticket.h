/*
 * ticket.h: what the shim reads of tickets: "<number>.<secret> <milliseconds>" in an answer's x-vyricon-shim-wait, and numbers in
 * notifications.
 *
 * The notification of a ticket may overtake the answer that brings it, so numbers that nobody waits for yet are kept for a while.
 */
#ifndef VY_TICKET_H
#define VY_TICKET_H

#include "base/base.h"

#define VY_TICKET_MAX 95

typedef struct VyTicket
{
	int64_t number;
	int64_t wait_ms;
	char text[VY_TICKET_MAX + 1]; /* "<number>.<secret>", NUL-terminated */
} VyTicket;

/* False: it is none, and nothing is written. */
VY_MUST_CHECK bool vy_ticket_read(VyTicket *ticket, VyStr value);

#define VY_HEARD 1024

/* All zeros: nothing was heard; numbers begin at 1. */
typedef struct VyHeard
{
	unsigned next;
	int64_t numbers[VY_HEARD];
} VyHeard;

/* In place of the oldest one. */
void vy_heard_add(VyHeard *heard, int64_t number);

/* Whether it was heard; then it is forgotten. */
bool vy_heard_take(VyHeard *heard, int64_t number);

#endif
