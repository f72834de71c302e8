/*
 * mailbox.h: mails that a development machine keeps instead of sending them: vyricon.mailbox, shown at /dev/mail.
 */
#ifndef VY_MAILBOX_H
#define VY_MAILBOX_H

#include "jobs/transfer.h"

/* VyJobKind's apply: keeps the message when no mail server was asked. */
void vy_mailbox_keep(const VyTransfer *transfer, VyJobState state);

void vy_mailbox_init(void);

#endif
