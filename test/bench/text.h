/*
 * text.h: texts whose length is known, and texts with a number in them.
 */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stdbool.h>
#include <string.h>

typedef struct Text
{
	char *p;
	size_t n;
} Text;

/* A text with a number somewhere in it. */
typedef struct Template
{
	Text before;
	bool numbered;
	Text after;
} Template;

static inline Text
text_of(const char *p)
{
	return (Text){strdup(p), strlen(p)};
}

/* The template whose number stands where mark is. */
static inline Template
split(const char *text, const char *mark)
{
	const char *at = strstr(text, mark);

	if (!at)
		return (Template){.before = text_of(text)};
	return (Template){
		.before = {strndup(text, (size_t) (at - text)), (size_t) (at - text)}, .numbered = true, .after = text_of(at + strlen(mark))};
}

static inline char *
put_text(char *out, Text text)
{
	return mempcpy(out, text.p, text.n);
}

static inline char *
put_number(char *out, unsigned long value)
{
	char digits[24];
	char *at = digits + sizeof digits;

	do
		*--at = (char) ('0' + value % 10);
	while (value /= 10);
	return mempcpy(out, at, (size_t) (digits + sizeof digits - at));
}

static inline char *
put_template(char *out, const Template *template, long value)
{
	out = put_text(out, template->before);
	return template->numbered ? put_text(put_number(out, (unsigned long) value), template->after) : out;
}

#endif
