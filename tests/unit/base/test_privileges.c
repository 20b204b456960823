/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/base/privileges.h"

static int find(const char *text, struct isb_account *account, char *said, size_t size)
{
	struct isb_diags diags = {0};
	int rc = isb_account_find(text, account, &diags);
	said[0] = '\0';
	if (diags.count)
		strncat(said, diags.list[0].text, size - 1);
	isb_diags_done(&diags);
	return rc;
}

static void users_are_found_with_their_groups(void **state)
{
	(void)state;
	struct isb_account account;
	char said[256];
	assert_int_equal(find("nobody", &account, said, sizeof(said)), ISB_OK);
	assert_int_equal(account.uid, 65534);
	assert_int_equal(account.gid, 65534);
	assert_int_equal(account.groups[0], 65534);
	assert_int_equal(account.ngroup, 1);
	assert_string_equal(account.name, "nobody");
	assert_int_equal(find("nobody:games", &account, said, sizeof(said)), ISB_OK);
	assert_int_equal(account.gid, 60);
	assert_int_equal(account.groups[0], 60);
}

static void who_is_nobody_to_become_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *said;
		int rc;
	} cases[] = {
		{"nobdy", "there is no user 'nobdy'; make it with: adduser --system --group nobdy", ISB_ENOTFOUND},
		{"nobody:nogrp", "there is no group 'nogrp'; make it with: addgroup --system nogrp", ISB_ENOTFOUND},
		{"root", "'root' is root; name a user of its own, without rights", ISB_EINVAL},
		{"nobody:root", "'nobody:root' is root; name a user of its own, without rights", ISB_EINVAL},
		{"", "'' is no user; write NAME or NAME:GROUP", ISB_EINVAL},
		{"nobody:", "'nobody:' is no user; write NAME or NAME:GROUP", ISB_EINVAL},
		{":nogroup", "':nogroup' is no user; write NAME or NAME:GROUP", ISB_EINVAL},
		{"a234567890123456789012345678901234567890123456789012345678901234", "is no user", ISB_EINVAL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_account account = {.ngroup = 99};
		char said[256];
		assert_int_equal(find(cases[i].text, &account, said, sizeof(said)), cases[i].rc);
		assert_non_null(strstr(said, cases[i].said));
		assert_int_equal(account.ngroup, 99);
	}
}

/* Where it went wrong, or 0: in a child, for there is no way back. */
static int drop_twice(const struct isb_account *account)
{
	const uint64_t keep = UINT64_C(1) << CAP_NET_BIND_SERVICE;
	struct isb_diags diags = {0};
	gid_t groups[4];
	if (isb_privileges_drop(account, keep, &diags) != ISB_OK)
		return 1;
	if (getuid() != account->uid || getegid() != account->gid || getgroups(4, groups) != 1 || groups[0] != account->gid)
		return 2;
	if (seteuid(0) == 0 || setgid(0) == 0 || setgroups(0, NULL) == 0)
		return 3;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0) != 1)
		return 4;
	for (unsigned cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != (cap == CAP_NET_BIND_SERVICE))
			return 5;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 6;
	if (isb_privileges_drop(account, keep, &diags) != ISB_OK) /* a successor does it again */
		return 7;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0) != 1)
		return 8;
	const struct isb_account other = {.uid = account->uid + 1, .gid = account->gid, .name = "other"};
	if (isb_privileges_drop(&other, keep, &diags) != ISB_EREFUSED || diags.count != 1)
		return 9;
	isb_diags_done(&diags);
	return 0;
}

static void root_is_given_up_for_good(void **state)
{
	(void)state;
	struct isb_account account;
	char said[256];
	int status;
	if (geteuid() != 0)
		skip();
	assert_int_equal(find("nobody:games", &account, said, sizeof(said)), ISB_OK);
	account.ngroup = 1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(drop_twice(&account));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_found_with_their_groups),
		cmocka_unit_test(who_is_nobody_to_become_is_refused),
		cmocka_unit_test(root_is_given_up_for_good),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
