/*
 * json_check.c: grammar after the names of JSONTestSuite (y_ accepted, n_ refused, i_ as decided here), encoding and depth.
 */
#include "base/json.h"

#include "tap.h"

#define DEPTH 64

static const VyStr accepted[] = {
	VY_STR("[[]   ]"),
	VY_STR("[\"\"]"),
	VY_STR("[]"),
	VY_STR("[\"a\"]"),
	VY_STR("[false]"),
	VY_STR("[null, 1, \"1\", {}]"),
	VY_STR("[null]"),
	VY_STR("[1\n]"),
	VY_STR(" [1]"),
	VY_STR("[1,null,null,null,2]"),
	VY_STR("[2] "),
	VY_STR("[123e65]"),
	VY_STR("[0e+1]"),
	VY_STR("[0e1]"),
	VY_STR("[ 4]"),
	VY_STR("[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]"),
	VY_STR("[20e1]"),
	VY_STR("[-0]"),
	VY_STR("[-123]"),
	VY_STR("[-1]"),
	VY_STR("[1E22]"),
	VY_STR("[1E-2]"),
	VY_STR("[1E+2]"),
	VY_STR("[123e45]"),
	VY_STR("[123.456e78]"),
	VY_STR("[1e-2]"),
	VY_STR("[1e+2]"),
	VY_STR("[123]"),
	VY_STR("[123.456789]"),
	VY_STR("{\"asd\":\"sdf\", \"dfg\":\"fgh\"}"),
	VY_STR("{\"asd\":\"sdf\"}"),
	VY_STR("{\"a\":\"b\",\"a\":\"c\"}"),
	VY_STR("{\"a\":\"b\",\"a\":\"b\"}"),
	VY_STR("{}"),
	VY_STR("{\"\":0}"),
	VY_STR("{ \"min\": -1.0e+28, \"max\": 1.0e+28 }"),
	VY_STR("{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}], \"id\": \"x\"}"),
	VY_STR("{\"a\":[]}"),
	VY_STR("{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430\" }"),
	VY_STR("{\n\"a\": \"b\"\n}"),
	VY_STR("[\"\\u0060\\u012a\\u12AB\"]"),
	VY_STR("[\"\\uD801\\udc37\"]"),
	VY_STR("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
	VY_STR("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
	VY_STR("[\"\\\\u0000\"]"),
	VY_STR("[\"\\\"\"]"),
	VY_STR("[\"a/*b*/c/*d//e\"]"),
	VY_STR("[\"\\\\a\"]"),
	VY_STR("[\"\\\\n\"]"),
	VY_STR("[\"\\u0012\"]"),
	VY_STR("[\"\\uFFFF\"]"),
	VY_STR("[\"asd\"]"),
	VY_STR("[ \"asd\"]"),
	VY_STR("[\"\\uDBFF\\uDFFF\"]"),
	VY_STR("[\"new\\u00A0line\"]"),
	VY_STR("[\"\xF4\x8F\xBF\xBF\"]"),
	VY_STR("[\"\xEF\xBF\xBF\"]"),
	VY_STR("[\"\\u002c\"]"),
	VY_STR("[\"\xCF\x80\"]"),
	VY_STR("[\"\xF0\x9B\xBF\xBF\"]"),
	VY_STR("[\"asd \"]"),
	VY_STR("\" \""),
	VY_STR("[\"\\uD834\\uDd1e\"]"),
	VY_STR("[\"\\u0821\"]"),
	VY_STR("[\"\\u0123\"]"),
	VY_STR("[\"\xE2\x80\xA8\"]"),
	VY_STR("[\"\xE2\x80\xA9\"]"),
	VY_STR("[\"\\u0061\\u30af\\u30EA\\u30b9\"]"),
	VY_STR("[\"new\\u000Aline\"]"),
	VY_STR("[\"\x7F\"]"),
	VY_STR("[\"\\uA66D\"]"),
	VY_STR("[\"\\u005C\"]"),
	VY_STR("[\"\xE2\x8D\x82\xE3\x88\xB4\xE2\x8D\x82\"]"),
	VY_STR("[\"\\uDBFF\\uDFFE\"]"),
	VY_STR("[\"\\uD83F\\uDFFE\"]"),
	VY_STR("[\"\\u200B\"]"),
	VY_STR("[\"\\u2064\"]"),
	VY_STR("[\"\\uFDD0\"]"),
	VY_STR("[\"\\uFFFE\"]"),
	VY_STR("[\"\\u0022\"]"),
	VY_STR("[\"\xE2\x82\xAC\xF0\x9D\x84\x9E\"]"),
	VY_STR("[\"a\x7F"
		   "a\"]"),
	VY_STR("false"),
	VY_STR("42"),
	VY_STR("-0.1"),
	VY_STR("null"),
	VY_STR("\"asd\""),
	VY_STR("true"),
	VY_STR("\"\""),
	VY_STR("[\"a\"]\n"),
	VY_STR("[true]"),
	VY_STR(" [] "),
	VY_STR("\t\r\n []"),
	VY_STR("[1,[2,{\"a\":[3,{}]}],4]"),
	VY_STR("0"),
	VY_STR("[1.5e-300,1e400,-1e400]"),
	VY_STR("[100000000000000000000000000000000]"),
	VY_STR("{\"\\u0061\":1}"),
	VY_STR("[\"\xEF\xBB\xBF\"]"),
};

/* VY_JSON_SYNTAX */
static const VyStr refused[] = {
	VY_STR(""),
	VY_STR(" "),
	VY_STR("[1 true]"),
	VY_STR("[a\xE5]"),
	VY_STR("[\"\": 1]"),
	VY_STR("[,1]"),
	VY_STR("[1,,2]"),
	VY_STR("[\"x\",,]"),
	VY_STR("[\"\",]"),
	VY_STR("[\"x\""),
	VY_STR("[x"),
	VY_STR("[3[4]]"),
	VY_STR("[\xFF]"),
	VY_STR("[1:2]"),
	VY_STR("[,]"),
	VY_STR("[-]"),
	VY_STR("[   , \"\"]"),
	VY_STR("[\"a\",\n4\n,1,"),
	VY_STR("[1,]"),
	VY_STR("[1,\n1\n,1"),
	VY_STR("[\"\va\"\\f]"),
	VY_STR("[*]"),
	VY_STR("[\"\""),
	VY_STR("[1,"),
	VY_STR("[{}"),
	VY_STR("[fals]"),
	VY_STR("[nul]"),
	VY_STR("[tru]"),
	VY_STR("123\0"),
	VY_STR("[++1234]"),
	VY_STR("[+1]"),
	VY_STR("[+Inf]"),
	VY_STR("[-01]"),
	VY_STR("[-1.0.]"),
	VY_STR("[-2.]"),
	VY_STR("[-NaN]"),
	VY_STR("[.-1]"),
	VY_STR("[.2e-3]"),
	VY_STR("[0.1.2]"),
	VY_STR("[0.3e+]"),
	VY_STR("[0.3e]"),
	VY_STR("[0.e1]"),
	VY_STR("[0E+]"),
	VY_STR("[0E]"),
	VY_STR("[0e+]"),
	VY_STR("[0e]"),
	VY_STR("[1.0e+]"),
	VY_STR("[1.0e-]"),
	VY_STR("[1.0e]"),
	VY_STR("[1 000.0]"),
	VY_STR("[1eE2]"),
	VY_STR("[2.e+3]"),
	VY_STR("[2.e-3]"),
	VY_STR("[2.e3]"),
	VY_STR("[9.e+]"),
	VY_STR("[Inf]"),
	VY_STR("[NaN]"),
	VY_STR("[\xEF\xBC\x91]"),
	VY_STR("[1+2]"),
	VY_STR("[0x1]"),
	VY_STR("[0x42]"),
	VY_STR("[Infinity]"),
	VY_STR("[0e+-1]"),
	VY_STR("[-123.123foo]"),
	VY_STR("[123\xE5]"),
	VY_STR("[1e1\xE5]"),
	VY_STR("[0\xE5]"),
	VY_STR("[-Infinity]"),
	VY_STR("[-foo]"),
	VY_STR("[- 1]"),
	VY_STR("[-012]"),
	VY_STR("[-.123]"),
	VY_STR("[-1x]"),
	VY_STR("[1ea]"),
	VY_STR("[1e\xE5]"),
	VY_STR("[1.]"),
	VY_STR("[.123]"),
	VY_STR("[1.2a-3]"),
	VY_STR("[1.8011670033376514H-308]"),
	VY_STR("[012]"),
	VY_STR("01"),
	VY_STR("-"),
	VY_STR("[\"x\", truth]"),
	VY_STR("{[: \"x\"}"),
	VY_STR("{\"x\", null}"),
	VY_STR("{\"x\"::\"b\"}"),
	VY_STR("{\xF0\x9F\x87\xA8}"),
	VY_STR("{\"a\":\"a\" 123}"),
	VY_STR("{key: 'value'}"),
	VY_STR("{\"\xB9\":\"0\",}") /* encoding comes first, see below */,
	VY_STR("{\"a\" b}"),
	VY_STR("{:\"b\"}"),
	VY_STR("{\"a\" \"b\"}"),
	VY_STR("{\"a\":"),
	VY_STR("{\"a\""),
	VY_STR("{1:1}"),
	VY_STR("{9999E9999:1}"),
	VY_STR("{null:null,null:null}"),
	VY_STR("{\"id\":0,,,,,}"),
	VY_STR("{'a':0}"),
	VY_STR("{\"id\":0,}"),
	VY_STR("{\"a\":\"b\",,\"c\":\"d\"}"),
	VY_STR("{a: \"b\"}"),
	VY_STR("{\"a\":\"a"),
	VY_STR("{ \"foo\" : \"bar\", \"a\" }"),
	VY_STR("{\"a\":1"),
	VY_STR("{,}"),
	VY_STR("{"),
	VY_STR("}"),
	VY_STR("]"),
	VY_STR("["),
	VY_STR("[}"),
	VY_STR("{]"),
	VY_STR("[1}"),
	VY_STR("{\"a\":1]"),
	VY_STR("[\"\\uD800\\\"]"),
	VY_STR("[\"\\u00A\"]"),
	VY_STR("[\"\\u\"]"),
	VY_STR("[\"\\u1\"]"),
	VY_STR("[\"\\u1x\"]"),
	VY_STR("[\"\\u1x00\"]"),
	VY_STR("[\xC3\xA9]"),
	VY_STR("[\"\\\0\"]"),
	VY_STR("[\"\\x00\"]"),
	VY_STR("[\"\\\\\\\"]"),
	VY_STR("[\"\\\t\"]"),
	VY_STR("[\"\\\xF0\x9F\x8C\x80\"]"),
	VY_STR("[\"\\\"]"),
	VY_STR("[\"\\uqqqq\"]"),
	VY_STR("[\"\\a\"]"),
	VY_STR("[\"\\\xE5\"]"),
	VY_STR("[\\u0020\"asd\"]"),
	VY_STR("[\\n]"),
	VY_STR("\""),
	VY_STR("['single quote']"),
	VY_STR("abc"),
	VY_STR("[\"\\"),
	VY_STR("[\"a\0a\"]"),
	VY_STR("[\"new\nline\"]"),
	VY_STR("[\"\t\"]"),
	VY_STR("\"\\UA66D\""),
	VY_STR("\"\\u"),
	VY_STR("\"\\u00"),
	VY_STR("<.>"),
	VY_STR("[<null>]"),
	VY_STR("[True]"),
	VY_STR("TRUE"),
	VY_STR("nulL"),
	VY_STR("\xC3\xA5"),
	VY_STR("\xE2\x81\xA0"),
	VY_STR("\xEF\xBB\xBF{}"),
	VY_STR("\xEF\xBB\xBF"),
	VY_STR("[\f]"),
	VY_STR("[\v]"),
	VY_STR("[\xC2\xA0]"),
	VY_STR("/**/[]"),
	VY_STR("[1//c\n]"),
	VY_STR("{\"a\":/*comment*/\"b\"}"),
	VY_STR("{\"a\": true"),
	VY_STR("*"),
	VY_STR("{\"a\":\"b\"#"),
	VY_STR("[\"asd]"),
	VY_STR("a\xC3\xA5"),
	VY_STR("[\"a"),
	VY_STR("{\"a\":\"b"),
	VY_STR("'"),
	VY_STR("nul"),
	VY_STR("t"),
	VY_STR("[1,2"),
	VY_STR("{\"x\":1 \"y\":2}"),
	VY_STR("[[1]"),
	VY_STR("[\"\x1F\"]"),
	VY_STR("{ \"a\" : }"),
	VY_STR("[\0]"),
	VY_STR("\0"),
	VY_STR("[1,\"a\",]"),
	VY_STR("{\"a\":[}"),
	VY_STR("[0x]"),
	VY_STR("--1"),
	VY_STR("1e"),
	VY_STR("1.e"),
	VY_STR(","),
	VY_STR(":"),
};

static const struct
{
	VyStr doc;
	VyJsonProblem problem;
	size_t offset;
	const char *name;
} problems[] = {
	{VY_STR("[] x"), VY_JSON_TRAILING, 3, "bytes behind the value"},
	{VY_STR("{}}"), VY_JSON_TRAILING, 2, "one brace too many"},
	{VY_STR("[1]]"), VY_JSON_TRAILING, 3, "one bracket too many"},
	{VY_STR("1 2"), VY_JSON_TRAILING, 2, "two numbers"},
	{VY_STR("{}\0"), VY_JSON_TRAILING, 2, "a NUL behind the value"},
	{VY_STR("[][]"), VY_JSON_TRAILING, 2, "two arrays"},
	{VY_STR("\"a\" \"b\""), VY_JSON_TRAILING, 4, "two strings"},
	{VY_STR("{\"a\":\"b\"}/**/"), VY_JSON_TRAILING, 9, "a comment behind the value"},
	{VY_STR("012"), VY_JSON_TRAILING, 1, "a number with a zero in front"},
	{VY_STR("1x"), VY_JSON_TRAILING, 1, "a letter at a number"},
	{VY_STR("truee"), VY_JSON_TRAILING, 4, "a letter at a word"},
	{VY_STR("[\"\\u0000\"]"), VY_JSON_ENCODING, 2, "\\u0000"},
	{VY_STR("{\"\\u0000\":1}"), VY_JSON_ENCODING, 2, "\\u0000 in a key"},
	{VY_STR("[\"\\uD800\"]"), VY_JSON_ENCODING, 2, "a high surrogate alone"},
	{VY_STR("[\"\\uDC00\"]"), VY_JSON_ENCODING, 2, "a low surrogate alone"},
	{VY_STR("[\"\\uD800\\uD800\\n\"]"), VY_JSON_ENCODING, 2, "two high surrogates"},
	{VY_STR("[\"\\uD800\\n\"]"), VY_JSON_ENCODING, 2, "a high surrogate, then another escape"},
	{VY_STR("[\"\\uD800abcdef\"]"), VY_JSON_ENCODING, 2, "a high surrogate, then letters"},
	{VY_STR("[\"\\uDd1ea\"]"), VY_JSON_ENCODING, 2, "a low surrogate, then a letter"},
	{VY_STR("[\"\\uD834\\u0041\"]"), VY_JSON_ENCODING, 2, "a high surrogate, then a letter's escape"},
	{VY_STR("[\"\\uD834\\uzzzz\"]"), VY_JSON_ENCODING, 2, "a high surrogate, then a broken escape"},
	{VY_STR("\"\\uD834\\u"), VY_JSON_ENCODING, 1, "a high surrogate at the end"},
	{VY_STR("[\"\xFF\"]"), VY_JSON_ENCODING, 2, "not UTF-8"},
	{VY_STR("[\"\xE5\"]"), VY_JSON_ENCODING, 2, "Latin-1"},
	{VY_STR("[\"\xC0\xAF\"]"), VY_JSON_ENCODING, 2, "an overlong slash"},
	{VY_STR("[\"\xED\xA0\x80\"]"), VY_JSON_ENCODING, 2, "a raw surrogate"},
	{VY_STR("[\"\xE2\x82"), VY_JSON_ENCODING, 2, "a character cut by the end"},
	{VY_STR("{\"\xB9\":\"0\",}"), VY_JSON_ENCODING, 2, "not UTF-8 in a key"},
	{VY_STR("[\"a\",\n x]"), VY_JSON_SYNTAX, 7, "the offset of a word"},
	{VY_STR("{\"a\":1,"), VY_JSON_SYNTAX, 7, "the offset of the end"},
	{VY_STR("[1,2"), VY_JSON_SYNTAX, 4, "the offset of the end in an array"},
};
static VyJsonProblem
check(VyStr doc, int depth, size_t *offset)
{
	VyStr copy = tight(doc);
	VyJsonProblem problem = vy_json_check(copy, depth, offset);

	free((char *) copy.p);
	return problem;
}

static void
test_grammar(void)
{
	size_t offset;

	for (size_t i = 0; i < LENGTH(accepted); i++)
		ok(check(accepted[i], DEPTH, &offset) == VY_JSON_OK && offset == accepted[i].n, "%s is accepted", shown(accepted[i]));
	for (size_t i = 0; i < LENGTH(refused); i++)
	{
		VyJsonProblem problem = check(refused[i], DEPTH, NULL);

		ok(problem != VY_JSON_OK && problem != VY_JSON_DEPTH, "%s is refused", shown(refused[i]));
	}
	for (size_t i = 0; i < LENGTH(problems); i++)
		ok(check(problems[i].doc, DEPTH, &offset) == problems[i].problem && offset == problems[i].offset, "%s is found at its place",
		   problems[i].name);
}

/* Every accepted document, cut anywhere, is refused or is itself complete; no byte beyond the cut is read, by the readers neither. */
static void
test_cuts(void)
{
	bool sound = true;
	size_t cuts = 0;

	for (size_t i = 0; i < LENGTH(accepted); i++)
		for (size_t n = 0; n < accepted[i].n; n++, cuts++)
		{
			VyStr copy = tight(vy_str(accepted[i].p, n));
			char *out = malloc(n + 1);
			VyJsonIter it = vy_json_iter(copy);
			bool complete = strspn(accepted[i].p + n, "0123456789.eE+- \n") == accepted[i].n - n;
			VyStr value;

			sound = sound && (complete || vy_json_check(copy, DEPTH, NULL) != VY_JSON_OK);
			while (vy_json_next(&it))
				sound = sound && vy_json_unescape(out, it.value) <= it.value.n;
			(void) vy_json_get(copy, "asd", &value);
			(void) vy_json_has_duplicates(copy);
			free(out);
			free((char *) copy.p);
		}
	ok(sound && cuts > 1000, "documents cut anywhere are refused, and read within their bounds");
}

static void
test_depth(void)
{
	static char deep[2 * 1000000];
	size_t offset;

	for (int n = 1; n <= 8; n++)
	{
		char doc[32];

		memset(doc, '[', (size_t) n);
		memset(doc + n, ']', (size_t) n);
		ok(check(vy_str(doc, 2 * (size_t) n), 4, &offset) == (n <= 4 ? VY_JSON_OK : VY_JSON_DEPTH), "of 4 levels, %d are %s", n,
		   n <= 4 ? "accepted" : "too deep");
	}
	ok(offset == 4, "the offset of depth is the bracket too many");
	ok(check(VY_STR("[]"), 0, NULL) == VY_JSON_DEPTH && check(VY_STR("1"), 0, NULL) == VY_JSON_OK, "depth 0 leaves the scalars");
	ok(check(VY_STR("{\"a\":[{\"b\":[]}],\"c\":{}}"), 4, NULL) == VY_JSON_OK, "siblings do not add up");
	memset(deep, '[', sizeof(deep) / 2);
	memset(deep + sizeof(deep) / 2, ']', sizeof(deep) / 2);
	ok(check(vy_str(deep, sizeof(deep)), 1 << 30, NULL) == VY_JSON_DEPTH, "a million brackets are too deep for any limit");
	ok(check(vy_str(deep + sizeof(deep) / 2 - 1024, 2048), 1 << 30, NULL) == VY_JSON_OK, "1024 levels are not");
	ok(check(vy_str(deep + sizeof(deep) / 2 - 1025, 2050), 1 << 30, NULL) == VY_JSON_DEPTH, "1025 are");
	for (size_t i = 0; i + 5 <= sizeof(deep); i += 5)
		memcpy(deep + i, "{\"a\":", 5);
	ok(check(vy_str(deep, sizeof(deep)), DEPTH, NULL) == VY_JSON_DEPTH, "hostile objects are too deep");
	ok(check(VY_STR("[[{\"a\":[1,{}]},[[]]],{}]"), 5, NULL) == VY_JSON_OK, "arrays and objects are told apart at each depth");
	ok(check(VY_STR("[{\"a\":[1,{}}]}]"), 8, NULL) == VY_JSON_SYNTAX, "and closed by their own bracket");
}

int
main(void)
{
	ok(vy_json_check(vy_str(NULL, 0), DEPTH, NULL) == VY_JSON_SYNTAX, "no document");
	test_grammar();
	test_cuts();
	test_depth();
	return tap_done();
}
