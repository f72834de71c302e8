/*
 * message.c: what message.h says. Everything is checked first, so that writing cannot fail; writing counts, and keeps what there is room
 * for.
 */
#include "mail/message.h"

#include <stdio.h>
#include <time.h>

#include "base/outbound.h"
#include "base/utf8.h"

#define LOCAL_MAX 64
#define DOMAIN_MAX 255
/* Longer text is encoded, which folds it: with the longest name of a field the line stays below 78. */
#define PLAIN_MAX 60
/* An encoded word of 64 characters: with the longest name of a field the line has at most 76 (RFC 2047). */
#define WORD_BYTES 39
#define LINE_BYTES 57 /* 76 characters of base64 */
#define LAST_DATE INT64_C(253402300799) /* of the year 9999 */

typedef struct Writer
{
	char *out;
	size_t cap;
	size_t n; /* may exceed cap */
} Writer;

/* Base64 of bytes that come one by one. */
typedef struct Encoder
{
	Writer *w;
	uint8_t bytes[LINE_BYTES];
	size_t n;
} Encoder;

typedef struct Address
{
	VyStr name; /* n == 0: none */
	VyStr spec;
} Address;

static bool read_address(VyStr in, Address *out);

bool
vy_mail_address_ok(VyStr address, VyStr *addr_spec)
{
	Address read;
	bool good = read_address(address, &read);

	if (good)
		*addr_spec = read.spec;
	return good;
}

/* --- what may come in --- */

/* UTF-8 without control characters (those of Latin-1 too); a body has tabs and line ends, which are LF or CR LF. */
static bool
text_ok(VyStr text, bool body)
{
	for (size_t i = 0; i < text.n; i++)
	{
		unsigned char c = (unsigned char) text.p[i];
		unsigned char next = i + 1 < text.n ? (unsigned char) text.p[i + 1] : 0;

		if (body && (c == '\t' || c == '\n' || (c == '\r' && next == '\n')))
			continue;
		if (c < ' ' || c == 0x7f || (c == 0xc2 && next < 0xa0))
			return false;
	}
	return vy_utf8_valid(text.p, text.n);
}

static bool
has(VyStr text, char c)
{
	return text.n > 0 && memchr(text.p, c, text.n) != NULL;
}

