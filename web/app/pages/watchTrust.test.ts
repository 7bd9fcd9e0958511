import { afterEach, beforeEach, expect, it, vi } from "vitest";
import page from "../../templates/testdata/trust.golden.html?raw";
import securePage from "../../templates/testdata/trust-secure.golden.html?raw";
import { watchTrust } from "./watchTrust";

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Opens a page and returns its status element. */
function open(html: string): HTMLElement {
  document.documentElement.innerHTML = html;
  const main = document.querySelector<HTMLElement>("main");
  const status = main?.querySelector<HTMLElement>("[role=status]");
  if (!main || !status) throw new Error("the page has no status");
  watchTrust(main);
  return status;
}

it("shows that the device trusts the server as soon as https works", async () => {
  let trusted = false;
  const fetched = vi.fn(() => (trusted ? Promise.resolve(new Response()) : Promise.reject(new TypeError("Failed to fetch"))));
  vi.stubGlobal("fetch", fetched);
  const status = open(page);
  expect(status.dataset.state).toBe("unknown");
  await vi.advanceTimersByTimeAsync(0);
  expect(status.dataset.state).toBe("untrusted");
  trusted = true;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(status.dataset.state).toBe("trusted");
  const calls = fetched.mock.calls.length;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(fetched).toHaveBeenCalledTimes(calls);
  expect(fetched).toHaveBeenCalledWith("https://192.0.2.7:8080/trust/check", expect.anything());
});

it("does not check while the page is hidden", async () => {
  const fetched = vi.fn(() => Promise.resolve(new Response()));
  vi.stubGlobal("fetch", fetched);
  const visibility = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  const status = open(page);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(fetched).not.toHaveBeenCalled();
  visibility.mockReturnValue("visible");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(status.dataset.state).toBe("trusted");
});

it("does not check on a page that is secure", async () => {
  const fetched = vi.fn();
  vi.stubGlobal("fetch", fetched);
  expect(open(securePage).dataset.state).toBe("secure");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(fetched).not.toHaveBeenCalled();
});
