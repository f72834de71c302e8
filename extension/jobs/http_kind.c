/*
 * http_kind.c: jobs of kind "http": a request to any server, signed as Standard Webhooks asks when a secret is named.
 *
 * payload: {"url", "method": "POST", "headers": {}, "body": any JSON or a text, "sign": name of vyricon.set_secret(), "idempotent": true or
 * false} Whoever takes signed webhooks must know a webhook-id again (https://www.standardwebhooks.com), so those may be sent again after a
 * lost answer, as may methods that are idempotent by themselves (RFC 9110, section 9.2.2); others only if "idempotent" says so.
 */
#include "jobs/transfer.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/field.h"
#include "base/outbound.h"
#include "core/secrets.h"
#include "utils/timestamp.h"

#define MAX_HEADERS 32
#define SECRET_PREFIX "whsec_"
#define SIGNATURE_LINES 3

typedef enum Member
{
	URL,
	METHOD,
	HEADERS,
	BODY,
	SIGN,
	IDEMPOTENT,
	NMEMBERS
} Member;

static const struct
{
	const char *name;
	bool idempotent;
} methods[] = {
	{"POST", false}, {"PUT", true}, {"PATCH", false}, {"DELETE", true}, {"GET", true}, {"HEAD", true},
};

/* Ours, the library's, or a matter of one connection. */
static const char *const reserved[] = {
	"host",    "content-length", "transfer-encoding", "connection",        "keep-alive",        "te",     "trailer",
	"upgrade", "expect",         "webhook-id",        "webhook-timestamp", "webhook-signature", "cookie", "idempotency-key",
};

static void build(VyJobDraft *draft, VyStr payload);
static const char *read_url(const VyMember *member);
static size_t read_method(const VyMember *member);
static size_t read_headers(const VyMember *member, VyHeader *headers);
static VyHeader read_header(const VyJsonIter *it);
static VyStr read_body(const VyMember *member);
static void prepare(VyTransfer *transfer);
static char *header_line(const VyHeader *header);
static bool sign(VyTransfer *transfer, char **lines);
static bytea *signing_key(bytea *secret);
static bool start(VyTransfer *transfer);
static void end(VyTransfer *transfer, int result);

const VyJobKind vy_http_kind = {.name = "http", .max_attempts = 15, .build = build, .prepare = prepare, .start = start, .end = end};

static void
build(VyJobDraft *draft, VyStr payload)
{
	VyMember members[NMEMBERS] = {
		[URL] = {.name = "url"},   [METHOD] = {.name = "method"}, [HEADERS] = {.name = "headers"},
		[BODY] = {.name = "body"}, [SIGN] = {.name = "sign"},     [IDEMPOTENT] = {.name = "idempotent"},
	};
	VyHeader *headers = palloc((MAX_HEADERS + 1) * sizeof(VyHeader));
	const char *secret;
	size_t method;

	vy_payload_read(payload, members, NMEMBERS);
	method = read_method(&members[METHOD]);
	draft->request.method = vy_cstr(methods[method].name);
	draft->request.target = vy_cstr(read_url(&members[URL]));
	draft->request.headers = headers;
	draft->request.nheaders = read_headers(&members[HEADERS], headers);
	draft->request.body = read_body(&members[BODY]);
	secret = vy_member_text(&members[SIGN], false);
	draft->secret_name = secret != NULL ? vy_user_secret(secret) : NULL;
	draft->repeatable = vy_member_bool(&members[IDEMPOTENT], methods[method].idempotent || draft->secret_name != NULL);
}

static const char *
read_url(const VyMember *member)
{
	const char *url = vy_member_text(member, true);
	const char *problem;
	VyOutboundUrl parts;

	if (!vy_outbound_url(vy_cstr(url), &parts, &problem))
		vy_payload_refuse("url", psprintf("is not allowed: %s", problem));
	return url;
}

static size_t
read_method(const VyMember *member)
{
	const char *method = vy_member_text(member, false);

	for (size_t i = 0; i < lengthof(methods); i++)
		if (method == NULL || strcmp(method, methods[i].name) == 0)
			return i;
	vy_payload_refuse("method", "must be POST, PUT, PATCH, DELETE, GET or HEAD");
}

/* A content type is always there: it is what tells a receiver how to read the body. */
static size_t
read_headers(const VyMember *member, VyHeader *headers)
{
	VyJsonKind kind = member->kind;
	bool typed = false;
	size_t n = 0;

	if (kind != VY_JSON_NONE && kind != VY_JSON_NULL && kind != VY_JSON_OBJECT)
		vy_payload_refuse("headers", "must be an object of texts");
	if (kind == VY_JSON_OBJECT)
	{
		VyJsonIter it = vy_json_iter(member->value);

		while (vy_json_next(&it))
		{
			if (n == MAX_HEADERS)
				vy_payload_refuse("headers", "are more than 32");
			headers[n] = read_header(&it);
			typed = typed || vy_str_is(headers[n].name, "content-type");
			n++;
		}
	}
	if (!typed)
		headers[n++] = (VyHeader){VY_STR("content-type"), VY_STR("application/json")};
	return n;
}

static VyHeader
read_header(const VyJsonIter *it)
{
	char *name = palloc(it->key.n + 1);
	char *value = palloc(it->value.n + 1);
	VyHeader header = {{name, vy_json_unescape(name, it->key)}, {value, 0}};

	for (size_t i = 0; i < header.name.n; i++)
		name[i] = (char) pg_ascii_tolower((unsigned char) name[i]);
	if (it->kind != VY_JSON_STRING)
		vy_payload_refuse("headers", "must be an object of texts");
	header.value.n = vy_json_unescape(value, it->value);
	if (!vy_field_name_ok(header.name) || !vy_field_value_ok(header.value))
		vy_payload_refuse("headers", "hold a name or value that HTTP does not allow");
	for (size_t i = 0; i < lengthof(reserved); i++)
		if (vy_str_is(header.name, reserved[i]))
			vy_payload_refuse("headers", psprintf("must not have %s", reserved[i]));
	return header;
}

