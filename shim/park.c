/*
 * park.c: requests that wait for a job's end, and keep neither a database connection nor libmicrohttpd busy meanwhile.
 *
 * The database answered them with a ticket (extension/jobs/wait.c). The client's connection is suspended, and watched for its end only.
 * When a notification names the ticket, when the client's time is over or this server stops, the request goes to the pool once more, with
 * http_resume() instead of http_wire(): what the client sent is not done again. After the connection that listens was made, everybody is
 * asked about, since notifications may have been missed.
 */
#include "options.h"
#include "pool.h"

#include <stdlib.h>
#include <sys/epoll.h>

/* Of the client connections, one in so many may wait; others are answered at once with what there is. */
#define PARKED_SHARE 10

static bool
watch_client(VyClient *client, int operation)
{
	/* the odd pointer tells a client from a database connection */
	struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = (char *) client + 1};
	return epoll_ctl(client->loop->epoll_fd, operation, client->fd, &event) == 0;
}

bool
vy_park(VyRequest *request, VyStr wait)
{
	VyLoop *loop = request->loop;
	if (loop->stopping || loop->nwaiting >= (unsigned) vy_options.connections / PARKED_SHARE || !vy_ticket_read(&request->ticket, wait) ||
		!watch_client(request->client, EPOLL_CTL_ADD))
		return false;
	PQclear(request->result);
	request->result = NULL;
	if (!request->resuming)
		request->wait_until_us = loop->now_us + request->ticket.wait_ms * 1000;
	request->parked_us = loop->now_us;
	request->phase = VY_PHASE_PARKED;
	MHD_suspend_connection(request->mhd);
	request->suspended = true;
	loop->nwaiting++;
	loop->nparked++;
	vy_count(&loop->counters.parked, 1);
	vy_due_set(&request->client->due, &loop->deadlines[VY_DEADLINE_WAIT], request->wait_until_us);
	if (vy_heard_take(&loop->heard, request->ticket.number))
		vy_park_resume(request->client, false);
	return true;
}

static void
unpark(VyRequest *request)
{
	VyLoop *loop = request->loop;
	vy_due_clear(&request->client->due);
	watch_client(request->client, EPOLL_CTL_DEL);
	request->waited_us += loop->now_us - request->parked_us;
	loop->nwaiting--;
	vy_count(&loop->counters.parked, -1);
}

void
vy_park_resume(VyClient *client, bool final)
{
	VyRequest *request = client->request;
	unpark(request);
	request->resuming = true;
	request->final = final;
	request->phase = VY_PHASE_POOL;
	request->queued_us = request->loop->now_us;
	vy_pool_submit(request);
}

void
vy_park_resume_all(VyLoop *loop, bool final)
{
	VyDueList *waiting = &loop->deadlines[VY_DEADLINE_WAIT];
	while (waiting->first)
		vy_park_resume((VyClient *) waiting->first, final);
}

void
vy_park_notified(VyLoop *loop, int64_t number)
{
	for (VyDue *due = loop->deadlines[VY_DEADLINE_WAIT].first; due; due = due->later)
		if (((VyClient *) due)->request->ticket.number == number)
		{
			vy_park_resume((VyClient *) due, false);
			return;
		}
	vy_heard_add(&loop->heard, number);
}

/* libmicrohttpd is told, by the answer to its next call, to close the connection. */
void
vy_park_left(void *odd)
{
	VyClient *client = (VyClient *) (void *) ((char *) odd - 1);
	VyRequest *request = client->request;
	if (!request || request->phase != VY_PHASE_PARKED)
		return;
	unpark(request);
	vy_server_finish(request);
	request->phase = VY_PHASE_LEFT;
}
