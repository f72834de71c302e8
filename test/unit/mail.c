/*
 * mail.c: messages are read back by a small reader of their own: fields, encoded words, parts. Nothing that comes in adds a field.
 * sources: mail/message.c
 */
#include "mail/message.h"

#include "tap.h"

#define DATE 1764104650 /* 2025-11-25 21:04:10 */
#define UMLAUT "\xc3\xa4"
#define EURO "\xe2\x82\xac"
#define TREE "\xf0\x9f\x8c\xb2"
#define ID "message-1.a@host.example"

static const struct
{
	VyStr address;
	const char *spec; /* NULL: refused */
	const char *why;
} addresses[] = {
	{VY_STR_INIT("a@b.example"), "a@b.example", "an address alone"},
	{VY_STR_INIT("a@localhost"), "a@localhost", "a host of one label"},
	{VY_STR_INIT("a.b+c=d/e@b.example"), "a.b+c=d/e@b.example", "what a local part may have"},
	{VY_STR_INIT("<a@b.example>"), "a@b.example", "brackets without a name"},
	{VY_STR_INIT("Name <a@b.example>"), "a@b.example", "a name"},
	{VY_STR_INIT("J. R. (Bob) O'Name <a@b.example>"), "a@b.example", "a name with dots and brackets"},
	{VY_STR_INIT("N" UMLAUT "me " EURO " <a@b.example>"), "a@b.example", "a name beyond ASCII"},
	{VY_STR_INIT("\"Name, with <comma>; x@y\" <a@b.example>"), "a@b.example", "a name in quotes"},
	{VY_STR_INIT("\"\" <a@b.example>"), "a@b.example", "an empty name in quotes"},
	{VY_STR_INIT(""), NULL, "nothing"},
	{VY_STR_INIT("a"), NULL, "no domain"},
	{VY_STR_INIT("@b.example"), NULL, "no local part"},
	{VY_STR_INIT("a@"), NULL, "an empty domain"},
	{VY_STR_INIT("a@b@c.example"), NULL, "two signs"},
	{VY_STR_INIT("-a@b.example"), NULL, "a leading '-'"},
	{VY_STR_INIT("Name <-a@b.example>"), NULL, "a leading '-' in brackets"},
	{VY_STR_INIT("a@-b.example"), NULL, "a domain with a leading '-'"},
	{VY_STR_INIT("a b@c.example"), NULL, "a space in the local part"},
	{VY_STR_INIT(" a@b.example"), NULL, "a space before"},
	{VY_STR_INIT("a@b.example "), NULL, "a space after"},
	{VY_STR_INIT("< a@b.example>"), NULL, "a space in brackets"},
	{VY_STR_INIT(".a@b.example"), NULL, "a dot first"},
	{VY_STR_INIT("a.@b.example"), NULL, "a dot last"},
	{VY_STR_INIT("a..b@b.example"), NULL, "two dots"},
	{VY_STR_INIT("a@b..example"), NULL, "two dots in the domain"},
	{VY_STR_INIT("a@[127.0.0.1]"), NULL, "an address in place of the domain"},
	{VY_STR_INIT("\"a b\"@b.example"), NULL, "a quoted local part"},
	{VY_STR_INIT(UMLAUT "@b.example"), NULL, "a local part beyond ASCII"},
	{VY_STR_INIT("a@" UMLAUT ".example"), NULL, "a domain beyond ASCII"},
	{VY_STR_INIT("a@b.example, c@d.example"), NULL, "two addresses"},
	{VY_STR_INIT("a@b.example, Name <c@d.example>"), NULL, "two addresses, one with a name"},
	{VY_STR_INIT("Name <a@b.example>, c@d.example"), NULL, "two addresses, one with a name first"},
	{VY_STR_INIT("<a@b.example><c@d.example>"), NULL, "two addresses in brackets"},
	{VY_STR_INIT("<a@b.example> <c@d.example>"), NULL, "two addresses in brackets, apart"},
	{VY_STR_INIT("Team: <a@b.example>;"), NULL, "a group"},
	{VY_STR_INIT("Last, First <a@b.example>"), NULL, "a comma without quotes"},
	{VY_STR_INIT("a < b <a@b.example>"), NULL, "a bracket without quotes"},
	{VY_STR_INIT("\"a\" \"b\" <a@b.example>"), NULL, "two quoted strings"},
	{VY_STR_INIT("\"a\\\" <a@b.example>"), NULL, "an escape"},
	{VY_STR_INIT("\" <a@b.example>"), NULL, "one quote"},
	{VY_STR_INIT("a@b.example>"), NULL, "only the last bracket"},
	{VY_STR_INIT("Name <a@b.example> (comment)"), NULL, "a comment"},
	{VY_STR_INIT("a@b.example\r\nBcc: c@d.example"), NULL, "a line end"},
	{VY_STR_INIT("Name\r\nBcc: c@d.example\r\nX: <a@b.example>"), NULL, "a line end in the name"},
	{VY_STR_INIT("Name\n <a@b.example>"), NULL, "a line feed in the name"},
	{VY_STR_INIT("Name\r <a@b.example>"), NULL, "a carriage return in the name"},
	{VY_STR_INIT("Na\0me <a@b.example>"), NULL, "a NUL in the name"},
	{VY_STR_INIT("a\0@b.example"), NULL, "a NUL in the local part"},
	{VY_STR_INIT("a@b\0c.example"), NULL, "a NUL in the domain"},
	{VY_STR_INIT("Na\tme <a@b.example>"), NULL, "a tab in the name"},
	{VY_STR_INIT("Na\x7fme <a@b.example>"), NULL, "a DEL in the name"},
	{VY_STR_INIT("Na\xc2\x85me <a@b.example>"), NULL, "Latin-1's next line in the name"},
	{VY_STR_INIT("Na\xc3me <a@b.example>"), NULL, "a name that is not UTF-8"},
};

