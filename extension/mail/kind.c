/*
 * kind.c: jobs of kind "mail": one message by SMTP (RFC 5321) to the server of vyricon.smtp_url.
 *
 * payload: {"from", "to": address or list of addresses, "cc", "bcc", "reply_to", "subject", "text", "html", "idempotent": false}
 * The message is written when it is enqueued. SMTP does not know a message again, so one whose reply was lost is sent again only if
 * "idempotent" says that a second copy does no harm.
 *
 * In the kept request the target is the sender's address; the headers are the recipients' addresses, and the subject for the mailbox.
 */
#include "mail/mail.h"

#include <sys/socket.h>

#include "base/json.h"
#include "mail/message.h"
#include "core/secrets.h"
#include "core/settings.h"
#include "http/http.h"
#include "jobs/transfer.h"
#include "mail/mailbox.h"
#include "utils/timestamp.h"

#define MAX_RECIPIENTS 50
#define PASSWORD "smtp_password"

/* Addresses as they were given. */
typedef struct Addresses
{
	VyStr list[MAX_RECIPIENTS];
	size_t n;
} Addresses;

static char *smtp_url;
static char *smtp_user;
static char *mail_from;
static bool smtp_tls;

/* Members of a payload; the first are addresses. */
typedef enum Member
{
	FROM,
	TO,
	CC,
	BCC,
	REPLY_TO,
	NLISTS,
	SUBJECT = NLISTS,
	TEXT,
	HTML,
	IDEMPOTENT,
	NMEMBERS
} Member;

static const VySetting settings[] = {
	{"vyricon.smtp_user", "Name by which jobs sign in to the mail server; its password: vyricon.set_secret('" PASSWORD "', ...).",
	 PGC_SIGHUP, 0, PGC_STRING, &smtp_user, "", 0, 0, 0},
	{"vyricon.smtp_tls", "Mail is sent by TLS or not at all; a mail server on this machine may do without.", PGC_SIGHUP, 0, PGC_BOOL,
	 &smtp_tls, NULL, true, 0, 0},
};

static bool check_url(char **value, void **extra, GucSource source);
static bool check_from(char **value, void **extra, GucSource source);
static void build(VyJobDraft *draft, VyStr payload);
static void read_addresses(const VyMember *member, Addresses *out);
static void add_address(const char *name, Addresses *out, VyStr json);
static VyStr read_text(const VyMember *member, bool required);
static void add_recipients(VyJobDraft *draft, VyHeader *headers, const Addresses *list);
static void prepare(VyTransfer *transfer);
static bool start(VyTransfer *transfer);
static bool is_local(const char *url);
static int on_debug(CURL *curl, curl_infotype type, char *data, size_t n, void *arg);
static void end(VyTransfer *transfer, int result);

static const VyJobKind mail_kind = {
	.name = "mail", .max_attempts = 15, .build = build, .prepare = prepare, .start = start, .end = end, .apply = vy_mailbox_keep};

static const VyJobKind *const kinds[] = {&mail_kind};

void
vy_mail_init(void)
{
	vy_job_kinds_add(kinds, lengthof(kinds));
	vy_mailbox_init();
	VY_SETTINGS_DEFINE(settings);
	DefineCustomStringVariable("vyricon.smtp_url", "The mail server: smtp://host:587 (STARTTLS) or smtps://host:465; empty: none.", NULL,
							   &smtp_url, "", PGC_SIGHUP, 0, check_url, NULL, NULL);
	DefineCustomStringVariable("vyricon.mail_from", "Sender of mails that name none: an address, or Name <address>.", NULL, &mail_from, "",
							   PGC_SIGHUP, 0, check_from, NULL, NULL);
}

