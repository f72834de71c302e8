/*
 * hello.c: the floor of the static workload: the least that libmicrohttpd can do with an answer of the same bytes.
 * The daemon is driven as the shim drives it (external epoll, one thread), the file is in memory, nothing is looked up.
 * Usage: hello PORT FILE
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

static struct MHD_Response *response;

static enum MHD_Result
answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *upload,
	   size_t *upload_size, void **state)
{
	(void) cls;
	(void) url;
	(void) method;
	(void) version;
	(void) upload;
	/* The first call of a request brings the head only; answering there would cost the connection its keep-alive. */
	if (!*state)
	{
		*state = response;
		return MHD_YES;
	}
	*upload_size = 0;
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static void
load_file(const char *path)
{
	static char bytes[65536];
	FILE *f = fopen(path, "rb");
	size_t len;

	if (!f)
	{
		perror(path);
		exit(1);
	}
	len = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	response = MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
}

int
main(int argc, char **argv)
{
	int outer = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	struct MHD_Daemon *daemon;
	int fd;

	if (argc != 3)
		return 2;
	load_file(argv[2]);
	daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, (uint16_t) atoi(argv[1]), NULL, NULL, answer,
							  NULL, MHD_OPTION_CONNECTION_LIMIT, 4096U, MHD_OPTION_END);
	if (!daemon)
		return 1;
	fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	epoll_ctl(outer, EPOLL_CTL_ADD, fd, &event);
	for (;;)
	{
		MHD_UNSIGNED_LONG_LONG timeout;
		int ms = MHD_get_timeout(daemon, &timeout) == MHD_YES ? (int) timeout : -1;

		epoll_wait(outer, &event, 1, ms);
		MHD_run(daemon);
	}
}
