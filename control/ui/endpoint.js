// SPDX-License-Identifier: Apache-2.0
// One endpoint closely, and one pool: what each probe saw, and when verdicts changed on what grounds.
import { get, part, path } from "./api.js";
import { h } from "./dom.js";
import { quantiles, table } from "./overview.js";
import { icon, milliseconds, moment, outcomes, perCent, plural, since, span, state, stateOf } from "./words.js";
import { lines } from "./yaml.js";

const MATRIX = 24; // endpoints of a pool that are asked for closely

function facts(pairs) {
	return h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
		.map(([name, value]) => h("div", { "data-key": name }, h("dt", null, name), h("dd", null, value))));
}

/* --- One endpoint ------------------------------------------------------------------------------------------------- */

function seen(observation, now) {
	const late = observation.expires_ms <= now;
	return h("tr", { "data-key": observation.probe },
		h("th", { scope: "row" }, observation.probe),
		h("td", null, h("span", { class: `state is-${observation.state}` }, icon(observation.state), observation.state),
			h("span", { class: "since" }, since(observation.since_ms, now))),
		h("td", null, outcomes(observation.history)),
		h("td", null, `${observation.last} ×${observation.run}`, late && h("span", { class: "alarm" }, " too old")),
		h("td", { class: "number" }, observation.latency_us ? milliseconds(observation.latency_us) : "–"),
		h("td", { class: "number wide" }, observation.soft === null ? "–" : `${observation.soft} %`),
		h("td", { class: "number wide" },
			observation.load_per_mille === null ? "–" : perCent(observation.load_per_mille / 1000)),
		h("td", { class: "number wide" }, observation.flaps));
}

function probesTable(observations, now) {
	if (!observations.length)
		return h("p", { class: "quiet" }, "No probe has reported.");
	return h("div", { class: "scroll" }, h("table", null,
		h("caption", { class: "unseen" }, "What each probe sees"),
		h("thead", null, h("tr", null,
			["Probe", "Sees", "Last outcomes", "Last"].map((text) => h("th", { scope: "col" }, text)),
			h("th", { scope: "col", class: "number" }, "ms"),
			["Soft", "Load", "Flaps"].map((text) => h("th", { scope: "col", class: "number wide" }, text)))),
		h("tbody", null, observations.map((observation) => seen(observation, now)))));
}

function transitions(list, now) {
	if (!list.length)
		return h("p", { class: "quiet" }, "Its verdict has not changed within memory.");
	return h("ol", { class: "times" }, list.map((change) => h("li", { "data-key": change.time_ms },
		h("time", { datetime: moment(change.time_ms) }, moment(change.time_ms)),
		h("span", { class: "quiet" }, ` ${span(now - change.time_ms)} ago`),
		h("div", null, h("span", { class: "state" }, icon(change.from), change.from), " → ",
			h("span", { class: `state is-${change.to}` }, icon(change.to), change.to)),
		h("p", { class: "why" }, change.evidence))));
}

export const endpointPage = {
	title: ([pool, name]) => `${pool}/${name}`,
	load: async ([pool, name], _, signal) => (await get(`endpoints/${path(pool, name)}`, {}, signal)).endpoints[0],
	render({ data: endpoint, params: [pool], now, may }) {
		const times = quantiles(endpoint);
		return [
			h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Overview"), " / ",
				h("a", { href: `#/pool/${path(pool)}` }, pool)),
			h("div", { class: "bar-of" }, h("h1", null, endpoint.endpoint), state(endpoint),
				h("button", { type: "button", class: "primary", "data-do": "operate", "data-on": endpoint.endpoint,
					...may("operate") }, "Operate…")),
			h("p", { class: "lead" }, endpoint.why),
			facts([
				["Since", since(endpoint.since_ms, now)],
				["Region", endpoint.region],
				["Address", endpoint.addresses.join(", ")],
				["Weight", endpoint.weight],
				["Soft health", endpoint.soft === undefined ? null : `${endpoint.soft} %`],
				["Load", endpoint.load_per_mille ? perCent(endpoint.load_per_mille / 1000) : null],
				["Response time", endpoint.latency_us ? `${milliseconds(endpoint.latency_us)} ms` : null],
				["p50 / p95 / p99", times.some((text) => text !== "–") ? `${times.join(" / ")} ms` : null],
				["Checks say", stateOf(endpoint).operator ? endpoint.verdict : null],
				["Until", endpoint.until_ms ? moment(endpoint.until_ms) : null],
				["Said by", endpoint.author],
				["Reason", endpoint.reason],
			]),
			h("section", { class: "panel", "aria-labelledby": "probes" },
				h("h2", { id: "probes" }, "What each probe sees"),
				probesTable(endpoint.observations ?? [], now)),
			h("section", { class: "panel", "aria-labelledby": "changes" },
				h("h2", { id: "changes" }, "Last changes of its verdict"),
				transitions(endpoint.transitions ?? [], now)),
		];
	},
};