static const VyStr subjects[] = {
	VY_STR_INIT(""),
	VY_STR_INIT("Your booking"),
	VY_STR_INIT("Two  spaces, \"quotes\" and a = b"),
	VY_STR_INIT(" a space at each end "),
	VY_STR_INIT("=?UTF-8?B?QQ==?="),
	VY_STR_INIT("123456789 123456789 123456789 123456789 123456789 123456789 "
				"123456789 123456789 123456789 123456789 123456789 123456789 123456789 x"),
	VY_STR_INIT("123456789012345678901234567890123456789012345678901234567890"),
	VY_STR_INIT("B" UMLAUT "ume"),
	VY_STR_INIT(EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO EURO),
	VY_STR_INIT("x" TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE),
	VY_STR_INIT("xy" TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE),
	VY_STR_INIT("xyz" TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE TREE),
};

static const VyStr one[] = {VY_STR_INIT("a@b.example")};

/* A mail that is refused for nothing. */
static VyMail
plain_mail(void)
{
	return (VyMail){
		.from = VY_STR("Tours <tours@host.example>"),
		.to = one,
		.nto = 1,
		.subject = VY_STR("Hello"),
		.text = VY_STR("Hello.\n"),
		.message_id = VY_STR(ID),
		.date_s = DATE,
	};
}

/* Written in two passes into a block without a byte to spare, NUL-terminated; "" when it was refused, and then *problem says why. */
static char *
written(const VyMail *mail, const char **problem)
{
	size_t n = vy_mail_write(NULL, 0, mail, problem);
	char *block = malloc(n + 1);
	char *text = malloc(n + 1);

	if (block == NULL || text == NULL)
		abort();
	block = n > 0 ? realloc(block, n) : block;
	if (n > 0 && vy_mail_write(block, n, mail, problem) != n)
		ok(false, "both passes agree");
	memcpy(text, block, n);
	text[n] = '\0';
	free(block);
	return text;
}

/* Decodes base64 up to a byte that is none, passing over line ends; returns the length. */
static size_t
decode(char *out, const char *in, const char *end)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (; in < end; in++)
	{
		const char *digit = strchr(digits, *in);

		if (digit == NULL || *in == '\0')
			continue;
		bits = (bits << 6 | (unsigned) (digit - digits)) & 0xffff;
		have += 6;
		if (have >= 8)
		{
			have -= 8;
			out[n++] = (char) (bits >> have & 0xff);
		}
	}
	out[n] = '\0';
	return n;
}

