/*
 * main.c: the subcommands, as rows.
 */
#include "options.h"
#include "shim.h"

#include <stdlib.h>

typedef struct Command
{
	const char *name;
	const char *argument; /* NULL: it takes none */
	int (*run)(const char *command, const char *argument);
	const char *help;
} Command;

static int run_version(const char *command, const char *argument);
static int run_help(const char *command, const char *argument);

static const Command commands[] = {
	{"serve", NULL, vy_serve, "answer HTTP requests"},
	{"init", NULL, vy_command_steps, "create the extension and its tables (as an administrator)"},
	{"status", NULL, vy_command_steps, "versions, and whether the database is ready"},
	{"token", "EMAIL", vy_command_steps, "an access token for a user (development only)"},
	{"doctor", NULL, vy_command_doctor, "what is missing or doubtful"},
	{"version", NULL, run_version, "the versions of this program and its libraries"},
	{"help", NULL, run_help, "this text"},
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static int
run_version(const char *command, const char *argument)
{
	(void) command;
	(void) argument;
	printf("vyricon %s (libmicrohttpd %s, libpq %d)\n", VY_VERSION, MHD_get_version(), PQlibVersion());
	return 0;
}

static int
run_help(const char *command, const char *argument)
{
	(void) command;
	(void) argument;
	printf("usage: vyricon COMMAND [FLAG]...\n\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		printf("  %-8s %-6s %s\n", commands[i].name, commands[i].argument ? commands[i].argument : "", commands[i].help);
	printf("\nEach flag may also be set as VYRICON_NAME, or as VYRICON_NAME_FILE with the path of a file that holds the value:\n\n");
	vy_options_print();
	return 0;
}

int
main(int argc, char **argv)
{
	const Command *command = NULL;
	const char *name = argc > 1 ? argv[1] : "help";
	int nargs = vy_options_read(argc > 2 ? argc - 2 : 0, argv + 2);
	if (nargs < 0)
		exit(2);
	if (strcmp(name, "--help") == 0 || strcmp(name, "--version") == 0)
		name += 2;
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			command = &commands[i];
	if (!command || nargs != (command->argument ? 1 : 0))
	{
		fprintf(stderr, "vyricon: unknown command or arguments; see \"vyricon help\"\n");
		exit(2);
	}
	exit(command->run(name, command->argument ? argv[2] : NULL));
}
