// SPDX-License-Identifier: Apache-2.0
// What an operator can do, as deeds for dialog.js.
import { edit, part, path } from "./api.js";
import { reasonField } from "./dialog.js";
import { h } from "./dom.js";
import { moment, perCent, plural, span, state, stateOf } from "./words.js";
import { changesView } from "./yaml.js";

/* --- What resolvers still hold ------------------------------------------------------------------------------------ */

function cached(answer) {
	const until = answer.cached_until_ms;
	return until ? h("p", null, "Resolvers may hold older answers until ",
		h("time", { datetime: moment(until) }, moment(until)),
		` (the longest TTL is ${span(answer.cached_ttl_s * 1000)}).`) : null;
}

const changed = (answer) => (answer.changes?.length ? null : h("p", null, "Nothing would change."));

/* --- One endpoint ------------------------------------------------------------------------------------------------- */

const STATES = [
	["drain", "Drain", "no new answers with it; who has one keeps it"],
	["down", "Force down", "whatever the checks say"],
	["up", "Force up", "whatever the checks say"],
	["hold", "Hold", "keep what counts now, whatever the checks say next"],
	["auto", "Automatic", "as the checks say"],
];
const SPANS = [["30m", "30 minutes"], ["2h", "2 hours"], ["8h", "8 hours"], ["1d", "1 day"], ["7d", "7 days"],
	["", "until I say"]];
const DOES = { drain: "is drained", down: "is forced down", up: "is forced up", hold: "is held as it is",
	auto: "follows its checks again",
	failback: "serves again" };

/** What is left of a pool when this endpoint gives no more answers. */
function leftOf(endpoint, status) {
	const { pool } = endpoint;
	const others = status.endpoints.filter((other) => other.endpoint !== endpoint.endpoint && other.pool === pool);
	const serving = others.filter((other) => stateOf(other).serves).length;
	return serving ? h("p", null, `Its clients go to ${plural(serving, "other endpoint")} of ${pool}.`)
		: h("p", { class: "alarm" }, `No other endpoint of ${pool} can answer: clients go on to what their policy ` +
			"names next, and where nothing is left the record's all_down decides.");
}

function operateTell(endpoint, status) {
	return (answer, given) => {
		const after = answer.changes?.[0]?.after;
		const ends = after?.until_ms && given.state !== "auto" && given.state !== "failback";
		const until = ends ? ` until ${moment(after.until_ms)}` : "";
		return [h("p", null, h("b", null, endpoint.endpoint), ` ${DOES[given.state]}${until}.`), changed(answer),
			(given.state === "drain" || given.state === "down") && stateOf(endpoint).serves ? leftOf(endpoint,
				status) : null, cached(answer)];
	};
}

export function operate(endpoint, status) {
	const name = endpoint.endpoint, { operator } = stateOf(endpoint);
	const states = [...(endpoint.waits ? [["failback", "Let it serve again", "it came back and waits for you"]] : []),
		...STATES]
		.filter(([value]) => value !== "auto" || operator);
	const first = operator ? "auto" : endpoint.waits ? "failback" : "drain";
	const choice = ([value, word, means]) => h("label", { class: "choice" },
		h("input", { type: "radio", name: "state", value, checked: value === first }),
			h("span", null, h("b", null, word), h("span", { class: "quiet" }, means)));
	return {
		title: `Operate ${name}`,
		fields: [
			h("p", null, "Now: ", state(endpoint), " ", h("span", { class: "quiet" }, endpoint.why)),
			h("fieldset", null, h("legend", null, "What"), states.map(choice)),
			h("label", { class: "block" }, "For how long", h("select", { name: "for" },
				SPANS.map(([value, text]) => h("option", { value, selected: value === "2h" }, text)))),
			reasonField(),
		],
		button: "Do it",
		label: (given) => states.find(([value]) => value === given.state)[1],
		ask(given, options) {
			if (given.state === "failback")
				return edit("POST", `endpoints/${path(name)}/failback`, { reason: given.reason }, options);
			const lasts = given.state !== "auto" && given.for ? { for: given.for } : {};
			return edit("PUT", `endpoints/${path(name)}/state`,
				{ state: given.state, reason: given.reason, ...lasts }, options);
		},
		tell: operateTell(endpoint, status),
		said: (answer, given) => `${name} ${DOES[given.state]}; generation ${answer.generation}.`,
	};
}

