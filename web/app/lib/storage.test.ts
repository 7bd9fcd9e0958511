import { beforeEach, expect, it, vi } from "vitest";
import { loadPreferences, savePreferences } from "./storage";

const defaults = { name: "", microphone: true, camera: true, microphoneId: "", cameraId: "", speakerId: "" };

beforeEach(() => localStorage.clear());

it("has devices on and no name by default", () => {
  expect(loadPreferences()).toEqual(defaults);
});

it("stores changed values and keeps the others", () => {
  savePreferences({ name: "Ada", camera: false });
  savePreferences({ microphoneId: "mic-1" });
  expect(loadPreferences()).toEqual({ ...defaults, name: "Ada", camera: false, microphoneId: "mic-1" });
});

it.each(["not json", "null", "[]", '{"name":7,"camera":"yes"}'])("returns defaults when the storage holds %j", (text) => {
  localStorage.setItem("meet.preferences", text);
  expect(loadPreferences()).toEqual(defaults);
});

it("returns defaults when the storage is forbidden", () => {
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };
  vi.stubGlobal("localStorage", { getItem: refuse, setItem: refuse });
  savePreferences({ name: "Ada" });
  expect(loadPreferences()).toEqual(defaults);
  vi.unstubAllGlobals();
});
