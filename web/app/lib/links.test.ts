import { expect, it } from "vitest";
import { splitLinks } from "./links";

const hrefs = (message: string) => splitLinks(message).flatMap((part) => part.href ?? []);

it.each([
  ["no link here", []],
  ["see https://example.org/a.", ["https://example.org/a"]],
  ["(https://example.org/x_(y))", ["https://example.org/x_(y)"]],
  ["http://a.example and https://b.example!", ["http://a.example/", "https://b.example/"]],
  ["javascript:alert(1) data:text/html,x ftp://a.example", []],
  ["https://", []],
  ['<a href="https://example.org">', ["https://example.org/"]],
])("finds the links in %j", (message, links) => {
  expect(hrefs(message)).toEqual(links);
});

it("keeps the whole text of the message", () => {
  const message = "one https://example.org/a, two\nhttps://example.org/b";
  expect(splitLinks(message).map((part) => part.text).join("")).toBe(message);
});