static bool
is_alphanumeric(char c)
{
	c = vy_ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* dot-atom of RFC 5322; the first byte is no '-', which a program would read as an option. */
static bool
local_ok(VyStr local)
{
	for (size_t i = 0; i < local.n; i++)
	{
		char c = local.p[i];
		bool atom = is_alphanumeric(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
		bool dot = c == '.' && i > 0 && i + 1 < local.n && local.p[i - 1] != '.';

		if (!atom && !dot)
			return false;
	}
	return local.n > 0 && local.n <= LOCAL_MAX && local.p[0] != '-';
}

static bool
spec_ok(VyStr spec)
{
	const char *at = spec.n > 0 ? memchr(spec.p, '@', spec.n) : NULL;
	size_t local = at ? (size_t) (at - spec.p) : 0;

	return at && local_ok(vy_str(spec.p, local)) && spec.n - local - 1 <= DOMAIN_MAX &&
		   vy_outbound_name_ok(vy_str(at + 1, spec.n - local - 1));
}

static VyStr
trimmed(VyStr s)
{
	while (s.n > 0 && s.p[0] == ' ')
		s = vy_str(s.p + 1, s.n - 1);
	while (s.n > 0 && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}

/* A name in quotes may have what else parts addresses from each other. Escapes are refused, so that it is written as it was read. */
static bool
read_name(VyStr in, VyStr *name)
{
	bool quoted = in.n >= 2 && in.p[0] == '"' && in.p[in.n - 1] == '"';

	*name = quoted ? vy_str(in.p + 1, in.n - 2) : in;
	if (!text_ok(*name, false) || has(*name, '"') || has(*name, '\\'))
		return false;
	return quoted || !(has(in, ',') || has(in, ';') || has(in, '@') || has(in, '<') || has(in, '>'));
}

static bool
read_address(VyStr in, Address *out)
{
	size_t open = in.n;

	*out = (Address){vy_str(NULL, 0), in};
	if (in.n == 0 || in.p[in.n - 1] != '>')
		return spec_ok(in);
	while (open > 0 && in.p[open - 1] != '<')
		open--;
	if (open == 0)
		return false;
	out->spec = vy_str(in.p + open, in.n - open - 1);
	return spec_ok(out->spec) && read_name(trimmed(vy_str(in.p, open - 1)), &out->name);
}

static bool
addresses_ok(const VyStr *list, size_t n)
{
	Address read;

	for (size_t i = 0; i < n; i++)
		if (!read_address(list[i], &read))
			return false;
	return true;
}

/* NULL, or what is wrong. */
static const char *
problem_of(const VyMail *mail)
{
	if (!addresses_ok(&mail->from, 1))
		return "bad sender";
	if (mail->nto == 0)
		return "no recipient";
	if (!addresses_ok(mail->to, mail->nto) || !addresses_ok(mail->cc, mail->ncc))
		return "bad recipient";
	if (mail->reply_to.n > 0 && !addresses_ok(&mail->reply_to, 1))
		return "bad address for replies";
	if (!text_ok(mail->subject, false))
		return "bad subject";
	if (!spec_ok(mail->message_id))
		return "bad message id";
	if (mail->date_s < 0 || mail->date_s > LAST_DATE)
		return "bad date";
	if (mail->text.p == NULL && mail->html.p == NULL)
		return "no text";
	if (!text_ok(mail->text, true) || !text_ok(mail->html, true))
		return "bad text";
	return NULL;
}

/* --- writing --- */

static void
put(Writer *w, VyStr s)
{
	if (s.n > 0 && w->n <= w->cap && s.n <= w->cap - w->n)
		memcpy(w->out + w->n, s.p, s.n);
	w->n += s.n;
}

static void
put_text(Writer *w, const char *text)
{
	put(w, vy_cstr(text));
}

static void
put_base64(Writer *w, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3)
	{
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = (uint32_t) bytes[i] << 16 | (have > 1 ? (uint32_t) bytes[i + 1] << 8 : 0) | (have > 2 ? bytes[i + 2] : 0);
		char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], have > 1 ? digits[bits >> 6 & 63] : '=',
						have > 2 ? digits[bits & 63] : '='};

		put(w, vy_str(four, sizeof(four)));
	}
}

/* Encoded words of RFC 2047 on a line each; a character is never split. */
static void
put_words(Writer *w, VyStr text)
{
	while (text.n > 0)
	{
		size_t n = text.n < WORD_BYTES ? text.n : WORD_BYTES;

		while (n < text.n && ((unsigned char) text.p[n] & 0xc0) == 0x80)
			n--;
		put_text(w, "=?UTF-8?B?");
		put_base64(w, (const uint8_t *) text.p, n);
		put_text(w, text.n > n ? "?=\r\n " : "?=");
		text = vy_str(text.p + n, text.n - n);
	}
}

/* Short ASCII that no reader takes for encoded words, and of which no space is lost. */
static bool
is_plain(VyStr text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] > '~' || (text.p[i] == '=' && i + 1 < text.n && text.p[i + 1] == '?'))
			return false;
	return text.n <= PLAIN_MAX && trimmed(text).n == text.n;
}

static void
put_addresses(Writer *w, const char *field, const VyStr *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		Address address;

		(void) read_address(list[i], &address);
		put_text(w, i == 0 ? field : ",\r\n ");
		if (address.name.n > 0 && is_plain(address.name))
		{
			put_text(w, "\"");
			put(w, address.name);
			put_text(w, "\"");
		}
		else
			put_words(w, address.name);
		put_text(w, address.name.n > 0 ? "\r\n <" : "<");
		put(w, address.spec);
		put_text(w, ">");
	}
	put_text(w, n > 0 ? "\r\n" : "");
}

