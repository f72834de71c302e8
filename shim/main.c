/*
 * main.c: the subcommands, as rows.
 */
#include "options.h"
#include "shim.h"

#include <stdlib.h>

typedef struct Command
{
	const char *name;
	const char *arguments;
	int (*run)(int argc, char **argv);
	int nargs;
	const char *help;
} Command;

static int
run_serve(int argc, char **argv)
{
	(void) argc;
	(void) argv;
	return vy_serve();
}

static int
run_version(int argc, char **argv)
{
	(void) argc;
	(void) argv;
	printf("vyricon %s (libmicrohttpd %s, libpq %d)\n", VY_VERSION, MHD_get_version(), PQlibVersion());
	return 0;
}

static int run_help(int argc, char **argv);

static const Command commands[] = {
	{"serve", "", run_serve, 0, "answer HTTP requests"},
	{"init", "", vy_command_init, 0, "create the extension and its tables (as an administrator)"},
	{"status", "", vy_command_status, 0, "versions, and whether the database is ready"},
	{"token", "EMAIL", vy_command_token, 1, "an access token for a user (development only)"},
	{"doctor", "", vy_command_doctor, 0, "what is missing or doubtful"},
	{"version", "", run_version, 0, "the versions of this program and its libraries"},
	{"help", "", run_help, 0, "this text"},
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static int
run_help(int argc, char **argv)
{
	(void) argc;
	(void) argv;
	printf("usage: vyricon COMMAND [FLAG]...\n\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		printf("  %-8s %-6s %s\n", commands[i].name, commands[i].arguments, commands[i].help);
	printf("\nEach flag may also be set as VYRICON_NAME, or as VYRICON_NAME_FILE with the path of a file that holds the value:\n\n");
	vy_options_print();
	return 0;
}

int
main(int argc, char **argv)
{
	const Command *command = NULL;
	const char *name = argc > 1 ? argv[1] : "help";
	int nargs;
	int status;

	if (strcmp(name, "--help") == 0 || strcmp(name, "--version") == 0)
		name += 2;
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			command = &commands[i];
	if (!command)
	{
		fprintf(stderr, "vyricon: unknown command \"%s\"; see \"vyricon help\"\n", name);
		exit(2);
	}
	nargs = argc > 2 ? vy_options_read(argc - 2, argv + 2) : vy_options_read(0, argv);
	if (nargs < 0)
		exit(2);
	if (nargs != command->nargs)
	{
		fprintf(stderr, "usage: vyricon %s %s [FLAG]...\n", command->name, command->arguments);
		exit(2);
	}
	status = command->run(nargs, argv + 2);
	fflush(stdout);
	exit(status);
}
