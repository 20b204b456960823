/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "isobar/web/tokens.h"
#include "isobar/web/web.h"

/* The API as one table: which request becomes which words of the command line, who may, what it takes and answers. The
 * OpenAPI document is printed from it, so the two cannot differ. */

struct isb_call;

enum isb_parameter_kind {
	ISB_PARAM_TEXT,   /* `option` with its value; or a word in `words`, where `option` is NULL */
	ISB_PARAM_NUMBER, /* the same, of a number */
	ISB_PARAM_FLAG,   /* `option` when it is true */
	ISB_PARAM_MANY,   /* `option` for each; in a query it may be repeated, in a body it is a list */
	ISB_PARAM_FILE,   /* of a body: its text is put into a file and `option` gets the name */
	ISB_PARAM_STDIN,  /* of a body: its text is the verb's standard input */
	ISB_PARAM_FILES,  /* of a body: a list of files {name, data}, data in base64; the handler reads it */
};

struct isb_parameter {
	const char *name;
	enum isb_parameter_kind kind;
	const char *option; /* "--for"; NULL: in `words` */
	bool required;
	const char *help;
	const char *words;  /* the values there are, "up down drain hold auto"; NULL: any */
};

enum isb_body {
	ISB_BODY_NONE,
	ISB_BODY_TEXT,    /* goes to the verb's standard input as it is */
	ISB_BODY_OBJECT,  /* a JSON object, which becomes the whole object {kind}/{name} */
	ISB_BODY_FIELDS,  /* a JSON object, which becomes field=value words */
	ISB_BODY_MEMBERS, /* a JSON object, whose members are parameters */
};

enum {
	ISB_ROUTE_EDITS = 1,   /* takes reason, dry_run and If-Match */
	ISB_ROUTE_CATALOG = 2, /* reads the catalog alone: answers with its ETag */
	ISB_ROUTE_LONG = 4,    /* may take minutes */
	ISB_ROUTE_OPEN = 8,    /* nobody is asked for a token */
	ISB_ROUTE_OURS = 32,   /* all its words are ours: the verb runs for isobar-control itself */
	ISB_ROUTE_HIDDEN = 16, /* not in the OpenAPI document: what browsers fetch */
};

struct isb_route {
	const char *method, *path; /* "/v1/pools/{name}": a part in braces is any, and {kind} one of the kinds */
	enum isb_role role;
	unsigned flags;
	/* The command line, words with blanks between them: "explain {name} {type?}". {x} is replaced by the value of
	 * the path, the query or the body; a word with {x?} is left out where there is none, one with {x*} stands for
	 * each of many. A word that begins with -- here is an option; no value can become one. NULL: `handle` answers.
	 */
	const char *words;
	void (*handle)(struct isb_call *call);
	const struct isb_parameter *parameters; /* the last has no name; NULL: none */
	enum isb_body body;
	const char *type;    /* of the answer; NULL: application/json */
	const char *summary; /* one sentence; of the OpenAPI document */
	const char *answer;  /* what a 200 is, in words */
};
extern const struct isb_route isb_routes[]; /* the last has no method */
unsigned isb_route_count(void);

/* What the parts in braces are for this path, decoded. */
enum { ISB_ROUTE_VALUES = 4 };
struct isb_route_values {
	struct isb_web_pair list[ISB_ROUTE_VALUES];
	size_t count;
};

enum isb_route_match { ISB_MATCH, ISB_MATCH_NO_PATH, ISB_MATCH_NO_METHOD };
/* The route of a request, by its path as sent. Where only the method is wrong, *ret_allow lists those there are. */
enum isb_route_match isb_route_find(struct isb_arena *arena, const char *method, const char *path,
                                    const struct isb_route **ret_route, struct isb_route_values *ret_values,
                                    const char **ret_allow);
const char *isb_route_value(const struct isb_route_values *values, const char *name); /* NULL: there is none */
