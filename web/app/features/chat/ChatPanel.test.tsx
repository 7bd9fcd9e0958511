import { act } from "react";
import { expect, it, vi } from "vitest";
import { render, getByName, type } from "../../ui/testing";
import { ChatPanel } from "./ChatPanel";
import type { ChatMessage } from "./message";

const message = (id: string, text: string, author: string, at: number, mine = false): ChatMessage => ({ id, text, at, authorId: author, author, mine });

const panel = (messages: ChatMessage[], send: (text: string) => Promise<unknown> = () => Promise.resolve()) =>
  render(<ChatPanel messages={messages} send={send} onClose={() => undefined} />);

const press = async (field: HTMLElement, key: string, shiftKey = false) => {
  const event = new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true });
  await act(async () => {
    field.dispatchEvent(event);
    await Promise.resolve();
  });
  return event;
};

it("shows the senders, and one name for consecutive messages of one sender", () => {
  const page = panel([
    message("1", "hello", "Bo", 1_000),
    message("2", "again", "Bo", 2_000),
    message("3", "hi", "Ada", 3_000, true),
  ]);
  const log = getByName(page, "[role=log]", "Messages");
  const articles = [...log.querySelectorAll("article")];
  expect(articles.map((one) => one.querySelector("b")?.textContent)).toEqual(["Bo", "Bo", "You"]);
  expect(articles.map((one) => one.dataset.continues)).toEqual(["false", "true", "false"]);
});

it("shows links with rel noopener and HTML as text", () => {
  const page = panel([message("1", "<b>see</b> https://example.org/a.", "Bo", 1_000)]);
  const link = page.querySelector("a");
  expect(link?.href).toBe("https://example.org/a");
  expect(link?.rel).toContain("noopener");
  expect(page.querySelector("article p b")).toBeNull();
  expect(page.querySelector("article p")?.textContent).toBe("<b>see</b> https://example.org/a.");
});

it("shows a message without a time when its time is out of range", () => {
  const page = panel([message("1", "hello", "Bo", 1e18)]);
  expect(page.querySelector("article p")?.textContent).toBe("hello");
  expect(page.querySelector("time")).toBeNull();
});

it("sends on Enter but not on Shift+Enter, and has the focus when opened", async () => {
  const send = vi.fn(() => Promise.resolve());
  const page = panel([], send);
  const field = getByName(page, "textarea", "Message");
  expect(document.activeElement).toBe(field);
  type(field, " hello ");
  expect((await press(field, "Enter", true)).defaultPrevented).toBe(false);
  expect(send).not.toHaveBeenCalled();
  await press(field, "Enter");
  expect(send).toHaveBeenCalledExactlyOnceWith("hello");
  expect(field.value).toBe("");
});

it("does not send an empty message", async () => {
  const send = vi.fn(() => Promise.resolve());
  const page = panel([], send);
  const field = getByName(page, "textarea", "Message");
  type(field, "  ");
  await press(field, "Enter");
  expect(send).not.toHaveBeenCalled();
  expect(getByName(page, "button", "Send").disabled).toBe(true);
});

it("restores the text when it could not be sent", async () => {
  const page = panel([], () => Promise.reject(new Error("offline")));
  const field = getByName(page, "textarea", "Message");
  type(field, "hello");
  await press(field, "Enter");
  expect(field.value).toBe("hello");
  expect(page.querySelector("[role=alert]")?.textContent).toMatch(/not sent/);
});
