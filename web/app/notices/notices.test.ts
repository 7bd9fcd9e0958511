import { expect, it } from "vitest";
import { Notices } from "./notices";

const texts = (notices: Notices) => notices.items.value.map((notice) => notice.text);

it("keeps only the newest three notices", () => {
  const notices = new Notices();
  for (const text of ["a", "b", "c", "d"]) notices.show(text);
  expect(texts(notices)).toEqual(["b", "c", "d"]);
});

it("shows a repeated notice once, as the newest", () => {
  const notices = new Notices();
  notices.show("a");
  notices.show("b");
  notices.show("a");
  expect(texts(notices)).toEqual(["b", "a"]);
});

it("notifies listeners and removes dismissed notices", () => {
  const notices = new Notices();
  let notified = 0;
  const stop = notices.items.subscribe(() => notified++);
  notices.show("a");
  notices.dismiss(notices.items.value[0]?.id ?? 0);
  stop();
  notices.show("b");
  expect(notified).toBe(2);
  expect(texts(notices)).toEqual(["b"]);
});
