/*
 * selftest.c: before serving, proves that the head validator works with the libmicrohttpd that is loaded.
 *
 * framing.c relies on how the library parses. One good and some bad heads go through a whole loop that has no database; if a later version
 * behaves otherwise, or answers a head itself, nothing is served.
 */
#include "options.h"
#include "pool.h"

#include <poll.h>
#include <unistd.h>

#define TURNS 200
#define TURN_MS 10

typedef struct Head
{
	const char *name;
	const char *text;
	size_t n;
	int status;
} Head;

#define HEAD(name, text, status)             \
	{                                        \
		name, text, sizeof(text) - 1, status \
	}

static const Head heads[] = {
	HEAD("a good head", "GET /self-test?a=b&c=%20 HTTP/1.1\r\nHost: self\r\nAccept: */*\r\nX-Empty:\r\n\r\n", 503),
	HEAD("two lengths", "POST / HTTP/1.1\r\nHost: self\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n", 400),
	HEAD("a length and a coding", "POST / HTTP/1.1\r\nHost: self\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
	HEAD("a folded line", "GET / HTTP/1.1\r\nHost: self\r\nX-A: b\r\n c\r\n\r\n", 400),
	HEAD("a bare line feed", "GET / HTTP/1.1\r\nHost: self\nX-A: b\r\n\r\n", 400),
	HEAD("a NUL byte", "GET / HTTP/1.1\r\nHost: self\r\nX-A: b\0c\r\n\r\n", 400),
	HEAD("a blank before the colon", "GET / HTTP/1.1\r\nHost: self\r\nX-A : b\r\n\r\n", 400),
	HEAD("a version the library refuses", "GET / HTTP/2.0\r\nHost: self\r\n\r\n", 505),
};

/* The status that this head is answered with; 0: none in time, or not by us. */
static int
ask(VyLoop *loop, int port, const Head *head)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char answer[2048];
	int status = 0;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	if (fd < 0)
		return 0;
	if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0 && write(fd, head->text, head->n) == (ssize_t) head->n)
		for (int i = 0; i < TURNS && status == 0; i++)
		{
			ssize_t n;
			MHD_run(loop->daemon);
			if (poll(&poll_fd, 1, i < 3 ? 0 : TURN_MS) != 1)
				continue;
			n = read(fd, answer, sizeof(answer) - 1);
			answer[n > 0 ? n : 0] = '\0';
			if (n <= 0 || !strstr(answer, vy_security_headers[0].name.p) || sscanf(answer, "HTTP/1.1 %d", &status) != 1)
				break;
		}
	close(fd);
	return status;
}

bool
vy_selftest(void)
{
	VyLogLevel level = vy_log_level;
	int port;
	int fd = vy_listen("127.0.0.1", 0, false, &port);
	VyLoop *loop = fd >= 0 ? vy_loop_new(0, fd) : NULL;
	bool ok = loop != NULL;
	vy_log_level = VY_LOG_OFF;
	if (ok)
		loop->pool->not_ready = true;
	for (size_t i = 0; ok && i < sizeof(heads) / sizeof(heads[0]); i++)
	{
		int status = ask(loop, port, &heads[i]);
		if (status == heads[i].status)
			continue;
		ok = false;
		vy_log_event("self_test_failed", ",\"head\":\"%s\",\"status\":%d,\"expected\":%d", heads[i].name, status, heads[i].status);
	}
	if (loop)
		vy_loop_free(loop);
	vy_log_level = level;
	return ok;
}
