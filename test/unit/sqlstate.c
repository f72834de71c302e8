/*
 * sqlstate.c: which errors are repeated, and which end a connection.
 */
#include "base/sqlstate.h"

#include "tap.h"

static const struct
{
	const char *sqlstate;
	VyErrorClass class;
	const char *why;
} cases[] = {
	{"40001", VY_ERROR_REPEAT, "a serialization failure is repeated"},
	{"40P01", VY_ERROR_REPEAT, "a deadlock is repeated"},
	{"57P01", VY_ERROR_LOST, "a server that stops loses the connection"},
	{"57P03", VY_ERROR_LOST, "and so does one that starts"},
	{"57P05", VY_ERROR_LOST, "and one whose session was idle for too long"},
	{NULL, VY_ERROR_LOST, "an error that the server did not send is a lost connection"},
	{"42883", VY_ERROR_MISSING, "without our functions the database is not set up"},
	{"26000", VY_ERROR_MISSING, "and without our statements"},
	{"23505", VY_ERROR_ORDINARY, "a violated constraint is the application's affair"},
	{"57014", VY_ERROR_ORDINARY, "and so is a time limit"},
	{"", VY_ERROR_ORDINARY, "and a code that nobody knows"},
};

int
main(void)
{
	for (size_t i = 0; i < LENGTH(cases); i++)
		ok(vy_error_class(cases[i].sqlstate) == cases[i].class, "%s", cases[i].why);
	return tap_done();
}
