// SPDX-License-Identifier: Apache-2.0
// The first page: what needs attention, the map, and the table of all pools and endpoints.
import { path } from "./api.js";
import { h } from "./dom.js";
import { map } from "./map.js";
import { keyOf } from "./record.js";
import { perSecond } from "./traffic.js";
import { SIGNS, bar, icon, milliseconds, moment, perCent, plural, since, span, state, stateOf } from "./words.js";

const hrefOf = (endpoint) => `#/endpoint/${path(endpoint.endpoint)}`;

/* --- Counts ------------------------------------------------------------------------------------------------------- */

function counts(status) {
	const of = new Map();
	for (const endpoint of status.endpoints) {
		const { word, sign } = stateOf(endpoint);
		of.set(word, { sign, n: (of.get(word)?.n ?? 0) + 1 });
	}
	const sorted = [...of].sort(([, a], [, b]) => SIGNS.indexOf(b.sign) - SIGNS.indexOf(a.sign));
	const checked = status.endpoints.some((endpoint) => endpoint.verdict !== "unchecked");
	const seeing = status.probes.filter((probe) => probe.state === "ok").length;
	return h("ul", { class: "counts", "aria-label": "Endpoints by state" },
		sorted.map(([word, { sign, n }]) => h("li", { class: `is-${sign}`, "data-key": word }, icon(sign),
			h("b", null, n), ` ${word}`)),
		checked && h("li", { class: seeing === status.probes.length && seeing ? "" : "is-down", "data-key": "probes" },
			status.probes.length ? [h("b", null, `${seeing}/${status.probes.length}`), " probes report"]
				: "no probe reports"));
}

/* --- What needs attention ----------------------------------------------------------------------------------------- */

const NAMED = 4; // records named together
const SHOWN = 40; // worries

const recordLink = (record) => h("a", { href: `#/record/${path(keyOf(record))}` }, record.name);

function worries(status, now) {
	const out = [];
	for (const endpoint of status.endpoints) {
		const { sign } = stateOf(endpoint);
		if (sign === "up" || sign === "unchecked" || (sign === "unknown" && !status.probes.length))
			continue;
		out.push({ rank: SIGNS.indexOf(sign), key: endpoint.endpoint, item: [
			h("div", { class: "head" }, h("a", { href: hrefOf(endpoint) }, endpoint.endpoint), state(endpoint),
				endpoint.since_ms > 0 && h("span", { class: "since" }, since(endpoint.since_ms, now))),
			h("p", { class: "why" }, endpoint.why)] });
	}
	for (const record of status.records)
		if (record.standing === "all_down")
			out.push({ rank: -1, key: `record ${keyOf(record)}`, item: [
				h("div", { class: "head" }, recordLink(record),
					h("span", { class: "state is-down" }, icon("down"), "all down"),
					h("span", { class: "since" }, since(record.since_ms, now))),
				h("p", { class: "why" }, `${record.now}: ${record.why}`)] });
	const reduced = status.records.filter((record) => record.standing === "reduced");
	if (reduced.length)
		out.push({ rank: 6, key: "reduced", item: [
			h("div", { class: "head" }, h("span", null, reduced.slice(0,
				NAMED).map((record, i) => [i ? ", " : "", recordLink(record)]),
				reduced.length > NAMED && h("a", { href: "#/records?find=reduced" },
					` and ${reduced.length - NAMED} more`)),
			h("span", { class: "state is-disputed" }, icon("disputed"), "reduced")),
			h("p", { class: "why" }, reduced.length === 1 ? reduced[0].why : "answer, but not with all of their pools")] });
	for (const rollout of status.rollouts)
		out.push({ rank: rollout.state === "aborted" ? 0 : 7, key: `rollout ${rollout.record}`, item: [
			h("div", { class: "head" }, h("a", { href: "#/rollouts" }, rollout.name),
				h("span", { class: "state" }, `rollout ${rollout.state}, ${rollout.percent} %`),
				h("span", { class: "since" }, since(rollout.since_ms, now))),
			h("p", { class: "why" }, `${rollout.from} → ${rollout.to}${rollout.evidence ? `: ${rollout.evidence}` : ""}`)] });
	for (const probe of status.probes)
		if (probe.state !== "ok")
			out.push({ rank: 1, key: `probe ${probe.name}`, item: [
				h("div", { class: "head" }, h("span", null, `probe ${probe.name}`),
					h("span", { class: "state is-disputed" }, probe.state)),
				h("p", { class: "why" }, `last seen ${span(now - probe.seen_ms)} ago; its votes do not count`)] });
	if (!status.probes.length && status.endpoints.some((endpoint) => endpoint.verdict !== "unchecked"))
		out.push({ rank: 1, key: "no probes", item: [h("div", { class: "head" }, "No probe has reported yet"),
			h("p", { class: "why" }, "All endpoints count as up until one does; start isobar-probe.")] });
	for (const refused of status.geo?.refused ?? [])
		out.push({ rank: 6, key: `geo ${refused.file}`, item: [h("div", { class: "head" }, "geo database refused"),
			h("p", { class: "why" }, `${refused.file}: ${refused.reason}; isobard keeps what it has`)] });
	return out.sort((a, b) => a.rank - b.rank);
}

