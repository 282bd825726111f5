"""The viewer as a reader uses it."""

import time


def settled(browser) -> None:
    """Waits until the page has unpacked its data and shows a group."""
    deadline = time.monotonic() + 30
    while not browser.run("return document.querySelector('.tokens span, .empty') !== null"):
        assert time.monotonic() < deadline, browser.complaints()
        time.sleep(0.05)


def choose(browser, name: str, value: str) -> str:
    """Sets a control as a user does and returns the line that counts."""
    return browser.run(
        "const control = document.getElementById('controls').elements[arguments[0]];"
        "control.value = arguments[1]; control.dispatchEvent(new Event('input', { bubbles: true }));"
        "return document.getElementById('count').textContent",
        name,
        value,
    )
