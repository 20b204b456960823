// SPDX-License-Identifier: Apache-2.0
// The list of records, and one record with its policy and Explain.
import { get, path } from "./api.js";
import { h, s } from "./dom.js";
import { light, recordTree, stepWords } from "./tree.js";
import { icon, span, stateOf } from "./words.js";

/* --- The list ----------------------------------------------------------------------------------------------------- */

const SHOWN = 500;

/** What a record is called everywhere but in the DNS: ZONE/OWNER. */
export const keyOf = (record) => `${record.zone}/${record.owner}`;
export const recordOf = (status, key) => status.records.find((record) => keyOf(record) === key);

const STANDING = { answers: ["up", "answers"], reduced: ["disputed", "reduced"], all_down: ["down", "all down"] };

function recordRow(record, rollout) {
	const [sign, word] = STANDING[record.standing];
	return h("tr", { "data-key": keyOf(record) },
		h("th", { scope: "row" }, h("a", { href: `#/record/${path(keyOf(record))}` }, record.name)),
		h("td", null, record.types.join(", ")), h("td", { class: "number wide" }, span(record.ttl_s * 1000)),
		h("td", { class: "wide" }, record.policy),
		h("td", null, h("span", { class: `state is-${sign}` }, icon(sign), word),
			rollout && h("span", { class: "since" }, `rollout ${rollout.state}, ${rollout.percent} %`),
			record.why && h("span", { class: "since evidence wide" }, record.why)));
}

export const recordsPage = {
	title: "Records",
	load: async () => null,
	render({ status, query }) {
		const wanted = (query.find ?? "").toLowerCase();
		const wordsOf = (record) => [record.name, record.policy, ...record.types, STANDING[record.standing][1]].join(" ");
		const found = status.records.filter((record) => wordsOf(record).toLowerCase().includes(wanted));
		const led = new Map(status.rollouts.map((rollout) => [rollout.record, rollout]));
		return [
			h("div", { class: "bar-of" }, h("h1", null, "Records"),
				h("label", { class: "find" }, h("span", { class: "unseen" }, "Filter records"),
					h("input", { type: "search", "data-input": "find", value: query.find,
						placeholder: "Filter: name, type, policy", autocomplete: "off" }))),
			h("p", { class: "lead" },
				"Names that a policy steers. Open one to see its policy, and why a client gets what it gets."),
			found.length ? h("div", { class: "panel" }, h("table", { class: "records" },
				h("caption", { class: "unseen" }, "Records"),
				h("thead", null, h("tr", null, ["Name", "Types"].map((text) => h("th", { scope: "col" }, text)),
					h("th", { scope: "col", class: "number wide" }, "TTL"),
						h("th", { scope: "col", class: "wide" }, "Policy"),
					h("th", { scope: "col" }, "Now"))),
				h("tbody", null, found.slice(0, SHOWN).map((record) => recordRow(record,
					led.get(keyOf(record))))))) : null,
			found.length > SHOWN && h("p", { class: "quiet" },
				`The first ${SHOWN} of ${found.length}; filter to see others.`),
			!found.length && (status.records.length ? h("p", { class: "quiet" }, "No record is called that.")
				: h("p", { class: "panel quiet" }, "None yet: a zone of the catalog names them under ", h("code", null, "records"),
					", with the policy or pool that answers.")),
		];
	},
};

/* --- The tree ----------------------------------------------------------------------------------------------------- */

const LIT = { open: "looked at", out: "set aside", chosen: "chosen" };

function label(of, byName) {
	if (of.kind === "endpoint") {
		const endpoint = byName.get(of.name);
		const { sign, word } = endpoint ? stateOf(endpoint) : { sign: "unknown", word: "gone" };
		return [h("span", { class: `state is-${sign}` }, icon(sign), h("span", { class: "unseen" }, `${word} `)),
			h("a", { href: `#/endpoint/${path(of.name)}` }, of.name.split("/")[1]),
			endpoint && h("span", { class: "quiet" }, `${endpoint.region ?? ""}${sign === "up" ? "" : ` ${word}`}`)];
	}
	if (of.kind === "pool")
		return [h("span", { class: "kind" }, "pool"), h("a", { href: `#/pool/${path(of.name)}` }, of.name)];
	if (of.kind === "rule")
		return [h("span", { class: "kind" }, of.name === "default" ? "else" : "if"), h("b", null, of.name),
			of.children[0].kind === "inline" && h("span", { class: "quiet" }, of.children[0].order)];
	if (of.kind === "rollout")
		return [h("span", { class: "kind" }, "rollout"), h("b", null,
			`${of.percent} % to ${of.name.replace("rollout to ", "")}`)];
	if (of.kind === "record")
		return [h("span", { class: "kind" }, "record"), h("b", null, of.name)];
	return [h("span", { class: "kind" }, of.kind === "inline" ? of.order : "policy"),
		h("b", null, of.kind === "inline" ? "" : of.name), of.kind === "policy" && h("span", { class: "quiet" },
			of.order)];
}

