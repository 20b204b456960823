/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/base/err.h"
#include "simulate.h"

/* An edit is judged while its transaction is open: what is measured is what will be committed, and a refusal leaves
 * nothing behind. Other edits wait for as long. */

enum { MOVES_SHOWN = 8 };

/* Checks and ordinary records decide about nobody's endpoint. */
static bool touches_steering(const struct isb_edit *edit)
{
	for (size_t i = 0; i < isb_edit_count(edit); i++) {
		const struct isb_change *change = isb_edit_change(edit, i);
		enum isb_kind kind;
		const char *key;
		if (change->table == ISB_T_ADMIN)
			return true;
		if (isb_change_object(change, &kind, &key) == ISB_OK && kind != ISB_CHECK)
			return true;
	}
	return false;
}

static int load(struct cli_edit *e, struct sim *sim, struct isb_diags *diags)
{
	struct isb_txn *health = NULL;
	int rc = sim_load(sim, e->store, diags);
	if (rc == ISB_OK)
		rc = isb_txn_begin(e->store, ISB_ENV_HEALTH, false, &health);
	if (rc == ISB_OK)
		rc = sim_load_after(sim, e->txn, health, diags);
	isb_txn_abort(health);
	return rc;
}

static int refuse(const struct shift *shift)
{
	const struct sim *sim = &shift->sim;
	char moved[SIM_TEXT], most[SIM_TEXT];
	sim_percent(shift->found.moved, shift->found.total, moved);
	sim_percent(sim->cli->max_shift, 1, most);
	if (!sim->cli->json) {
		sim_say_traffic(sim);
		sim_say_moves(sim, &shift->found, MOVES_SHOWN);
	}
	return cli_fail(CLI_FAILED,
	                "refused, nothing was changed: %s of the queries would be answered differently, and --max-shift is %s",
	                moved, most);
}

int shift_judge(struct cli_edit *e, struct shift *shift)
{
	struct isb_diags diags = {0};
	struct sim_world world;
	struct sim *sim = &shift->sim;
	if (!touches_steering(e->edit))
		return CLI_OK;
	sim_init(sim, e->cli);
	shift->known = true;
	int rc = CLI_OK, err = load(e, sim, &diags);
	if (diags.count)
		rc = cli_refuse(&diags, "refused, nothing was changed");
	else if (err != ISB_OK)
		rc = cli_unreadable(e->cli, err);
	isb_diags_done(&diags);
	if (rc != CLI_OK)
		return rc;
	if (!e->cli->traffic)
		sim_even(sim);
	else if ((rc = sim_read(sim, &e->cli->traffic, 1)) != CLI_OK || sim->interrupted)
		return cli_fail(rc == CLI_OK ? CLI_FAILED : rc, "the queries were not read to their end; nothing was changed");
	sim_world_copy(sim, &world);
	sim_compare(sim, (const struct sim_scene[]){{SIM_BEFORE, &world}, {SIM_AFTER, &world}}, &shift->found);
	sim_world_done(&world);
	/* rounding must not refuse what moves exactly as much as may move */
	if (e->cli->max_shift >= 0 && shift->found.moved > (e->cli->max_shift + 1e-9) * shift->found.total)
		return refuse(shift);
	return CLI_OK;
}

void shift_add(struct cli_edit *e, const struct shift *shift, json_t *json)
{
	if (json) {
		json_object_set_new(json, "shift", shift->known ? sim_json(&shift->sim, &shift->found) : json_null());
		return;
	}
	if (!isb_edit_count(e->edit))
		return;
	if (!shift->known) {
		puts("shift: none, steering is not touched");
		return;
	}
	printf("shift: ");
	sim_say_moves(&shift->sim, &shift->found, MOVES_SHOWN);
	sim_say_traffic(&shift->sim);
}

void shift_done(struct shift *shift)
{
	if (!shift->known)
		return;
	sim_shift_done(&shift->found);
	sim_done(&shift->sim);
}