/* --- Switch ------------------------------------------------------------------------------------------------------- */

function sides(names, label, more = {}) {
	return h("label", { class: "block" }, label, h("select", { name: "to", ...more },
		names.map((name) => h("option", { value: name }, name))));
}

export function switchRecord(name, from, targets) {
	return {
		title: `Switch ${name}`,
		fields: [h("p", null, "Served by ", h("b", null, from),
			" now. One edit, and the same words the other way round go back."),
			sides(targets.filter((target) => target !== from), "To"), reasonField()],
		button: "Switch", danger: true, exact: true,
		ask: (given, options) => edit("POST", "switch", { record: name, from, to: given.to, reason: given.reason },
			options),
		tell: (answer, given) => [h("p", null, h("b", null, name), ` is served by ${given.to} instead of ${from}.`),
			changed(answer), cached(answer),
			changesView(answer.changes ?? [])],
		said: (answer, given) => `${name} is served by ${given.to}; generation ${answer.generation}.`,
	};
}

/* --- Rollouts ----------------------------------------------------------------------------------------------------- */

export function startRollout(record, records, targets) {
	return {
		title: record ? `Start a rollout of ${record}` : "Start a rollout",
		fields: [
			h("label", { class: "block" }, "Record", h("select", { name: "record" },
				records.map((name) => h("option", { value: name, selected: name === record }, name)))),
			sides(targets, "Lead its clients to"),
			h("div", { class: "pair" },
				h("label", { class: "block" }, "Steps, % of the clients",
					h("input", { name: "steps", value: "10, 30, 50, 100", pattern: "[0-9, ]+", required: true,
					autocomplete: "off" })),
				h("label", { class: "block" }, "Each lasts", h("input",
					{ name: "every", value: "10m", pattern: "[0-9]+(ms|s|m|h|d)", required: true,
					autocomplete: "off" }))),
			h("label", { class: "choice" }, h("input", { type: "checkbox", name: "abort", checked: true }),
				h("span", null, h("b", null, "Abort if down"),
				h("span", { class: "quiet" }, "the probes take everybody back when the new side cannot answer"))),
			h("label", { class: "choice" }, h("input", { type: "checkbox", name: "sticky" }),
				h("span", null, h("b", null, "Sticky"),
				h("span", { class: "quiet" }, "a client network that came over stays over"))),
			reasonField(),
		],
		button: "Start",
		ready: (given) => given.steps && given.every,
		lacking: "Say which steps, and how long each lasts.",
		ask(given, options) {
			const steps = given.steps.split(/[ ,]+/).filter(Boolean);
			const every = steps.length > 1 ? { every: given.every } : {};
			return edit("POST", "rollouts", { record: given.record, to: given.to, steps: steps.join(","), ...every,
				sticky: given.sticky,
				...(given.abort ? { abort_if: "down" } : {}), reason: given.reason }, options);
		},
		tell(answer, given) {
			const steps = given.steps.split(/[ ,]+/).filter(Boolean);
			return [h("p", null, `${steps[0]} % of the clients of `, h("b", null, given.record),
				` are led to ${given.to} at once` +
				(steps.length > 1 ? `, ${steps[1]} % after ${given.every}; ` +
					`${steps.at(-1)} % after ${steps.length - 1} × ${given.every}.` : ".")),
			changed(answer), h("p", { class: "quiet" }, "It can be paused and aborted at any time.")];
		},
		said: (answer, given) => `The rollout of ${given.record} to ${given.to} has begun; generation ${answer.generation}.`,
	};
}

