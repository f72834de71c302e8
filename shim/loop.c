/*
 * loop.c: one thread's event loop: client connections through libmicrohttpd's epoll descriptor, database connections beside it.
 *
 * A turn: take what the database answered, let libmicrohttpd read requests and write answers, then send to the database all that came in.
 * Deadlines are absolute; libmicrohttpd's own time-outs only see idleness. Whoever misses one is cut by shutdown().
 */
#include "options.h"
#include "shim.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 64
#define SERVED_BETWEEN 32

const int vy_latency_bounds_us[VY_LATENCY_BUCKETS - 1] = {250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 500000, 2500000};

static const long *const durations_ms[VY_DEADLINE_KINDS] = {
	[VY_DEADLINE_HEAD] = &vy_options.head_timeout_ms,
	[VY_DEADLINE_BODY] = &vy_options.body_timeout_ms,
	[VY_DEADLINE_IDLE] = &vy_options.idle_timeout_ms,
	[VY_DEADLINE_SEND] = &vy_options.send_timeout_ms,
};

static void
read_clocks(VyLoop *loop)
{
	struct timespec now;
	struct timespec wall;
	clock_gettime(CLOCK_MONOTONIC, &now);
	clock_gettime(CLOCK_REALTIME_COARSE, &wall);
	loop->now_us = (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
	loop->wall_us = (int64_t) wall.tv_sec * 1000000 + wall.tv_nsec / 1000;
}

void
vy_loop_deadline(VyClient *client, VyDeadlineKind kind)
{
	VyLoop *loop = client->loop;
	if (kind == VY_DEADLINE_NONE)
		vy_due_clear(&client->due);
	else
		vy_due_set(&client->due, &loop->deadlines[kind], loop->now_us + *durations_ms[kind] * 1000);
}

static void
cut(VyClient *client)
{
	vy_due_clear(&client->due);
	shutdown(client->fd, SHUT_RDWR);
}

static void
cut_late_clients(VyLoop *loop)
{
	for (int kind = VY_DEADLINE_NONE + 1; kind < VY_DEADLINE_KINDS; kind++)
		while (vy_due_next(&loop->deadlines[kind]) <= loop->now_us)
		{
			VyClient *client = (VyClient *) loop->deadlines[kind].first;
			if (kind == VY_DEADLINE_WAIT)
				vy_park_resume(client, true);
			else
				cut(client);
		}
}

static int64_t
next_due(VyLoop *loop)
{
	int64_t due = vy_pool_due(loop->pool);
	for (int kind = VY_DEADLINE_NONE + 1; kind < VY_DEADLINE_KINDS; kind++)
		if (vy_due_next(&loop->deadlines[kind]) < due)
			due = vy_due_next(&loop->deadlines[kind]);
	if (loop->stopping && loop->stop_by_us < due)
		due = loop->stop_by_us;
	return due;
}

/*
 * How long libmicrohttpd can wait for an event; -1: as long as it takes. A request that waits for the pool looks to it like work that could
 * be done at once, so while there are some its word is taken only just after an event; then it gets a turn now and then.
 */
static int64_t
http_wait_ms(VyLoop *loop)
{
	MHD_UNSIGNED_LONG_LONG ms;
	if (MHD_get_timeout(loop->daemon, &ms) != MHD_YES)
		return -1;
	if (loop->nparked == 0 || ms > 0 || loop->settling)
		return (int64_t) ms;
	return loop->nrequests > loop->nparked ? 1 : 50;
}

static int
wait_ms(VyLoop *loop)
{
	int64_t due = next_due(loop);
	int64_t ms = due == INT64_MAX ? 60000 : (due - loop->now_us + 999) / 1000;
	int64_t http_ms = loop->run_http ? 0 : http_wait_ms(loop);
	if (http_ms >= 0 && http_ms < ms)
		ms = http_ms;
	return ms < 0 ? 0 : (int) ms;
}

static void
begin_stop(VyLoop *loop)
{
	int fd = MHD_quiesce_daemon(loop->daemon);
	loop->stopping = true;
	loop->stop_by_us = loop->now_us + vy_options.drain_timeout_ms * 1000;
	if (fd >= 0)
		close(fd);
	while (loop->deadlines[VY_DEADLINE_IDLE].first)
		cut((VyClient *) loop->deadlines[VY_DEADLINE_IDLE].first);
	vy_park_resume_all(loop, true);
}

static void
take_wishes(VyLoop *loop)
{
	uint64_t count;
	while (read(loop->wake_fd, &count, sizeof(count)) > 0)
		;
	if (atomic_exchange(&loop->reload, false))
		vy_static_reload(loop->files);
	if (atomic_load(&loop->stop) && !loop->stopping)
		begin_stop(loop);
}

static void
take_signals(VyLoop *loop)
{
	struct signalfd_siginfo info;
	while (read(loop->signal_fd, &info, sizeof(info)) == sizeof(info))
		vy_serve_signal(info.ssi_signo);
}

static int
take_events(VyLoop *loop, int timeout_ms)
{
	struct epoll_event events[MAX_EVENTS];
	int n = epoll_wait(loop->epoll_fd, events, MAX_EVENTS, timeout_ms);
	read_clocks(loop);
	loop->nserved = 0;
	for (int i = 0; i < n; i++)
	{
		if (events[i].data.ptr == loop)
			take_wishes(loop);
		else if (events[i].data.ptr == &loop->signal_fd)
			take_signals(loop);
		else if (events[i].data.ptr == loop->daemon)
			loop->run_http = true;
		else if ((uintptr_t) events[i].data.ptr & 1)
			vy_park_left(events[i].data.ptr);
		else
			vy_backend_event(events[i].data.ptr);
	}
	return n;
}

/* libmicrohttpd works through all connections that have something: the database does not wait for the last of a thousand. */
void
vy_loop_served_one(VyLoop *loop)
{
	if (++loop->nserved < SERVED_BETWEEN)
		return;
	take_events(loop, 0);
	vy_pool_turn(loop->pool);
}

static void
turn(VyLoop *loop, int timeout_ms)
{
	int n = take_events(loop, timeout_ms);
	bool http;
	cut_late_clients(loop);
	http = loop->run_http || n == 0 || http_wait_ms(loop) == 0;
	loop->settling = loop->run_http;
	loop->run_http = false;
	if (http)
		MHD_run(loop->daemon);
	vy_pool_turn(loop->pool);
	vy_log_flush(loop);
}

void *
vy_loop_run(void *arg)
{
	VyLoop *loop = arg;
	read_clocks(loop);
	vy_pool_turn(loop->pool);
	while (!loop->stopping || (loop->nrequests > 0 && loop->now_us < loop->stop_by_us))
		turn(loop, wait_ms(loop));
	vy_pool_fail_all(loop->pool);
	for (int i = 0; i < 4; i++)
		turn(loop, 0);
	return NULL;
}

void
vy_loop_wake(VyLoop *loop)
{
	uint64_t one = 1;
	/* it fails only when it is awake anyway */
	(void) !write(loop->wake_fd, &one, sizeof(one));
}

static bool
watch_fd(VyLoop *loop, int fd, void *who)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = who};
	return fd >= 0 && epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool
