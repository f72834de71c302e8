/*
 * fault.c: killing this process at a named place, for `make fault` alone.
 */
#include "jobs/fault.h"

#ifdef VY_FAULT_POINTS
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "fault_point"

void
vy_fault_point(const char *name)
{
	static int passed;
	FILE *file = fopen(FILE_NAME, "r");
	char wanted[64] = "";
	int countdown = 0;

	if (file == NULL)
		return;
	if (fscanf(file, "%63s %d", wanted, &countdown) != 2)
		wanted[0] = '\0';
	fclose(file);
	if (strcmp(wanted, name) != 0 || ++passed < countdown)
		return;
	file = fopen(FILE_NAME ".hit", "a");
	if (file != NULL)
	{
		fprintf(file, "%s\n", name);
		fclose(file);
	}
	unlink(FILE_NAME);
	kill(getpid(), SIGKILL);
}
#endif
