/*
 * utf8.c: every code point, every two-byte string, and the stress cases of Markus Kuhn's list.
 */
#include "base/utf8.h"

#include "tap.h"

static const struct
{
	VyStr bytes;
	bool valid;
	const char *name;
} cases[] = {
	{VY_STR(""), true, "nothing"},
	{VY_STR("plain ASCII, longer than eight bytes"), true, "ASCII"},
	{VY_STR("\0"), true, "U+0000"},
	{VY_STR("\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5"), true, "kosme"},
	{VY_STR("\xC2\x80"), true, "U+0080"},
	{VY_STR("\xDF\xBF"), true, "U+07FF"},
	{VY_STR("\xE0\xA0\x80"), true, "U+0800"},
	{VY_STR("\xED\x9F\xBF"), true, "U+D7FF"},
	{VY_STR("\xEE\x80\x80"), true, "U+E000"},
	{VY_STR("\xEF\xBF\xBD"), true, "U+FFFD"},
	{VY_STR("\xEF\xBF\xBF"), true, "U+FFFF, a noncharacter"},
	{VY_STR("\xEF\xBB\xBF"), true, "U+FEFF, the byte order mark"},
	{VY_STR("\xF0\x90\x80\x80"), true, "U+10000"},
	{VY_STR("\xF4\x8F\xBF\xBF"), true, "U+10FFFF"},
	{VY_STR("\xF4\x90\x80\x80"), false, "U+110000"},
	{VY_STR("\xF5\x80\x80\x80"), false, "lead byte F5"},
	{VY_STR("\xF8\x88\x80\x80\x80"), false, "five bytes"},
	{VY_STR("\xFC\x84\x80\x80\x80\x80"), false, "six bytes"},
	{VY_STR("\xFE"), false, "FE"},
	{VY_STR("\xFF"), false, "FF"},
	{VY_STR("\x80"), false, "a continuation byte alone"},
	{VY_STR("\xBF"), false, "the last continuation byte alone"},
	{VY_STR("\x80\xBF\x80\xBF\x80\xBF"), false, "continuation bytes"},
	{VY_STR("\xC3"), false, "two bytes, cut after one"},
	{VY_STR("\xE2\x82"), false, "three bytes, cut after two"},
	{VY_STR("\xE2"), false, "three bytes, cut after one"},
	{VY_STR("\xF0\x9F\x98"), false, "four bytes, cut after three"},
	{VY_STR("\xF0\x9F"), false, "four bytes, cut after two"},
	{VY_STR("\xC3 "), false, "a lead byte, then a space"},
	{VY_STR("\xE2\x82 "), false, "a third byte that is a space"},
	{VY_STR("\xF0\x9F\x98 "), false, "a fourth byte that is a space"},
	{VY_STR("\xF0\x9F \x80"), false, "a third byte of four that is a space"},
	{VY_STR("\xC0\xAF"), false, "overlong slash in two bytes"},
	{VY_STR("\xE0\x80\xAF"), false, "overlong slash in three bytes"},
	{VY_STR("\xF0\x80\x80\xAF"), false, "overlong slash in four bytes"},
	{VY_STR("\xC0\x80"), false, "overlong NUL"},
	{VY_STR("\xC1\xBF"), false, "overlong U+007F"},
	{VY_STR("\xE0\x9F\xBF"), false, "overlong U+07FF"},
	{VY_STR("\xF0\x8F\xBF\xBF"), false, "overlong U+FFFF"},
	{VY_STR("\xED\xA0\x80"), false, "U+D800"},
	{VY_STR("\xED\xAD\xBF"), false, "U+DB7F"},
	{VY_STR("\xED\xB0\x80"), false, "U+DC00"},
	{VY_STR("\xED\xBF\xBF"), false, "U+DFFF"},
	{VY_STR("\xED\xA0\x80\xED\xB0\x80"), false, "a surrogate pair"},
	{VY_STR("12345678\xFF"), false, "a bad byte behind eight good ones"},
	{VY_STR("1234567\xC3\xA9"), true, "a character across the eighth byte"},
	{VY_STR("1234567\xC3"), false, "a cut character as the eighth byte"},
};

static size_t
encode(char *out, unsigned code)
{
	if (code < 0x80)
	{
		out[0] = (char) code;
		return 1;
	}
	if (code < 0x800)
	{
		out[0] = (char) (0xC0 | code >> 6);
		out[1] = (char) (0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000)
	{
		out[0] = (char) (0xE0 | code >> 12);
		out[1] = (char) (0x80 | (code >> 6 & 63));
		out[2] = (char) (0x80 | (code & 63));
		return 3;
	}
	out[0] = (char) (0xF0 | code >> 18);
	out[1] = (char) (0x80 | (code >> 12 & 63));
	out[2] = (char) (0x80 | (code >> 6 & 63));
	out[3] = (char) (0x80 | (code & 63));
	return 4;
}

static void
test_all_code_points(void)
{
	unsigned wrong = 0;
	unsigned pairs = 0;

	for (unsigned code = 0; code < 0x1FFFFF; code++)
	{
		char bytes[4];
		size_t n = encode(bytes, code);
		bool want = code < 0x110000 && (code < 0xD800 || code > 0xDFFF);

		wrong += vy_utf8_valid(bytes, n) != want;
		wrong += n > 1 && vy_utf8_valid(bytes, n - 1);
	}
	ok(wrong == 0, "every code point whole, none cut, no surrogate, none above U+10FFFF");
	for (unsigned v = 0; v < 65536; v++)
	{
		char bytes[2] = {(char) (v >> 8), (char) v};

		pairs += vy_utf8_valid(bytes, 2);
	}
	ok(pairs == 128 * 128 + 30 * 64, "of all strings of two bytes just those of two ASCII characters or one character from U+0080");
}

int
main(void)
{
	ok(vy_utf8_valid(NULL, 0), "no buffer, no bytes");
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		VyStr bytes = tight(cases[i].bytes);

		ok(vy_utf8_valid(bytes.p, bytes.n) == cases[i].valid, "%s is %s", cases[i].name, cases[i].valid ? "valid" : "not valid");
		free((char *) bytes.p);
	}
	test_all_code_points();
	return tap_done();
}
