// SPDX-License-Identifier: Apache-2.0
// A record's policy as a tree, and which of it a walk went through. No elements are made here: tests can read it alone.
import { get, part } from "./api.js";

const DEPTH = 16; // as the catalog allows

let serial = 0;

function node(kind, name, more = {}) {
	return { id: `node-${++serial}`, kind, name, children: [], ...more };
}

/* --- Building ----------------------------------------------------------------------------------------------------- */

/** A rule in words, as `explain` writes it. */
export function ruleText(rule) {
	const parts = [["nets", "net"], ["asn", "asn"], ["city", "city"], ["subdivision", "subdivision"],
		["country", "country"],
		["continent", "continent"]].filter(([key]) => rule[key] !== undefined).map(([key, word]) => {
		const items = [rule[key]].flat();
		return `${word} ${items.slice(0, 6).join(" ")}${items.length > 6 ? ` and ${items.length - 6} more` : ""}`;
	});
	if (rule.default)
		parts.push("default");
	if (rule.fence)
		parts.push("fenced");
	return parts.join(", ");
}

/** The name that `explain` gives a policy written in place: "asia, us", "nearest of us, (a, b)". */
function inlineName(order, children) {
	const names = children.slice(0, 12).map((child) => (child.kind === "inline" ? `(${child.name})` : child.name) +
		(child.weight !== 1 ? `*${child.weight}` : "") + (child.bias ? ` bias ${child.bias}` : ""));
	const more = children.length > 12 ? ` and ${children.length - 12} more` : "";
	return (order !== "failover" || children.length < 2 ? `${order} of ` : "") + names.join(", ") + more;
}

const isNode = (item) => typeof item === "object" && !("use" in item) &&
	("of" in item || "order" in item || "rules" in item);

/** How a child stands in its list: { use, weight, bias }. */
function childOf(item) {
	return typeof item === "object" && !Array.isArray(item) && !isNode(item) ? item : { use: item };
}

async function build(use, load, depth) {
	if (typeof use === "string")
		return named(use, load, depth);
	const body = Array.isArray(use) ? { of: use } : use;
	const inline = node("inline", "", { order: body.order ?? "failover" });
	inline.children = await children(body, load, depth);
	inline.name = inlineName(inline.order, inline.children);
	return inline;
}

async function children(body, load, depth) {
	const out = [];
	for (const rule of body.rules ?? []) {
		const child = node("rule", ruleText(rule), { rule: true });
		child.children = [await build(rule.use, load, depth + 1)];
		out.push(child);
	}
	for (const item of body.of ?? []) {
		const said = childOf(item);
		out.push(Object.assign(await build(said.use, load, depth + 1),
			{ weight: said.weight ?? 1, bias: said.bias ?? 0 }));
	}
	return out;
}

async function named(name, load, depth) {
	const endpoints = load.pools.get(name);
	if (endpoints)
		return node("pool", name, { weight: 1, children: endpoints.map((endpoint) => node("endpoint", endpoint)) });
	const body = depth < DEPTH ? await load.policy(name) : {};
	return node("policy", name, { weight: 1, order: body.order ?? "failover",
		children: await children(body, load, depth) });
}

/** The tree of a record: its policy, or both sides of its rollout. */
export async function recordTree(name, record, status, signal) {
	serial = 0;
	const pools = new Map();
	for (const { pool, endpoint } of status.endpoints)
		pools.set(pool, [...(pools.get(pool) ?? []), endpoint]);
	const known = new Map();
	const load = {
		pools,
		policy: (policy) => {
			if (!known.has(policy))
				known.set(policy, get(`policies/${part(policy)}`, {}, signal));
			return known.get(policy);
		},
	};
	const rollout = status.rollouts.find((running) => running.record === name);
	const root = node("record", name);
	if (rollout) {
		const led = node("rollout", `rollout to ${rollout.to}`, { percent: rollout.percent });
		led.children = [await named(rollout.from, load, 1), await named(rollout.to, load, 1)];
		root.children = [led];
	} else {
		root.children = [await named(record.policy, load, 1)];
	}
	return root;
}

/* --- Lighting ----------------------------------------------------------------------------------------------------- */

/** The way from a node down to the first one of that name; only through the rule that the ranks name, where they do. */
function way(from, name, rule) {
	const queue = [[from]];
	while (queue.length) {
		const path = queue.shift(), last = path[path.length - 1];
		if (path.length > 1 && last.name === name && last.kind !== "rule")
			return path.slice(1);
		for (const child of last.children)
			if (!(child.kind === "rule" && path.length === 1 && rule && child.name !== rule))
				queue.push([...path, child]);
	}
	return null;
}

