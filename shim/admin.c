/*
 * admin.c: /live, /ready and /metrics, on a port of their own and in threads of libmicrohttpd's: they answer when the loops are busy.
 */
#include "options.h"
#include "shim.h"

#include <poll.h>
#include <stdarg.h>

#include "base/field.h"

#define READY_WITHIN_MS 2000

typedef struct Text
{
	char bytes[16384];
	size_t n;
} Text;

typedef struct Metric
{
	const char *name;
	const char *type;
	const char *help;
	size_t offset;
} Metric;

typedef struct Page
{
	const char *path;
	unsigned (*write)(Text *text);
	const char *type;
} Page;

#define METRIC(name, type, help, field)               \
	{                                                 \
		name, type, help, offsetof(VyCounters, field) \
	}

static const Metric metrics[] = {
	METRIC("vyricon_answer_bytes_total", "counter", "Bytes of answer bodies.", bytes_out),
	METRIC("vyricon_clients", "gauge", "Open client connections.", clients),
	METRIC("vyricon_queued", "gauge", "Requests that wait for a database connection.", queued),
	METRIC("vyricon_in_database", "gauge", "Requests that were sent to the database.", in_database),
	METRIC("vyricon_parked", "gauge", "Requests that wait for a job's end (Prefer: wait).", parked),
	METRIC("vyricon_connections_ready", "gauge", "Database connections in use.", connections_ready),
	METRIC("vyricon_connections_lost_total", "counter", "Database connections that were lost.", connections_lost),
	METRIC("vyricon_repeats_total", "counter", "Requests sent to the database once more.", repeats),
};

static VyLoop **admin_loops;
static int nadmin_loops;
static struct MHD_Daemon *admin_daemon;

__attribute__((format(printf, 2, 3))) static void
add_text(Text *text, const char *format, ...)
{
	va_list args;
	int n;
	va_start(args, format);
	n = vsnprintf(text->bytes + text->n, sizeof(text->bytes) - text->n, format, args);
	va_end(args);
	if (n > 0 && text->n + (size_t) n < sizeof(text->bytes))
		text->n += (size_t) n;
}

/* A counter of all loops. */
static unsigned long long
total(size_t offset)
{
	unsigned long long sum = 0;
	for (int i = 0; i < nadmin_loops; i++)
		sum += atomic_load_explicit((VyCounter *) (void *) ((char *) &admin_loops[i]->counters + offset), memory_order_relaxed);
	return sum;
}

static unsigned
write_metrics(Text *text)
{
	unsigned long long below = 0;
	add_text(text, "# HELP vyricon_requests_total Answered requests by status class.\n# TYPE vyricon_requests_total counter\n");
	for (size_t i = 1; i < 6; i++)
		add_text(text, "vyricon_requests_total{status=\"%zuxx\"} %llu\n", i, total(offsetof(VyCounters, requests) + i * sizeof(VyCounter)));
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		add_text(text, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", metrics[i].name, metrics[i].help, metrics[i].name, metrics[i].type,
				 metrics[i].name, total(metrics[i].offset));
	add_text(text, "# HELP vyricon_refused_total Requests that the shim refused itself.\n# TYPE vyricon_refused_total counter\n");
	for (size_t i = VY_ACCEPTED + 1; i < VY_REFUSALS; i++)
		add_text(text, "vyricon_refused_total{code=\"%s\"} %llu\n", vy_refusal((VyRefusal) i)->code,
				 total(offsetof(VyCounters, refused) + i * sizeof(VyCounter)));
	add_text(
		text,
		"# HELP vyricon_request_seconds From request line to end of answer, without Prefer: wait.\n# TYPE vyricon_request_seconds histogram\n");
	for (size_t i = 0; i < VY_LATENCY_BUCKETS; i++)
	{
		below += total(offsetof(VyCounters, latency) + i * sizeof(VyCounter));
		if (i + 1 < VY_LATENCY_BUCKETS)
			add_text(text, "vyricon_request_seconds_bucket{le=\"%g\"} %llu\n", vy_latency_bounds_us[i] / 1e6, below);
		else
			add_text(text, "vyricon_request_seconds_bucket{le=\"+Inf\"} %llu\n", below);
	}
	add_text(text, "vyricon_request_seconds_sum %g\nvyricon_request_seconds_count %llu\n",
			 (double) total(offsetof(VyCounters, latency_us)) / 1e6, below);
	return 200;
}

