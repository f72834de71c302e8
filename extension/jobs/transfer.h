/*
 * transfer.h: one attempt on the network: what is sent, and what is known of the answer. Lives from claim to record, in its own context.
 */
#ifndef VY_TRANSFER_H
#define VY_TRANSFER_H

#include "jobs/kind.h"

#include <curl/curl.h>

#include "lib/ilist.h"

/* What is kept of an answer's body, and what is read of it at most. */
#define VY_ANSWER_KEPT 16384
#define VY_ANSWER_READ (1024 * 1024)

struct VyTransfer
{
	dlist_node node;
	MemoryContext context;
	const VyJobKind *kind;
	VyJobRow job;

	CURL *curl; /* owned by context */
	struct curl_slist *list; /* header lines or recipients; owned by context */
	char **lines; /* what start() puts on the list, NULL-terminated */
	char *sender; /* of SMTP */
	char *password; /* of SMTP; NULL: none */
	VyStr upload; /* what curl reads */
	size_t uploaded;
	bool upload_ended; /* curl was told that there is no more */

	char body[VY_ANSWER_KEPT];
	size_t body_len;
	size_t body_read; /* also what was not kept */
	curl_socket_t sockets[2]; /* open ones, or CURL_SOCKET_BAD; libcurl tries at most two addresses at a time */
	bool guarded; /* private networks are not called unless vyricon.outbound_networks has them */
	bool blocked; /* an address was not allowed */

	bool settled; /* outcome is known */
	VyOutcome outcome;
	unsigned status; /* of HTTP or SMTP; 0: none */
	int64 retry_after_ms;
	char problem[256]; /* empty: none */
};

/* Sets the outcome; format: for people, without secrets or bytes from the peer. */
void vy_transfer_settle(VyTransfer *transfer, VyOutcome outcome, const char *format, ...) pg_attribute_printf(3, 4);

/* Options that every transfer has. Signals are blocked. */
bool vy_transfer_start(VyTransfer *transfer);

/* What curl's end of the transfer means. Signals are blocked. */
void vy_transfer_end(VyTransfer *transfer, CURLcode result);

void vy_transfer_init(void);

#endif