/** Rules that are not for this client are set aside as soon as their policy is entered. */
function lightRules(at, explained, lit) {
	const best = new Map();
	for (const rank of explained.ranks)
		if (rank.node === at.name && rank.rule !== null && rank.rank !== null && !(best.get(rank.rule)?.rank <= rank.rank))
			best.set(rank.rule, rank);
	for (const child of at.children)
		if (child.kind === "rule")
			lit.set(child.id, best.has(child.name) ? { is: "open", note: "matches" } : { is: "out",
				note: "not this client" });
}

const put = (lit, of, is, note) => lit.set(of.id, { ...lit.get(of.id), is, ...(note === undefined ? {} : { note }) });

/**
 * What the first steps of a walk say of the tree: node id → { is, note }, `is` one of open (it is looked at), out (set
 * aside), chosen. The walk sees policies settled for its client, so what stands between two of its names is found by the tree.
 */
export function light(tree, explained, steps) {
	const lit = new Map();
	const stack = []; // by depth: the way that led to the node at hand
	const ranks = new Map();
	let drawn = null;
	const inner = (depth) => stack[depth - 1]?.at(-1) ?? tree;
	for (const step of steps) {
		const base = inner(step.depth);
		if (step.step === "record") {
			put(lit, tree, "open");
		} else if (step.step === "child") {
			ranks.set(`${step.depth} ${step.name}`, step.rank);
		} else if (step.step === "draw") {
			const rank = ranks.get(`${step.depth} ${step.name}`);
			const from = explained.ranks.find((r) => r.node === base.name && r.child === step.name && r.rank === rank && r.rule);
			drawn = { name: step.name, rule: from?.rule };
		} else if (step.step === "enter") {
			const led = way(base, step.name, drawn?.name === step.name ? drawn.rule : undefined);
			stack.length = step.depth;
			stack[step.depth] = led ?? [base];
			for (const passed of led ?? [])
				put(lit, passed, "open");
			lightRules(inner(step.depth + 1), explained, lit);
		} else if (step.step === "short") {
			put(lit, inner(step.depth + 1), "out", `${step.usable} usable, ${step.needed} needed`);
		} else if (step.step === "leave") {
			const left = stack[step.depth] ?? [];
			for (const passed of left.slice(-1))
				put(lit, passed, "out");
			stack.length = step.depth;
		} else if (step.step === "endpoint" || step.step === "chosen") {
			const endpoint = base.children.find((child) => child.name === step.name);
			if (endpoint && step.step === "endpoint")
				put(lit, endpoint, step.usable ? "open" : "out", step.state);
			if (endpoint && step.step === "chosen") {
				put(lit, endpoint, "chosen");
				put(lit, tree, "chosen");
				for (const passed of stack.slice(0, step.depth).flat())
					put(lit, passed, "chosen");
			}
		}
	}
	return lit;
}

/* --- Words -------------------------------------------------------------------------------------------------------- */

const share = (n) => (n >= 0.9995 ? "" : `, with a chance of ${(n * 100).toFixed(1)} %`);

const WORDS = {
	record: (step) => `The record ${step.name} answers; this client is of class ${step.class}.`,
	enter: (step) => `Enter ${step.name} (${step.order}).`,
	child: (step, why) => `${step.name} stands at rank ${step.rank + 1}${why ? `: ${why}` : ""}` +
		`${step.weight !== 1 ? `, weight ${step.weight}` : ""}.`,
	endpoint: (step) =>
		`${step.name} ${step.usable ? "can answer" : "is set aside"}: ${step.state}; weight ${step.weight}.`,
	rollout: (step) => (step.aborted ? `The rollout to ${step.name} was aborted.`
		: `Step ${step.number} of the rollout gives ${step.name} ${step.per_cent} %.`),
	trickle: (step) => `Rank ${step.rank + 1} gets a trickle of ${step.per_cent} %.`,
	turn: (step) => `It is turn ${step.turn} of ${step.of}.`,
	key: (step) => `The key is ${step.network ?? "the name"}, by ${step.by}.`,
	compare: (step) => `${step.name} is compared: weight ${step.weight}` +
		(step.latency_us !== undefined ? `, ${step.latency_us / 1000} ms.` : `, load ${(step.load_per_mille ?? 0) / 10} %.`),
	draw: (step) => `${step.name} is tried${share(step.share)}.`,
	chosen: (step) => `${step.name} is chosen${share(step.share)}.`,
	short: (step) => `${step.name} cannot answer: ${step.usable} usable, ${step.needed} needed.`,
	leave: (step) => `Leave ${step.name}; the next one is tried.`,
	failopen: () => "Nothing is left that can answer: all count as up.",
	again: (step) => step.text ?? "Once more.",
};

export function stepWords(step, explained) {
	const rank = step.step === "child" && explained.ranks.find((r) => r.child === step.name && r.rank === step.rank);
	return (WORDS[step.step] ?? ((other) => `${other.step} ${other.name}`))(step, rank?.why);
}
