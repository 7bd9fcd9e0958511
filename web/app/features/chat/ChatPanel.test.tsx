import { act } from "react";
import { expect, it, vi } from "vitest";
import { draw, named, type } from "../../ui/testing";
import { ChatPanel } from "./ChatPanel";
import type { ChatMessage } from "./message";

const message = (id: string, text: string, author: string, at: number, mine = false): ChatMessage => ({ id, text, at, authorId: author, author, mine });

const panel = (messages: ChatMessage[], send: (text: string) => Promise<unknown> = () => Promise.resolve()) =>
  draw(<ChatPanel messages={messages} send={send} onClose={() => undefined} />);

const press = async (field: HTMLElement, key: string, shiftKey = false) => {
  const event = new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true });
  await act(async () => {
    field.dispatchEvent(event);
    await Promise.resolve();
  });
  return event;
};

it("shows messages with their senders, one name for those in one breath", () => {
  const page = panel([
    message("1", "hello", "Bo", 1_000),
    message("2", "again", "Bo", 2_000),
    message("3", "hi", "Ada", 3_000, true),
  ]);
  const log = named(page, "[role=log]", "Messages");
  const said = [...log.querySelectorAll("article")];
  expect(said.map((one) => one.querySelector("b")?.textContent)).toEqual(["Bo", "Bo", "You"]);
  expect(said.map((one) => one.dataset.goesOn)).toEqual(["false", "true", "false"]);
});

it("opens links safely and shows the rest as text", () => {
  const page = panel([message("1", "<b>see</b> https://example.org/a.", "Bo", 1_000)]);
  const link = page.querySelector("a");
  expect(link?.href).toBe("https://example.org/a");
  expect(link?.rel).toContain("noopener");
  expect(page.querySelector("article p b")).toBeNull();
  expect(page.querySelector("article p")?.textContent).toBe("<b>see</b> https://example.org/a.");
});

it("shows a message whose time is beyond all dates", () => {
  const page = panel([message("1", "hello", "Bo", 1e18)]);
  expect(page.querySelector("article p")?.textContent).toBe("hello");
  expect(page.querySelector("time")).toBeNull();
});

it("sends with Enter, breaks the line with Shift+Enter, and takes the focus", async () => {
  const send = vi.fn(() => Promise.resolve());
  const page = panel([], send);
  const field = named(page, "textarea", "Message");
  expect(document.activeElement).toBe(field);
  type(field, " hello ");
  expect((await press(field, "Enter", true)).defaultPrevented).toBe(false);
  expect(send).not.toHaveBeenCalled();
  await press(field, "Enter");
  expect(send).toHaveBeenCalledExactlyOnceWith("hello");
  expect(field.value).toBe("");
});

it("does not send nothing", async () => {
  const send = vi.fn(() => Promise.resolve());
  const page = panel([], send);
  const field = named(page, "textarea", "Message");
  type(field, "  ");
  await press(field, "Enter");
  expect(send).not.toHaveBeenCalled();
  expect(named(page, "button", "Send").disabled).toBe(true);
});

it("gives the text back when it could not be sent", async () => {
  const page = panel([], () => Promise.reject(new Error("offline")));
  const field = named(page, "textarea", "Message");
  type(field, "hello");
  await press(field, "Enter");
  expect(field.value).toBe("hello");
  expect(page.querySelector("[role=alert]")?.textContent).toMatch(/not sent/);
});
