// SPDX-License-Identifier: Apache-2.0
// A deed in a dialog: what is to be done, what it would do (the API's own dry run), and the button that does it.
import { h, show } from "./dom.js";

const PATIENCE = 300; // ms after the last key before the dry run is asked for

const dialog = () => document.getElementById("dialog");

/** The values of a form by name; unchecked boxes are false. */
function values(form) {
	const out = {};
	for (const field of form.elements)
		if (field.name && (field.type !== "radio" || field.checked))
			out[field.name] = field.type === "checkbox" ? field.checked : field.value.trim();
	return out;
}

export function reasonField(required = true) {
	return h("label", { class: "block" }, "Reason", h("input", {
		name: "reason", required, maxlength: 200, autocomplete: "off", placeholder: "why; it is kept in the history",
	}));
}

/**
 * Opens it. deed: { title, fields: nodes, button, danger, ready(values) → bool, ask(values, { dry, generation }) →
 * promise of what the API says, tell(answer, values) → nodes, said(answer, values) → sentence }. done(sentence) is called
 * after it was done.
 */
export function open(deed, done) {
	const preview = h("div", { class: "preview", "aria-live": "polite" }, h("p", { class: "quiet" }, "…"));
	const trouble = h("p", { class: "alarm", role: "alert", hidden: true });
	const submit = h("button", { type: "submit", class: deed.danger ? "danger" : "primary" }, deed.button);
	const cancel = h("button", { type: "button" }, "Cancel");
	const form = h("form", { novalidate: true, "aria-labelledby": "dialog-title" },
		h("h2", { id: "dialog-title" }, deed.title), deed.fields,
		h("section", { "aria-labelledby": "dialog-will" }, h("h3", { id: "dialog-will" }, "What will happen"), preview),
		trouble, h("div", { class: "group end" }, cancel, submit));
	let timer = 0, asked = 0, generation = null;

	const complain = (text) => {
		trouble.textContent = text;
		trouble.hidden = !text;
	};
	const look = async () => {
		const mine = ++asked, given = values(form);
		if (deed.label)
			submit.textContent = deed.label(given);
		if (deed.ready && !deed.ready(given)) {
			show(preview, h("p", { class: "quiet" }, deed.lacking));
			return;
		}
		try {
			const answer = await deed.ask(given, { dry: true });
			if (mine !== asked)
				return;
			generation = answer.generation - (answer.changes?.length ? 1 : 0);
			show(preview, deed.tell(answer, given));
			complain("");
		} catch (error) {
			if (mine === asked)
				show(preview, h("p", { class: "alarm" }, error.message));
		}
	};
	const act = async (event) => {
		event.preventDefault();
		const wrong = [...form.elements].find((field) => field.willValidate && !field.checkValidity());
		if (wrong) {
			complain(`${wrong.labels[0].firstChild.textContent.trim()}: ${wrong.validationMessage}`);
			wrong.focus();
			return;
		}
		clearTimeout(timer);
		asked++; // what was asked for the preview comes too late
		submit.disabled = true;
		try {
			const given = values(form);
			const answer = await deed.ask(given, { dry: false, generation: deed.exact ? generation : null });
			dialog().close();
			done(deed.said(answer, given));
		} catch (error) {
			complain(error.status === 412 ? `Somebody else has edited the catalog meanwhile. ${error.message} ` +
				"Look again what will happen." : error.message);
			look();
		} finally {
			submit.disabled = false;
		}
	};
	form.addEventListener("input", () => {
		clearTimeout(timer);
		timer = setTimeout(look, PATIENCE);
	});
	form.addEventListener("submit", act);
	cancel.addEventListener("click", () => dialog().close());
	dialog().addEventListener("close", () => clearTimeout(timer), { once: true });
	dialog().className = deed.wide ? "wide-dialog" : "";
	dialog().replaceChildren(form);
	dialog().showModal();
	(form.querySelector("input:checked, input:not([type=radio]), select") ?? submit).focus();
	look();
}
