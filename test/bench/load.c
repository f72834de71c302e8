/*
 * load.c: the load generator of `make bench`: HTTP/1.1 over keep-alive connections, one thread, one epoll.
 * Closed loop by default (a connection sends its next request when the answer is there); with --rate requests start on a fixed timetable
 * whatever the server does, and times count from the timetable, so that a slow server cannot hide its own queue. Every answer is checked
 * against what the caller must see: status, length, id, owner. A wrong answer is an error, never a fast success.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "histogram.h"
#include "text.h"

#define SECOND 1000000000LL
#define DRAIN (5 * SECOND) /* an answer later than this after the end is an error */
#define MAX_REQUEST 8192
#define LIST_ROWS 20

typedef enum Workload
{
	WORK_ONE,
	WORK_LIST,
	WORK_CREATE,
	WORK_STATIC
} Workload;

typedef enum Problem
{
	OK,
	REFUSED, /* 503 while running on a timetable: what an overloaded server should say */
	BAD_STATUS,
	BAD_LENGTH,
	BAD_ID,
	BAD_OWNER,
	BAD_CONNECTION,
	LATE,
	NPROBLEMS
} Problem;

static const char *const problem_names[NPROBLEMS] = {"ok", "refused", "status", "length", "id", "owner", "connection", "late"};
static const char *const workload_names[] = {"one", "list", "create", "static"};

/*
 * What the generator spends is taken from the machine that the server runs on, so all that can be written once is: the header and the
 * members that an answer must have are kept as text.
 */
typedef struct User
{
	Text authorization; /* a header line */
	Text owner; /* the value of "user_id", with its quotes */
	long *rows; /* the rows this user owns, ascending */
	int nrows;
	Text newest[LIST_ROWS]; /* their ids as text, the newest first */
} User;

typedef struct Connection
{
	int fd;
	bool busy;
	int64_t due; /* when the timetable wanted it; the same as sent in a closed loop */
	int64_t sent;
	const User *user;
	long row; /* the id that the answer must carry */
	long serial; /* the number in a created row's title */
	char *in;
	size_t len;
	size_t cap;
} Connection;

static struct
{
	long port;
	long connections;
	double seconds;
	double rate;
	const char *workload_name;
	Workload workload;
	const char *path; /* {id} is replaced */
	const char *body; /* {n} is replaced */
	const char *tokens;
	const char *ids;
	long status;
	long length; /* exact length of a static body; -1: any */
	long seed;
} opt = {.connections = 32, .seconds = 1, .workload_name = "", .path = "/", .status = 200, .length = -1, .seed = 1};

static uint64_t random_state;
static Template request_line;
static Template request_body;
static User *users;
static int nusers;
static Connection *conns;
static int *idle; /* stack of connections without a request, for the timetable */
static int nidle;
static int epfd;
static int64_t ends;
static uint64_t serial;
static uint64_t unsent;
static uint64_t reconnects;
static uint64_t problems[NPROBLEMS];
static Histogram from_due;
static Histogram from_sent;
static Histogram refusals;
static char first_error[400];

static int64_t now_ns(void);
static uint64_t next_random(void);
static void read_users(const char *tokens, const char *ids);
static void open_connection(Connection *c);
static void send_request(Connection *c, int64_t due);
static void receive(Connection *c);
static Problem check_answer(const Connection *c, const BenchAnswer *a);
static void report(double elapsed);

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * SECOND + t.tv_nsec;
}

/* xorshift64*, Vigna 2016. */
static uint64_t
next_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 2685821657736338717ULL;
}