static unsigned
write_live(Text *text)
{
	add_text(text, "{\"live\":true}\n");
	return 200;
}

/* On a connection of its own, so that neither a stuck loop nor a stuck database hides; each request here has its thread. */
static bool
ask_ready(char *why, size_t cap)
{
	PGconn *conn = vy_connect(true);
	struct pollfd poll_fd = {.fd = PQsocket(conn), .events = POLLIN};
	PGresult *result = NULL;
	bool ready = false;
	snprintf(why, cap, "the database cannot be reached");
	if (PQstatus(conn) == CONNECTION_OK && PQsendQuery(conn, "SELECT vyricon.ready()") == 1)
	{
		while (PQisBusy(conn) && poll(&poll_fd, 1, READY_WITHIN_MS) == 1 && PQconsumeInput(conn) == 1)
			;
		result = PQisBusy(conn) ? NULL : PQgetResult(conn);
	}
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
	{
		snprintf(why, cap, "%s", PQgetvalue(result, 0, 0));
		ready = *why == '\0';
	}
	else if (result)
		snprintf(why, cap, "the database is not set up: run vyricon init");
	PQclear(result);
	PQfinish(conn);
	return ready;
}

static unsigned
write_ready(Text *text)
{
	char why[512];
	char quoted[1024];
	bool ready = ask_ready(why, sizeof(why));
	if (ready && total(offsetof(VyCounters, connections_ready)) == 0)
	{
		snprintf(why, sizeof(why), "no database connection is ready yet");
		ready = false;
	}
	vy_field_quote(quoted, sizeof(quoted), vy_cstr(why));
	if (ready)
		add_text(text, "{\"ready\":true}\n");
	else
		add_text(text, "{\"ready\":false,\"message\":%s}\n", quoted);
	return ready ? 200 : 503;
}

static const Page pages[] = {
	{"/live", write_live, "application/json"},
	{"/ready", write_ready, "application/json"},
	{"/metrics", write_metrics, "text/plain; version=0.0.4; charset=utf-8"},
};

static enum MHD_Result
on_admin_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *upload,
				 size_t *upload_len, void **state)
{
	static char seen;
	unsigned status = 404;
	const char *type = "application/json";
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;
	Text text = {.n = 0};
	(void) cls;
	(void) version;
	(void) upload;
	if (*upload_len > 0)
		return MHD_NO;
	if (!*state)
	{
		*state = &seen;
		return MHD_YES;
	}
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(url, pages[i].path) == 0 && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0))
		{
			status = pages[i].write(&text);
			type = pages[i].type;
		}
	if (status == 404)
		add_text(&text, "{\"code\":\"not_found\",\"message\":\"there are /live, /ready and /metrics\"}\n");
	if (vy_answer_text(&response, type, text.bytes, text.n))
		result = vy_queue(connection, status, response);
	if (response)
		MHD_destroy_response(response);
	return result;
}

bool
vy_admin_start(VyLoop **loops, int nloops)
{
	int port;
	int fd = vy_listen(vy_options.admin_host, (int) vy_options.admin_port, false, &port);
	admin_loops = loops;
	nadmin_loops = nloops;
	if (fd >= 0)
		admin_daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_admin_request,
										NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, 32u, MHD_OPTION_CONNECTION_TIMEOUT,
										5u, MHD_OPTION_END);
	if (!admin_daemon)
	{
		vy_log_event("cannot_listen", ",\"admin_port\":%ld", vy_options.admin_port);
		return false;
	}
	vy_log_event("admin", ",\"host\":\"%s\",\"port\":%d", vy_options.admin_host, port);
	return true;
}

void
vy_admin_stop(void)
{
	if (admin_daemon)
		MHD_stop_daemon(admin_daemon);
	admin_daemon = NULL;
}
