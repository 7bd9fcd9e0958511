import { beforeEach, expect, it, vi } from "vitest";
import { loadPreferences, savePreferences } from "../../lib/storage";
import { LocalMedia } from "../../media/localMedia";
import { click, draw, named, type } from "../../ui/testing";
import { PreJoin } from "./PreJoin";

// The server has said nothing yet, and no device was asked for.
vi.mock(import("../../lib/api"), async (real) => ({ ...(await real()), watchLobby: () => () => undefined }));

beforeEach(() => localStorage.clear());

const preJoin = (onJoin: (name: string) => void = () => undefined) =>
  draw(<PreJoin room={{ roomName: "standup", shared: true }} media={new LocalMedia(loadPreferences())} onJoin={onJoin} />);

it("has everything by its name", () => {
  const page = preJoin();
  named(page, "input", "Your name");
  named(page, "button", "Join now");
  for (const kind of ["Microphone", "Camera", "Speaker"]) named(page, "select", `${kind} device`);
  expect(named(page, "button", "Microphone").getAttribute("aria-pressed")).toBe("true");
  expect(named(page, "button", "Camera").getAttribute("aria-pressed")).toBe("true");
  expect(document.title).toBe("standup · Meet");
});

it.each(["   ", "\u3164", "\u200b \u202e"])("refuses the name %j, of which nothing can be seen, in words at the field", (name) => {
  const onJoin = vi.fn();
  const page = preJoin(onJoin);
  const field = named(page, "input", "Your name");
  type(field, name);
  click(named(page, "button", "Join now"));
  expect(onJoin).not.toHaveBeenCalled();
  expect(field.getAttribute("aria-invalid")).toBe("true");
  expect(page.querySelector("[role=alert]")?.textContent).toMatch(/Type your name/);
  expect(document.activeElement).toBe(field);

  type(field, "Ada");
  expect(field.getAttribute("aria-invalid")).toBe("false");
});

it("joins under the name as it is seen", () => {
  const onJoin = vi.fn();
  const page = preJoin(onJoin);
  type(named(page, "input", "Your name"), "  A\u200bda\u202e ");
  click(named(page, "button", "Join now"));
  expect(onJoin).toHaveBeenCalledExactlyOnceWith("Ada");
});

it("starts as it was left", () => {
  savePreferences({ name: "Bo", camera: false });
  const page = preJoin();
  expect(named(page, "input", "Your name").value).toBe("Bo");
  expect(named(page, "button", "Camera").getAttribute("aria-pressed")).toBe("false");
});

it("asks nobody's name whom a token names", () => {
  const onJoin = vi.fn();
  const page = draw(<PreJoin room={{ roomName: "blue", personName: "Ada", shared: false }} media={new LocalMedia(loadPreferences())} onJoin={onJoin} />);
  expect(page.querySelector("#name")).toBeNull();
  expect(page.textContent).toContain("You join as Ada");
  click(named(page, "button", "Join now"));
  expect(onJoin).toHaveBeenCalledExactlyOnceWith("Ada");
});