function attention(status, now) {
	const list = worries(status, now);
	return h("section", { class: "panel attention", "aria-labelledby": "attention" },
		h("h2", { id: "attention" }, "Needs attention ", h("span", { class: "badge" }, list.length)),
		list.length
			? [h("ul", null, list.slice(0, SHOWN).map(({ key, item }) => h("li", { "data-key": key }, item))),
				list.length > SHOWN && h("p", { class: "quiet" },
					`and ${list.length - SHOWN} more; the table has them all`)]
			: h("p", { class: "quiet" }, status.endpoints.length
				? "Nothing: everything answers, and nobody has said otherwise." : "Nothing."));
}

/* --- The table ---------------------------------------------------------------------------------------------------- */

/** Quantiles of response times that the API tells; [] where it tells none. */
export function quantiles(endpoint) {
	return ["p50", "p95", "p99"].map((name) => endpoint[`latency_${name}_us`])
		.map((us) => (us ? milliseconds(us) : "–"));
}

const WIDTHS = ["wider", "wide", "wider"]; // where there is little room the p95 stays
const tellsQuantiles = (endpoints) => endpoints.some((endpoint) => quantiles(endpoint).some((text) => text !== "–"));

function softTone(soft) {
	return soft < 50 ? "is-down" : soft < 80 ? "is-disputed" : "is-up";
}

/** Answers per second, and the share of its pool's answers beside the one it should have. */
function trafficCells({ rate = null, share = null, expected = null } = {}) {
	const should = expected === null ? null : h("span", { class: "quiet" }, ` / ${perCent(expected)}`);
	return [h("td", { class: "number wide" }, rate === null ? "–" : perSecond(rate)),
		h("td", { class: "number wide" }, share === null ? ["–", should]
			: bar(share, [perCent(share), should], "", expected))];
}

function row(endpoint, { now, may, top, withQuantiles }) {
	const load = endpoint.load_per_mille;
	return h("tr", { "data-key": endpoint.endpoint, class: `row-${stateOf(endpoint).sign}` },
		h("th", { scope: "row" }, h("a", { href: hrefOf(endpoint) }, endpoint.name),
			h("span", { class: "address" }, endpoint.addresses.join(", "))),
		h("td", { class: "wide" }, endpoint.region ?? "–"),
		h("td", null, state(endpoint),
			endpoint.since_ms ? h("span", { class: "since" }, since(endpoint.since_ms, now)) : null),
		h("td", { class: "number wider" }, endpoint.weight ?? "–"),
		h("td", { class: "number wide" }, load ? bar(load / 1000, perCent(load / 1000),
			load > 800 ? "is-disputed" : "") : "–"),
		h("td", { class: "number wider" }, endpoint.soft === undefined || endpoint.held !== "up" ? "–"
			: bar(endpoint.soft / 100, `${endpoint.soft} %`, softTone(endpoint.soft))),
		withQuantiles ? quantiles(endpoint).map((text, i) => h("td", { class: `number ${WIDTHS[i]}` }, text))
			: h("td", { class: "number wide" }, endpoint.latency_us ? milliseconds(endpoint.latency_us) : "–"),
		top && trafficCells(top.endpoints.get(endpoint.endpoint)),
		h("td", { class: "evidence wide" }, endpoint.why),
		h("td", { class: "act" }, h("button", {
			type: "button", "data-do": "operate", "data-on": endpoint.endpoint,
				"aria-label": `Operate ${endpoint.endpoint}`,
			...may("operate"),
		}, "Operate…")));
}

function poolWords(pool) {
	const serve = pool.serving === pool.endpoints ? plural(pool.serving, "endpoint serves", "endpoints serve")
		: `${pool.serving} of ${pool.endpoints} serve`;
	return `${pool.order} · ${serve}${pool.needed > 1 ? `, ${pool.needed} needed` : ""}`;
}

function poolBody(pool, endpoints, columns, how) {
	return h("tbody", { "data-key": `pool ${pool.name}` },
		h("tr", { class: "pool", "data-key": "head" }, h("th", { scope: "rowgroup", colspan: columns },
			h("a", { href: `#/pool/${path(pool.name)}` }, pool.name),
			h("span", { class: pool.can_answer ? "quiet" : "alarm" },
				pool.can_answer ? poolWords(pool) : pool.why || "cannot answer"))),
		endpoints.map((endpoint) => row(endpoint, how)));
}

