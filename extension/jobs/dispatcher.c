/*
 * dispatcher.c: transfers in flight. libcurl says by callbacks which sockets and times it waits for; they stand in one epoll set, which the
 * worker waits for beside its latch. Signals are blocked while libcurl runs: its resolver starts threads, which must not take them.
 */
#include "jobs/dispatcher.h"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "access/xact.h"
#include "jobs/fault.h"
#include "core/settings.h"
#include "jobs/event.h"
#include "jobs/metrics.h"
#include "jobs/outbox.h"
#include "jobs/sql.h"
#include "jobs/worker.h"
#include "libpq/pqsignal.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#define MAX_EVENTS 64
#define LONGEST_WAIT_MS 60000L
#define LEAVE_MS 3000

static CURLM *multi;
static int epoll_fd = -1;
static TimestampTz timer_at = DT_NOEND; /* when curl wants to be called without an event */
static TimestampTz next_at = 0; /* when a job is due or a lease ends */
static dlist_head in_flight = DLIST_STATIC_INIT(in_flight);
static dlist_head ended = DLIST_STATIC_INIT(ended);
static int nin_flight;
static bool took_over;
static int max_in_flight;

static const VySetting settings[] = {
	{"vyricon.jobs_in_flight", "How many jobs are sent at the same time.", PGC_SIGHUP, 0, PGC_INT, &max_in_flight, NULL, 256, 1, 1024},
};

static void open_multi(void);
static int watch_socket(CURL *curl, curl_socket_t fd, int what, void *arg, void *socket_arg);
static int set_timer(CURLM *handle, long ms, void *arg);
static void run_events(void);
static void take_ended(void);
static void record_ended(void);
static void claim(void);
static void start(VyTransfer *transfer);
static void drop(VyTransfer *transfer);
static long until(TimestampTz at);

void
vy_dispatcher_init(void)
{
	VY_SETTINGS_DEFINE(settings);
}

int
vy_dispatcher_fd(void)
{
	return epoll_fd;
}

long
vy_dispatcher_turn(bool look)
{
	if (multi == NULL)
		open_multi();
	run_events();
	if (nin_flight > 0)
		VY_FAULT_POINT("sent");
	take_ended();
	record_ended();
	if (nin_flight < max_in_flight && (look || next_at <= GetCurrentTimestamp()))
		claim();
	if (!dlist_is_empty(&ended))
		return 0;
	return Min(until(timer_at), nin_flight < max_in_flight ? until(next_at) : LONGEST_WAIT_MS);
}

/* SIGTERM is pending, and would end the transaction that records: a peer's answer must not be lost to it. */
void
vy_dispatcher_leave(void)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LEAVE_MS);

	VY_FAULT_POINT("leaving");
	while (nin_flight > 0 && until(deadline) > 0)
	{
		struct epoll_event event;

		(void) epoll_wait(epoll_fd, &event, 1, (int) Min(until(timer_at), until(deadline)));
		run_events();
		take_ended();
	}
	HOLD_INTERRUPTS();
	record_ended();
	RESUME_INTERRUPTS();
}

static void
open_multi(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	PG_SETMASK(&BlockSig);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		multi = curl_multi_init();
	PG_SETMASK(&UnBlockSig);
	if (epoll_fd < 0 || multi == NULL || curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket) != CURLM_OK ||
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK)
		ereport(FATAL, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("jobs cannot be sent: libcurl or epoll did not start")));
}

static int
watch_socket(CURL *curl __attribute__((unused)), curl_socket_t fd, int what, void *arg __attribute__((unused)),
			 void *socket_arg __attribute__((unused)))
{
	struct epoll_event event = {.data.fd = fd};

	if (what != CURL_POLL_OUT)
		event.events |= EPOLLIN;
	if (what != CURL_POLL_IN)
		event.events |= EPOLLOUT;
	if (what == CURL_POLL_REMOVE)
		(void) epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, &event);
	else if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return -1;
	return 0;
}

static int
set_timer(CURLM *handle __attribute__((unused)), long ms, void *arg __attribute__((unused)))
{
	timer_at = ms < 0 ? DT_NOEND : TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
	return 0;
}

