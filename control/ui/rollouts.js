// SPDX-License-Identifier: Apache-2.0
// Canaries under way: how far they are, when they go on, and what can be done about them.
import { h, s } from "./dom.js";
import { moment, since, span } from "./words.js";

const TONES = { aborted: "is-down", paused: "is-disputed" };

function progress(rollout) {
	const percent = rollout.percent;
	return h("div", { class: "progress" },
		s("svg", {
			viewBox: "0 0 100 6", preserveAspectRatio: "none", role: "img",
			"aria-label": `${percent} % of the clients are led to ${rollout.to}`,
		},
		s("rect", { width: 100, height: 6, class: "track" }), s("rect", { width: percent, height: 6, class: "value" }),
		rollout.steps.slice(0, -1).map((step) => s("rect", { x: step - 0.15, width: 0.3, height: 6, class: "tick" }))),
		h("ol", { class: "ticks", "aria-label": "Steps" }, rollout.steps.map((step, i) =>
			h("li", { class: i + 1 < rollout.step ? "over" : "",
				"aria-current": i + 1 === rollout.step ? "step" : null }, `${step} %`))));
}

function next(rollout, now) {
	if (rollout.state === "aborted")
		return `Aborted by the probes: ${rollout.evidence || "the new side could not answer"}. ` +
			`Everybody is on ${rollout.from}.`;
	if (rollout.state === "paused")
		return "Paused: the share stays until somebody resumes.";
	if (!rollout.can_answer)
		return `${rollout.to} cannot answer now, so it gets nothing (${rollout.standing}).`;
	return rollout.next_ms ? ["Next step: ", h("b", null, `${rollout.steps[rollout.step]} %`), " in ",
		h("time", { datetime: moment(rollout.next_ms) }, span(rollout.next_ms - now)),
			"."] : "The last step: finish it, or abort.";
}

function nets(rollout) {
	return rollout.nets.length ? h("p", { class: "quiet" }, `Always led: ${rollout.nets.slice(0, 6).join(", ")}`,
		rollout.nets.length > 6 && ` and ${rollout.nets.length - 6} more`) : null;
}

function card(rollout, now, may) {
	const act = (action, words, kind = "") => h("button", {
		type: "button", class: kind, "data-do": "rollout-act", "data-on": rollout.name, "data-how": action,
			...may("operate"),
	}, words, h("span", { class: "unseen" }, ` ${rollout.name}`));
	return h("li", { class: "panel", "data-key": rollout.record },
		h("div", { class: "bar-of" }, h("h2", null, h("a", { href: `#/record/${rollout.record}` }, rollout.name)),
			h("span", { class: `state ${TONES[rollout.state] ?? "is-up"}` }, rollout.state),
			h("span", { class: "since" }, since(rollout.since_ms, now))),
		h("p", { class: "sides" }, h("b", null, rollout.from), " → ", h("b", null, rollout.to),
			` · ${rollout.percent} %`,
			rollout.sticky && " · sticky", rollout.abort_if_down && " · aborts if down"),
		rollout.steps.length ? progress(rollout) : null, nets(rollout),
		h("p", null, next(rollout, now)),
		h("p", { class: "quiet" }, `${rollout.author}${rollout.reason ? `: ${rollout.reason}` : ""} · ${rollout.standing}`),
		h("div", { class: "group" },
			rollout.state === "running" ? act("pause", "Pause…") : act("resume", "Resume…"),
			act("finish", "Finish…"), act("abort", "Abort…", "danger")));
}

export const rolloutsPage = {
	title: "Rollouts",
	load: async () => null,
	render({ status, now, may }) {
		return [
			h("div", { class: "bar-of" }, h("h1", null, "Rollouts"),
				h("button", { type: "button", class: "primary", "data-do": "rollout", ...may("operate") },
					"Start a rollout…")),
			status.rollouts.length ? h("ul", { class: "cards" },
				status.rollouts.map((rollout) => card(rollout, now, may)))
				: h("p", { class: "panel quiet" }, "None is under way. A rollout leads a record's clients to another pool or " +
					"policy, step by step, and back at once when it is aborted."),
		];
	},
};