export function table(endpoints, { status, top, now, may }) {
	const known = new Map(status.pools.map((pool) => [pool.name, pool]));
	const withQuantiles = tellsQuantiles(endpoints);
	const number = (text, title, width = "wide") => h("th", { scope: "col", class: `number ${width}`, title }, text);
	const times = withQuantiles ? ["p50", "p95", "p99"].map((text, i) => number(`${text} ms`,
		"response time, as probes measure it", WIDTHS[i]))
		: [number("ms", "response time, smoothed, as probes measure it")];
	const traffic = top ? [number("Answers/s", "as the servers count them"),
		number("Share / expected", "of its pool's answers; what weight and health would give it")] : [];
	const pools = new Map();
	for (const endpoint of endpoints)
		pools.set(endpoint.pool, [...(pools.get(endpoint.pool) ?? []), endpoint]);
	return h("div", { class: "scroll" }, h("table", { class: "endpoints" },
		h("caption", { class: "unseen" }, "Pools and their endpoints"),
		h("thead", null, h("tr", null, h("th", { scope: "col" }, "Endpoint"),
			h("th", { scope: "col", class: "wide" }, "Region"),
			h("th", { scope: "col" }, "State"), number("Weight", null, "wider"), number("Load", "of its capacity"),
			number("Soft health", "multiplies the weight", "wider"), times, traffic,
			h("th", { scope: "col", class: "wide" }, "Why"), h("th", { scope: "col" },
				h("span", { class: "unseen" }, "Operate")))),
		[...pools].map(([pool, list]) => poolBody(known.get(pool), list, 8 + times.length + traffic.length,
			{ now, may, top, withQuantiles }))));
}

function matches(endpoint, query) {
	if (query.region && endpoint.region !== query.region)
		return false;
	const words = [endpoint.endpoint, endpoint.region, stateOf(endpoint).word, ...endpoint.addresses].join(" ").toLowerCase();
	return (query.find ?? "").toLowerCase().split(/\s+/).every((word) => words.includes(word));
}

/* --- Traffic ------------------------------------------------------------------------------------------------------ */

function legend(top, silence) {
	const signs = [["up", "up"], ["down", "down"], ["drain", "drained"], ["forced-up", "forced or held"],
		["disputed", "disputed"],
		["unknown", "unknown"]];
	return h("figcaption", null,
		h("span", { class: "legend", "aria-hidden": "true" }, signs.map(([sign, word]) =>
			h("span", { class: `is-${sign}` }, icon(sign), word))),
		h("span", { class: "quiet" }, top ? top.words : silence && `No traffic is shown: ${silence}.`));
}

/** Before the first catalog. */
function empty() {
	return h("section", { class: "panel empty" }, h("h1", null, "Nothing is served yet"),
		h("p", null, "The catalog is empty: no zones, no pools, no regions. A file brings them all:"),
		h("pre", null, "isobar apply -f catalog.yaml"),
		h("p", { class: "quiet" }, "This page shows them as soon as that is done, by itself."));
}

export const overview = {
	title: "Overview",
	load: async () => null,
	render({ status, top, silence, now, query, mapWidth, may }) {
		if (!status.endpoints.length && !status.regions.length && !status.records.length)
			return empty();
		const shown = status.endpoints.filter((endpoint) => matches(endpoint, query));
		const homeless = status.endpoints.filter((endpoint) => !endpoint.region).length;
		return [
			h("h1", { class: "unseen" }, "Overview"),
			counts(status),
			h("div", { class: "split" },
				h("figure", { class: "panel map", id: "map" }, mapWidth ? map(status, top ?? {}, mapWidth) : null,
					legend(top, silence),
					homeless && status.regions?.length ? h("p", { class: "quiet" },
						`Not on the map: ${plural(homeless, "endpoint")} without a region.`) : null),
				attention(status, now)),
			h("section", { class: "panel", "aria-labelledby": "all" },
				h("div", { class: "bar-of" }, h("h2", { id: "all" }, "Pools and endpoints"),
					query.region && h("a", { href: "#/", class: "chip" }, `region ${query.region}`,
						h("span", { class: "unseen" }, ", show all regions again"),
							h("span", { "aria-hidden": "true" }, " ×")),
					h("label", { class: "find" }, h("span", { class: "unseen" }, "Filter endpoints"),
						h("input", { type: "search", "data-input": "find", value: query.find,
							placeholder: "Filter: name, region, state", autocomplete: "off" }))),
				shown.length ? table(shown, { status, top, now, may }) : h("p", { class: "quiet" },
					status.endpoints.length ? "No endpoint is like that." : "The catalog has no pools yet."),
				status.geo?.databases ? h("p", { class: "quiet foot" },
					`Geo: ${status.geo.databases}. As of ${moment(now)}.`) : null),
		];
	},
};
