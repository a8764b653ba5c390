"""The page of examples/web in a headless Chromium, driven by selenium: with threads and without.

usage: page_test.py SITE PHOTO PIXELS WIDTH HEIGHT LABELS [PICTURES]     PICTURES: folder for screenshots
"""

import pathlib
import shutil
import struct
import subprocess
import sys
import zlib

from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import Select, WebDriverWait

site, photo, pixels = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
width, height = map(int, sys.argv[4:6])
labels = pathlib.Path(sys.argv[6])
pictures = pathlib.Path(sys.argv[7]) if len(sys.argv) > 7 else None
serve = pathlib.Path(__file__).resolve().parents[2] / "examples" / "web" / "serve.py"
work = labels.resolve().parent


def write_video(path: pathlib.Path) -> None:
    """The photo as a camera's picture: Y4M, grey."""
    rgba = pixels.read_bytes()
    grey = bytes((77 * r + 150 * g + 29 * b) >> 8 for r, g, b in zip(rgba[0::4], rgba[1::4], rgba[2::4]))
    frame = b"FRAME\n" + grey + bytes([128]) * (width * height // 2)
    path.write_bytes(b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n" % (width, height) + frame * 2)


def write_png(path: pathlib.Path, across: int, down: int) -> None:
    """A grey picture of one colour."""
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))  # noqa: E731
    rows = zlib.compress((b"\0" + bytes([90]) * across) * down, 1)
    header = struct.pack(">IIBBBBB", across, down, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


class Page:
    def __init__(self, isolated: bool, before: str = ""):
        command = [sys.executable, serve, site, "--port", "0"] + ([] if isolated else ["--no-isolation"])
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.server.stdout.readline().strip()
        options = webdriver.ChromeOptions()
        for option in (
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900",
            "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={work / 'camera.y4m'}",
        ):
            options.add_argument(option)
        self.browser = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.browser.set_script_timeout(120)
        self.allow_camera(True)
        if before:
            self.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": before})
        self.browser.get(self.address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.browser.quit()
        self.server.kill()
        self.server.wait()

    def allow_camera(self, allowed: bool) -> None:
        setting = {"permission": {"name": "camera"}, "setting": "granted" if allowed else "denied"}
        self.browser.execute_cdp_cmd("Browser.setPermission", setting)

    def find(self, name: str):
        return self.browser.find_element(By.ID, name)

    def says(self, words: str, seconds: int = 120) -> str:
        """Waits for a line that has these words."""
        try:
            WebDriverWait(self.browser, seconds).until(lambda _: words in self.find("status").text)
        except TimeoutException:
            console = [entry["message"] for entry in self.browser.get_log("browser")]
            sys.exit(f"'{words}' is never said, but '{self.find('status').text}'; console: {console}")
        return self.find("status").text

    def run(self, script: str):
        return self.browser.execute_script(script)

    def shown(self, name: str) -> None:
        if pictures:
            pictures.mkdir(parents=True, exist_ok=True)
            self.browser.save_screenshot(str(pictures / f"{name}.png"))


# The share of pixels that are not as labels and photo say: half the photo, half the colour of the label.
WRONG_PIXELS = """
const [done] = [arguments[arguments.length - 1]];
(async () => {
  const bytes = async (name) => new Uint8Array(await (await fetch(`test/${name}`)).arrayBuffer());
  const [photo, labels] = [await bytes("pixels"), await bytes("labels")];
  const canvas = document.getElementById("canvas");
  const shown = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const colors = [...document.querySelectorAll("#classes i")].map((one) => one.style.background.match(/[0-9]+/g).map(Number));
  let wrong = 0;
  labels.forEach((label, i) => {
    const right = [0, 1, 2].every((c) => {
      const value = photo[4 * i + c];
      return Math.abs(shown[4 * i + c] - (label === 0 ? value : (value + colors[label - 1][c]) / 2)) <= 1;
    });
    wrong += !right;
  });
  done(wrong / labels.length);
})();
"""


def check_photo(page: Page, offline: bool = False) -> None:
    page.find("file").send_keys(str(photo))
    print(page.says("1 face in"))
    if offline:  # the labels to compare with are gone
        return
    wrong = page.browser.execute_async_script(WRONG_PIXELS)
    assert wrong < 1e-3, f"{wrong} of the pixels are not what labels say"
    assert "hair" in page.find("canvas").get_attribute("aria-label")


def check_isolated() -> None:
    with Page(isolated=True) as page:
        assert page.run("return crossOriginIsolated")
        page.says("Open a photo")
        check_photo(page)
        assert "on 1 thread" not in page.find("status").text
        page.shown("labels")

        # By the keyboard alone: a class less.
        page.find("none").send_keys(Keys.ENTER)
        assert not page.run("return [...document.querySelectorAll('#classes input')].some((box) => box.checked)")
        box = page.browser.find_element(By.CSS_SELECTOR, "#classes input[value='14']")
        box.send_keys(Keys.SPACE)
        Select(page.find("show")).select_by_value("cutout")
        middle = f"document.getElementById('canvas').getContext('2d').getImageData(0, 0, {width}, {height}).data"
        transparent = f"const d = {middle}; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] === 0; return n / (d.length / 4)"
        WebDriverWait(page.browser, 60).until(lambda _: 0.5 < page.run(transparent) < 0.98, "hair is not cut out")
        page.shown("hair")
        page.find("all").click()
        Select(page.find("show")).select_by_value("blur")
        WebDriverWait(page.browser, 60).until(lambda _: page.run(transparent) == 0, "the background is not blurred")
        page.shown("blurred")

        page.browser.set_window_size(390, 800)
        assert page.run("return document.documentElement.scrollWidth <= innerWidth"), "wider than a phone"
        page.shown("phone")

        write_png(work / "large.png", 8000, 6250)
        page.find("file").send_keys(str(work / "large.png"))
        print(page.says("made smaller from 8000 x 6250"))
        (work / "no.png").write_bytes(b"no picture")
        page.find("file").send_keys(str(work / "no.png"))
        page.says("no picture that this browser reads")

        page.allow_camera(False)
        page.find("camera").click()
        page.says("The camera cannot be used: it was not allowed")

        page.browser.execute_async_script("navigator.serviceWorker.ready.then(arguments[0])")
        page.server.kill()
        page.server.wait()
        page.browser.refresh()
        page.says("Open a photo")
        check_photo(page, offline=True)


def check_not_isolated() -> None:
    with Page(isolated=False) as page:
        assert not page.run("return crossOriginIsolated")
        page.says("Open a photo")
        check_photo(page)
        assert "on 1 thread" in page.find("status").text
        page.find("camera").click()
        page.says("1 face, ")
        WebDriverWait(page.browser, 30).until(lambda _: page.run("return document.getElementById('canvas').width") == 480)
        print(page.find("status").text)
        page.shown("camera")
        page.find("camera").click()
        assert page.find("camera").text == "Camera"


def check_old_browser() -> None:
    with Page(isolated=True, before="WebAssembly.validate = () => false") as page:
        page.says("no WebAssembly SIMD")
        assert not page.find("file").is_enabled()


def check_without_weights() -> None:
    hidden = site / "hidden"
    (site / "demo.safetensors").rename(hidden)
    try:
        with Page(isolated=True) as page:
            page.says("demo.safetensors cannot be fetched: the server answers 404")
    finally:
        hidden.rename(site / "demo.safetensors")


(site / "test").mkdir(exist_ok=True)
shutil.copy(pixels, site / "test" / "pixels")
shutil.copy(labels, site / "test" / "labels")
write_video(work / "camera.y4m")
for check in (check_isolated, check_not_isolated, check_old_browser, check_without_weights):
    check()
    print(f"{check.__name__}: passed")
