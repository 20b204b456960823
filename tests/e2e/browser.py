# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium for the stories of the dashboard: what it shows, what it complains of, and what a screen reader would
be told. Debian's chromium, chromium-driver and python3-selenium."""
import os
import shutil

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness import until

MISSING = [program for program in ("chromium", "chromedriver") if not shutil.which(program)]

# What the page's policy forbade, kept from before its first script. It is the driver's script, not the page's.
WATCH = """window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));"""

# Text that stands less than 4.5:1 (3:1 when it is large) on what is behind it.
CONTRAST = r"""
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = (text) => {
	canvas.clearRect(0, 0, 1, 1);
	canvas.fillStyle = text;
	canvas.fillRect(0, 0, 1, 1);
	const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
	return [r, g, b, a / 255];
};
const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3])).concat(1);
const behind = (node) => {
	const layers = [];
	for (let at = node; at; at = at.parentElement)
		layers.push(rgba(getComputedStyle(at).backgroundColor));
	return layers.reduceRight((under, layer) => over(layer, under), [255, 255, 255, 1]);
};
const luminance = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
	.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ratio = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
const out = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
	const node = walker.currentNode, element = node.parentElement;
	if (!node.nodeValue.trim() || !element.checkVisibility({ visibilityProperty: true }) || element.closest("title, .unseen, .skip, option"))
		continue;
	seen++;
	const style = getComputedStyle(element), size = parseFloat(style.fontSize);
	const colour = rgba(element instanceof SVGElement ? style.fill : style.color);
	const under = behind(element), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
	const found = ratio(over(colour, under), under);
	if (found < (large ? 3 : 4.5))
		out.push(`${found.toFixed(2)}:1 for "${node.nodeValue.trim().slice(0, 40)}" in ${element.tagName}.${element.getAttribute("class")}`);
}
return [seen, out];
"""

# Roles that mean nothing without a name.
NAMED = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "image", "img", "dialog", "region",
         "navigation", "table", "form", "heading", "DisclosureTriangle"}


class Browser:
    def __init__(self, url, *, width=1400, height=900, dark=False, motion=False):
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"), log_output=os.devnull) if hasattr(webdriver, "ChromeService") \
            else webdriver.chrome.service.Service(shutil.which("chromedriver"), log_path=os.devnull)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.url, self.width, self.height = url, width, height
        self.size(height)
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "no-preference" if motion else "reduce"}])
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=WATCH)

    def cdp(self, command, **how):
        return self.driver.execute_cdp_cmd(command, how)

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def size(self, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=self.width, height=height, deviceScaleFactor=1,
                 mobile=self.width < 500)

    def done(self):
        self.driver.quit()

    # --- going about ---

    def open(self, where="#/"):
        """A page anew, as by its address."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}/{where}")

    def sign_in(self, token, where="#/"):
        self.open(where)
        self.type("input[name=token]", token + Keys.ENTER)
        self.see(".link.live", "live")

    def find(self, css):
        found = self.driver.find_elements(By.CSS_SELECTOR, css)
        return found[0] if found else None

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css):
        """What stands there, white space as on the screen; None: no such thing."""
        return self.script("return document.querySelector(arguments[0])?.innerText ?? null", css)

    def texts(self, css):
        return self.script("return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)", css)

    def see(self, css, text="", within=20):
        """Waits until something is shown there that holds the text."""
        try:
            until(lambda: text in (self.text(css) or "") if text else self.find(css), within, f"{css} shows '{text}'")
        except AssertionError as late:
            raise AssertionError(f"{late}; it is {self.text(css)!r}") from None
        return self.text(css)

    def gone(self, css, within=20):
        until(lambda: not self.find(css), within, f"{css} is gone")

    def click(self, css):
        def try_it():
            try:
                found = self.find(css)
                if not found or not found.is_enabled():
                    return False
                self.script("arguments[0].scrollIntoView({ block: 'center' })", found)
                found.click()
            except StaleElementReferenceException:
                return False
            return True

        until(try_it, 20, f"{css} can be clicked")

    def type(self, css, text):
        until(lambda: self.find(css), 20, f"there is {css}")
        self.find(css).clear()
        self.find(css).send_keys(text)

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self, script="e.getAttribute('aria-label') || e.innerText"):
        return self.script(f"const e = document.activeElement; return {script}")

    def tab_to(self, css, at_most=60):
        """Presses Tab until the focus is on it, as who has no mouse does."""
        for _ in range(at_most):
            if self.focused(f"e.matches({css!r})"):
                return
            self.press(Keys.TAB)
        raise AssertionError(f"Tab does not come to {css} in {at_most} steps")

    # --- judging ---

    def complaints(self, but=()):
        """What the console and the content security policy said, without what holds one of these words."""
        said = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        return [text for text in said + self.script("return window.violations ?? []") if not any(word in text for word in but)]

    def nameless(self):
        """Controls, pictures and landmarks that a screen reader could not name."""
        self.cdp("Accessibility.enable")
        out = []
        for node in self.cdp("Accessibility.getFullAXTree")["nodes"]:
            role = node.get("role", {}).get("value", "")
            if not node.get("ignored") and role in NAMED and not node.get("name", {}).get("value", "").strip():
                out.append(f"{role} {node.get('properties')}")
        return out

    def doubled_ids(self):
        return self.script("""const all = [...document.querySelectorAll("[id]")].map((e) => e.id);
            return all.filter((id, i) => all.indexOf(id) !== i)""")

    def faint(self):
        seen, out = self.script(CONTRAST)
        assert seen > 5, "there is text"
        return out

    def sideways(self):
        """How many pixels the page is wider than the screen."""
        return self.script("return document.documentElement.scrollWidth - innerWidth")

    def transferred(self):
        """Octets of the files of the dashboard, as they are before compression, by name."""
        return self.script("""return Object.fromEntries([...performance.getEntriesByType("navigation"),
            ...performance.getEntriesByType("resource")].filter((e) => !new URL(e.name).pathname.startsWith("/v1/"))
            .map((e) => [new URL(e.name).pathname, e.decodedBodySize]))""")

    def picture(self, path, most=2400):
        """The whole page."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.size(min(max(self.height, self.script("return document.documentElement.scrollHeight")), most))
        self.script("return new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")
        assert self.driver.save_screenshot(str(path))
        self.size(self.height)