/* The value of a field, unfolded, its encoded words decoded; each must be UTF-8 on its own. "" when there is none, or more than one. */
static const char *
field(const char *message, const char *name)
{
	static char value[4][4096];
	static unsigned turn;
	char *out = value[turn++ % 4];
	char start[64];
	size_t n = 0;
	size_t encoded = 0;
	const char *at;
	const char *head_end = strstr(message, "\r\n\r\n");

	snprintf(start, sizeof(start), "\r\n%s: ", name);
	at = strncmp(message, start + 2, strlen(start + 2)) == 0 ? message - 2 : strstr(message, start);
	out[0] = '\0';
	if (at == NULL || head_end == NULL || at > head_end || (strstr(at + 2, start) && strstr(at + 2, start) < head_end))
		return out;
	at += strlen(start);
	/* Readers drop spaces at both ends, unless they are encoded. */
	at += strspn(at, " ");
	while (*at != '\0' && !(at[0] == '\r' && at[2] != ' '))
	{
		const char *end = strncmp(at, "=?UTF-8?B?", 10) == 0 ? strstr(at + 10, "?=") : NULL;

		if (end != NULL && end + 2 - at > 75)
			ok(false, "an encoded word is too long");
		if (end != NULL)
		{
			size_t length = decode(out + n, at + 10, end);

			if (length == 0 || ((unsigned char) out[n] & 0xc0) == 0x80)
				ok(false, "an encoded word starts with a character");
			n += length;
			encoded = n;
			at = end + 2;
			/* What stands between encoded words is not shown. */
			if (strncmp(at, "\r\n =?", 5) == 0)
				at += 3;
		}
		else if (at[0] == '\r')
			at += 2;
		else
			out[n++] = *at++;
	}
	while (n > encoded && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return out;
}

/* CR and LF only together, and no line longer than most. */
static bool
lines_ok(const char *message, size_t most)
{
	size_t line = 0;

	for (size_t i = 0; message[i] != '\0'; i++)
	{
		if ((message[i] == '\n') != (i > 0 && message[i - 1] == '\r') || (unsigned char) message[i] > '~')
			return false;
		line = message[i] == '\n' ? 0 : line + 1;
		if (line > most + 1)
			return false;
	}
	return line == 0;
}

static size_t
count(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part)) != NULL)
	{
		n++;
		text += strlen(part);
	}
	return n;
}

static void
test_addresses(void)
{
	static char text[64 + 1 + 255 + 2];
	VyStr spec;

	for (size_t i = 0; i < LENGTH(addresses); i++)
	{
		VyStr copy = tight(addresses[i].address);
		bool read = vy_mail_address_ok(copy, &spec);

		ok(read == (addresses[i].spec != NULL) && (!read || vy_str_is(spec, addresses[i].spec)), "%s %s", addresses[i].why,
		   addresses[i].spec ? "is read" : "is refused");
		free((char *) copy.p);
	}
	memset(text, 'a', sizeof(text));
	for (size_t i = 65 + 50; i < sizeof(text); i += 50)
		text[i] = '.';
	text[64] = '@';
	ok(vy_mail_address_ok(vy_str(text, 64 + 1 + 255), &spec), "64 and 255 bytes are read");
	ok(!vy_mail_address_ok(vy_str(text, 64 + 1 + 256), &spec), "a domain of 256 is refused");
	text[64] = 'a';
	text[65] = '@';
	ok(!vy_mail_address_ok(vy_str(text, 80), &spec), "a local part of 65 is refused");
}

static void
test_whole(void)
{
	VyMail mail = plain_mail();
	const char *problem = "none";
	char *got = written(&mail, &problem);
	char small[64];

	ok(strcmp(got, "From: \"Tours\"\r\n <tours@host.example>\r\nTo: <a@b.example>\r\nSubject: Hello\r\n"
				   "Date: Tue, 25 Nov 2025 21:04:10 +0000\r\nMessage-ID: <" ID ">\r\nMIME-Version: 1.0\r\n"
				   "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8uDQo=\r\n") == 0,
	   "a plain message, byte by byte");
	memset(small, '#', sizeof(small));
	ok(vy_mail_write(small, sizeof(small) - 8, &mail, &problem) == strlen(got) && memcmp(small + sizeof(small) - 8, "########", 8) == 0,
	   "a small buffer is not written beyond, and the size is told");
	free(got);
}

