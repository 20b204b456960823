// SPDX-License-Identifier: Apache-2.0
// Words, numbers and signs for what the API tells.
import { h, s } from "./dom.js";

const UNITS = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];

/** 7384 s → "2h03m", as the command line writes spans. */
export function span(ms) {
	const seconds = Math.max(0, Math.round(ms / 1000));
	const first = UNITS.findIndex(([, size]) => seconds >= size);
	if (first < 0)
		return "0s";
	const [unit, size] = UNITS[first];
	const whole = Math.floor(seconds / size);
	const next = UNITS[first + 1];
	const rest = next && whole < 10 ? Math.floor((seconds % size) / next[1]) : 0;
	return rest ? `${whole}${unit}${String(rest).padStart(2, "0")}${next[0]}` : `${whole}${unit}`;
}

/** A moment in UTC, to the second: what logs and the command line print. */
export function moment(ms) {
	return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** "4m12s", and the moment itself for those who point at it. */
export function since(ms, now) {
	return ms ? h("time", { datetime: moment(ms), title: moment(ms) }, span(now - ms)) : "–";
}

export function milliseconds(us) {
	const ms = us / 1000;
	return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2);
}

export function perCent(share) {
	const n = share * 100;
	return `${n > 0 && n < 10 ? n.toFixed(1) : Math.round(n)} %`;
}

export const plural = (n, word, words = `${word}s`) => `${n} ${n === 1 ? word : words}`;

/* --- States ------------------------------------------------------------------------------------------------------- */

const ADMIN = {
	drain: ["drained", "drain"],
	up: ["forced up", "forced-up"],
	down: ["forced down", "forced-down"],
	"hold-up": ["held up", "forced-up"],
	"hold-down": ["held down", "forced-down"],
};

/** What counts of an endpoint: its word, its sign, and whether it is given as an answer. */
export function stateOf(endpoint) {
	const said = ADMIN[endpoint.admin], { serves } = endpoint;
	if (said)
		return { word: said[0], sign: said[1], serves, operator: true };
	return endpoint.waits ? { word: "up, waits", sign: "waits", serves } : { word: endpoint.verdict,
		sign: endpoint.verdict, serves };
}

/** Worst first. */
export const SIGNS = ["down", "forced-down", "disputed", "waits", "drain", "unknown", "forced-up", "unchecked", "up"];

// Each state has a shape of its own, so that nobody needs to tell colours apart.
const SHAPES = {
	up: () => [s("circle", { cx: 8, cy: 8, r: 5.5, class: "solid" })],
	down: () => [s("path", { d: "M3.5 3.5l9 9m0-9l-9 9", class: "bold" })],
	"forced-up": () => [s("rect", { x: 1.75, y: 1.75, width: 12.5, height: 12.5, rx: 2, class: "line" }),
		s("circle", { cx: 8, cy: 8, r: 3.5, class: "solid" })],
	"forced-down": () => [s("rect", { x: 1.75, y: 1.75, width: 12.5, height: 12.5, rx: 2, class: "line" }),
		s("path", { d: "M5.25 5.25l5.5 5.5m0-5.5l-5.5 5.5", class: "bold" })],
	drain: () => [s("path", { d: "M2.5 4h11L8 13.5z", class: "solid" })],
	disputed: () => [s("circle", { cx: 8, cy: 8, r: 5.5, class: "line" }),
		s("path", { d: "M8 2.5a5.5 5.5 0 0 1 0 11z", class: "solid" })],
	waits: () => [s("path", { d: "M2.5 12.5h11L8 3z", class: "line" })],
	unknown: () => [s("circle", { cx: 8, cy: 8, r: 5.5, class: "line dashed" })],
	unchecked: () => [s("circle", { cx: 8, cy: 8, r: 5.5, class: "line" })],
};

/** The sign alone, 16 units wide, for use inside an SVG. */
export function shape(sign, attributes) {
	return s("g", { ...attributes, class: `sign is-${sign}` }, (SHAPES[sign] ?? SHAPES.unknown)());
}

export function icon(sign) {
	return s("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true", focusable: "false" }, shape(sign));
}

/** Sign and word. */
export function state(endpoint) {
	const of = stateOf(endpoint);
	return h("span", { class: `state is-${of.sign}` }, icon(of.sign), of.word);
}

/* --- Small pictures ----------------------------------------------------------------------------------------------- */

const within = (share) => Math.max(0, Math.min(1, share)) * 40;

/** A share of one, as a number with a bar beneath it; a tick stands where it should be, when that is known. */
export function bar(share, text, tone = "", expected = null) {
	return h("span", { class: "bar" }, text,
		s("svg", { viewBox: "0 0 40 5", class: tone, "aria-hidden": "true" },
			s("rect", { y: 1, width: 40, height: 3, rx: 1.5, class: "track" }),
			s("rect", { y: 1, width: within(share), height: 3, rx: 1.5, class: "value" }),
			expected !== null && s("rect", { x: Math.min(38.5, Math.max(0, within(expected) - 0.75)), width: 1.5,
				height: 5, class: "tick" })));
}

/** Outcomes of checks, the newest on the right: ok stands on the line, failed hangs from it. */
export function outcomes(history) {
	const step = 4, width = Math.max(history.length, 1) * step;
	const failed = [...history].filter((mark) => mark !== "+").length;
	const label = `${plural(history.length, "outcome")}, ${failed ? `${failed} failed` : "all ok"}`;
	return s("svg", { viewBox: `0 0 ${width} 16`, width, height: 16, class: "outcomes", role: "img",
		"aria-label": label },
		[...history].map((mark, i) => mark === "+"
			? s("rect", { x: i * step, y: 1, width: 3, height: 8, class: "ok" })
			: s("rect", { x: i * step, y: 9, width: 3, height: 6, class: "failed" })));
}