static void
put_subject(Writer *w, VyStr subject)
{
	put_text(w, "Subject: ");
	if (is_plain(subject))
		put(w, subject);
	else
		put_words(w, subject);
	put_text(w, "\r\n");
}

/* Names of days and months are no matter of the locale. */
static void
put_date(Writer *w, int64_t date_s)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = (time_t) date_s;
	struct tm at = {0};
	char text[96];

	gmtime_r(&seconds, &at);
	snprintf(text, sizeof(text), "Date: %.3s, %d %.3s %04d %02d:%02d:%02d +0000\r\n", days + 3 * at.tm_wday, at.tm_mday,
			 months + 3 * at.tm_mon, at.tm_year + 1900, at.tm_hour, at.tm_min, at.tm_sec);
	put_text(w, text);
}

static void
end_line(Encoder *e)
{
	if (e->n == 0)
		return;
	put_base64(e->w, e->bytes, e->n);
	put_text(e->w, "\r\n");
	e->n = 0;
}

static void
encode(Encoder *e, char c)
{
	e->bytes[e->n++] = (uint8_t) c;
	if (e->n == sizeof(e->bytes))
		end_line(e);
}

/* The fields of a part, and its body; what is encoded has CR LF at the end of lines (RFC 2045). */
static void
put_part(Writer *w, const char *type, VyStr body)
{
	Encoder e = {.w = w};

	put_text(w, "Content-Type: ");
	put_text(w, type);
	put_text(w, "; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	for (size_t i = 0; i < body.n; i++)
	{
		if (body.p[i] == '\n' && (i == 0 || body.p[i - 1] != '\r'))
			encode(&e, '\r');
		encode(&e, body.p[i]);
	}
	end_line(&e);
}

/* Base64 has no '-', so that no line of a body starts a part. At most 66 characters of 70 (RFC 2046). */
static void
put_boundary(Writer *w, const char *before, VyStr message_id, const char *after)
{
	put_text(w, before);
	put_text(w, "=_");
	for (size_t i = 0; i < message_id.n && message_id.p[i] != '@'; i++)
		put(w, is_alphanumeric(message_id.p[i]) ? vy_str(message_id.p + i, 1) : VY_STR("_"));
	put_text(w, after);
}

/* Readers show the last part that they can show. */
static void
put_alternatives(Writer *w, const VyMail *mail)
{
	put_boundary(w, "Content-Type: multipart/alternative;\r\n boundary=\"", mail->message_id, "\"\r\n\r\n");
	put_boundary(w, "--", mail->message_id, "\r\n");
	put_part(w, "text/plain", mail->text);
	put_boundary(w, "--", mail->message_id, "\r\n");
	put_part(w, "text/html", mail->html);
	put_boundary(w, "--", mail->message_id, "--\r\n");
}

size_t
vy_mail_write(char *out, size_t cap, const VyMail *mail, const char **problem)
{
	Writer w = {out, cap, 0};
	const char *found = problem_of(mail);

	if (found != NULL)
	{
		*problem = found;
		return 0;
	}
	put_addresses(&w, "From: ", &mail->from, 1);
	put_addresses(&w, "To: ", mail->to, mail->nto);
	put_addresses(&w, "Cc: ", mail->cc, mail->ncc);
	put_addresses(&w, "Reply-To: ", &mail->reply_to, mail->reply_to.n > 0 ? 1 : 0);
	put_subject(&w, mail->subject);
	put_date(&w, mail->date_s);
	put_text(&w, "Message-ID: <");
	put(&w, mail->message_id);
	put_text(&w, ">\r\nMIME-Version: 1.0\r\n");
	if (mail->text.p != NULL && mail->html.p != NULL)
		put_alternatives(&w, mail);
	else if (mail->html.p != NULL)
		put_part(&w, "text/html", mail->html);
	else
		put_part(&w, "text/plain", mail->text);
	return w.n;
}