/* Everybody may read this setting, so it has no user and no password. */
static bool
check_url(char **value, void **extra __attribute__((unused)), GucSource source __attribute__((unused)))
{
	const char *host = *value;

	if (host[0] == '\0')
		return true;
	if (pg_strncasecmp(host, "smtp://", 7) == 0)
		host += 7;
	else if (pg_strncasecmp(host, "smtps://", 8) == 0)
		host += 8;
	else
		host = "";
	if (host[0] != '\0' && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") == strlen(host))
		return true;
	GUC_check_errdetail("It is smtp://host:port or smtps://host:port.");
	GUC_check_errhint("The user is vyricon.smtp_user, and the password is stored by vyricon.set_secret('" PASSWORD "', ...).");
	return false;
}

static bool
check_from(char **value, void **extra __attribute__((unused)), GucSource source __attribute__((unused)))
{
	VyStr spec;

	if ((*value)[0] == '\0' || vy_mail_address_ok(vy_cstr(*value), &spec))
		return true;
	GUC_check_errdetail("It is one address, as in \"Tours <tours@example.com>\".");
	return false;
}

static void
build(VyJobDraft *draft, VyStr payload)
{
	VyMember members[NMEMBERS] = {
		[FROM] = {.name = "from"},
		[TO] = {.name = "to"},
		[CC] = {.name = "cc"},
		[BCC] = {.name = "bcc"},
		[REPLY_TO] = {.name = "reply_to"},
		[SUBJECT] = {.name = "subject"},
		[TEXT] = {.name = "text"},
		[HTML] = {.name = "html"},
		[IDEMPOTENT] = {.name = "idempotent"},
	};
	Addresses *lists = palloc0(NLISTS * sizeof(Addresses));
	VyHeader *headers = palloc((3 * MAX_RECIPIENTS + 1) * sizeof(VyHeader));
	VyMail mail = {0};
	const char *problem;
	VyStr sender;
	char *message;

	vy_payload_read(payload, members, NMEMBERS);
	for (int i = 0; i < NLISTS; i++)
		read_addresses(&members[i], &lists[i]);
	if (lists[FROM].n == 0 && mail_from[0] == '\0')
		vy_payload_refuse("from", "is missing, and vyricon.mail_from is not set");
	mail.from = lists[FROM].n > 0 ? lists[FROM].list[0] : vy_cstr(mail_from);
	if (lists[FROM].n > 1 || !vy_mail_address_ok(mail.from, &sender))
		vy_payload_refuse("from", "must be one address");
	if (lists[TO].n == 0)
		vy_payload_refuse("to", "is missing");
	if (lists[TO].n + lists[CC].n + lists[BCC].n > MAX_RECIPIENTS)
		vy_payload_refuse("to", psprintf("has, with \"cc\" and \"bcc\", more than %d addresses", MAX_RECIPIENTS));
	mail.to = lists[TO].list;
	mail.nto = lists[TO].n;
	mail.cc = lists[CC].list;
	mail.ncc = lists[CC].n;
	mail.reply_to = lists[REPLY_TO].n > 0 ? lists[REPLY_TO].list[0] : (VyStr){NULL, 0};
	mail.subject = read_text(&members[SUBJECT], true);
	mail.text = read_text(&members[TEXT], false);
	mail.html = read_text(&members[HTML], false);
	mail.message_id = vy_cstr(psprintf("%s@%s", draft->key, strchr(vy_str_dup(sender), '@') + 1));
	mail.date_s = (int64) timestamptz_to_time_t(GetCurrentTimestamp());

	draft->request.body.n = vy_mail_write(NULL, 0, &mail, &problem);
	if (draft->request.body.n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_VY_INVALID), errmsg("the job's payload is not valid"), errdetail("The mail is refused: %s.", problem)));
	message = palloc(draft->request.body.n);
	(void) !vy_mail_write(message, draft->request.body.n, &mail, &problem);
	draft->request.body.p = message;
	draft->request.method = VY_STR("MAIL");
	draft->request.target = sender;
	draft->request.headers = headers;
	for (int i = TO; i <= BCC; i++)
		add_recipients(draft, headers, &lists[i]);
	headers[draft->request.nheaders++] = (VyHeader){VY_STR("subject"), mail.subject};
	draft->repeatable = vy_member_bool(&members[IDEMPOTENT], false);
	draft->secret_name = smtp_user[0] != '\0' ? vy_user_secret(PASSWORD) : NULL;
}

/* A text is one address. */
static void
read_addresses(const VyMember *member, Addresses *out)
{
	VyJsonIter it;

	if (member->kind == VY_JSON_STRING)
		add_address(member->name, out, member->value);
	if (member->kind == VY_JSON_NONE || member->kind == VY_JSON_NULL || member->kind == VY_JSON_STRING)
		return;
	if (member->kind != VY_JSON_ARRAY)
		vy_payload_refuse(member->name, "must be an address or a list of addresses");
	it = vy_json_iter(member->value);
	while (vy_json_next(&it))
	{
		if (it.kind != VY_JSON_STRING)
			vy_payload_refuse(member->name, "must be an address or a list of addresses");
		add_address(member->name, out, it.value);
	}
}

static void
add_address(const char *name, Addresses *out, VyStr json)
{
	char *text = palloc(json.n + 1);
	VyStr address = {text, vy_json_unescape(text, json)};
	VyStr spec;

	if (!vy_mail_address_ok(address, &spec))
		vy_payload_refuse(name, "has what is not one address");
	if (out->n == MAX_RECIPIENTS)
		vy_payload_refuse(name, psprintf("has more than %d addresses", MAX_RECIPIENTS));
	out->list[out->n++] = address;
}

static VyStr
read_text(const VyMember *member, bool required)
{
	const char *text = vy_member_text(member, required);

	return text != NULL ? vy_cstr(text) : (VyStr){NULL, 0};
}

