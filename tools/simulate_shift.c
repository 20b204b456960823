/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "simulate.h"

/* A cell's answers are shares; two such mixtures are set against each other so that as little as can moves: what stays
 * with the same answer stays, then what stays with the endpoint though its address is another, then what stays in the
 * region. What is left goes from all that lose to all that win, in proportion. */

enum stage { BY_ANSWER, BY_TARGET, BY_REGION, BY_NOTHING, STAGES };
static const double dust = 1e-9; /* shares below come of rounding */

struct part {
	uint32_t key[STAGES];
	double share, left;
};
struct mix {
	struct part *list;
	size_t count, room;
	double failopen; /* share */
};
struct compare {
	struct sim *sim;
	struct sim_shift *shift;
	uint32_t *region; /* by target: the first target of its region */
	uint32_t *place;  /* by target: the first target of its pool in its region */
	uint32_t moving;  /* the name whose clients are looked at: place in `moved_names` */
	struct mix mix[SIM_SIDES];
	struct sim_answers answers;
};

/* --- What a cell is answered with --- */

static void add_part(struct compare *c, struct mix *mix, uint32_t target, uint32_t answer, double share)
{
	for (size_t i = 0; target < SIM_TARGETS && i < mix->count; i++)
		if (mix->list[i].key[BY_TARGET] == target) {
			mix->list[i].share += share;
			return;
		}
	if (mix->count == mix->room) {
		mix->room = mix->room ? mix->room * 2 : 16;
		mix->list = isb_xrealloc(mix->list, mix->room * sizeof(*mix->list));
	}
	mix->list[mix->count++] = (struct part){
		.key = {[BY_ANSWER] = answer, [BY_TARGET] = target, [BY_REGION] = c->region[target]}, .share = share};
}

static void fill(struct compare *c, struct mix *mix, const struct sim_scene *scene, const struct sim_cell *cell)
{
	const struct sim_answers *answers = &c->answers;
	sim_answers_find(c->sim, scene, cell, &c->answers);
	mix->count = 0;
	mix->failopen = answers->failopen;
	for (size_t i = 0; i < answers->count; i++)
		add_part(c, mix, answers->list[i].target, answers->list[i].answer, answers->list[i].share);
}

/* --- What moves --- */

static void add_flow(struct isb_arena *arena, struct isb_map *map, struct sim_flow **flows, size_t *count, uint32_t from,
                     uint32_t to, double queries)
{
	uint32_t at, key[2] = {from, to};
	if (!isb_map_get(map, key, sizeof(key), &at)) {
		at = (uint32_t)*count;
		if (!(*count & (*count - 1))) /* grows at powers of two */
			*flows = isb_xrealloc(*flows, (*count ? *count * 2 : 1) * sizeof(**flows));
		(*flows)[(*count)++] = (struct sim_flow){.from = from, .to = to};
		isb_map_put(map, isb_arena_memdup(arena, key, sizeof(key)), sizeof(key), at);
	}
	(*flows)[at].count += queries;
}

static void add_move(struct compare *c, uint32_t from, uint32_t to, double queries)
{
	struct sim_shift *s = c->shift;
	uint32_t at, key[3] = {c->moving, c->place[from], c->place[to]};
	s->moved_names[c->moving].moved += queries;
	if (!isb_map_get(&s->by_move, key, sizeof(key), &at)) {
		at = (uint32_t)s->nmove;
		if (!(s->nmove & (s->nmove - 1)))
			s->moves = isb_xrealloc(s->moves, (s->nmove ? s->nmove * 2 : 1) * sizeof(*s->moves));
		s->moves[s->nmove++] = (struct sim_move){.name = key[0], .from = key[1], .to = key[2]};
		isb_map_put(&s->by_move, isb_arena_memdup(&s->arena, key, sizeof(key)), sizeof(key), at);
	}
	s->moves[at].count += queries;
}

static void flow(struct compare *c, const struct part *from, const struct part *to, double queries)
{
	struct sim_shift *s = c->shift;
	s->moved += queries;
	add_move(c, from->key[BY_TARGET], to->key[BY_TARGET], queries);
	add_flow(&s->arena, &s->by_flow, &s->flows, &s->nflow, from->key[BY_TARGET], to->key[BY_TARGET], queries);
	if (from->key[BY_REGION] != to->key[BY_REGION])
		add_flow(&s->arena, &s->by_region_flow, &s->region_flows, &s->nregion_flow, from->key[BY_REGION],
		         to->key[BY_REGION], queries);
}

