import { act } from "react";
import { expect, it, vi } from "vitest";
import { click, getByName, render } from "../ui/testing";
import { ConnectionTest } from "./connectionTest";
import { ConnectionTestScreen } from "./ConnectionTestScreen";
import { failed, passed } from "./step";

it("starts only on request, announces the step, and cancels with the same button", () => {
  const run = vi.fn(() => new Promise<never>(() => undefined));
  const page = render(<ConnectionTestScreen test={new ConnectionTest([{ id: "udp", title: "UDP", run }])} />);
  const status = page.querySelector('[role="status"]');
  expect(run).not.toHaveBeenCalled();
  const button = getByName(page, "button", "Start the test");
  button.focus();
  click(button);
  expect(status?.textContent).toBe("Step 1 of 1: UDP");
  expect(page.querySelector('[aria-current="step"]')?.textContent).toContain("UDPRunning");
  expect(getByName(page, "button", "Cancel")).toBe(document.activeElement);
  click(getByName(page, "button", "Cancel"));
  expect(status?.textContent).toBe("The test was cancelled.");
  getByName(page, "button", "Run again");
});

// jsdom has no layout.
Element.prototype.scrollIntoView = vi.fn();

it("shows the result, the facts and what to do, and offers the report", async () => {
  const test = new ConnectionTest([
    { id: "browser", title: "Browser", run: () => passed("WebRTC: available") },
    { id: "signalling", title: "Signalling", run: () => failed("Ask for WebSockets.") },
  ]);
  const page = render(<ConnectionTestScreen test={test} />);
  await act(() => test.start());
  expect(page.querySelector('[role="status"]')?.textContent).toBe("Calls do not work on this network. Signalling: Ask for WebSockets.");
  expect([...page.querySelectorAll("[data-step]")].map((step) => step.textContent)).toEqual(["BrowserWebRTC: availablePassed", "SignallingAsk for WebSockets.Failed"]);
  const written = vi.fn(() => Promise.resolve());
  Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: written } });
  await act(async () => {
    getByName(page, "button", "Copy report").click();
    await new Promise((resolve) => setTimeout(resolve)); // until the promises of copying are resolved
  });
  expect(written).toHaveBeenCalledWith(expect.stringContaining("2. Signalling: failed\n   What to do: Ask for WebSockets."));
  getByName(page, "button", "Copied");
  getByName(page, "button", "Download report");
  Reflect.deleteProperty(navigator, "clipboard");
});
