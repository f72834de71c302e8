/*
 * mailbox.c: keeping mails of a development machine, and showing them: a page for people, JSON for tests, the message for mail readers.
 */
#include "mail/mailbox.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/json.h"
#include "core/query.h"
#include "http/http.h"

/* The bodies are read out of the message, which is always written in the same way (message.c). */
VY_QUERY(keep_mail,
		 .sql = "INSERT INTO vyricon.mailbox (job, sender, recipients, subject, message, text, html)"
				" SELECT $1, $2, $3, $4, $5,"
				" convert_from(decode(substring(m.t FROM 'Content-Type: text/plain[^:]*: base64\\r\\n\\r\\n([A-Za-z0-9+/=\\r\\n]*)'),"
				" 'base64'), 'UTF8'),"
				" convert_from(decode(substring(m.t FROM 'Content-Type: text/html[^:]*: base64\\r\\n\\r\\n([A-Za-z0-9+/=\\r\\n]*)'),"
				" 'base64'), 'UTF8') FROM (SELECT convert_from($5, 'UTF8') AS t) AS m",
		 .nargs = 5, .types = {INT8OID, TEXTOID, TEXTARRAYOID, TEXTOID, BYTEAOID}, .expect = SPI_OK_INSERT);

VY_QUERY(list_mails,
		 .sql = "SELECT coalesce(json_agg(m ORDER BY m.id DESC), '[]')::text FROM (SELECT id, job, sent_at, sender, recipients, subject,"
				" text, html FROM vyricon.mailbox ORDER BY id DESC LIMIT 50) AS m",
		 .expect = SPI_OK_SELECT);

/* HTML of a mail is shown in a frame without scripts, forms, or our origin; its links open outside of it. */
VY_QUERY(page_mails,
		 .sql = "WITH esc AS (SELECT m.id, to_char(m.sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS at,"
				" replace(replace(replace(replace(v.k, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '\"', '&quot;') AS k, v.n"
				" FROM (SELECT * FROM vyricon.mailbox ORDER BY id DESC LIMIT 50) AS m,"
				" LATERAL (VALUES ('subject', m.subject), ('sender', m.sender), ('recipients', array_to_string(m.recipients, ', ')),"
				" ('text', m.text), ('html', m.html)) AS v (n, k))"
				" SELECT coalesce(string_agg(article, '' ORDER BY id DESC), '<p>No mail yet.</p>') FROM (SELECT id, '<article><h2>'"
				" || max(k) FILTER (WHERE n = 'subject') || '</h2><p>' || max(at) || ' UTC, from ' || max(k) FILTER (WHERE n = 'sender')"
				" || ' to ' || max(k) FILTER (WHERE n = 'recipients') || ' (<a href=\"/dev/mail/' || id || '\">message</a>)</p>'"
				" || coalesce('<pre>' || regexp_replace(max(k) FILTER (WHERE n = 'text'), 'https?://[^\\s<>\"&]*(&amp;[^\\s<>\"&]*)*',"
				" '<a href=\"\\&\" target=\"_blank\" rel=\"noreferrer\">\\&</a>', 'g') || '</pre>', '')"
				" || coalesce('<iframe title=\"HTML\" sandbox=\"allow-popups allow-popups-to-escape-sandbox\"'"
				" || ' srcdoc=\"&lt;base target=&quot;_blank&quot;&gt;' || max(k) FILTER (WHERE n = 'html')"
				" || '\"></iframe>', '') || '</article>' AS article FROM esc GROUP BY id) AS pages",
		 .expect = SPI_OK_SELECT);

VY_QUERY(show_mail, .sql = "SELECT message FROM vyricon.mailbox WHERE id = $1", .nargs = 1, .types = {INT8OID}, .expect = SPI_OK_SELECT);

static void list(VyRequest *request, VyResponse *response);
static void show(VyRequest *request, VyResponse *response);

