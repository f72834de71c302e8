/*
 * cork.c: one system call for all that a loop turn sends to one database connection.
 *
 * libpq before 17 sends at every PQpipelineSync(), a quarter of this program's time. libpq calls send(); this file defines it for the whole
 * program: for a corked descriptor the bytes are kept until vy_cork_flush() at the end of the turn, for every other one they go out at
 * once. Corked descriptors belong to one loop each, so nothing here is locked. Only connections in pipeline mode are corked.
 */
#include "shim.h"

#include <errno.h>
#include <stdlib.h>

typedef struct Cork
{
	uint8_t *bytes;
	size_t n;
	size_t cap;
} Cork;

#define MAX_FD 65536
#define KEEP_BYTES 65536

static Cork *corks[MAX_FD];

__attribute__((visibility("default"))) ssize_t
send(int fd, const void *bytes, size_t n, int flags)
{
	Cork *cork = fd >= 0 && fd < MAX_FD ? corks[fd] : NULL;
	if (!cork)
		return sendto(fd, bytes, n, flags, NULL, 0);
	if (cork->n + n > cork->cap)
	{
		size_t cap = (cork->n + n) * 2;
		uint8_t *grown = realloc(cork->bytes, cap);
		if (!grown)
		{
			errno = ENOMEM;
			return -1;
		}
		cork->bytes = grown;
		cork->cap = cap;
	}
	memcpy(cork->bytes + cork->n, bytes, n);
	cork->n += n;
	return (ssize_t) n;
}

bool
vy_cork_open(int fd)
{
	if (fd < 0 || fd >= MAX_FD)
		return false;
	corks[fd] = calloc(1, sizeof(Cork));
	return corks[fd] != NULL;
}

bool
vy_cork_flush(int fd, bool *pending)
{
	Cork *cork = corks[fd];
	size_t done = 0;
	while (done < cork->n)
	{
		ssize_t n = sendto(fd, cork->bytes + done, cork->n - done, MSG_NOSIGNAL, NULL, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return false;
		if (n < 0)
			break;
		done += (size_t) n;
	}
	cork->n -= done;
	if (done > 0 && cork->n > 0)
		memmove(cork->bytes, cork->bytes + done, cork->n);
	if (cork->n == 0 && cork->cap > KEEP_BYTES)
	{
		free(cork->bytes);
		*cork = (Cork){0};
	}
	*pending = cork->n > 0;
	return true;
}

void
vy_cork_close(int fd)
{
	if (fd < 0 || fd >= MAX_FD || !corks[fd])
		return;
	free(corks[fd]->bytes);
	free(corks[fd]);
	corks[fd] = NULL;
}
