/*
 * log.c: JSON lines on stderr, one for each request. No query string, no header, no body: nothing that could be a secret.
 */
#include "options.h"
#include "shim.h"

#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "base/field.h"

#define FIELD_MAX 2048
#define LINE_MAX (FIELD_MAX + 512)

/* Lost when stderr is full or closed: serving goes on. */
static void
write_out(const char *text, size_t n)
{
	while (n > 0)
	{
		ssize_t done = write(STDERR_FILENO, text, n);
		if (done <= 0)
			return;
		text += done;
		n -= (size_t) done;
	}
}

void
vy_log_request(VyRequest *request)
{
	VyLoop *loop = request->client->loop;
	char peer[VY_PEER_TEXT];
	char path[FIELD_MAX];
	char method[32];
	char when[VY_FIELD_TIME];
	int n;
	if (vy_log_level == VY_LOG_OFF || (vy_log_level == VY_LOG_ERRORS && request->status < 500))
		return;
	vy_field_time(when, loop->wall_us);
	vy_peer_print(peer, &request->client->peer);
	vy_field_quote(path, sizeof(path), vy_str(request->target, request->path_len));
	vy_field_quote(method, sizeof(method), vy_cstr(request->method));
	if (loop->log_len + LINE_MAX > sizeof(loop->log))
		vy_log_flush(loop);
	n = snprintf(loop->log + loop->log_len, LINE_MAX,
				 "{\"ts\":\"%s\",\"id\":\"%s\",\"method\":%s,\"path\":%s,\"status\":%u,\"ms\":%.3f,\"bytes\":%zu,\"peer\":\"%s\"}\n", when,
				 request->id, method, path, request->status, (double) (loop->now_us - request->began_us) / 1000.0, request->answer_bytes,
				 peer);
	loop->log_len += n > 0 && n < LINE_MAX ? (size_t) n : 0;
}

void
vy_log_flush(VyLoop *loop)
{
	if (loop->log_len > 0)
		write_out(loop->log, loop->log_len);
	loop->log_len = 0;
}

/* The rest is a JSON fragment that starts with a comma, or empty. */
void
vy_log_event(const char *event, const char *format, ...)
{
	struct timespec now;
	char line[LINE_MAX];
	char when[VY_FIELD_TIME];
	va_list args;
	int n;
	clock_gettime(CLOCK_REALTIME, &now);
	vy_field_time(when, (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000);
	n = snprintf(line, sizeof(line), "{\"ts\":\"%s\",\"event\":\"%s\"", when, event);
	va_start(args, format);
	n += vsnprintf(line + n, sizeof(line) - (size_t) n - 2, format, args);
	va_end(args);
	if (n > (int) sizeof(line) - 3)
		n = (int) sizeof(line) - 3;
	line[n++] = '}';
	line[n++] = '\n';
	write_out(line, (size_t) n);
}