/* tokens: lines "uuid token"; ids: lines "id user", user counted from 0 in the order of the tokens. */
static void
read_users(const char *tokens, const char *ids)
{
	FILE *f = fopen(tokens, "r");
	char id[64];
	char token[MAX_REQUEST / 2];
	char line[MAX_REQUEST];
	long row;
	int user;

	if (!f)
		die(tokens);
	while (fscanf(f, "%63s %4095s", id, token) == 2)
	{
		users = realloc(users, (size_t) (nusers + 1) * sizeof *users);
		snprintf(line, sizeof line, "Authorization: Bearer %s\r\n", token);
		users[nusers] = (User){.authorization = text_of(line)};
		snprintf(line, sizeof line, "\"%s\"", id);
		users[nusers++].owner = text_of(line);
	}
	fclose(f);
	if (!(f = fopen(ids, "r")))
		die(ids);
	while (fscanf(f, "%ld %d", &row, &user) == 2)
	{
		User *u = &users[user % nusers];

		if ((u->nrows & (u->nrows - 1)) == 0)
			u->rows = realloc(u->rows, (size_t) (u->nrows ? 2 * u->nrows : 1) * sizeof *u->rows);
		u->rows[u->nrows++] = row;
	}
	fclose(f);
	for (User *u = users; u < users + nusers; u++)
		for (int i = 0; i < LIST_ROWS && i < u->nrows; i++)
		{
			snprintf(line, sizeof line, "%ld", u->rows[u->nrows - 1 - i]);
			u->newest[i] = text_of(line);
		}
}

static void
open_connection(Connection *c)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t) opt.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *) &a, sizeof a))
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev);
	c->len = 0;
	c->busy = false;
}

static void
reopen(Connection *c)
{
	close(c->fd);
	reconnects++;
	open_connection(c);
}