static void
test_fields(void)
{
	static const VyStr to[] = {VY_STR_INIT("N" UMLAUT "me <a@b.example>"), VY_STR_INIT("c@d.example"),
							   VY_STR_INIT("\"E, F\" <e@f.example>")};
	static const VyStr cc[] = {VY_STR_INIT("A name that is longer than sixty characters, or so it seems to be here <g@h.example>"),
							   VY_STR_INIT("\"A name, that is longer than sixty characters, or so it seems to be here\" <g@h.example>")};
	VyMail mail = plain_mail();
	const char *problem = "none";
	char *got;

	mail.to = to;
	mail.nto = LENGTH(to);
	mail.cc = cc + 1;
	mail.ncc = 1;
	mail.reply_to = VY_STR("Office <i@j.example>");
	got = written(&mail, &problem);
	ok(strcmp(field(got, "To"), "N" UMLAUT "me <a@b.example>, <c@d.example>, \"E, F\" <e@f.example>") == 0, "recipients, and their names");
	ok(strcmp(field(got, "Cc"), "A name, that is longer than sixty characters, or so it seems to be here <g@h.example>") == 0,
	   "a long name is encoded");
	ok(strcmp(field(got, "Reply-To"), "\"Office\" <i@j.example>") == 0, "an address for replies");
	ok(lines_ok(got, 78), "lines of at most 78 characters");
	free(got);
	mail.cc = cc;
	ok(vy_mail_write(NULL, 0, &mail, &problem) == 0 && strcmp(problem, "bad recipient") == 0, "a bad copy is refused");
	mail.ncc = 0;
	mail.reply_to = vy_str(NULL, 0);
	got = written(&mail, &problem);
	ok(strstr(got, "Cc:") == NULL && strstr(got, "Reply-To:") == NULL, "no copies, no address for replies: no such fields");
	free(got);
}

static void
test_subjects(void)
{
	for (size_t i = 0; i < LENGTH(subjects); i++)
	{
		VyMail mail = plain_mail();
		const char *problem = "none";
		char *got;

		mail.subject = tight(subjects[i]);
		got = written(&mail, &problem);
		ok(strcmp(field(got, "Subject"), subjects[i].p) == 0, "subject %zu comes back: %s", i, shown(subjects[i]));
		ok(lines_ok(got, 76), "subject %zu has lines of at most 76 characters", i);
		free((char *) mail.subject.p);
		free(got);
	}
}

