import { beforeEach, expect, it, vi } from "vitest";
import { loadPreferences, savePreferences } from "./storage";

const fresh = { name: "", microphone: true, camera: true, microphoneId: "", cameraId: "", speakerId: "" };

beforeEach(() => localStorage.clear());

it("starts with devices on and no name", () => {
  expect(loadPreferences()).toEqual(fresh);
});

it("remembers what changed and keeps the rest", () => {
  savePreferences({ name: "Ada", camera: false });
  savePreferences({ microphoneId: "mic-1" });
  expect(loadPreferences()).toEqual({ ...fresh, name: "Ada", camera: false, microphoneId: "mic-1" });
});

it.each(["not json", "null", "[]", '{"name":7,"camera":"yes"}'])("survives %j in storage", (text) => {
  localStorage.setItem("meet.preferences", text);
  expect(loadPreferences()).toEqual(fresh);
});

it("works without storage", () => {
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };
  vi.stubGlobal("localStorage", { getItem: refuse, setItem: refuse });
  savePreferences({ name: "Ada" });
  expect(loadPreferences()).toEqual(fresh);
  vi.unstubAllGlobals();
});