/* What all requests have in common. */
static void
write_templates(void)
{
	char line[MAX_REQUEST];

	snprintf(line, sizeof line, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", opt.workload == WORK_CREATE ? "POST" : "GET", opt.path);
	request_line = split(line, "{id}");
	request_body = split(opt.body ? opt.body : "", "{n}");
}

static size_t
write_request(Connection *c, char *out)
{
	char body[MAX_REQUEST / 2];
	char *p = put_template(out, &request_line, c->row);
	size_t n;

	if (c->user)
		p = put_text(p, c->user->authorization);
	if (opt.workload != WORK_CREATE)
		return (size_t) ((char *) mempcpy(p, "\r\n", 2) - out);
	n = (size_t) (put_template(body, &request_body, c->serial) - body);
	p = stpcpy(p, "Content-Type: application/json\r\nPrefer: return=representation\r\nContent-Length: ");
	p = mempcpy(put_number(p, n), "\r\n\r\n", 4);
	return (size_t) ((char *) mempcpy(p, body, n) - out);
}

static void
send_request(Connection *c, int64_t due)
{
	char request[MAX_REQUEST];
	size_t len;
	size_t done = 0;

	if (nusers)
	{
		c->user = &users[serial % (uint64_t) nusers];
		if (c->user->nrows)
			c->row = c->user->rows[next_random() % (uint64_t) c->user->nrows];
	}
	c->serial = (long) serial++;
	len = write_request(c, request);
	c->busy = true;
	c->len = 0;
	c->sent = now_ns();
	c->due = due ? due : c->sent;
	while (done < len)
	{
		ssize_t n = send(c->fd, request + done, len - done, MSG_NOSIGNAL);

		if (n > 0)
			done += (size_t) n;
		else if (errno == EAGAIN)
			poll(&(struct pollfd){.fd = c->fd, .events = POLLOUT}, 1, 1000);
		else
			break; /* the reader sees the closed connection */
	}
}

/* Is there a member key (with quotes and colon) at *at or behind it, and has it this value? *at moves behind it. */
static bool
member_is(const char **at, const char *end, Text key, Text value)
{
	const char *p = memmem(*at, (size_t) (end - *at), key.p, key.n);

	if (!p)
		return false;
	p += key.n;
	while (p < end && *p == ' ')
		p++;
	*at = p + value.n;
	return p + value.n < end && memcmp(p, value.p, value.n) == 0 && strchr(",}] ", p[value.n]);
}

/* A list is the newest rows of the user; a created row is known by its title. */
static Problem
check_rows(const Connection *c, const BenchAnswer *a)
{
	static const Text owner_key = {"\"user_id\":", 10};
	const Text id_key = opt.workload == WORK_CREATE ? (Text){"\"title\":", 8} : (Text){"\"id\":", 5};
	const char *end = a->body + a->len;
	const char *id_at = a->body;
	const char *owner_at = a->body;
	int want = opt.workload == WORK_LIST ? LIST_ROWS : 1;
	char text[40];
	char *p = text;
	Text id = {text, 0};

	if (opt.workload == WORK_CREATE)
		p = mempcpy(put_number(mempcpy(p, "\"Tour ", 6), (unsigned long) c->serial), "\"", 1);
	else
		p = put_number(p, (unsigned long) c->row);
	id.n = (size_t) (p - text);
	for (int i = 0; i < want; i++)
	{
		if (!member_is(&id_at, end, id_key, opt.workload == WORK_LIST ? c->user->newest[i] : id))
			return BAD_ID;
		if (!member_is(&owner_at, end, owner_key, c->user->owner))
			return BAD_OWNER;
	}
	if (memmem(owner_at, (size_t) (end - owner_at), owner_key.p, owner_key.n))
		return BAD_LENGTH; /* a row too many */
	return OK;
}

static Problem
check_answer(const Connection *c, const BenchAnswer *a)
{
	if (opt.rate > 0 && a->status == 503)
		return REFUSED;
	if (a->status != opt.status)
		return BAD_STATUS;
	if (!a->framed || (opt.length >= 0 && a->len != (size_t) opt.length))
		return BAD_LENGTH;
	return opt.workload == WORK_STATIC ? OK : check_rows(c, a);
}

static void
finish(Connection *c, Problem problem)
{
	int64_t now = now_ns();

	c->busy = false;
	if (problem == OK && now > ends + DRAIN)
		problem = LATE;
	/* In a closed loop what ends after the time does not count; on a timetable every request that was due does. */
	if (problem != OK || opt.rate > 0 || now <= ends)
		problems[problem]++;
	if (problem == OK && (opt.rate > 0 || now <= ends))
	{
		record(&from_due, now - c->due);
		record(&from_sent, now - c->sent);
	}
	if (problem == REFUSED)
		record(&refusals, now - c->due);
	if (problem > REFUSED && !first_error[0])
		snprintf(first_error, sizeof first_error, "%s: wanted id %ld of %s, got: %.*s", problem_names[problem], c->row,
				 c->user ? c->user->owner.p : "-", (int) (c->len < 260 ? c->len : 260), c->in);
	if (problem == BAD_CONNECTION)
		reopen(c);
	if (opt.rate > 0)
		idle[nidle++] = (int) (c - conns);
	else if (now < ends)
		send_request(c, 0);
}

static void
receive(Connection *c)
{
	BenchAnswer a;
	ssize_t n;
	int done;

	if (c->cap - c->len < 16384)
		c->in = realloc(c->in, c->cap = 2 * c->cap + 32768);
	n = recv(c->fd, c->in + c->len, c->cap - c->len - 1, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
	{
		if (c->busy)
			finish(c, BAD_CONNECTION);
		else
			reopen(c);
		return;
	}
	c->len += (size_t) n;
	c->in[c->len] = '\0';
	done = bench_answer_parse(c->in, c->len, &a);
	if (done != 0)
		finish(c, done < 0 || !c->busy ? BAD_CONNECTION : check_answer(c, &a));
}

static int
count_busy(void)
{
	int n = 0;

	for (int i = 0; i < opt.connections; i++)
		n += conns[i].busy;
	return n;
}

/* Starts what is due; a request without a free connection is counted, not queued: a real client would have gone to another connection. */
static int64_t
run_timetable(int64_t due, int64_t now, double step)
{
	static double fraction;

	while (due <= now && due < ends)
	{
		if (nidle)
			send_request(&conns[idle[--nidle]], due);
		else
			unsent++;
		fraction += step;
		due += (int64_t) fraction;
		fraction -= (double) (int64_t) fraction;
	}
	return due;
}

static void
run(void)
{
	struct epoll_event events[256];
	double step = opt.rate > 0 ? (double) SECOND / opt.rate : 0;
	int64_t started = now_ns();
	int64_t due = started;

	ends = started + (int64_t) (opt.seconds * SECOND);
	for (int i = 0; i < opt.connections; i++)
	{
		if (opt.rate > 0)
			idle[nidle++] = i;
		else
			send_request(&conns[i], 0);
	}
	for (;;)
	{
		int64_t now = now_ns();
		struct timespec wait = {.tv_nsec = 100 * 1000 * 1000};
		int n;

		if (opt.rate > 0)
			due = run_timetable(due, now, step);
		if (opt.rate > 0 && due < ends)
			wait.tv_nsec = due > now ? due - now : 0;
		if (now >= ends && (count_busy() == 0 || now > ends + DRAIN))
			break;
		n = epoll_pwait2(epfd, events, 256, &wait, NULL);
		for (int i = 0; i < n; i++)
			receive(events[i].data.ptr);
	}
	problems[LATE] += (uint64_t) count_busy();
	report((double) (ends - started) / SECOND);
}

static void
print_histogram(const char *name, const Histogram *h)
{
	printf("\"%s\":{\"n\":%lu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f},", name, (unsigned long) h->total, percentile_us(h, 0.50),
		   percentile_us(h, 0.99), (double) h->max / 1000);
}

static void
report(double elapsed)
{
	uint64_t errors = 0;

	printf("{\"workload\":\"%s\",\"connections\":%ld,\"rate\":%.1f,\"seconds\":%.3f,\"rps\":%.1f,", workload_names[opt.workload],
		   opt.connections, opt.rate, elapsed, (double) problems[OK] / elapsed);
	print_histogram("latency", &from_due);
	print_histogram("from_sent", &from_sent);
	print_histogram("refusals", &refusals);
	for (int p = 0; p < NPROBLEMS; p++)
	{
		printf("\"%s\":%lu,", problem_names[p], (unsigned long) problems[p]);
		if (p > REFUSED)
			errors += problems[p];
	}
	printf("\"unsent\":%lu,\"reconnects\":%lu,\"errors\":%lu}\n", (unsigned long) unsent, (unsigned long) reconnects,
		   (unsigned long) errors);
	if (first_error[0])
		fprintf(stderr, "load: %s\n", first_error);
}

/* One row per option; the list of values of --workload is workload_names. */
static const struct
{
	const char *name;
	enum
	{
		NUMBER,
		FRACTION,
		TEXT
	} kind;
	void *value;
} rows[] = {
	{"port", NUMBER, &opt.port},
	{"connections", NUMBER, &opt.connections},
	{"seconds", FRACTION, &opt.seconds},
	{"rate", FRACTION, &opt.rate},
	{"workload", TEXT, &opt.workload_name},
	{"path", TEXT, &opt.path},
	{"body", TEXT, &opt.body},
	{"status", NUMBER, &opt.status},
	{"length", NUMBER, &opt.length},
	{"tokens", TEXT, &opt.tokens},
	{"ids", TEXT, &opt.ids},
	{"seed", NUMBER, &opt.seed},
};

static void
usage(void)
{
	fprintf(stderr, "usage: load --port N --workload one|list|create|static --path P [--tokens F --ids F] [--connections N]\n"
					"            [--seconds S] [--rate N] [--body TEXT] [--status N] [--length N] [--seed N]\n");
	exit(2);
}

static void
read_option(const char *flag, const char *text)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
	{
		if (strncmp(flag, "--", 2) != 0 || strcmp(flag + 2, rows[i].name) != 0)
			continue;
		if (rows[i].kind == NUMBER)
			*(long *) rows[i].value = atol(text);
		else if (rows[i].kind == FRACTION)
			*(double *) rows[i].value = atof(text);
		else
			*(const char **) rows[i].value = text;
		return;
	}
	usage();
}

static void
read_options(int argc, char **argv)
{
	if (argc % 2 == 0)
		usage();
	for (int i = 1; i < argc; i += 2)
		read_option(argv[i], argv[i + 1]);
	while (strcmp(opt.workload_name, workload_names[opt.workload]) != 0)
		if (++opt.workload > WORK_STATIC)
			usage();
	if (!opt.port || opt.connections < 1)
		usage();
	if (opt.workload != WORK_STATIC && (!opt.tokens || !opt.ids || (opt.workload == WORK_CREATE && !opt.body)))
		usage();
	random_state = 2 * (uint64_t) opt.seed + 1;
	write_templates();
	if (opt.tokens)
		read_users(opt.tokens, opt.ids);
}

int
main(int argc, char **argv)
{
	struct rlimit files;

	read_options(argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	conns = calloc((size_t) opt.connections, sizeof *conns);
	idle = calloc((size_t) opt.connections, sizeof *idle);
	for (int i = 0; i < opt.connections; i++)
		open_connection(&conns[i]);
	run();
	return 0;
}