/* --- One pool ----------------------------------------------------------------------------------------------------- */

function cell(observation, now) {
	if (!observation)
		return h("td", { class: "quiet" }, "–");
	return h("td", null, h("span", { class: `state is-${observation.state}` }, icon(observation.state),
		observation.last),
		observation.latency_us ? h("span", { class: "since" }, `${milliseconds(observation.latency_us)} ms`) : null,
		outcomes(observation.history.slice(-24)), observation.expires_ms <= now && h("span", { class: "alarm" },
			"too old"));
}

function matrix(endpoints, now) {
	const probes = [...new Set(endpoints.flatMap((endpoint) => (endpoint.observations ?? []).map((o) => o.probe)))].sort();
	if (!probes.length)
		return h("p", { class: "quiet" }, "No probe has reported.");
	return h("div", { class: "scroll", tabindex: 0, role: "region",
		"aria-label": "Endpoints by probes, scrolls sideways" },
		h("table", { class: "matrix" },
			h("caption", { class: "unseen" }, "What each probe sees of each endpoint"),
			h("thead", null, h("tr", null, h("th", { scope: "col" }, "Endpoint"),
				probes.map((probe) => h("th", { scope: "col" }, probe)))),
			h("tbody", null, endpoints.map((endpoint) => h("tr", { "data-key": endpoint.endpoint },
				h("th", { scope: "row" }, h("a", { href: `#/endpoint/${path(endpoint.endpoint)}` }, endpoint.name)),
				probes.map((probe) => cell((endpoint.observations ?? []).find((o) => o.probe === probe), now)))))));
}

async function loadPool([pool], { status }, signal) {
	const mine = status.endpoints.filter((endpoint) => endpoint.pool === pool);
	const object = await get(`pools/${part(pool)}`, {}, signal);
	const check = object.check ? await get(`checks/${part(object.check)}`, {}, signal) : null;
	const closely = [];
	for (const endpoint of mine.slice(0, MATRIX))
		closely.push((await get(`endpoints/${path(endpoint.endpoint)}`, {}, signal)).endpoints[0]);
	return { object, check, closely };
}

export const poolPage = {
	title: ([pool]) => pool,
	load: loadPool,
	render({ data: { object, check, closely }, params: [pool], status, top, now, may }) {
		const mine = status.endpoints.filter((endpoint) => endpoint.pool === pool);
		const { endpoints, ...rest } = object;
		return [
			h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Overview"), " / pools"),
			h("div", { class: "bar-of" }, h("h1", null, `Pool ${pool}`)),
			facts(Object.entries({ order: "weighted", ...rest }).map(([name, value]) => [name,
				lines(value).join(" ")])),
			h("section", { class: "panel", "aria-labelledby": "all" }, h("h2", { id: "all" }, "Endpoints"),
				table(mine, { status, top, now, may })),
			h("section", { class: "panel", "aria-labelledby": "matrix" },
				h("h2", { id: "matrix" }, check ? `Check ${object.check}, by probe` : "No check"),
				check ? matrix(closely, now) : h("p", { class: "quiet" },
					"Nobody tests these endpoints: they count as up."),
				mine.length > MATRIX && h("p", { class: "quiet" },
					`The first ${MATRIX} of ${plural(mine.length, "endpoint")}.`),
				check && h("details", null, h("summary", null, `How ${object.check} tests`),
					h("pre", null, lines(check).join("\n")))),
		];
	},
};
