/*
 * serve.c: the daemon: sockets, self-test, signals, and one thread for each loop; the first loop runs in this one.
 */
#include "options.h"
#include "shim.h"

#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

static VyLoop *loops[64];
static pthread_t threads[64];

/* systemd's readiness protocol: one datagram to the socket that it names. */
static void
notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = path ? strlen(path) : 0;
	int fd;
	if (n == 0 || n >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, n);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *) &address,
			   (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		vy_log_event("notify_failed", "%s", "");
	close(fd);
}

static int
bind_one(const struct addrinfo *address, bool shared)
{
	int on = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if ((!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
		bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof(address);
	if (getsockname(fd, (struct sockaddr *) &address, &n) != 0)
		return -1;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) (void *) &address)->sin6_port
											   : ((struct sockaddr_in *) (void *) &address)->sin_port);
}

/* A listening socket, or -1. bound_port: the port it got. */
int
vy_listen(const char *host, int port, bool shared, int *bound_port)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list;
	char service[16];
	int fd = -1;
	snprintf(service, sizeof(service), "%d", port);
	if (getaddrinfo(host, service, &hints, &list) != 0)
		return -1;
	for (struct addrinfo *address = list; address && fd < 0; address = address->ai_next)
		fd = bind_one(address, shared);
	freeaddrinfo(list);
	*bound_port = fd >= 0 ? port_of(fd) : -1;
	return fd;
}

static void
raise_file_limit(void)
{
	struct rlimit limit;
	rlim_t want = (rlim_t) (vy_options.loops * (vy_options.connections + vy_options.pool) + 128);
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < want)
		vy_log_event("few_files", ",\"limit\":%llu,\"wanted\":%llu", (unsigned long long) limit.rlim_cur, (unsigned long long) want);
}

static bool
open_loops(int *port)
{
	int bound = (int) vy_options.port;
	for (int i = 0; i < vy_options.loops; i++)
	{
		int fd = vy_listen(vy_options.host, bound, vy_options.loops > 1, &bound);
		if (fd < 0)
		{
			vy_log_event("cannot_listen", ",\"port\":%ld,\"errno\":%d", vy_options.port, errno);
			return false;
		}
		loops[i] = vy_loop_new(i, fd);
		if (!loops[i])
		{
			vy_log_event("cannot_start", ",\"loop\":%d", i);
			return false;
		}
	}
	*port = bound;
	return true;
}

static void
tell_loops(bool stop)
{
	for (int i = 0; i < vy_options.loops; i++)
	{
		atomic_store(stop ? &loops[i]->stop : &loops[i]->reload, true);
		vy_loop_wake(loops[i]);
	}
}

/* Called by the first loop, in the thread that began. */
void
vy_serve_signal(uint32_t number)
{
	if (number == SIGHUP)
	{
		notify("RELOADING=1");
		tell_loops(false);
		vy_log_event("reloaded", "%s", "");
		notify("READY=1");
		return;
	}
	notify("STOPPING=1");
	vy_log_event("stopping", "%s", "");
	tell_loops(true);
}

/* As a descriptor: one loop without other threads spares the kernel its locks. */
static int
open_signals(void)
{
	sigset_t signals;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
vy_serve(const char *command, const char *argument)
{
	int signals = open_signals();
	int port;
	(void) command;
	(void) argument;
	/* big answers are mapped, so that they go back to the system */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	mallopt(M_ARENA_MAX, (int) vy_options.loops);
	raise_file_limit();
	/* to wake this program must not interrupt a statement that runs: it goes on when a processor is free, with more answers at once */
	sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
	if (!vy_selftest() || !open_loops(&port) || !vy_loop_watch_signals(loops[0], signals))
		return 1;
	for (int i = 1; i < vy_options.loops; i++)
		if (pthread_create(&threads[i], NULL, vy_loop_run, loops[i]) != 0)
			return 1;
	vy_log_event("serving", ",\"host\":\"%s\",\"port\":%d,\"pid\":%d,\"version\":\"%s\"", vy_options.host, port, (int) getpid(),
				 VY_VERSION);
	if (vy_options.admin_port >= 0 && !vy_admin_start(loops, (int) vy_options.loops))
		return 1;
	notify("READY=1");
	vy_loop_run(loops[0]);
	for (int i = 1; i < vy_options.loops; i++)
		pthread_join(threads[i], NULL);
	vy_admin_stop();
	for (int i = 0; i < vy_options.loops; i++)
		vy_loop_free(loops[i]);
	close(signals);
	vy_log_event("stopped", "%s", "");
	return 0;
}