/** A policy that a rule has written in place stands in the rule's own line. */
const below = (of) => (of.kind === "rule" && of.children[0].kind === "inline" ? of.children[0] : of).children;

const MANY = 8; // endpoints of a pool that is not on the way: more are counted

function counted(of, lit, byName) {
	if (of.kind !== "pool" || of.children.length <= MANY || of.children.some((child) => lit.has(child.id)))
		return null;
	const serving = of.children.filter((child) => byName.get(child.name)?.serves).length;
	return h("span", { class: "quiet" }, `${serving} of ${of.children.length} endpoints serve`);
}

function branch(of, lit, byName) {
	const { is, note } = lit.get(of.id) ?? {}, count = counted(of, lit, byName);
	const weight = of.weight > 1 || of.weight === 0 ? h("span", { class: "quiet" }, `weight ${of.weight}`) : null;
	return h("li", { "data-key": of.id, class: is ? `lit-${is}` : lit.size ? "lit-not" : "", "data-name": of.name,
		"data-kind": of.kind },
		h("div", { class: "knot" }, label(of, byName), weight, count,
			is && h("span", { class: "unseen" }, ` ${LIT[is]}`),
			note && h("span", { class: "note" }, note)),
		of.children.length && !count ? h("ul", { class: of.kind === "pool" ? "leaves" : null },
			below(of).map((child) => branch(child, lit, byName))) : null);
}

/* --- Explain ------------------------------------------------------------------------------------------------------ */

function form(record, query) {
	return h("form", { class: "explain", "data-submit": "explain", "aria-label": "Explain an answer" },
		h("label", null, "Client", h("input", {
			name: "client", value: query.client ?? "", required: true, placeholder: "203.0.113.7 or 2001:db8::/32",
			autocomplete: "off", spellcheck: "false", "aria-describedby": "client-hint",
		})),
		h("label", null, "Type", h("select", { name: "type" },
			record.types.map((type) => h("option", { value: type, selected: type === query.type }, type)))),
		h("label", null, "At", h("input", { name: "at", value: query.at ?? "", placeholder: "now, -2h",
			autocomplete: "off", size: 8 })),
		h("button", { type: "submit", class: "primary" }, "Explain"),
		h("p", { id: "client-hint", class: "quiet" }, "An address asks for itself; a network is told by a resolver (ECS)."));
}

function clientWords(client) {
	const where = [client.city, client.subdivision, client.country, client.continent].filter(Boolean).join(", ");
	const told = client.ecs ? ", told by ECS" : "";
	return `${client.network}${told}: ${where || "nobody knows where"}${client.asn ? `, AS${client.asn}` : ""}`;
}

function answer(explained) {
	const { answer: said, client } = explained;
	return h("div", { class: "answer", "aria-labelledby": "answer" },
		h("h3", { id: "answer" }, "Answer ", h("span", { class: "badge" }, said.rcode)),
		said.rrs.length ? h("pre", null, said.rrs.join("\n")) : h("p", null,
			said.referral ? `Referral to ${said.referral.zone}` : "No records."),
		h("p", { class: "quiet" },
			said.scope !== null ? `Scope /${said.scope}: the same for all of that network. `
				: client.ecs ? "" : "No ECS, so no scope. ",
			explained.record ? `The record's TTL is ${explained.record.ttl_s} s, and shorter where what it rests on ` +
				"may change before. " : "",
			`Client ${clientWords(client)}.`));
}

function timeWords(time) {
	const out = [];
	if (time.verdicts === "then")
		out.push(`Verdicts are of ${time.at}.`);
	if (time.edits_since)
		out.push(`The catalog is of now: ${time.edits_since} edits since then.`);
	return out.length ? h("p", { class: "quiet" }, out.join(" ")) : null;
}

function asides(explained) {
	const out = explained.steps.filter((step) => (step.step === "endpoint" && !step.usable) || step.step === "short");
	const seen = new Set();
	const others = explained.ranks.filter((rank) => rank.rank === null && rank.rule && !seen.has(rank.rule) &&
		seen.add(rank.rule));
	if (!out.length && !others.length)
		return null;
	return h("details", { class: "asides", open: out.length > 0, "data-key": "asides" },
		h("summary", null, "Why not others"), h("ul", null,
		out.map((step) => h("li", null, stepWords(step, explained))),
		others.map((rank) => h("li", null, rank.rule === "default" ? `${rank.child}: for clients that no rule names.`
			: `${rank.child}: for clients of ${rank.rule}.`))));
}