/* A text is sent as it is; everything else as JSON. */
static VyStr
read_body(const VyMember *member)
{
	if (member->kind == VY_JSON_NONE)
		return VY_STR("");
	return member->kind == VY_JSON_STRING ? vy_cstr(vy_member_text(member, true)) : member->value;
}

static void
prepare(VyTransfer *transfer)
{
	const VyWireRequest *request = &transfer->job.request;
	char **lines = palloc0((request->nheaders + SIGNATURE_LINES + 3) * sizeof(char *));
	size_t n = 0;

	transfer->guarded = true;
	transfer->upload = request->body;
	for (size_t i = 0; i < request->nheaders; i++)
		lines[n++] = header_line(&request->headers[i]);
	lines[n++] = psprintf("idempotency-key: %s", transfer->job.idempotency_key);
	/* curl waits a second for an answer to this one */
	lines[n++] = pstrdup("expect:");
	transfer->lines = lines;
	if (transfer->job.secret_name != NULL && !sign(transfer, lines + n))
		vy_transfer_settle(transfer, VY_OUTCOME_NOT_SENT, "the secret that signs it is not there: vyricon.set_secret() stores it");
}

/* curl takes "name;" for a header without a value. */
static char *
header_line(const VyHeader *header)
{
	if (header->value.n == 0)
		return psprintf("%.*s;", (int) header->name.n, header->name.p);
	return psprintf("%.*s: %.*s", (int) header->name.n, header->name.p, (int) header->value.n, header->value.p);
}

/* The time is that of the attempt: receivers refuse what was signed minutes ago. */
static bool
sign(VyTransfer *transfer, char **lines)
{
	bytea *key = vy_secret_get(transfer->job.secret_name);
	const char *id = transfer->job.idempotency_key;
	int64 now = (int64) (GetCurrentTimestamp() / USECS_PER_SEC) + SECS_PER_DAY * (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE);
	StringInfoData signed_text;
	uint8 mac[EVP_MAX_MD_SIZE];
	unsigned int mac_len;
	char text[64];

	if (key == NULL)
		return false;
	key = signing_key(key);
	initStringInfo(&signed_text);
	appendStringInfo(&signed_text, "%s." INT64_FORMAT ".", id, now);
	vy_append(&signed_text, transfer->job.request.body);
	if (HMAC(EVP_sha256(), VARDATA_ANY(key), (int) VARSIZE_ANY_EXHDR(key), (uint8 *) signed_text.data, (size_t) signed_text.len, mac,
			 &mac_len) == NULL)
		elog(ERROR, "HMAC failed");
	EVP_EncodeBlock((uint8 *) text, mac, (int) mac_len);
	lines[0] = psprintf("webhook-id: %s", id);
	lines[1] = psprintf("webhook-timestamp: " INT64_FORMAT, now);
	lines[2] = psprintf("webhook-signature: v1,%s", text);
	return true;
}

/* "whsec_" and base64 as Standard Webhooks writes keys, or the bytes themselves. */
static bytea *
signing_key(bytea *secret)
{
	const char *text = VARDATA_ANY(secret);
	int n = (int) VARSIZE_ANY_EXHDR(secret) - (int) strlen(SECRET_PREFIX);
	bytea *key;
	int decoded;

	if (n < 4 || n % 4 != 0 || memcmp(text, SECRET_PREFIX, strlen(SECRET_PREFIX)) != 0)
		return secret;
	text += strlen(SECRET_PREFIX);
	key = palloc(VARHDRSZ + (size_t) n);
	decoded = EVP_DecodeBlock((uint8 *) VARDATA(key), (const uint8 *) text, n);
	if (decoded < 0)
		return secret;
	SET_VARSIZE(key, VARHDRSZ + (size_t) decoded - (text[n - 1] == '=') - (text[n - 2] == '='));
	return key;
}

static bool
start(VyTransfer *transfer)
{
	CURL *curl = transfer->curl;
	const VyWireRequest *request = &transfer->job.request;
	bool head = vy_str_is(request->method, "HEAD");

	/* target and method are NUL-terminated: the dispatcher copies them so */
	return curl_easy_setopt(curl, CURLOPT_URL, request->target.p) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_USERAGENT, "Vyricon/" VY_VERSION) == CURLE_OK &&
		   (request->body.n == 0 || (curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
									 curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body.n) == CURLE_OK)) &&
		   (!head || curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK) &&
		   curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method.p) == CURLE_OK &&
		   curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->list) == CURLE_OK;
}

/* Without a byte of the request's head nothing was asked for yet. */
static void
end(VyTransfer *transfer, int result)
{
	long sent = 0;

	(void) curl_easy_getinfo(transfer->curl, CURLINFO_REQUEST_SIZE, &sent);
	if (result == CURLE_OK && transfer->status == 503 && transfer->retry_after_ms > 0)
		vy_transfer_settle(transfer, VY_OUTCOME_LATER, "the server is not available");
	else if (result == CURLE_OK || transfer->body_read > VY_ANSWER_READ)
		vy_transfer_settle(transfer, vy_job_http_outcome(transfer->status), "%s",
						   transfer->status < 300 ? "" : "the server refused, or did not do it");
	else
		vy_transfer_settle(transfer, sent == 0 ? VY_OUTCOME_NOT_SENT : VY_OUTCOME_LOST, "%s", curl_easy_strerror((CURLcode) result));
}
