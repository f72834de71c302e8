/*
 * stat.h: requests counted by route, over all backends since the server started: vyricon.stat_requests.
 */
#ifndef VY_STAT_H
#define VY_STAT_H

#include "http/http.h"

/* One answer; took_us < 0: not known, as for what was raised. */
void vy_stat_request(const VyRequest *request, int status, int64 took_us);

#endif