static const VyRoute routes[] = {
	{VY_GET | VY_HEAD, "/dev/mail", list, &vy_dialect, VY_ROUTE_PLATFORM | VY_ROUTE_DEV | VY_ROUTE_HTML, NULL, InvalidOid},
	{VY_GET | VY_HEAD, "/dev/mail/:id", show, &vy_dialect, VY_ROUTE_PLATFORM | VY_ROUTE_DEV, NULL, InvalidOid},
};

static const char page_start[] =
	"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
	"<title>Mail</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
	"article{border-top:1px solid #ccc;padding:1rem 0}h2{margin:0;font-size:1.1rem}p{margin:.25rem 0;color:#555}"
	"pre{white-space:pre-wrap;overflow-wrap:anywhere}iframe{width:100%;height:20rem;border:1px solid #ccc}</style></head><body>"
	"<h1>Mail</h1><p>Kept instead of sent, since vyricon.smtp_url is not set. The newest 50.</p>";
static const char page_end[] = "</body></html>";

/* Only a style sheet of its own; links of a mail open elsewhere. */
static const char policy[] = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-src 'self'; base-uri 'none'; "
							 "form-action 'none'; frame-ancestors 'none'";

void
vy_mailbox_init(void)
{
	VY_ROUTES_ADD(routes);
}

void
vy_mailbox_keep(const VyTransfer *transfer, VyJobState state)
{
	const VyWireRequest *request = &transfer->job.request;
	Datum *recipients = palloc(request->nheaders * sizeof(Datum));
	int n = 0;
	Datum args[5] = {Int64GetDatum(transfer->job.id), PointerGetDatum(vy_str_text(request->target)), (Datum) 0, (Datum) 0,
					 PointerGetDatum(cstring_to_text_with_len(request->body.p, (int) request->body.n))};

	if (transfer->curl != NULL || state != VY_JOB_DONE)
		return;
	for (size_t i = 0; i < request->nheaders; i++)
	{
		if (vy_str_is(request->headers[i].name, "rcpt"))
			recipients[n++] = PointerGetDatum(vy_str_text(request->headers[i].value));
		else
			args[3] = PointerGetDatum(vy_str_text(request->headers[i].value));
	}
	args[2] = PointerGetDatum(construct_array(recipients, n, TEXTOID, -1, false, TYPALIGN_INT));
	(void) vy_query_run(&keep_mail, args, NULL);
}

/* A browser asks for HTML by name; others get JSON. */
static void
list(VyRequest *request, VyResponse *response)
{
	VyStr accept = vy_request_header(request, "accept");
	bool page = accept.p != NULL && memmem(accept.p, accept.n, "text/html", 9) != NULL;
	Datum body;
	bool isnull;

	(void) vy_query_row(page ? &page_mails : &list_mails, NULL, NULL, 1, &body, &isnull);
	vy_response_header(response, "cache-control", VY_STR("no-store"));
	vy_response_header(response, "content-type", page ? VY_STR("text/html; charset=utf-8") : VY_STR("application/json; charset=utf-8"));
	if (page)
	{
		vy_response_header(response, "content-security-policy", VY_STR(policy));
		vy_append(&response->body, VY_STR(page_start));
	}
	vy_append(&response->body, vy_text_str(DatumGetTextPP(body)));
	if (page)
		vy_append(&response->body, VY_STR(page_end));
}

static void
show(VyRequest *request, VyResponse *response)
{
	int64_t id;
	Datum arg;
	Datum message;
	bool isnull;

	if (vy_json_int64(vy_request_param(request, "id"), &id))
	{
		arg = Int64GetDatum(id);
		if (vy_query_row(&show_mail, &arg, NULL, 1, &message, &isnull))
		{
			vy_response_header(response, "content-type", VY_STR("message/rfc822"));
			vy_response_headerf(response, "content-disposition", "attachment; filename=\"%lld.eml\"", (long long) id);
			vy_append(&response->body, vy_text_str(DatumGetTextPP(message)));
			return;
		}
	}
	vy_refuse(request, response, 404, "VY404", "there is no such mail", NULL, "They are at /dev/mail.");
}