vy_loop_watch_signals(VyLoop *loop, int fd)
{
	loop->signal_fd = fd;
	return watch_fd(loop, fd, &loop->signal_fd);
}

VyLoop *
vy_loop_new(int number, int listen_fd)
{
	VyLoop *loop = calloc(1, sizeof(*loop));
	const union MHD_DaemonInfo *info;
	if (!loop)
		return NULL;
	loop->number = number;
	loop->listen_fd = listen_fd;
	loop->signal_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->pool = vy_pool_new(loop);
	loop->files = vy_static_new(vy_options.static_folder);
	loop->daemon = vy_server_start(loop);
	info = loop->daemon ? MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	read_clocks(loop);
	if (!loop->pool || !info || !watch_fd(loop, info->epoll_fd, loop->daemon) || !watch_fd(loop, loop->wake_fd, loop))
		return NULL;
	return loop;
}

void
vy_loop_free(VyLoop *loop)
{
	MHD_stop_daemon(loop->daemon);
	vy_pool_free(loop->pool);
	vy_static_free(loop->files);
	vy_log_flush(loop);
	while (loop->free_requests)
	{
		VyRequest *request = loop->free_requests;
		loop->free_requests = request->next;
		free(request->packed);
		free(request->target);
		free(request);
	}
	close(loop->epoll_fd);
	close(loop->wake_fd);
	free(loop);
}
