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
