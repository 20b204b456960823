// SPDX-License-Identifier: Apache-2.0
// What the pages show of the world, kept true: the status, the traffic, and the stream that says when they changed.
import { Refusal, events, get } from "./api.js";
import { Traffic } from "./traffic.js";

const POLL = 10000; // ms; loads and response times move without an event
const OFTEN = 2000; // ms between two looks, however fast health moves
const TRAFFIC = 5000, NO_TRAFFIC = 60000; // ms between two looks at the servers' counters; where none tells them
const SILENCE = 45000; // a stream that says nothing for so long is dead
const FIRST_WAIT = 500, LONGEST_WAIT = 15000;

const sleep = (ms, signal) => new Promise((resolve) => {
	const timer = setTimeout(resolve, ms);
	signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
});

/** Keeps `world` true until stopped. changed(what) is called after each news; gone() when the token is refused. */
export class Live {
	constructor(world, changed, gone) {
		Object.assign(this, { world, changed, gone, stopping: new AbortController(), asking: null, again: false });
		world.link = "connecting";
	}

	start() {
		this.follow();
		this.poll();
		this.watchTraffic();
		return this.refresh();
	}

	stop() {
		this.stopping.abort();
	}

	get over() {
		return this.stopping.signal.aborted;
	}

	/** An edit is looked at once; health moves with every probe's round, so that is looked at every so often. */
	heard(event) {
		const wait = event === "health" ? OFTEN - (Date.now() - this.world.asOf) : 0;
		if (wait <= 0)
			this.refresh();
		else
			this.later ??= setTimeout(() => {
				this.later = null;
				if (!this.over)
					this.refresh();
			}, wait);
	}

	/** Asks for the status; who comes while it is asked for has it asked once more. */
	refresh() {
		if (this.asking) {
			this.again = true;
			return this.asking;
		}
		this.asking = this.ask().finally(() => {
			this.asking = null;
			if (this.again && !this.over) {
				this.again = false;
				this.refresh();
			}
		});
		return this.asking;
	}

	async ask() {
		try {
			const status = await get("status", {}, this.stopping.signal);
			const moved = this.world.status?.generation !== status.generation;
			Object.assign(this.world, { status, asOf: Date.now(), skew: status.now_ms - Date.now(), trouble: "" });
			this.changed(moved ? "catalog" : "health");
		} catch (error) {
			this.fail(error);
		}
	}

	fail(error) {
		if (this.over || document.hidden)
			return;
		if (error instanceof Refusal && error.status === 401)
			this.gone();
		else
			this.world.trouble = error.message;
		this.changed("link");
	}

	async follow() {
		let wait = FIRST_WAIT;
		while (!this.over) {
			await this.seen();
			const quiet = new AbortController();
			let timer = setTimeout(() => quiet.abort(), SILENCE);
			this.stopping.signal.addEventListener("abort", () => quiet.abort(), { once: true });
			document.addEventListener("visibilitychange", () => quiet.abort(), { once: true });
			try {
				await events((event) => this.heard(event), () => {
					clearTimeout(timer);
					timer = setTimeout(() => quiet.abort(), SILENCE);
					wait = FIRST_WAIT;
					if (this.world.link !== "live") {
						this.world.link = "live";
						this.refresh(); // what happened while nobody listened
					}
				}, quiet.signal);
			} catch (error) {
				this.fail(error);
			}
			clearTimeout(timer);
			if (this.over || document.hidden)
				continue;
			this.world.link = "lost";
			this.changed("link");
			await sleep(wait * (0.75 + Math.random() / 2), this.stopping.signal);
			wait = Math.min(wait * 2, LONGEST_WAIT);
		}
	}

	/** A tab that nobody looks at holds no connection: browsers have six for a server, whatever the number of tabs. */
	seen() {
		return new Promise((resolve) => {
			const look = () => (!document.hidden || this.over) && resolve();
			document.addEventListener("visibilitychange", look);
			this.stopping.signal.addEventListener("abort", look, { once: true });
			look();
		});
	}

	async poll() {
		while (!this.over) {
			await sleep(POLL, this.stopping.signal);
			if (!this.over && !document.hidden)
				await this.refresh();
		}
	}

	/** Somebody has come to a page that shows traffic. */
	lookAtTraffic() {
		this.nap?.abort();
	}

	async watchTraffic() {
		const traffic = new Traffic();
		while (!this.over) {
			let wait = TRAFFIC;
			if (!document.hidden && this.world.wantsTraffic())
				try {
					this.world.top = traffic.add(await get("top", {}, this.stopping.signal));
					this.changed("traffic");
				} catch (error) {
					const without = error.status === 404;
					Object.assign(this.world, { top: null, silence: without ? "isobar-control was started without --metrics-from"
						: "no server tells of it" });
					wait = without ? NO_TRAFFIC : TRAFFIC;
				}
			this.nap = new AbortController();
			await sleep(wait, AbortSignal.any([this.nap.signal, this.stopping.signal]));
		}
	}
}
