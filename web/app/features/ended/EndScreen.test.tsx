import { expect, it, vi } from "vitest";
import { click, render, getByName } from "../../ui/testing";
import { EndScreen } from "./EndScreen";
import type { Ending } from "./ending";

const left: Ending = { code: "left", heading: "You left the meeting", text: "It continues while other people are in it." };

it("shows why the call ended and lets the person rejoin", () => {
  const onRejoin = vi.fn();
  const page = render(<EndScreen roomName="standup" ending={left} onRejoin={onRejoin} />);
  expect(getByName(page, "h1", "You left the meeting")).toBe(document.activeElement);
  expect(document.title).toBe("You left the meeting · Meet");
  getByName(page, "button", "Back to lobby");
  click(getByName(page, "button", "Rejoin"));
  expect(onRejoin).toHaveBeenCalledOnce();
});

it("links to the connection test after endings that the network may have caused", () => {
  const lost = { code: "lost", heading: "The connection was lost", text: "Check your network." };
  const links = (ending: Ending) => [...render(<EndScreen roomName="standup" ending={ending} onRejoin={vi.fn()} />).querySelectorAll("a")].map((link) => link.textContent);
  expect(links(lost)).toContain("Test your connection");
  expect(links(left)).not.toContain("Test your connection");
});
