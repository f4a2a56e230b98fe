"""The page in a browser: a phone's width, dark mode, the keyboard, zoom, and visitors who see only their own ECG."""

import time

import pytest

from ecg_image.page import RESEARCH_USE_NOTICE

_CONTRAST = """(selector) => {
  const shine = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const worst = [];
  for (const node of document.querySelectorAll(selector)) {
    if (!node.checkVisibility() || !node.innerText?.trim()) continue;
    let under = node;
    while (under && /^rgba?\\(0, 0, 0, 0\\)|transparent$/.test(getComputedStyle(under).backgroundColor))
      under = under.parentElement;
    const [one, other] = [getComputedStyle(node).color, getComputedStyle(under ?? document.body).backgroundColor]
      .map(shine).sort((a, b) => b - a);
    worst.push([(one + 0.05) / (other + 0.05), node.innerText.slice(0, 40)]);
  }
  return worst.sort((a, b) => a[0] - b[0])[0];
}"""
_TEXTS = ".notice-text, h1, h2, h3, .sub, .hint, .report, .message p, .chip, td, th, #write, label, .loaded p, .foot p"


def test_phone_has_no_sideways_scroll(visit):
    one = visit(width=390, height=844, has_touch=True, is_mobile=True)
    widths = [one.page.evaluate("document.documentElement.scrollWidth")]
    one.take("normal")
    one.write()
    widths.append(one.page.evaluate("document.documentElement.scrollWidth"))
    one.page.click("button[role=tab]:has-text('Compare')")
    widths.append(one.page.evaluate("document.documentElement.scrollWidth"))
    assert widths == [390] * 3
    # The paper is wider than the phone and scrolls in its own frame.
    one.page.click("button[role=tab]:has-text('Read')")
    assert one.page.evaluate(
        "(view => view.scrollWidth > 1.5 * view.clientWidth)(document.querySelector('.paper-view'))"
    )


@pytest.mark.slow
def test_notice_stays_in_sight(visit):
    one = visit()
    one.take("normal")
    one.write()
    one.page.mouse.wheel(0, 5000)
    one.page.wait_for_function("window.scrollY > 300")
    box = one.page.locator(".notice-text").bounding_box()
    assert box["y"] == pytest.approx(0, abs=1)
    assert RESEARCH_USE_NOTICE in one.text(".notice-text")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out(visit, scheme):
    one = visit(color_scheme=scheme)
    one.take("inferior_infarction")
    one.write()
    background = one.page.evaluate("getComputedStyle(document.body).backgroundColor")
    bright = sum(map(int, background[background.index("(") + 1 : -1].split(",")[:3])) / 3 > 128
    assert bright == (scheme == "light")
    one.page.mouse.move(0, 0)
    ratio, text = one.page.evaluate(_CONTRAST, _TEXTS)
    assert ratio >= 4.5, text  # WCAG 2.2, 1.4.3


def test_from_example_to_report_by_keyboard_alone(visit):
    one = visit()

    def tab_to(selector: str) -> None:
        for _ in range(60):
            one.page.keyboard.press("Tab")
            if one.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                break
        else:
            pytest.fail(f"{selector} is not reached with Tab")
        ring = one.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert float(ring.removesuffix("px")) >= 2

    tab_to("#example-normal")
    one.page.keyboard.press("Enter")
    one.page.wait_for_selector("#paper svg.ecg")
    tab_to(".paper-view")
    one.page.keyboard.press("+")
    one.page.wait_for_selector(".zoom output:has-text('150 %')")
    tab_to("#write")
    one.page.keyboard.press("Enter")
    one.page.wait_for_selector("#draft .draft[aria-busy=false]")
    one.page.wait_for_selector("#editor textarea:enabled")
    tab_to("#draft .sentence")
    tab_to("#editor textarea")


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1440])
def test_tab_goes_down_each_column(visit, width):
    one = visit(width=width)
    one.take("normal")
    one.write()
    tops = one.page.evaluate(
        """() => ['#source', '#paper', '#draft', '#editor', '#what']
          .map((selector) => document.querySelector(selector).getBoundingClientRect())
          .map((box) => [box.left + box.width / 2 > innerWidth * 0.55, box.top])"""
    )
    if width == 390:
        assert tops == sorted(tops)
    else:
        assert [right for right, _ in tops] == [False, False, True, True, False]
        left, right = ([top for side, top in tops if side == which] for which in (False, True))
        assert left == sorted(left)
        assert right == sorted(right)
        assert right[0] < left[1]
    order = one.page.evaluate(
        """() => [...document.querySelectorAll('#source, #paper, #draft, #editor, #what')].map((one) => one.id)"""
    )
    assert order == ["source", "paper", "draft", "editor", "what"]


@pytest.mark.slow
def test_every_control_has_a_name(visit):
    one = visit()
    one.take("normal")
    one.page.click("#advanced > button")
    nameless = one.page.evaluate(
        """() => [...document.querySelectorAll('button, input, textarea, select, [role=slider]')]
          .filter((node) => node.checkVisibility() && node.type !== 'file')
          .filter((node) => !(node.innerText?.trim() || node.ariaLabel || node.title || node.labels?.length
            || document.getElementById(node.getAttribute('aria-labelledby'))))
          .map((node) => node.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


@pytest.mark.slow
def test_zoom_is_sharp_and_survives_another_speed(visit):
    one = visit()
    one.take("normal")
    width = one.page.locator("#paper svg.ecg").bounding_box()["width"]
    one.page.click("[data-zoom=in]")
    one.page.click("[data-zoom=in]")
    assert one.page.locator("#paper svg.ecg").bounding_box()["width"] == pytest.approx(2 * width, rel=0.01)
    one.page.check("#speed input[value='50 mm/s']")
    one.page.wait_for_selector("#paper svg text:has-text('50 mm/s')")
    assert one.page.locator("#paper svg.ecg").bounding_box()["width"] == pytest.approx(2 * width, rel=0.01)
    one.page.check("#gain input[value='20 mm/mV']")
    one.page.wait_for_selector("#paper svg text:has-text('20 mm/mV')")
    one.page.click("[data-zoom=fit]")
    assert one.page.locator("#paper svg.ecg").bounding_box()["width"] == pytest.approx(width, rel=0.01)
    one.page.locator(".paper-view").hover()
    one.page.keyboard.down("Control")
    one.page.mouse.wheel(0, -100)
    one.page.keyboard.up("Control")
    one.page.wait_for_selector(".zoom output:has-text('150 %')")


@pytest.mark.slow
def test_two_visitors_have_each_their_own(visit):
    one, other = visit(), visit()
    one.take("normal")
    other.take("inferior_infarction")
    reports = [each.write() for each in (one, other)]
    assert "infarct" not in reports[0]
    assert "infarct" in reports[1]
    assert one.text("#source-status .record-name") == "Normal (simulated)"
    assert one.page.input_value("#editor textarea") == reports[0]


@pytest.mark.slow
def test_who_leaves_stops_what_runs(visit, server):
    import httpx

    def counts():
        return httpx.get(f"{server.url}/health").json()["queue"]

    one = visit()
    one.take("normal")
    one.write()
    one.page.click("#paint")
    one.page.wait_for_selector("#paint-says [role=progressbar]")
    one.page.context.close()
    end = time.monotonic() + 15
    while counts()["running"] or counts()["waiting"]:
        assert time.monotonic() < end
        time.sleep(0.2)
