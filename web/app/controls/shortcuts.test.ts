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

const found = (keyPress: KeyPress, quiet = false) => actionFor(keyPress, meetingActions, quiet)?.id;

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
  ])("%o is %s", (keyPress, id) => {
    expect(found(keyPress)).toBe(id);
  });

  it("leaves letters to whoever types, but not the chords", () => {
    expect(found(press("m"), true)).toBeUndefined();
    expect(found(press("?"), true)).toBeUndefined();
    expect(found(press("d", { ctrlKey: true }), true)).toBe("microphone");
  });

  it("gives no key two meanings", () => {
    const keys = meetingActions.flatMap((action) => action.keys);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("never leaves by a key", () => {
    expect(meetingActions.find((action) => action.id === "leave")?.keys).toEqual([]);
  });
});

it("knows when somebody types", () => {
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
])("writes %s (apple: %s) as %s", (key, apple, text) => {
  expect(keyText(key, apple)).toBe(text);
});
