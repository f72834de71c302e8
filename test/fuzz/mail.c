/*
 * mail.c: whatever the parts hold, a message has the fields that were asked for and no other, in ASCII, in lines that end with CR LF; both
 * passes agree on its size.
 */
#include "mail/message.h"

#include "fuzz.h"

static const char *const fields[] = {"From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version"};

static void
wire_clean(const char *out, size_t n)
{
	size_t line = 0;

	REQUIRE(n > 2 && memcmp(out + n - 2, "\r\n", 2) == 0);
	for (size_t i = 0; i < n; i++)
	{
		unsigned char c = (unsigned char) out[i];

		REQUIRE((c >= ' ' && c < 0x7f) || (c == '\r' && i + 1 < n && out[i + 1] == '\n') || (c == '\n' && i > 0 && out[i - 1] == '\r'));
		line = c == '\n' ? 0 : line + 1;
		REQUIRE(line <= 998);
	}
}

/* How many fields the head has; each that is not of the content must be known. */
static size_t
count_fields(const char *out, size_t n)
{
	size_t count = 0;
	VyStr left = vy_str(out, n);

	for (VyStr line = cut_at(&left, '\n'); line.n > 1; line = cut_at(&left, '\n'))
	{
		bool known = line.p[0] == ' ' || vy_str_starts(line, "Content-");

		for (size_t i = 0; i < LENGTH(fields); i++)
			if (vy_str_starts(line, fields[i]) && line.p[strlen(fields[i])] == ':')
				known = true;
		REQUIRE(known);
		count += line.p[0] == ' ' ? 0 : 1;
	}
	return count;
}

static void
write_one(const VyMail *mail)
{
	const char *problem = NULL;
	size_t n = vy_mail_write(NULL, 0, mail, &problem);
	char *out = block(n);

	if (n == 0)
		REQUIRE(problem != NULL);
	else
	{
		REQUIRE(vy_mail_write(out, n, mail, &problem) == n);
		wire_clean(out, n);
		REQUIRE(count_fields(out, n) ==
				(size_t) 7 + (mail->ncc > 0) + (mail->reply_to.n > 0) + (mail->text.p == NULL || mail->html.p == NULL));
		REQUIRE(naive_utf8(mail->subject.p, mail->subject.n) && naive_utf8(mail->text.p, mail->text.n));
	}
	free(out);
}

static VyStr
line_of(VyStr *left)
{
	VyStr line = cut_at(left, '\n');

	return exact(line.p, line.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VyStr left = vy_str((const char *) data, size);
	VyStr from = line_of(&left);
	VyStr to[] = {line_of(&left), VY_STR("a@b.example")};
	VyStr reply_to = line_of(&left);
	VyStr id = line_of(&left);
	VyStr subject = line_of(&left);
	VyStr html = line_of(&left);
	VyStr text = exact(left.p, left.n);
	VyStr spec;
	VyMail mail = {to[1], to, 2, NULL, 0, reply_to, subject, text, html, id, (int64_t) size * 86399};

	if (vy_mail_address_ok(from, &spec))
	{
		REQUIRE(spec.n > 2 && spec.p >= from.p && spec.p + spec.n <= from.p + from.n && spec.p[0] != '-');
		for (size_t i = 0; i < spec.n; i++)
			REQUIRE(spec.p[i] > ' ' && spec.p[i] < 0x7f && memchr("<>,;:\"\\()[]", spec.p[i], 11) == NULL);
		mail.from = from;
		mail.cc = &from;
		mail.ncc = 1;
	}
	write_one(&mail);
	/* The rest as it came, with parts that are good: each is tried alone. */
	mail.to = to + 1;
	mail.nto = 1;
	write_one(&mail);
	mail.reply_to = vy_str(NULL, 0);
	mail.message_id = VY_STR("a@b.example");
	write_one(&mail);
	drop(from);
	drop(to[0]);
	drop(reply_to);
	drop(id);
	drop(subject);
	drop(html);
	drop(text);
	return 0;
}
