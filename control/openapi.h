/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

/* The OpenAPI 3.0 document, from the table of routes and that of what can be set. docs/openapi.json is what this
 * prints. */
json_t *isb_openapi(void);
/* What can be set: each kind with its fields, as `isobar help KIND -o json` tells it. */
json_t *isb_openapi_fields(void);
