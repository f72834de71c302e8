/*
 * options.c: flags, environment and *_FILE, as rows.
 */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Option
{
	const char *name;
	const char *value; /* how help calls it */
	char **text; /* one of these two */
	long *number;
	const char *preset;
	long min;
	long max;
	const char *help;
} Option;

#define MAX_NETWORKS 32
#define SECRET_MAX 65536

VyOptions vy_options;
VyLogLevel vy_log_level = VY_LOG_ALL;

static VyNetwork networks[MAX_NETWORKS];
static size_t nnetworks;
static bool database_from_file;

static const Option options[] = {
	{"host", "ADDRESS", &vy_options.host, NULL, "127.0.0.1", 0, 0, "where to listen"},
	{"port", "N", NULL, &vy_options.port, "8000", 0, 65535, "0: any free port, named in the first log line"},
	{"admin-host", "ADDRESS", &vy_options.admin_host, NULL, "127.0.0.1", 0, 0, "where /live, /ready and /metrics listen"},
	{"admin-port", "N", NULL, &vy_options.admin_port, "-1", -1, 65535, "-1: no admin port; 0: any free port"},
	{"static", "FOLDER", &vy_options.static_folder, NULL, NULL, 0, 0, "files served at paths that exist in it"},
	{"database", "CONNINFO", &vy_options.database, NULL, NULL, 0, 0, "libpq connection string or URL; without it, libpq's environment"},
	{"pool", "N", NULL, &vy_options.pool, "16", 1, 1000, "database connections of each loop"},
	{"queue", "N", NULL, &vy_options.queue, "4096", 1, 100000, "requests that may wait for a connection; one more is 503"},
	{"queue-delay", "MS", NULL, &vy_options.queue_delay_ms, "45", 1, 600000, "wait to expect at which one more is 503"},
	{"queue-wait", "MS", NULL, &vy_options.queue_wait_ms, "2000", 10, 600000, "how long they may wait, when connections are lost"},
	{"loops", "N", NULL, &vy_options.loops, "1", 1, 64, "event loops side by side"},
	{"connections", "N", NULL, &vy_options.connections, "10000", 1, 1000000, "client connections of each loop"},
	{"connections-per-address", "N", NULL, &vy_options.per_address, "0", 0, 1000000, "of them, from one address; 0: all"},
	{"max-body", "BYTES", NULL, &vy_options.max_body, "6291456", 0, 1 << 30, "largest request body"},
	{"head-timeout", "MS", NULL, &vy_options.head_timeout_ms, "10000", 10, 3600000, "for a whole request head"},
	{"body-timeout", "MS", NULL, &vy_options.body_timeout_ms, "30000", 10, 3600000, "for a whole request body"},
	{"idle-timeout", "MS", NULL, &vy_options.idle_timeout_ms, "75000", 10, 3600000, "between two requests of a connection"},
	{"send-timeout", "MS", NULL, &vy_options.send_timeout_ms, "300000", 10, 3600000, "for a client to take a whole answer"},
	{"answer-timeout", "MS", NULL, &vy_options.answer_timeout_ms, "60000", 10, 3600000,
	 "for one statement; then its connection is given up"},
	{"drain-timeout", "MS", NULL, &vy_options.drain_timeout_ms, "10000", 0, 3600000, "for requests in flight after SIGTERM"},
	{"trusted-proxies", "LIST", &vy_options.trusted_proxies, NULL, NULL, 0, 0, "addresses or networks whose X-Forwarded-For is believed"},
	{"log", "off|errors|all", &vy_options.log, NULL, "all", 0, 0, "which requests are logged"},
};

#define NOPTIONS (sizeof(options) / sizeof(options[0]))

static const char *const log_levels[] = {[VY_LOG_OFF] = "off", [VY_LOG_ERRORS] = "errors", [VY_LOG_ALL] = "all"};

static bool
set_option(const Option *option, const char *value, const char *source)
{
	char *end;
	long number;
	if (option->text)
	{
		char *copy = strdup(value);
		if (!copy)
			return false;
		free(*option->text);
		*option->text = copy;
		return true;
	}
	number = strtol(value, &end, 10);
	if (*value == '\0' || *end != '\0' || number < option->min || number > option->max)
	{
		fprintf(stderr, "vyricon: %s must be a number from %ld to %ld (from %s)\n", option->name, option->min, option->max, source);
		return false;
	}
	*option->number = number;
	return true;
}