static void
add_recipients(VyJobDraft *draft, VyHeader *headers, const Addresses *list)
{
	for (size_t i = 0; i < list->n; i++)
	{
		VyHeader *header = &headers[draft->request.nheaders++];

		header->name = VY_STR("rcpt");
		(void) vy_mail_address_ok(list->list[i], &header->value);
	}
}

/* Without a mail server a development machine keeps the mail, and every other one waits for the setting. */
static void
prepare(VyTransfer *transfer)
{
	const VyWireRequest *request = &transfer->job.request;
	char **lines = palloc0((request->nheaders + 1) * sizeof(char *));
	size_t n = 0;
	bytea *password;

	if (smtp_url[0] == '\0' && vy_dev)
		vy_transfer_settle(transfer, VY_OUTCOME_DONE, "%s", "");
	else if (smtp_url[0] == '\0')
		vy_transfer_settle(transfer, VY_OUTCOME_NOT_SENT, "there is no mail server: vyricon.smtp_url is not set");
	transfer->upload = request->body;
	for (size_t i = 0; i < request->nheaders; i++)
		if (vy_str_is(request->headers[i].name, "rcpt"))
			lines[n++] = psprintf("<%.*s>", (int) request->headers[i].value.n, request->headers[i].value.p);
	transfer->lines = lines;
	transfer->sender = psprintf("<%s>", request->target.p);
	if (transfer->settled || transfer->job.secret_name == NULL)
		return;
	password = vy_secret_get(transfer->job.secret_name);
	if (password != NULL)
		transfer->password = text_to_cstring((const text *) password);
	else
		vy_transfer_settle(transfer, VY_OUTCOME_NOT_SENT,
						   "the mail server's password is not there: vyricon.set_secret('" PASSWORD "', ...)");
}

static bool
start(VyTransfer *transfer)
{
	CURL *curl = transfer->curl;
	long tls = smtp_tls && !is_local(smtp_url) ? CURLUSESSL_ALL : CURLUSESSL_TRY;

	bool ok = curl_easy_setopt(curl, CURLOPT_URL, smtp_url) == CURLE_OK &&
			  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK &&
			  curl_easy_setopt(curl, CURLOPT_USE_SSL, tls) == CURLE_OK &&
			  curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
			  (transfer->password == NULL || (curl_easy_setopt(curl, CURLOPT_USERNAME, smtp_user) == CURLE_OK &&
											  curl_easy_setopt(curl, CURLOPT_PASSWORD, transfer->password) == CURLE_OK)) &&
			  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, transfer->sender) == CURLE_OK &&
			  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, transfer->list) == CURLE_OK &&
			  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
			  curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug) == CURLE_OK &&
			  curl_easy_setopt(curl, CURLOPT_DEBUGDATA, transfer) == CURLE_OK && curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L) == CURLE_OK;

	if (transfer->password != NULL)
		explicit_bzero(transfer->password, strlen(transfer->password));
	return ok;
}

static bool
is_local(const char *url)
{
	const char *host = strstr(url, "://") + 3;

	return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
		   (pg_strncasecmp(host, "localhost", 9) == 0 && (host[9] == '\0' || host[9] == ':'));
}

/*
 * libcurl says QUIT and then waits for the reply in a blocking way, which would hold up every other transfer if none comes. By then all
 * that counts is known, so nothing more is read.
 */
static int
on_debug(CURL *curl __attribute__((unused)), curl_infotype type, char *data, size_t n, void *arg)
{
	VyTransfer *transfer = arg;

	if (type == CURLINFO_HEADER_OUT && n >= 4 && memcmp(data, "QUIT", 4) == 0)
		for (size_t i = 0; i < lengthof(transfer->sockets); i++)
			if (transfer->sockets[i] != CURL_SOCKET_BAD)
				(void) shutdown(transfer->sockets[i], SHUT_RD);
	return 0;
}

/*
 * A message counts from its last byte on; a refusal before, of one recipient too, is one of the whole. 53x (RFC 4954) and a failed sign-in
 * are a matter of settings, not of the message.
 */
static void
end(VyTransfer *transfer, int result)
{
	if (result == CURLE_OK)
		vy_transfer_settle(transfer, VY_OUTCOME_DONE, "%s", "");
	else if (result == CURLE_LOGIN_DENIED || transfer->status / 10 == 53)
		vy_transfer_settle(transfer, VY_OUTCOME_NOT_SENT, "the mail server did not let us sign in (%u)", transfer->status);
	else if (transfer->status >= 400)
		vy_transfer_settle(transfer, vy_job_smtp_outcome(transfer->status), "the mail server refused it with %u", transfer->status);
	else
		vy_transfer_settle(transfer, transfer->upload_ended ? VY_OUTCOME_LOST : VY_OUTCOME_NOT_SENT, "%s",
						   curl_easy_strerror((CURLcode) result));
}
