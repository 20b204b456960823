// SPDX-License-Identifier: Apache-2.0
// Objects as lines to read, and what differs between two of them.
import { h } from "./dom.js";
import { moment, span } from "./words.js";

const PLAIN = /^[\w./@*%][\w ./@*%,+-]*$/;

function scalar(value) {
	return typeof value === "string" && !PLAIN.test(value) ? JSON.stringify(value) : String(value);
}

const isFlat = (value) => value === null || typeof value !== "object";

/** A value of JSON as lines in the manner of a catalog file. */
export function lines(value, indent = "") {
	if (isFlat(value))
		return [indent + scalar(value)];
	if (Array.isArray(value))
		return value.every(isFlat) ? [`${indent}[${value.map(scalar).join(", ")}]`]
			: value.flatMap((item) => {
				const inner = lines(item, `${indent}  `);
				return [`${indent}- ${inner[0].trimStart()}`, ...inner.slice(1)];
			});
	return Object.entries(value).flatMap(([name, item]) => {
		const inner = lines(item, `${indent}  `);
		const oneLine = isFlat(item) || (Array.isArray(item) && item.every(isFlat));
		return oneLine ? [`${indent}${name}: ${inner[0].trimStart()}`] : [`${indent}${name}:`, ...inner];
	});
}

const LONG = 400; // lines; of longer ones, nothing but all before and all after

/** [mark, line] pairs, mark one of " ", "-", "+": the longest common subsequence stays. */
export function difference(before, after) {
	if (before.length * after.length > LONG * LONG)
		return [...before.map((line) => ["-", line]), ...after.map((line) => ["+", line])];
	const common = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
	for (let i = before.length - 1; i >= 0; i--)
		for (let k = after.length - 1; k >= 0; k--)
			common[i][k] = before[i] === after[k] ? common[i + 1][k + 1] + 1 : Math.max(common[i + 1][k],
				common[i][k + 1]);
	const out = [];
	let i = 0, k = 0;
	while (i < before.length || k < after.length)
		if (i < before.length && k < after.length && before[i] === after[k])
			out.push([" ", before[i++]]), k++;
		else if (k >= after.length || (i < before.length && common[i + 1][k] >= common[i][k + 1]))
			out.push(["-", before[i++]]);
		else
			out.push(["+", after[k++]]);
	return out;
}

const CONTEXT = 2; // equal lines shown around what differs

const depth = (line) => line.search(/\S/);

/** Which lines are shown: those that differ, some around them, and whose parts they are. */
function near(pairs) {
	const shown = pairs.map(() => false);
	pairs.forEach(([mark, line], at) => {
		if (mark === " ")
			return;
		for (let i = Math.max(0, at - CONTEXT); i <= Math.min(pairs.length - 1, at + CONTEXT); i++)
			shown[i] = true;
		for (let i = at, above = depth(line); i >= 0 && above > 0; i--)
			if (depth(pairs[i][1]) < above) {
				above = depth(pairs[i][1]);
				shown[i] = true;
			}
	});
	return shown;
}

/** Times as people read them: since_ms is a moment, every_ms a span. */
function inWords(value) {
	return Object.fromEntries(Object.entries(value).map(([name, item]) => (/_ms$/.test(name) && typeof item === "number"
		? [name.slice(0, -3), item > 1e12 ? moment(item) : item ? span(item) : "-"] : [name, item])));
}

function text(value) {
	if (value === null || value === undefined)
		return [];
	if (Array.isArray(value) && value.every((item) => typeof item === "string"))
		return value;
	return lines(Array.isArray(value) ? value : inWords(value));
}

const MARKED = { "-": "removed", "+": "added" };

function diffLines(change) {
	const pairs = difference(text(change.before), text(change.after));
	const shown = near(pairs);
	const out = [];
	pairs.forEach(([mark, line], i) => {
		if (shown[i])
			out.push(h(mark === "-" ? "del" : mark === "+" ? "ins" : "span", null,
				mark !== " " && h("span", { class: "unseen" }, `${MARKED[mark]}: `),
				h("span", { class: "sigil", "aria-hidden": "true" }, mark), line, "\n"));
		else if (i === 0 || shown[i - 1])
			out.push(h("span", { class: "quiet" }, "  …\n"));
	});
	return out;
}

const SHOWN = 100; // changes of one edit

/** What an edit changed, or would change: one piece for each object, as lines taken away and added. */
export function changesView(changes) {
	if (!changes.length)
		return h("p", { class: "quiet" }, "Nothing.");
	return h("div", { class: "changes" }, changes.slice(0, SHOWN).map((change, i) =>
		h("details", { "data-key": `${change.kind} ${change.name} ${change.type ?? ""}`,
			open: changes.length < 12 || i < 3 },
			h("summary", null, h("span", { class: `did did-${change.action}` }, change.action), ` ${change.kind} `,
				h("b", null, change.name), change.type && ` ${change.type}`),
			h("pre", null, diffLines(change)))),
	changes.length > SHOWN && h("p", { class: "quiet" }, `and ${changes.length - SHOWN} more; isobar log shows them all`));
}

const SAID = { up: "forced up", down: "forced down", drain: "drained", "hold-up": "held up", "hold-down": "held down" };

/** "drained", "ended rollout", "changed pool": what was done to a thing of that kind. */
function deed({ action, kind, after }) {
	if (kind === "admin")
		return SAID[after?.admin] ?? "back to its checks:";
	if (kind === "rollout")
		return action === "added" ? "began rollout" : action === "removed" ? "ended rollout" : "changed rollout";
	return `${action} ${kind}`;
}

/** "changed pool asia, added record ×2" */
export function changesInShort(changes) {
	const counted = new Map();
	for (const change of changes) {
		const what = deed(change);
		counted.set(what, [...(counted.get(what) ?? []), change.name]);
	}
	return [...counted].map(([what, names]) => (names.length === 1 ? `${what} ${names[0]}`
		: `${what} ×${names.length}`)).join(", ");
}
