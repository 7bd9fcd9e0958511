import { expect, it } from "vitest";
import { Notices } from "./notices";

const texts = (notices: Notices) => notices.items.value.map((notice) => notice.text);

it("keeps the newest three", () => {
  const notices = new Notices();
  for (const text of ["a", "b", "c", "d"]) notices.say(text);
  expect(texts(notices)).toEqual(["b", "c", "d"]);
});

it("says the same thing once", () => {
  const notices = new Notices();
  notices.say("a");
  notices.say("b");
  notices.say("a");
  expect(texts(notices)).toEqual(["b", "a"]);
});

it("tells its listeners and forgets what is dismissed", () => {
  const notices = new Notices();
  let told = 0;
  const stop = notices.items.subscribe(() => told++);
  notices.say("a");
  notices.dismiss(notices.items.value[0]?.id ?? 0);
  stop();
  notices.say("b");
  expect(told).toBe(2);
  expect(texts(notices)).toEqual(["b"]);
});