static int by_key(const void *a, const void *b, void *stage)
{
	const struct part *x = a, *y = b;
	uint32_t p = x->key[*(enum stage *)stage], q = y->key[*(enum stage *)stage];
	if (p != q)
		return p < q ? -1 : 1;
	return x->key[BY_TARGET] < y->key[BY_TARGET] ? -1 : x->key[BY_TARGET] > y->key[BY_TARGET];
}

static size_t group(const struct mix *mix, size_t from, enum stage stage, double *ret_sum)
{
	size_t to = from;
	for (*ret_sum = 0; to < mix->count && mix->list[to].key[stage] == mix->list[from].key[stage]; to++)
		*ret_sum += mix->list[to].left;
	return to;
}

struct span {
	size_t from, to;
	double sum;
};

/* Two groups with one key: as much as both have of it. */
static void settle(struct compare *c, const struct span *b, const struct span *a, enum stage stage, double count)
{
	struct part *before = c->mix[SIM_BEFORE].list, *after = c->mix[SIM_AFTER].list;
	double both = b->sum < a->sum ? b->sum : a->sum;
	if (both <= 0)
		return;
	for (size_t i = b->from; stage != BY_ANSWER && i < b->to; i++)
		for (size_t j = a->from; before[i].left > dust && j < a->to; j++)
			if (after[j].left > dust)
				flow(c, &before[i], &after[j], count * both * (before[i].left / b->sum) * (after[j].left / a->sum));
	for (size_t i = b->from; i < b->to; i++)
		before[i].left *= 1 - both / b->sum;
	for (size_t j = a->from; j < a->to; j++)
		after[j].left *= 1 - both / a->sum;
}

static bool anything_left(const struct mix *mix)
{
	for (size_t i = 0; i < mix->count; i++)
		if (mix->list[i].left > dust)
			return true;
	return false;
}

static void match(struct compare *c, enum stage stage, double count)
{
	struct mix *before = &c->mix[SIM_BEFORE], *after = &c->mix[SIM_AFTER];
	qsort_r(before->list, before->count, sizeof(*before->list), by_key, &stage);
	qsort_r(after->list, after->count, sizeof(*after->list), by_key, &stage);
	struct span b = {.from = 0}, a = {.from = 0};
	while (b.from < before->count && a.from < after->count) {
		uint32_t p = before->list[b.from].key[stage], q = after->list[a.from].key[stage];
		b.to = group(before, b.from, stage, &b.sum);
		a.to = group(after, a.from, stage, &a.sum);
		if (p == q)
			settle(c, &b, &a, stage, count);
		if (p <= q)
			b.from = b.to;
		if (q <= p)
			a.from = a.to;
	}
}

static void move(struct compare *c, double count)
{
	for (int s = 0; s < SIM_SIDES; s++)
		for (size_t i = 0; i < c->mix[s].count; i++)
			c->mix[s].list[i].left = c->mix[s].list[i].share;
	for (enum stage stage = BY_ANSWER; stage < STAGES && anything_left(&c->mix[SIM_BEFORE]); stage++)
		match(c, stage, count);
}

/* --- Sums --- */

static double part_of(const struct mix *mix, uint32_t target)
{
	for (size_t i = 0; i < mix->count; i++)
		if (mix->list[i].key[BY_TARGET] == target)
			return mix->list[i].share;
	return 0;
}

static struct sim_name *name_of(struct compare *c, const struct sim_cell *cell, const struct sim_scene scene[SIM_SIDES])
{
	struct sim_shift *s = c->shift;
	int from = cell->place[scene[SIM_AFTER].side].kind == SIM_STEERED ? SIM_AFTER : SIM_BEFORE;
	const struct isb_plan *plan = c->sim->side[scene[from].side].view->plan;
	const char *name = isb_plan_text(plan, isb_plan_record(plan, cell->place[scene[from].side].record)->name);
	uint32_t at;
	char *key = isb_arena_printf(&s->arena, "%u/%s", cell->type, name);
	if (!isb_map_get(&s->by_name, key, strlen(key), &at)) {
		at = (uint32_t)s->nname;
		if (!(s->nname & (s->nname - 1)))
			s->names = isb_xrealloc(s->names, (s->nname ? s->nname * 2 : 1) * sizeof(*s->names));
		s->names[s->nname++] = (struct sim_name){.name = name, .type = cell->type};
		isb_map_put(&s->by_name, key, strlen(key), at);
	}
	return &s->names[at];
}