static void
test_dates(void)
{
	static const struct
	{
		int64_t date_s;
		const char *text;
	} dates[] = {
		{0, "Thu, 1 Jan 1970 00:00:00 +0000"},
		{951782400, "Tue, 29 Feb 2000 00:00:00 +0000"},
		{INT64_C(4102444799), "Thu, 31 Dec 2099 23:59:59 +0000"},
		{INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 +0000"},
		{INT64_C(253402300800), ""},
		{-1, ""},
		{INT64_MAX, ""},
		{INT64_MIN, ""},
	};

	for (size_t i = 0; i < LENGTH(dates); i++)
	{
		VyMail mail = plain_mail();
		const char *problem = "none";
		char *got;

		mail.date_s = dates[i].date_s;
		got = written(&mail, &problem);
		ok(strcmp(field(got, "Date"), dates[i].text) == 0, "date %lld: %s", (long long) dates[i].date_s, dates[i].text);
		free(got);
	}
}

/* The body of the part of this type, decoded. */
static const char *
body(const char *message, const char *type)
{
	static char out[2][70000];
	static unsigned turn;
	char *text = out[turn++ % 2];
	char start[128];
	const char *at;
	const char *end;

	snprintf(start, sizeof(start), "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", type);
	at = strstr(message, start);
	if (at == NULL)
		return "absent";
	at += strlen(start);
	end = strstr(at, "--");
	decode(text, at, end ? end : at + strlen(at));
	return text;
}

static void
test_bodies(void)
{
	static char many[57 * 700 + 1];
	VyMail mail = plain_mail();
	const char *problem = "none";
	char *got;

	mail.text = VY_STR("a\nb\r\n\tc\n\n" EURO);
	got = written(&mail, &problem);
	ok(strcmp(body(got, "text/plain"), "a\r\nb\r\n\tc\r\n\r\n" EURO) == 0, "line ends of a text are CR LF");
	ok(strcmp(body(got, "text/html"), "absent") == 0 && strstr(got, "multipart") == NULL, "only a text: one part");
	free(got);
	mail.html = VY_STR("<p>a</p>");
	got = written(&mail, &problem);
	ok(strcmp(field(got, "Content-Type"), "multipart/alternative; boundary=\"=_message_1_a\"") == 0,
	   "both: alternatives, by the message id");
	ok(strcmp(body(got, "text/plain"), "a\r\nb\r\n\tc\r\n\r\n" EURO) == 0 && strcmp(body(got, "text/html"), "<p>a</p>") == 0 &&
		   strstr(got, "text/plain") < strstr(got, "text/html"),
	   "both bodies, the text first");
	ok(count(got, "\r\n--=_message_1_a\r\n") == 2 && count(got, "\r\n--=_message_1_a--\r\n") == 1 && lines_ok(got, 78),
	   "two parts and an end");
	free(got);
	mail.text = vy_str(NULL, 0);
	got = written(&mail, &problem);
	ok(strcmp(body(got, "text/html"), "<p>a</p>") == 0 && strcmp(body(got, "text/plain"), "absent") == 0, "only HTML: one part");
	free(got);
	mail.text = VY_STR("");
	got = written(&mail, &problem);
	ok(strcmp(body(got, "text/plain"), "") == 0 && count(got, "\r\n--=_message_1_a\r\n") == 2, "an empty text is a part");
	free(got);
	memset(many, 'x', sizeof(many) - 1);
	for (size_t n = sizeof(many) - 120; n < sizeof(many); n++)
	{
		mail.text = vy_str(many, n);
		got = written(&mail, &problem);
		if (strlen(body(got, "text/plain")) != n || !lines_ok(got, 76))
			ok(false, "a text of %zu bytes comes back", n);
		free(got);
	}
	ok(true, "texts of any length come back in lines of at most 76 characters");
}

static void
refused(const VyMail *mail, const char *wanted, const char *name)
{
	const char *problem = "none";
	char untouched[4] = "###";

	ok(vy_mail_write(untouched, sizeof(untouched), mail, &problem) == 0 && strcmp(problem, wanted) == 0 && strcmp(untouched, "###") == 0,
	   "%s is refused: %s", name, problem);
}

static void
test_refusals(void)
{
	static const VyStr hostile[] = {
		VY_STR_INIT("a\r\nBcc: x@y.example"),
		VY_STR_INIT("a\nb"),
		VY_STR_INIT("a\rb"),
		VY_STR_INIT("a\0b"),
		VY_STR_INIT("a\x1b[0m"),
		VY_STR_INIT("a\x7f"),
		VY_STR_INIT("\xc2\x85"),
		VY_STR_INIT("\xff"),
		VY_STR_INIT("\xc3"),
		VY_STR_INIT("\xed\xa0\x80"),
		VY_STR_INIT("a\tb"),
		VY_STR_INIT("\xc0\x8a"
					"Bcc: x"),
	};
	static const VyStr bad_bodies[] = {VY_STR_INIT("a\rb"), VY_STR_INIT("a\r"),      VY_STR_INIT("\0"),
									   VY_STR_INIT("\x0c"), VY_STR_INIT("\xc2\x80"), VY_STR_INIT("\xff")};
	static const VyStr bad_ids[] = {VY_STR_INIT(""),      VY_STR_INIT("a"),    VY_STR_INIT("<a@b>"), VY_STR_INIT("a@b\r\nx: y"),
									VY_STR_INIT("a b@c"), VY_STR_INIT("a\"@c")};
	static const VyStr bad_to[] = {VY_STR_INIT("a@b.example"), VY_STR_INIT("a@b.example\r\n")};
	VyMail mail;

	for (size_t i = 0; i < LENGTH(hostile); i++)
	{
		mail = plain_mail();
		mail.subject = hostile[i];
		refused(&mail, "bad subject", shown(hostile[i]));
	}
	for (size_t i = 0; i < LENGTH(bad_bodies); i++)
	{
		mail = plain_mail();
		mail.text = bad_bodies[i];
		refused(&mail, "bad text", shown(bad_bodies[i]));
		mail = plain_mail();
		mail.html = bad_bodies[i];
		refused(&mail, "bad text", shown(bad_bodies[i]));
	}
	for (size_t i = 0; i < LENGTH(bad_ids); i++)
	{
		mail = plain_mail();
		mail.message_id = bad_ids[i];
		refused(&mail, "bad message id", shown(bad_ids[i]));
	}
	mail = plain_mail();
	mail.from = vy_str(NULL, 0);
	refused(&mail, "bad sender", "no sender");
	mail = plain_mail();
	mail.to = bad_to;
	mail.nto = 2;
	refused(&mail, "bad recipient", "a bad second recipient");
	mail.nto = 0;
	refused(&mail, "no recipient", "nobody");
	mail = plain_mail();
	mail.reply_to = bad_to[1];
	refused(&mail, "bad address for replies", "a bad address for replies");
	mail = plain_mail();
	mail.text = vy_str(NULL, 0);
	refused(&mail, "no text", "neither text nor HTML");
}

int
main(void)
{
	test_addresses();
	test_whole();
	test_fields();
	test_subjects();
	test_dates();
	test_bodies();
	test_refusals();
	return tap_done();
}
