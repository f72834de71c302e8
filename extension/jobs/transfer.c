/*
 * transfer.c: one attempt by libcurl: callbacks that only copy bytes, and what its end means.
 *
 * No palloc, error or SPI here once curl runs: nothing may jump over its frames.
 */
#include "jobs/transfer.h"

#include <sys/socket.h>
#include <unistd.h>
#include <netinet/in.h>

#include "base/outbound.h"
#include "base/peer.h"
#include "core/settings.h"
#include "utils/varlena.h"

#define MAX_NETWORKS 32

static char *networks_setting;
static int timeout_ms;
static int connect_timeout_ms;
static VyNetwork networks[MAX_NETWORKS];
static size_t nnetworks;

static const VySetting settings[] = {
	{"vyricon.job_timeout", "Time that one attempt of a job may take.", PGC_SIGHUP, GUC_UNIT_MS, PGC_INT, &timeout_ms, NULL, 30000, 100,
	 600000},
	{"vyricon.job_connect_timeout", "Time within which an attempt of a job must be connected.", PGC_SIGHUP, GUC_UNIT_MS, PGC_INT,
	 &connect_timeout_ms, NULL, 5000, 100, 60000},
};

static bool check_networks(char **value, void **extra, GucSource source);
static void assign_networks(const char *value, void *extra);
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
static int close_socket(void *arg, curl_socket_t fd);
static bool is_allowed(const struct curl_sockaddr *address);
static size_t take_body(char *data, size_t size, size_t n, void *arg);
static size_t give_upload(char *out, size_t size, size_t n, void *arg);

void
vy_transfer_init(void)
{
	VY_SETTINGS_DEFINE(settings);
	DefineCustomStringVariable("vyricon.outbound_networks",
							   "Private networks that jobs may call, comma separated (10.0.0.0/8); public ones always may be.", NULL,
							   &networks_setting, "", PGC_SIGHUP, 0, check_networks, assign_networks, NULL);
}

void
vy_transfer_settle(VyTransfer *transfer, VyOutcome outcome, const char *format, ...)
{
	va_list args;

	transfer->settled = true;
	transfer->outcome = outcome;
	va_start(args, format);
	vsnprintf(transfer->problem, sizeof(transfer->problem), format, args);
	va_end(args);
}

/* No environment, no redirect, no connection that was kept (curl sends again by itself when such a one breaks): what is sent is sent once.
 */
bool
vy_transfer_start(VyTransfer *transfer)
{
	CURL *curl = transfer->curl;
	bool ok = true;

	for (char **line = transfer->lines; line != NULL && *line != NULL; line++)
	{
		struct curl_slist *longer = curl_slist_append(transfer->list, *line);

		ok = ok && longer != NULL;
		transfer->list = longer != NULL ? longer : transfer->list;
	}
	return ok && curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK && curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) timeout_ms) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long) connect_timeout_ms) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, transfer) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_upload) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_READDATA, transfer) == CURLE_OK && transfer->kind->start(transfer);
}

void
vy_transfer_end(VyTransfer *transfer, CURLcode result)
{
	CURL *curl = transfer->curl;
	long status = 0;
	curl_off_t retry_after = 0;

	(void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	(void) curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
	transfer->status = (unsigned) status;
	transfer->retry_after_ms = (int64) Max(Min(retry_after, SECS_PER_DAY), 0) * 1000;
	if (transfer->blocked && status == 0)
		vy_transfer_settle(transfer, VY_OUTCOME_REFUSED, "the address belongs to a network that jobs may not call");
	else
		transfer->kind->end(transfer, result);
}

static bool
check_networks(char **value, void **extra, GucSource source __attribute__((unused)))
{
	VyNetwork *parsed = malloc(MAX_NETWORKS * sizeof(VyNetwork) + sizeof(size_t));
	size_t *n = (size_t *) (void *) (parsed + MAX_NETWORKS);
	char *text = pstrdup(*value);
	List *names;
	ListCell *lc;

	if (parsed == NULL)
		return false;
	*n = 0;
	if (!SplitDirectoriesString(text, ',', &names))
		names = NIL;
	foreach (lc, names)
		if (*n == MAX_NETWORKS || !vy_network_parse(&parsed[(*n)++], vy_cstr(lfirst(lc))))
		{
			GUC_check_errdetail("\"%s\" is not a network.", (char *) lfirst(lc));
			free(parsed);
			return false;
		}
	*extra = parsed;
	return true;
}

static void
assign_networks(const char *value __attribute__((unused)), void *extra)
{
	const VyNetwork *parsed = extra;

	nnetworks = 0;
	if (parsed == NULL)
		return;
	nnetworks = *(const size_t *) (const void *) (parsed + MAX_NETWORKS);
	memcpy(networks, parsed, nnetworks * sizeof(VyNetwork));
}

/* The address that was resolved is judged, not the name: a name may resolve to another one the next time. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	VyTransfer *transfer = arg;
	curl_socket_t fd;

	if (purpose != CURLSOCKTYPE_IPCXN || (transfer->guarded && !is_allowed(address)))
	{
		transfer->blocked = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	transfer->sockets[transfer->sockets[0] == CURL_SOCKET_BAD ? 0 : 1] = fd;
	return fd;
}

static int
close_socket(void *arg, curl_socket_t fd)
{
	VyTransfer *transfer = arg;

	for (size_t i = 0; i < lengthof(transfer->sockets); i++)
		if (transfer->sockets[i] == fd)
			transfer->sockets[i] = CURL_SOCKET_BAD;
	return close(fd);
}

static bool
is_allowed(const struct curl_sockaddr *address)
{
	VyPeer peer;

	if (address->family == AF_INET)
		vy_peer_set(&peer, 4, (const uint8_t *) &((const struct sockaddr_in *) (const void *) &address->addr)->sin_addr);
	else if (address->family == AF_INET6)
		vy_peer_set(&peer, 6, (const uint8_t *) &((const struct sockaddr_in6 *) (const void *) &address->addr)->sin6_addr);
	else
		return false;
	return vy_outbound_public(&peer) || vy_networks_have(networks, nnetworks, &peer);
}

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	VyTransfer *transfer = arg;
	size_t kept = Min(n * size, VY_ANSWER_KEPT - transfer->body_len);

	memcpy(transfer->body + transfer->body_len, data, kept);
	transfer->body_len += kept;
	transfer->body_read += n * size;
	return transfer->body_read > VY_ANSWER_READ ? 0 : n * size;
}

static size_t
give_upload(char *out, size_t size, size_t n, void *arg)
{
	VyTransfer *transfer = arg;
	size_t given = Min(size * n, transfer->upload.n - transfer->uploaded);

	memcpy(out, transfer->upload.p + transfer->uploaded, given);
	transfer->uploaded += given;
	transfer->upload_ended = given == 0;
	return given;
}
