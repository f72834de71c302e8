/*
 * options.h: what an operator may say: by flag, by VYRICON_* in the environment, or by VYRICON_*_FILE, in that order.
 */
#ifndef VY_OPTIONS_H
#define VY_OPTIONS_H

#include "base/peer.h"

typedef enum VyLogLevel
{
	VY_LOG_OFF,
	VY_LOG_ERRORS,
	VY_LOG_ALL
} VyLogLevel;

typedef struct VyOptions
{
	char *host;
	long port;
	char *admin_host;
	long admin_port; /* -1: off */
	char *static_folder;
	char *database; /* NULL: libpq's own environment */
	long pool;
	long per_address;
	long queue;
	long queue_delay_ms;
	long queue_wait_ms;
	long loops;
	long connections;
	long max_body;
	long head_timeout_ms;
	long body_timeout_ms;
	long idle_timeout_ms;
	long send_timeout_ms;
	long answer_timeout_ms;
	long drain_timeout_ms;
	char *trusted_proxies;
	char *log;
} VyOptions;

extern VyOptions vy_options;
extern VyLogLevel vy_log_level;

/* Reads flags, then the environment. Arguments that are no flag are moved to the front; their number, or -1 after a message on stderr. */
int vy_options_read(int argc, char **argv);

/* The options of `vyricon help`. */
void vy_options_print(void);

/* A copy of the database option, to be freed; NULL: none. May be called from every thread. */
char *vy_options_database(void);

/* Whether that address is one of --trusted-proxies. */
bool vy_options_trusts(const VyPeer *peer);

/* Who is behind them, going by X-Forwarded-For. */
VyPeer vy_options_client(VyPeer peer, VyStr forwarded);

#endif
