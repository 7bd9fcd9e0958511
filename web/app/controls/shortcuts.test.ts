import { describe, expect, it } from "vitest";
import { meetingActions } from "./actions/list";
import { actionFor, isTyping, type KeyPress, keyText } from "./shortcuts";

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  repeat: false,
  ...more,
});

const found = (keyPress: KeyPress, chordsOnly = false) => actionFor(keyPress, meetingActions, chordsOnly)?.id;

describe("actionFor", () => {
  it.each([
    [press("d", { ctrlKey: true }), "microphone"],
    [press("D", { metaKey: true }), "microphone"],
    [press("e", { ctrlKey: true }), "camera"],
    [press("m"), "microphone"],
    [press("M"), "microphone"],
    [press("v"), "camera"],
    [press("d"), "share-screen"],
    [press("c"), "chat"],
    [press("p"), "people"],
    [press("?"), "help"],
    [press("x"), undefined],
    [press("c", { ctrlKey: true }), undefined],
    [press("m", { altKey: true }), undefined],
    [press("m", { repeat: true }), undefined],
  ])("maps %o to %s", (keyPress, id) => {
    expect(found(keyPress)).toBe(id);
  });

  it("ignores single letters, but not chords, while a person types", () => {
    expect(found(press("m"), true)).toBeUndefined();
    expect(found(press("?"), true)).toBeUndefined();
    expect(found(press("d", { ctrlKey: true }), true)).toBe("microphone");
  });

  it("assigns each key to one action", () => {
    const keys = meetingActions.flatMap((action) => action.keys);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("has no shortcut for leaving", () => {
    expect(meetingActions.find((action) => action.id === "leave")?.keys).toEqual([]);
  });
});

it("recognises elements for typing", () => {
  document.body.innerHTML = "<textarea></textarea><button>b</button>";
  expect(isTyping(document.querySelector("textarea"))).toBe(true);
  expect(isTyping(document.querySelector("button"))).toBe(false);
  expect(isTyping(null)).toBe(false);
});

it.each([
  ["mod+d", false, "Ctrl+D"],
  ["mod+d", true, "⌘D"],
  ["m", true, "M"],
  ["?", false, "?"],
])("shows %s (Apple keyboard: %s) as %s", (key, apple, text) => {
  expect(keyText(key, apple)).toBe(text);
});
