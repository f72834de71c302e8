/*
 * dev.c: tokens for the page at / and for curl, without a password. The routes are 404 unless vyricon.dev is on.
 */
#include "http/dev.h"

#include "auth/token.h"
#include "core/json_writer.h"
#include "utils/timestamp.h"

void
vy_dev_token(VyRequest *request, VyResponse *response)
{
	Interval hour = {.time = USECS_PER_HOUR};
	char *token = vy_token_for_user(vy_str_text(vy_request_param(request, "email")), &hour);

	if (token == NULL)
	{
		vy_refuse(request, response, 404, "VY404", "there is no such user", NULL, "Look into auth.users.");
		return;
	}
	vy_response_header(response, "content-type", VY_STR("application/json; charset=utf-8"));
	appendStringInfoString(&response->body, "{\"token_type\":\"bearer\",\"expires_in\":3600,\"access_token\":");
	vy_json_string(&response->body, token, strlen(token));
	appendStringInfoChar(&response->body, '}');
}
