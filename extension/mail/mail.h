/*
 * mail.h: jobs of kind "mail": messages by SMTP, or kept on a development machine.
 */
#ifndef VY_MAIL_H
#define VY_MAIL_H

void vy_mail_init(void);

#endif
