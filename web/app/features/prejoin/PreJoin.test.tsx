import { beforeEach, expect, it, vi } from "vitest";
import { loadPreferences, savePreferences } from "../../lib/storage";
import { LocalMedia } from "../../media/localMedia";
import { click, render, getByName, type } from "../../ui/testing";
import { PreJoin } from "./PreJoin";

// The server has sent no lobby state, and no device was requested.
vi.mock(import("../../lib/api"), async (real) => ({ ...(await real()), watchLobby: () => () => undefined }));

beforeEach(() => localStorage.clear());

const preJoin = (onJoin: (name: string) => void = () => undefined) =>
  render(<PreJoin room={{ roomName: "standup", hasInviteLink: true }} media={new LocalMedia(loadPreferences())} onJoin={onJoin} />);

it("has accessible names for all controls", () => {
  const page = preJoin();
  getByName(page, "input", "Your name");
  getByName(page, "button", "Join now");
  for (const kind of ["Microphone", "Camera", "Speaker"]) getByName(page, "select", `${kind} device`);
  expect(getByName(page, "button", "Microphone").getAttribute("aria-pressed")).toBe("true");
  expect(getByName(page, "button", "Camera").getAttribute("aria-pressed")).toBe("true");
  expect(document.title).toBe("standup · Meet");
});

it.each(["   ", "\u3164", "\u200b \u202e"])("shows a problem at the field for the invisible name %j", (name) => {
  const onJoin = vi.fn();
  const page = preJoin(onJoin);
  const field = getByName(page, "input", "Your name");
  type(field, name);
  click(getByName(page, "button", "Join now"));
  expect(onJoin).not.toHaveBeenCalled();
  expect(field.getAttribute("aria-invalid")).toBe("true");
  expect(page.querySelector("[role=alert]")?.textContent).toMatch(/Type your name/);
  expect(document.activeElement).toBe(field);

  type(field, "Ada");
  expect(field.getAttribute("aria-invalid")).toBe("false");
});

it("joins under the normalized name", () => {
  const onJoin = vi.fn();
  const page = preJoin(onJoin);
  type(getByName(page, "input", "Your name"), "  A\u200bda\u202e ");
  click(getByName(page, "button", "Join now"));
  expect(onJoin).toHaveBeenCalledExactlyOnceWith("Ada");
});

it("starts with the stored name and devices", () => {
  savePreferences({ name: "Bo", camera: false });
  const page = preJoin();
  expect(getByName(page, "input", "Your name").value).toBe("Bo");
  expect(getByName(page, "button", "Camera").getAttribute("aria-pressed")).toBe("false");
});

it("does not ask for a name when the token contains one", () => {
  const onJoin = vi.fn();
  const page = render(<PreJoin room={{ roomName: "blue", personName: "Ada", hasInviteLink: false }} media={new LocalMedia(loadPreferences())} onJoin={onJoin} />);
  expect(page.querySelector("#name")).toBeNull();
  expect(page.textContent).toContain("You join as Ada");
  click(getByName(page, "button", "Join now"));
  expect(onJoin).toHaveBeenCalledExactlyOnceWith("Ada");
});
