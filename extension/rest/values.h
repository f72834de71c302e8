/*
 * values.h: a DestReceiver that writes the first column of each row as a JSON value, comma separated.
 */
#ifndef VY_REST_VALUES_H
#define VY_REST_VALUES_H

#include "core/json_writer.h"

typedef struct VyRestValues VyRestValues;

VyRestValues *vy_rest_values(MemoryContext context);
DestReceiver *vy_rest_values_start(VyRestValues *values, StringInfo out, size_t max_bytes);

#endif