const ACTIONS = {
	pause: ["Pause", (r) => `${r.name} stays at ${r.percent} % until you resume.`],
	resume: ["Resume", (r) => `${r.name} goes on from the step where it stood.`],
	abort: ["Abort", (r) => `${r.name} is served by ${r.from} alone again.`],
	finish: ["Finish", (r) => `${r.to} becomes what serves ${r.name}, for all its clients. ` +
		"A catalog file that says otherwise takes it back when it is applied."],
};

export function rolloutAct(rollout, action) {
	const [word, will] = ACTIONS[action];
	const early = action === "finish" && (rollout.percent < 100 || rollout.state === "aborted");
	const force = action === "resume" || early ? h("label", { class: "choice" },
		h("input", { type: "checkbox", name: "force" }),
		h("span", null, h("b", null, "All the same"), h("span", { class: "quiet" },
			early ? "though it is not at 100 %" : "though the new side cannot answer"))) : null;
	return {
		title: `${word} the rollout of ${rollout.name}`,
		fields: [force, reasonField()],
		button: word, danger: action === "abort", exact: action === "finish",
		ask: (given, options) => edit("POST", `rollouts/${part(rollout.record)}/${action}`,
			{ reason: given.reason, ...(given.force ? { force: true } : {}) }, options),
		tell: (answer) => [h("p", null, will(rollout)), changed(answer), cached(answer)],
		said: (answer) => `${will(rollout)} Generation ${answer.generation}.`,
	};
}

/* --- History ------------------------------------------------------------------------------------------------------ */

const NAMES = 8; // names whose clients move that are shown

function move(name, { from, to, queries }, i) {
	const side = ({ pool, region }) => `${pool}${region ? ` (${region})` : ""}`;
	const same = from.pool === to.pool && from.region === to.region;
	return h("tr", null, i ? h("td") : h("th", { scope: "row" }, name.name),
		h("td", null, same ? `${side(from)}: another endpoint` : `${side(from)} → ${side(to)}`),
		h("td", { class: "number" }, perCent(queries / name.queries)));
}

/** Who would move, name by name, where the API tells. */
function shift({ shift: moved, shift_not_counted: why }) {
	if (!moved)
		return why ? h("p", { class: "quiet" }, why) : null;
	const names = moved.by_name ?? [];
	return [h("p", null, h("b", null, perCent(moved.moved_share)), " of the clients get another answer."),
		names.length ? h("table", { class: "moves" },
			h("caption", { class: "unseen" }, "Who moves"),
			h("thead", null, h("tr", null, ["Name", "Moves"].map((text) => h("th", { scope: "col" }, text)),
				h("th", { scope: "col", class: "number" }, "Of its clients"))),
			h("tbody", null, names.slice(0, NAMES).map((name) => name.moves.map((one, i) => move(name, one,
				i))))) : null,
		names.length > NAMES && h("p", { class: "quiet" }, `and ${plural(names.length - NAMES, "name")} more`)];
}

function planned({ plan, changes }) {
	const words = Object.entries(plan ?? {}).filter(([, n]) => n).map(([what, n]) => `${n} ${what}`).join(", ");
	return changes?.length ? h("p", null, `${words || plural(changes.length, "change")}.`) : null;
}

export function rollback(generation) {
	return {
		title: `Go back to generation ${generation}`,
		fields: [h("p", null,
			"The catalog becomes again what it was then, by one more edit: nothing of the history is lost."), reasonField()],
		button: "Go back", danger: true, exact: true, wide: true,
		ask: (given, options) => edit("POST", "rollback", { generation, reason: given.reason }, options),
		tell: (answer) => [changed(answer), planned(answer), shift(answer), cached(answer),
			answer.changes?.length ? changesView(answer.changes) : null],
		said: (answer) => `The catalog is what it was in generation ${generation}; generation ${answer.generation}.`,
	};
}