static void
environment_name(char *out, size_t cap, const Option *option, const char *suffix)
{
	int n = snprintf(out, cap, "VYRICON_%s%s", option->name, suffix);
	for (int i = 0; i < n; i++)
		out[i] = out[i] == '-' ? '_' : out[i] >= 'a' && out[i] <= 'z' ? (char) (out[i] - 32) : out[i];
}

/* The first line of a file, malloc'ed. */
static char *
read_secret(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = file ? calloc(1, SECRET_MAX) : NULL;
	if (text && !fgets(text, SECRET_MAX, file))
		text[0] = '\0';
	if (text)
		text[strcspn(text, "\r\n")] = '\0';
	if (file)
		fclose(file);
	return text;
}

static bool
set_from_environment(size_t i)
{
	char name[64];
	const char *value;
	char *secret;
	bool ok;
	environment_name(name, sizeof(name), &options[i], "");
	value = getenv(name);
	if (value)
		return set_option(&options[i], value, name);
	environment_name(name, sizeof(name), &options[i], "_FILE");
	value = getenv(name);
	if (!value)
		return !options[i].preset || set_option(&options[i], options[i].preset, "preset");
	secret = read_secret(value);
	if (!secret)
	{
		fprintf(stderr, "vyricon: cannot read the file that %s names\n", name);
		return false;
	}
	ok = set_option(&options[i], secret, name);
	database_from_file |= options[i].text == &vy_options.database;
	free(secret);
	return ok;
}

static const Option *
find_option(VyStr name)
{
	for (size_t i = 0; i < NOPTIONS; i++)
		if (vy_str_is(name, options[i].name))
			return &options[i];
	return NULL;
}

static bool
read_networks(void)
{
	bool ok = vy_networks_parse(networks, MAX_NETWORKS, &nnetworks, vy_cstr(vy_options.trusted_proxies));
	if (!ok)
		fprintf(stderr, "vyricon: trusted-proxies must be addresses or networks (\"%s\")\n", vy_options.trusted_proxies);
	return ok;
}

VyPeer
vy_options_client(VyPeer peer, VyStr forwarded)
{
	return vy_peer_forwarded(peer, forwarded, networks, nnetworks);
}

bool
vy_options_trusts(const VyPeer *peer)
{
	return vy_networks_have(networks, nnetworks, peer);
}

static bool
read_log_level(void)
{
	for (int i = 0; i <= VY_LOG_ALL; i++)
		if (strcmp(vy_options.log, log_levels[i]) == 0)
		{
			vy_log_level = (VyLogLevel) i;
			return true;
		}
	fprintf(stderr, "vyricon: log must be off, errors or all\n");
	return false;
}

int
vy_options_read(int argc, char **argv)
{
	int kept = 0;
	bool given[NOPTIONS] = {false};
	for (int i = 0; i < argc; i++)
	{
		const char *flag = argv[i] + 2;
		const char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(flag, '=') : NULL;
		const Option *option;
		const char *value;
		if (strncmp(argv[i], "--", 2) != 0)
		{
			argv[kept++] = argv[i];
			continue;
		}
		option = find_option(vy_str(flag, equals ? (size_t) (equals - flag) : strlen(flag)));
		value = equals ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
		if (!option || !value)
		{
			fprintf(stderr, "vyricon: %s; see \"vyricon help\"\n", option ? "a flag has no value" : "unknown flag");
			return -1;
		}
		if (!set_option(option, value, "flag"))
			return -1;
		given[option - options] = true;
	}
	for (size_t i = 0; i < NOPTIONS; i++)
		if (!given[i] && !set_from_environment(i))
			return -1;
	return read_networks() && read_log_level() ? kept : -1;
}

void
vy_options_print(void)
{
	for (size_t i = 0; i < NOPTIONS; i++)
	{
		char flag[64];
		snprintf(flag, sizeof(flag), "--%s %s", options[i].name, options[i].value);
		printf("  %-28s %s%s%s%s\n", flag, options[i].help, options[i].preset ? " (" : "", options[i].preset ? options[i].preset : "",
			   options[i].preset ? ")" : "");
	}
}

/* A file is read each time, so that a new password takes effect with the next connection. */
char *
vy_options_database(void)
{
	const char *path = getenv("VYRICON_DATABASE_FILE");
	if (database_from_file && path)
		return read_secret(path);
	return vy_options.database ? strdup(vy_options.database) : NULL;
}
