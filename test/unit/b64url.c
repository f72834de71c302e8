/*
 * b64url.c: RFC 4648 vectors, every byte string of up to two bytes, and what strict decoding refuses.
 */
#include "base/b64url.h"

#include "tap.h"

static const struct
{
	const char *plain;
	const char *text;
} vectors[] = {
	{"", ""},
	{"f", "Zg"},
	{"fo", "Zm8"},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg"},
	{"fooba", "Zm9vYmE"},
	{"foobar", "Zm9vYmFy"},
	{"\xFB\xFF\xBF", "-_-_"},
	{"\xFF\xFE", "__4"},
	{"{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"},
};

static const struct
{
	VyStr text;
	const char *why;
} refused[] = {
	{VY_STR("Z"), "one digit says less than a byte"},
	{VY_STR("Zm9vY"), "one digit beyond a group"},
	{VY_STR("Zg=="), "padding"},
	{VY_STR("Zm8="), "padding"},
	{VY_STR("="), "padding alone"},
	{VY_STR("Zh"), "four trailing bits are not zero"},
	{VY_STR("Zm9"), "two trailing bits are not zero"},
	{VY_STR("_-"), "trailing bits are not zero"},
	{VY_STR("Zm9v\n"), "a line break"},
	{VY_STR("Zm 9v"), "a space inside"},
	{VY_STR(" Zm9v"), "a space in front"},
	{VY_STR("+/+/"), "the other alphabet"},
	{VY_STR("Zm9v.Zm9v"), "a full stop"},
	{VY_STR("Zm\0v"), "a NUL"},
	{VY_STR("\xC3\xA9\xC3\xA9"), "not ASCII"},
	{VY_STR("@@@@"), "below A"},
	{VY_STR("[[[["), "above Z"},
	{VY_STR("````"), "below a"},
	{VY_STR("{{{{"), "above z"},
	{VY_STR("::::"), "above 9"},
	{VY_STR(",,,,"), "below the hyphen"},
};

static void
test_vectors(void)
{
	for (size_t i = 0; i < LENGTH(vectors); i++)
	{
		uint8_t plain[64];
		char text[64];
		size_t plain_len = 99;
		size_t text_len = 99;
		size_t want = strlen(vectors[i].plain);

		ok(vy_b64url_encode(text, VY_B64URL_ENCODED_SIZE(want), &text_len, (const uint8_t *) vectors[i].plain, want) == 0 &&
			   vy_str_is(vy_str(text, text_len), vectors[i].text),
		   "\"%s\" is written", vectors[i].text);
		ok(vy_b64url_decode(plain, want, &plain_len, vectors[i].text, strlen(vectors[i].text)) == 0 && plain_len == want &&
			   memcmp(plain, vectors[i].plain, want) == 0,
		   "\"%s\" is read", vectors[i].text);
		ok(want == 0 || vy_b64url_decode(plain, want - 1, &plain_len, vectors[i].text, strlen(vectors[i].text)) == -1,
		   "\"%s\" is not read into too little room", vectors[i].text);
		ok(want == 0 || vy_b64url_encode(text, strlen(vectors[i].text) - 1, &text_len, (const uint8_t *) vectors[i].plain, want) == -1,
		   "\"%s\" is not written into too little room", vectors[i].text);
	}
}

static void
test_refused(void)
{
	for (size_t i = 0; i < LENGTH(refused); i++)
	{
		VyStr text = tight(refused[i].text);
		uint8_t out[64];
		size_t len = 99;

		ok(vy_b64url_decode(out, sizeof(out), &len, text.p, text.n) == -1 && len == 99, "%s is refused: %s", shown(refused[i].text),
		   refused[i].why);
		free((char *) text.p);
	}
}

/* Every byte string of one and two bytes, and every text of up to three digits: one text per byte string. */
static void
test_exhaustively(void)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	bool same = true;
	int read = 0;

	for (unsigned v = 0; v < 65536 + 256; v++)
	{
		uint8_t in[2] = {(uint8_t) (v >> 8), (uint8_t) v};
		size_t n = v < 65536 ? 2 : 1;
		uint8_t out[VY_B64URL_DECODED_SIZE(3)];
		char text[3];
		size_t text_len = 0;
		size_t len = 0;

		same = same && vy_b64url_encode(text, sizeof(text), &text_len, in, n) == 0 && text_len == VY_B64URL_ENCODED_SIZE(n) &&
			   vy_b64url_decode(out, sizeof(out), &len, text, text_len) == 0 && len == n && memcmp(in, out, n) == 0;
	}
	ok(same, "all strings of one and two bytes come back");
	for (unsigned v = 0; v < 64 * 64 * 64; v++)
	{
		char text[3] = {alphabet[v >> 12], alphabet[v >> 6 & 63], alphabet[v & 63]};
		uint8_t out[2];
		size_t len;

		read += vy_b64url_decode(out, sizeof(out), &len, text, 3) == 0;
		read += v < 64 * 64 && vy_b64url_decode(out, sizeof(out), &len, text + 1, 2) == 0;
	}
	ok(read == 65536 + 256, "no two texts mean the same bytes");
}

int
main(void)
{
	test_vectors();
	test_refused();
	test_exhaustively();
	return tap_done();
}
