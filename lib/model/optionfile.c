/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/optionfile.h"

#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/yaml.h"

enum { OPTIONS_MAX = 128, NAME_MAX_LEN = 63 };

/* The row of this name, or NULL after saying what was probably meant. `dashes`: "--" or "". */
static const struct option *find(const char *program, const struct option *options, const char *name, const char *dashes,
                                 struct isb_mark at, struct isb_diags *diags)
{
	const char *names[OPTIONS_MAX + 1] = {NULL};
	for (int i = 0; options[i].name && i < OPTIONS_MAX; i++) {
		names[i] = options[i].name;
		if (strcmp(names[i], name) == 0)
			return &options[i];
	}
	const char *near = isb_nearest(name, names);
	if (near)
		isb_diag(diags, at, "unknown option '%s%s'; did you mean '%s%s'?", dashes, name, dashes, near);
	else
		isb_diag(diags, at, "unknown option '%s%s'; see %s --help", dashes, name, program);
	return NULL;
}

void isb_option_unknown(const char *program, const struct option *options, const char *given, struct isb_diags *diags)
{
	char name[NAME_MAX_LEN + 1];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(given, "="), given);
	if (strncmp(name, "--", 2) == 0)
		find(program, options, name + 2, "--", (struct isb_mark){0}, diags);
	else
		isb_diag(diags, (struct isb_mark){0}, "unknown option '%s'; see %s --help", given, program);
}

/* Notes which rows the command line gives; returns the file's name, or NULL. */
static const char *note_given(const struct isb_option_file *file, int argc, char **argv, bool given[OPTIONS_MAX])
{
	const char *path = NULL;
	int val;
	optind = 0; /* 0 makes glibc start anew, whatever was read before */
	while ((val = getopt_long(argc, argv, file->letters, file->options, NULL)) >= 0) {
		for (int i = 0; file->options[i].name && i < OPTIONS_MAX; i++)
			given[i] |= file->options[i].val == val;
		if (val == file->config)
			path = optarg;
	}
	optind = 0;
	return path;
}

static bool set_pair(const struct isb_option_file *file, const bool *given, const struct isb_yaml_pair *pair,
                     struct isb_diags *diags)
{
	struct isb_mark at = pair->mark;
	at.column = 0;
	const struct option *option = find(file->program, file->options, pair->key, "", at, diags);
	if (!option)
		return false;
	if (option->has_arg != required_argument || option->val == file->config) {
		isb_diag(diags, at, "'%s' belongs on the command line only", pair->key);
		return false;
	}
	if (given[option - file->options])
		return true;
	const struct isb_yaml *value = pair->value;
	for (size_t i = 0; i < (value->kind == ISB_YAML_LIST ? value->count : 1); i++) {
		const struct isb_yaml *one = value->kind == ISB_YAML_LIST ? value->items[i] : value;
		if (one->kind != ISB_YAML_SCALAR) {
			isb_diag(diags, at, "'%s' takes a word or a list of words", pair->key);
			return false;
		}
		if (!file->set(file->arg, option->val, one->text)) {
			isb_diag(diags, at, "above: '%s'", pair->key);
			return false;
		}
	}
	return true;
}

bool isb_option_file_read(const struct isb_option_file *file, int argc, char **argv, struct isb_diags *diags)
{
	bool given[OPTIONS_MAX] = {false};
	const char *path = note_given(file, argc, argv, given);
	struct isb_yaml *root;
	if (!path)
		return true;
	if (isb_yaml_parse_file(file->arena, path, diags, &root) != ISB_OK) {
		isb_diag(diags, (struct isb_mark){0}, "cannot read --config '%s'", path);
		return false;
	}
	if (root->kind != ISB_YAML_MAP) {
		isb_diag(diags, (struct isb_mark){.file = path}, "write one `option: value` a line");
		return false;
	}
	for (size_t i = 0; i < root->count; i++)
		if (!set_pair(file, given, &root->pairs[i], diags))
			return false;
	return true;
}

bool isb_option_log_level(const char *word, enum isb_log_level *ret_level, struct isb_diags *diags)
{
	static const char *const levels[] = {
		[ISB_LOG_ERROR] = "error", [ISB_LOG_WARNING] = "warning", [ISB_LOG_INFO] = "info", [ISB_LOG_DEBUG] = "debug", NULL};
	for (int i = 0; levels[i]; i++)
		if (strcmp(word, levels[i]) == 0) {
			*ret_level = (enum isb_log_level)i;
			return true;
		}
	const char *near = isb_nearest(word, levels);
	if (near)
		isb_diag(diags, (struct isb_mark){0}, "unknown --log-level '%s'; did you mean '%s'?", word, near);
	else
		isb_diag(diags, (struct isb_mark){0}, "unknown --log-level '%s'; write error, warning, info or debug", word);
	return false;
}