static void
run_events(void)
{
	struct epoll_event events[MAX_EVENTS];
	int running;
	int n = epoll_wait(epoll_fd, events, MAX_EVENTS, 0);

	PG_SETMASK(&BlockSig);
	for (int i = 0; i < n; i++)
	{
		int mask = ((events[i].events & (EPOLLIN | EPOLLHUP)) ? CURL_CSELECT_IN : 0) |
				   ((events[i].events & EPOLLOUT) ? CURL_CSELECT_OUT : 0) | ((events[i].events & EPOLLERR) ? CURL_CSELECT_ERR : 0);

		(void) curl_multi_socket_action(multi, events[i].data.fd, mask, &running);
	}
	if (timer_at != DT_NOEND && timer_at <= GetCurrentTimestamp())
	{
		timer_at = DT_NOEND;
		(void) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	PG_SETMASK(&UnBlockSig);
}

static void
take_ended(void)
{
	CURLMsg *message;
	int left;

	PG_SETMASK(&BlockSig);
	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		VyTransfer *transfer;
		CURLcode result = message->data.result;

		(void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &transfer);
		vy_transfer_end(transfer, result);
		(void) curl_multi_remove_handle(multi, transfer->curl);
		dlist_delete(&transfer->node);
		dlist_push_tail(&ended, &transfer->node);
		nin_flight--;
	}
	PG_SETMASK(&UnBlockSig);
}

/* One transaction for all that ended in this turn. */
static void
record_ended(void)
{
	dlist_mutable_iter iter;

	if (dlist_is_empty(&ended))
		return;
	VY_FAULT_POINT("answered");
	vy_worker_begin("recording jobs");
	vy_events_gather();
	dlist_foreach_modify(iter, &ended) vy_outbox_record(dlist_container(VyTransfer, node, iter.cur));
	(void) vy_events_announce();
	VY_FAULT_POINT("recording");
	vy_worker_commit();
	VY_FAULT_POINT("recorded");
	dlist_foreach_modify(iter, &ended)
	{
		VyTransfer *transfer = dlist_container(VyTransfer, node, iter.cur);

		vy_metrics_attempt(transfer->kind, transfer->outcome);
		dlist_delete(&transfer->node);
		drop(transfer);
	}
	/* what waited behind them, or for a place, may be due now */
	next_at = 0;
	vy_sql_lane_look_soon();
}

/*
 * The first claim of a worker takes over what its predecessor left: there is one worker per database. A claim is on disk before anything is
 * sent, whatever synchronous_commit says, or a crash would send it again.
 */
static void
claim(void)
{
	dlist_head claimed = DLIST_STATIC_INIT(claimed);
	dlist_mutable_iter iter;
	int room = max_in_flight - nin_flight;
	int n;

	vy_worker_begin("claiming jobs");
	while (vy_outbox_expire(!took_over, NULL) > 0)
	{
		vy_sql_lane_look_soon();
		CHECK_FOR_INTERRUPTS();
	}
	n = vy_outbox_claim(room, &claimed);
	next_at = n == room ? 0 : vy_outbox_next();
	if (n > 0)
		ForceSyncCommit();
	vy_worker_commit();
	took_over = true;
	if (n > 0)
		VY_FAULT_POINT("claimed");
	dlist_foreach_modify(iter, &claimed)
	{
		VyTransfer *transfer = dlist_container(VyTransfer, node, iter.cur);

		dlist_delete(&transfer->node);
		if (!transfer->settled)
			start(transfer);
		if (transfer->settled)
			dlist_push_tail(&ended, &transfer->node);
		else
		{
			dlist_push_tail(&in_flight, &transfer->node);
			nin_flight++;
		}
	}
	if (n > 0)
		VY_FAULT_POINT("sending");
}

static void
start(VyTransfer *transfer)
{
	bool ok;

	PG_SETMASK(&BlockSig);
	transfer->curl = curl_easy_init();
	ok = transfer->curl != NULL && vy_transfer_start(transfer) && curl_multi_add_handle(multi, transfer->curl) == CURLM_OK;
	PG_SETMASK(&UnBlockSig);
	if (!ok)
		vy_transfer_settle(transfer, VY_OUTCOME_NOT_SENT, "libcurl did not take it");
}

static void
drop(VyTransfer *transfer)
{
	PG_SETMASK(&BlockSig);
	curl_easy_cleanup(transfer->curl);
	curl_slist_free_all(transfer->list);
	PG_SETMASK(&UnBlockSig);
	MemoryContextDelete(transfer->context);
}

static long
until(TimestampTz at)
{
	return at == DT_NOEND ? LONGEST_WAIT_MS : Min(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), at), LONGEST_WAIT_MS);
}
