// SPDX-License-Identifier: Apache-2.0
// Every edit of the catalog: who, when, why and what; and the way back.
import { get } from "./api.js";
import { h } from "./dom.js";
import { moment, span } from "./words.js";
import { changesInShort, changesView } from "./yaml.js";

const SHOWN = 50; // edits at a time

function entry(edit, chosen, now) {
	return h("li", { "data-key": edit.generation },
		h("a", { href: `#/history/${edit.generation}`, "aria-current": edit.generation === chosen ? "true" : null },
			h("span", { class: "generation" }, edit.generation),
			h("span", { class: "what" }, h("b", null, edit.reason || "no reason given"),
				h("span", { class: "quiet" }, changesInShort(edit.changes))),
			h("span", { class: "who" }, edit.author, h("time",
				{ datetime: edit.time, title: edit.time, class: "quiet" },
				`${span(now - Date.parse(edit.time))} ago`))));
}

function closely(edit, newest, may) {
	return h("section", { class: "panel", "aria-labelledby": "edit", "data-key": `edit ${edit.generation}` },
		h("div", { class: "bar-of" }, h("h2", { id: "edit" }, `Generation ${edit.generation}`),
			edit.generation === newest ? h("span", { class: "chip" }, "current")
				: h("button", { type: "button", "data-do": "rollback", "data-on": edit.generation, ...may("admin") },
					"Go back to this…")),
		h("p", null, h("b", null, edit.reason || "no reason given"),
			h("span", { class: "quiet" }, ` — ${edit.author}, ${moment(Date.parse(edit.time))}`)),
		edit.aborts?.map((text) => h("p", { class: "alarm" }, text)),
		changesView(edit.changes));
}

export const historyPage = {
	title: "History",
	load: async (_, __, signal) => (await get("log", {}, signal)).slice().reverse(),
	render({ data: log, params: [word], query, now, may }) {
		const chosen = Number(word) || log[0]?.generation;
		const count = Number(query.show) || SHOWN;
		const edit = log.find((one) => one.generation === chosen);
		return [
			h("h1", null, "History"),
			h("div", { class: "split history" },
				h("section", { class: "panel", "aria-labelledby": "edits" }, h("h2", { id: "edits" }, "Edits"),
					h("ol", { class: "log", reversed: true },
						log.slice(0, count).map((one) => entry(one, chosen, now))),
					log.length > count && h("a", { href: `#/history${word ? `/${word}` : ""}?show=${count + SHOWN}` },
						"Older ones")),
				edit ? closely(edit, log[0].generation, may)
					: h("p", { class: "panel quiet" }, log.length ? `Generation ${word} is not kept.` : "Nobody has edited the catalog yet.")),
		];
	},
};
