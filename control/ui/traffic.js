// SPDX-License-Identifier: Apache-2.0
// What the servers' counters say: `isobar top -o json` gives them since each server's start, so rates are between two
// looks.

const WINDOW = 60000; // ms; so old may the look be that the newest is held against

/** A rate as `isobar top` writes it. */
export const perSecond = (rate) => (rate > 0 && rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString("en"));

const sum = (object) => Object.values(object).reduce((all, n) => all + n, 0);

const keyOf = ({ pool, endpoint, region }) => `e ${pool}/${endpoint} ${region}`;

/** The counters of one look: key → count. */
function counters(top) {
	const out = new Map([["queries", top.queries]]);
	for (const row of top.endpoints ?? [])
		out.set(keyOf(row), sum(row.answers));
	for (const { continent, region, answers } of top.clients ?? [])
		out.set(`c ${continent} ${region}`, answers);
	return out;
}

/** Of one endpoint: answers/s, its share of its pool's answers, and the share it should have; null: not known. */
function endpointsOf(top, counted, seconds) {
	const rows = (top.endpoints ?? []).map((row) => ({ ...row, n: counted.get(keyOf(row)) ?? 0 }));
	const pools = new Map();
	for (const { pool, n } of rows)
		pools.set(pool, (pools.get(pool) ?? 0) + n);
	return new Map(rows.map(({ pool, endpoint, n, expected_share: expected }) => [`${pool}/${endpoint}`, {
		rate: seconds ? n / seconds : null, share: pools.get(pool) ? n / pools.get(pool) : null,
		expected: expected ?? null,
	}]));
}

/** What was counted between two looks; a server that was started anew counts from 0. */
function between(before, after) {
	return new Map([...after].map(([key, n]) => [key, n >= (before.get(key) ?? 0) ? n - (before.get(key) ?? 0) : n]));
}

function shares(counted, prefix) {
	const some = [...counted].filter(([key, n]) => key.startsWith(prefix) && n > 0);
	const all = some.reduce((total, [, n]) => total + n, 0);
	return some.map(([key, n]) => [key.slice(prefix.length).split(" "), n / all]);
}

export class Traffic {
	looks = [];

	/**
	 * Takes a look in; what is drawn of it: { rate, endpoints: name → { rate, share, expected }, shares: region →
	 * share, flows: { continent, region, share }, words }.
	 */
	add(top) {
		const now = { time: top.time_ms, counted: counters(top) };
		this.looks = [...this.looks.filter((look) => look.time > now.time - WINDOW && look.time < now.time), now];
		const first = this.looks[0];
		const seconds = (now.time - first.time) / 1000;
		const counted = seconds ? between(first.counted, now.counted) : now.counted;
		const regions = new Map();
		for (const [[, region], share] of shares(counted, "e "))
			if (region)
				regions.set(region, (regions.get(region) ?? 0) + share);
		const flows = shares(counted, "c ").map(([[continent, region], share]) => ({ continent, region, share }));
		return { rate: seconds ? counted.get("queries") / seconds : null, endpoints: endpointsOf(top, counted, seconds),
			shares: regions, flows, words: words(top, counted, seconds, flows.length) };
	}
}

function words(top, counted, seconds, arrows) {
	const servers = top.servers ?? [];
	const silent = servers.filter((server) => server.error);
	const lost = silent.length ? ` ${silent.length} of ${servers.length} servers did not answer.` : "";
	if (!seconds)
		return `Traffic since the servers began.${lost}`;
	const rate = counted.get("queries") / seconds;
	if (rate === 0)
		return `No queries in the last ${Math.round(seconds)} s.${lost}`;
	const way = arrows ? ", arrows lead from where clients are" : "";
	return `${perSecond(rate)} queries/s; rings are shares of the answers${way}.${lost}`;
}