function walk(explained, at) {
	const last = explained.steps.length - 1;
	const button = (act, words, sign, off) => h("button", { type: "button", "data-do": act, "aria-label": words,
		title: words,
		"aria-disabled": off ? "true" : null }, s("svg", { viewBox: "0 0 16 16", class: "icon",
			"aria-hidden": "true" }, s("path", { d: sign })));
	return h("div", { class: "walk" },
		h("div", { class: "bar-of" }, h("h3", { id: "steps" }, "Step by step"),
			h("span", { class: "group" }, button("step-first", "First step", "M3 3h2v10H3zM14 3v10L6 8z", at === 0),
				button("step-back", "One step back", "M12 3v10L4 8z", at === 0),
				button("step-play", "Play it from the beginning", "M2 3l6 5-6 5zM8 3l6 5-6 5z", false),
					button("step-on", "One step on", "M4 3l8 5-8 5z", at === last),
				button("step-last", "Last step", "M2 3l8 5-8 5zM11 3h2v10h-2z", at === last))),
		h("ol", { class: "steps", "aria-labelledby": "steps" }, explained.steps.map((step, i) =>
			h("li", { class: `depth-${Math.min(step.depth, 6)} ${i > at ? "ahead" : ""}`,
				"aria-current": i === at ? "step" : null, "data-key": i },
				h("button", { type: "button", class: "plain", "data-do": "step-to", "data-on": i },
					stepWords(step, explained))))),
		explained.steps_left_out ? h("p", { class: "quiet" }, `${explained.steps_left_out} steps left out.`) : null);
}

/* --- The page ----------------------------------------------------------------------------------------------------- */

async function load(params, { status, query }, signal) {
	const name = params.join("/");
	const record = recordOf(status, name);
	if (!record)
		throw new Error(`There is no record '${name}'.`);
	const tree = await recordTree(name, record, status, signal);
	let explained = null, refused = null;
	if (query.client) {
		const asked = { name: absolute(name), type: query.type, client: query.client, at: query.at };
		try {
			explained = await get("explain", asked, signal);
		} catch (error) {
			if (error.name === "AbortError" || error.status === 401)
				throw error;
			refused = error.message;
		}
	}
	return { name, tree, explained, refused };
}

const absolute = (name) => {
	const [zone, owner] = [name.slice(0, name.indexOf("/")), name.slice(name.indexOf("/") + 1)];
	return owner === "@" ? zone : `${owner}.${zone}`;
};

export const recordPage = {
	title: (params) => absolute(params.join("/")),
	load,
	steps: (data) => data.explained?.steps.length ?? 0,
	render({ data: { name, tree, explained, refused }, status, query, step, may }) {
		const record = recordOf(status, name);
		if (!record)
			return h("h1", null, `${absolute(name)} is no more`);
		const rollout = status.rollouts.find((running) => running.record === name);
		const byName = new Map(status.endpoints.map((endpoint) => [endpoint.endpoint, endpoint]));
		const at = explained ? Math.min(step, explained.steps.length - 1) : 0;
		const lit = explained ? light(tree, explained, explained.steps.slice(0, at + 1)) : new Map();
		const done = explained && at === explained.steps.length - 1;
		return [
			h("p", { class: "crumbs" }, h("a", { href: "#/records" }, "Records")),
			h("div", { class: "bar-of" }, h("h1", null, absolute(name)),
				h("span", { class: "quiet" }, [record.types.join(", "), `policy ${record.policy}`,
					`TTL ${span(record.ttl_s * 1000)}`, `when all are down: ${record.all_down}`].join(" · ")),
				h("span", { class: "group" },
					h("button", { type: "button", "data-do": "switch", "data-on": name, ...may("operate") }, "Switch…"),
					!rollout && h("button", { type: "button", "data-do": "rollout", "data-on": name,
						...may("operate") }, "Start a rollout…"))),
			rollout && h("p", { class: "lead" }, "A ", h("a", { href: "#/rollouts" }, "rollout"),
				` to ${rollout.to} is ${rollout.state} at ${rollout.percent} %.`),
			form(record, query),
			refused && h("p", { class: "alarm", role: "alert" }, refused),
			h("div", { class: "split even" },
				h("section", { class: "panel", "aria-labelledby": "tree" }, h("h2", { id: "tree" }, "Policy"),
					h("ul", { class: `tree ${explained ? "lit" : ""}` }, branch(tree, lit, byName))),
				h("section", { class: "panel", "aria-labelledby": "why" }, h("h2", { id: "why" }, "Explain"),
					explained ? [timeWords(explained.time), done ? answer(explained) : null,
						done ? asides(explained) : null, walk(explained, at)]
						: h("p", { class: "quiet" }, "Say who asks, and the decision lights up: each policy that was " +
							"tried, each endpoint with its state, what was set aside and why."))),
		];
	},
};
