// SPDX-License-Identifier: Apache-2.0
// Every edit of the catalog: who, when, why and what; and the way back.
import { get, part } from "./api.js";
import { h } from "./dom.js";
import { moment, span } from "./words.js";
import { changesInShort, changesView } from "./yaml.js";

const SHOWN = 50; // edits at a time

/** The address of an edit among so many. */
const where = (generation, count) =>
	`#/history${generation ? `/${generation}` : ""}${count > SHOWN ? `?show=${count}` : ""}`;

function entry(edit, chosen, count, now) {
	return h("li", { "data-key": edit.generation },
		h("a", { href: where(edit.generation, count), "aria-current": edit.generation === chosen ? "true" : null },
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

/** The edit that is asked for may be older than those of the list. */
async function closer(word, log, signal) {
	const found = word ? log.find((edit) => String(edit.generation) === word) : log[0];
	if (found || !word)
		return found ?? null;
	try {
		return await get(`generations/${part(word)}`, {}, signal);
	} catch (error) {
		if (error.status !== 404 && error.status !== 400)
			throw error;
		return null;
	}
}

/** One more than is shown tells whether there are older ones. */
async function load([word], { query }, signal) {
	const count = Math.max(SHOWN, Math.floor(Number(query.show)) || 0);
	const log = (await get("log", { limit: count + 1 }, signal)).slice().reverse();
	return { log: log.slice(0, count), older: log.length > count, count, edit: await closer(word, log, signal) };
}

export const historyPage = {
	title: "History",
	load,
	render({ data: { log, older, count, edit }, params: [word], now, may }) {
		const title = h("h1", null, "History");
		if (!log.length)
			return [title, h("p", { class: "panel quiet" },
				"Nobody has edited the catalog yet. Each edit will stand here with who made it, when and why.")];
		return [
			title,
			h("div", { class: "split history" },
				h("section", { class: "panel", "aria-labelledby": "edits" }, h("h2", { id: "edits" }, "Edits"),
					h("ol", { class: "log", reversed: true },
						log.map((one) => entry(one, edit?.generation, count, now))),
					older && h("a", { class: "more", href: where(word, count + SHOWN) }, "Older ones")),
				edit ? closely(edit, log[0].generation, may)
					: h("p", { class: "panel quiet" }, `There is no generation ${word}, or it is no longer kept.`)),
		];
	},
};
