/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "words.h"

/* Files that come with a request: in a directory of their own, 0700, for as long as its verb runs. */

/* A path that stays below the directory: relative, without "." and ".." as parts, no empty ones. */
bool isb_files_name_ok(const char *name);
/* Directories on the way are made. ISB_OK, ISB_EIO, or ISB_EINVAL for a name that is not fit; then nothing is left. */
int isb_files_make(const struct isb_command_file *files, size_t count, char **ret_dir);
/* Removes it with all that is in it, and frees the name; NULL is fine. */
void isb_files_remove(char *dir);
