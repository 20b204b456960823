/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "isobar/base/clock.h"

/* --watch. On a terminal each frame is printed into memory and drawn over the one before, line by line, so that nothing
 * flickers; the screen of before comes back at the end. */

struct watch {
	struct cli *cli;
	bool screen;   /* drawn in place */
	bool begun;    /* there was a frame */
	sigset_t ends; /* signals that end or redraw it; held back but while it waits */
};

struct frame {
	char *said, *wrong; /* what goes to standard output, and to standard error */
	size_t nsaid, nwrong;
};

/* One run with its streams led into memory. */
static int take(struct cli *cli, int (*once)(struct cli *cli), struct frame *frame)
{
	FILE *out = stdout, *err = stderr;
	char when[24];
	FILE *said = open_memstream(&frame->said, &frame->nsaid), *wrong = open_memstream(&frame->wrong, &frame->nwrong);
	if (!said || !wrong)
		abort();
	stdout = said;
	stderr = wrong;
	cli->now_ms = cli->at_ms = isb_clock_ms();
	if (!cli->json)
		printf("%s\n", isb_time_print(cli->now_ms, when));
	int rc = once(cli);
	stdout = out;
	stderr = err;
	fclose(said);
	fclose(wrong);
	return rc;
}

/* --- On a terminal --- */

static void enter(void)
{
	fputs("\033[?1049h\033[?25l\033[?7l", stdout); /* another screen, no cursor, long lines are cut */
}

static void leave(void)
{
	fputs("\033[?7h\033[?25h\033[?1049l", stdout);
	fflush(stdout);
}

static size_t screen_lines(void)
{
	struct winsize size;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row : 24;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;
	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

/* The last line of the screen stays free of a newline, which would scroll it. */
static void draw(const struct frame *frame)
{
	size_t room = screen_lines() - 1, lines = count_lines(frame->said), shown = lines > room ? room - 1 : lines;
	const char *line = frame->said;
	fputs("\033[H", stdout);
	for (size_t i = 0; i < shown; i++) {
		size_t len = strcspn(line, "\n");
		printf("%.*s\033[K\n", (int)len, line);
		line += len + 1;
	}
	if (shown < lines)
		printf("... and %zu more lines", lines - shown);
	fputs("\033[J", stdout);
}

/* --- Anywhere --- */

static void print(struct watch *w, const struct frame *frame)
{
	if (w->screen) {
		draw(frame);
	} else {
		if (w->begun && !w->cli->json)
			putchar('\n');
		if (w->begun && w->cli->yaml)
			puts("---");
		fwrite(frame->said, 1, frame->nsaid, stdout);
		fwrite(frame->wrong, 1, frame->nwrong, stderr);
	}
	w->begun = true;
}

/* False: it was told to end. A window of another size is drawn anew at once. */
static bool wait(const struct watch *w)
{
	const struct timespec span = {w->cli->watch_ms / 1000, w->cli->watch_ms % 1000 * 1000000};
	int signal = sigtimedwait(&w->ends, NULL, &span);
	return signal < 0 || signal == SIGWINCH;
}

static int watch(struct watch *w, int (*once)(struct cli *cli))
{
	int rc;
	do {
		struct frame frame = {0};
		rc = take(w->cli, once, &frame);
		if (rc == CLI_OK)
			print(w, &frame);
		else if (w->screen)
			leave();
		if (rc != CLI_OK)
			fwrite(frame.wrong, 1, frame.nwrong, stderr);
		free(frame.said);
		free(frame.wrong);
		if (rc != CLI_OK)
			return rc;
	} while (fflush(stdout) == 0 && wait(w)); /* nobody reads any more: main() says so */
	if (w->screen)
		leave();
	return CLI_OK;
}

int cli_watch(struct cli *cli, int (*once)(struct cli *cli))
{
	const char *term = getenv("TERM");
	if (!cli->watch_ms)
		return once(cli);
	struct watch w = {.cli = cli};
	w.screen = !cli->json && isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
	cli->compact = true;
	sigemptyset(&w.ends);
	sigaddset(&w.ends, SIGINT);
	sigaddset(&w.ends, SIGQUIT);
	sigaddset(&w.ends, SIGHUP);
	sigaddset(&w.ends, SIGTERM);
	sigaddset(&w.ends, SIGWINCH);
	sigprocmask(SIG_BLOCK, &w.ends, NULL);
	if (w.screen)
		enter();
	return watch(&w, once);
}