/* Its clients of all types together. */
static void note_moving(struct compare *c, const char *name, double count)
{
	struct sim_shift *s = c->shift;
	if (!isb_map_get(&s->by_moved_name, name, strlen(name), &c->moving)) {
		c->moving = (uint32_t)s->nmoved_name;
		if (!(s->nmoved_name & (s->nmoved_name - 1)))
			s->moved_names = isb_xrealloc(s->moved_names,
			                              (s->nmoved_name ? s->nmoved_name * 2 : 1) * sizeof(*s->moved_names));
		s->moved_names[s->nmoved_name++] = (struct sim_moved){.name = name};
		isb_map_put(&s->by_moved_name, name, strlen(name), c->moving);
	}
	s->moved_names[c->moving].count += count;
}

static bool is_new(const struct sim_cell *cell, int side)
{
	return cell->place[side].kind == SIM_NOT_OURS || cell->place[side].kind == SIM_NO_NAME;
}

/* What is no endpoint's, or none that is up. */
static void add_side(struct compare *c, const struct sim_cell *cell, int side, struct sim_name *name)
{
	struct sim_shift *s = c->shift;
	const struct mix *mix = &c->mix[side];
	double nothing = (part_of(mix, SIM_NOTHING) + part_of(mix, SIM_GONE)) * cell->count;
	double ordinary = part_of(mix, SIM_ORDINARY) * cell->count, failopen = mix->failopen * cell->count;
	s->nothing[side] += nothing, name->nothing[side] += nothing;
	s->ordinary[side] += ordinary, name->ordinary[side] += ordinary;
	s->failopen[side] += failopen, name->failopen[side] += failopen;
}

static void add_load(struct compare *c, const struct sim_cell *cell, int side)
{
	const struct mix *mix = &c->mix[side];
	for (size_t i = 0; i < mix->count; i++)
		c->shift->load[side][mix->list[i].key[BY_TARGET]] += mix->list[i].share * cell->count;
}

static void add_cell(struct compare *c, const struct sim_cell *cell, const struct sim_scene scene[SIM_SIDES])
{
	if (cell->place[scene[SIM_BEFORE].side].kind != SIM_STEERED && cell->place[scene[SIM_AFTER].side].kind != SIM_STEERED)
		return; /* steered by the other catalog only */
	for (int i = 0; i < SIM_SIDES; i++)
		fill(c, &c->mix[i], &scene[i], cell);
	add_load(c, cell, SIM_AFTER);
	if (is_new(cell, scene[SIM_BEFORE].side)) { /* nobody was answered before */
		c->shift->fresh += cell->count;
		return;
	}
	struct sim_name *name = name_of(c, cell, scene);
	note_moving(c, name->name, cell->count);
	c->shift->total += cell->count;
	name->count += cell->count;
	add_load(c, cell, SIM_BEFORE);
	for (int i = 0; i < SIM_SIDES; i++)
		add_side(c, cell, i, name);
	move(c, cell->count);
}

/* --- The whole --- */

static int largest_flow(const void *a, const void *b, void *arg)
{
	const struct sim_flow *x = a, *y = b;
	const struct sim_target *t = arg;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	int rc = strcmp(t[x->from].name, t[y->from].name);
	return rc ? rc : strcmp(t[x->to].name, t[y->to].name);
}

static int largest_move(const void *a, const void *b, void *arg)
{
	const struct sim_move *x = a, *y = b;
	const struct sim_moved *names = arg, *p = &names[x->name], *q = &names[y->name];
	if (p->moved != q->moved)
		return p->moved > q->moved ? -1 : 1;
	int rc = strcmp(p->name, q->name);
	if (rc || x->count == y->count)
		return rc ? rc : x->from != y->from ? (x->from > y->from) - (x->from < y->from) : (x->to > y->to) - (x->to < y->to);
	return x->count > y->count ? -1 : 1;
}

