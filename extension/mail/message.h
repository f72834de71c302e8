/*
 * message.h: one message (RFC 5322, MIME) made of its parts, ready for SMTP but for the doubling of leading dots.
 *
 * Whatever the parts hold, no header and no body part comes into being that the caller did not ask for: addresses, subject and bodies are
 * UTF-8 without control characters, what is not plain ASCII is encoded, and bodies are base64.
 */
#ifndef VY_MESSAGE_H
#define VY_MESSAGE_H

#include "base/base.h"

typedef struct VyMail
{
	VyStr from;
	const VyStr *to; /* one or more */
	size_t nto;
	const VyStr *cc;
	size_t ncc;
	VyStr reply_to; /* n == 0: none */
	VyStr subject;
	VyStr text; /* p == NULL: none; of text and html one is needed */
	VyStr html;
	VyStr message_id; /* "unique@host", without brackets */
	int64_t date_s; /* since 1970 */
} VyMail;

/*
 * Exactly one address: "a@b.example", "Name <a@b.example>" or "\"Name, with a comma\" <a@b.example>". addr_spec: what goes between MAIL
 * FROM's brackets. Beyond ASCII is only the name; a quoted local part and an address in place of the domain are refused.
 */
bool vy_mail_address_ok(VyStr address, VyStr *addr_spec);

/*
 * The size of the message, or 0: refused, with a short phrase of why in *problem. It is in out when it is at most cap; out may be NULL when
 * cap is 0, to learn the size.
 */
VY_MUST_CHECK size_t vy_mail_write(char *out, size_t cap, const VyMail *mail, const char **problem);

#endif