static int largest_name(const void *a, const void *b)
{
	const struct sim_name *x = a, *y = b;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	int rc = strcmp(x->name, y->name);
	return rc ? rc : (int)x->type - (int)y->type;
}

static bool worse(const double side[SIM_SIDES], double count)
{
	return side[SIM_AFTER] - side[SIM_BEFORE] > dust * count;
}

static void keep_worse(struct sim_shift *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->nname; i++) {
		const struct sim_name *n = &s->names[i];
		if (worse(n->nothing, n->count) || worse(n->ordinary, n->count) || worse(n->failopen, n->count))
			s->names[kept++] = *n;
	}
	s->nname = kept;
	if (kept)
		qsort(s->names, kept, sizeof(*s->names), largest_name);
}

static void mark_down(struct compare *c, const struct sim_scene *after)
{
	struct sim *sim = c->sim;
	const struct sim_side *side = &sim->side[after->side];
	for (uint32_t i = 0; i < sim->ntarget; i++)
		sim->targets[i].down = false;
	for (uint32_t i = 0; i < side->view->plan->nendpoint; i++) {
		uint32_t slot = isb_plan_endpoint(side->view->plan, i)->slot;
		sim->targets[side->target[i]].down = slot < after->world->slots && after->world->down[slot];
	}
	for (uint32_t i = 0; i < sim->ntarget; i++)
		c->shift->lost += sim->targets[i].down ? c->shift->load[SIM_AFTER][i] : 0;
}

/* By target: the first of those that are called alike. */
static uint32_t *firsts(const struct sim *sim, struct isb_arena *arena, bool with_pool)
{
	uint32_t *first = isb_xcalloc(sim->ntarget, sizeof(*first));
	struct isb_map known = {0};
	for (uint32_t i = 0; i < sim->ntarget; i++) {
		const struct sim_target *t = &sim->targets[i];
		int pool = with_pool ? (int)strcspn(t->name, "/") : 0;
		const char *key = isb_arena_printf(arena, "%.*s/%s", pool, t->name, t->region);
		if (!isb_map_get(&known, key, strlen(key), &first[i]))
			isb_map_put(&known, key, strlen(key), first[i] = i);
	}
	isb_map_done(&known);
	return first;
}

static void sort(struct sim_shift *s, struct sim_target *targets)
{
	if (s->nflow)
		qsort_r(s->flows, s->nflow, sizeof(*s->flows), largest_flow, targets);
	if (s->nregion_flow)
		qsort_r(s->region_flows, s->nregion_flow, sizeof(*s->region_flows), largest_flow, targets);
	if (s->nmove)
		qsort_r(s->moves, s->nmove, sizeof(*s->moves), largest_move, s->moved_names);
}

void sim_compare(struct sim *sim, const struct sim_scene scene[SIM_SIDES], struct sim_shift *ret_shift)
{
	struct compare c = {.sim = sim, .shift = ret_shift};
	*ret_shift = (struct sim_shift){0};
	c.region = firsts(sim, &ret_shift->arena, false);
	c.place = firsts(sim, &ret_shift->arena, true);
	for (int i = 0; i < SIM_SIDES; i++)
		ret_shift->load[i] = isb_xcalloc(sim->ntarget, sizeof(double));
	for (size_t i = 0; i < sim->ncell; i++)
		add_cell(&c, &sim->cells[i], scene);
	mark_down(&c, &scene[SIM_AFTER]);
	keep_worse(ret_shift);
	sort(ret_shift, sim->targets);
	for (int i = 0; i < SIM_SIDES; i++)
		free(c.mix[i].list);
	free(c.answers.list);
	free(c.region);
	free(c.place);
}

void sim_shift_done(struct sim_shift *shift)
{
	for (int i = 0; i < SIM_SIDES; i++)
		free(shift->load[i]);
	free(shift->flows);
	free(shift->region_flows);
	free(shift->names);
	free(shift->moved_names);
	free(shift->moves);
	isb_map_done(&shift->by_moved_name);
	isb_map_done(&shift->by_move);
	isb_map_done(&shift->by_flow);
	isb_map_done(&shift->by_region_flow);
	isb_map_done(&shift->by_name);
	isb_arena_done(&shift->arena);
	*shift = (struct sim_shift){0};
}
