import { expect, it, vi } from "vitest";
import { click, draw, named } from "../../ui/testing";
import { After } from "./After";
import type { Ending } from "./ending";

const left: Ending = { code: "left", heading: "You left the meeting", text: "It goes on without you." };

it("says what happened and leads back in", () => {
  const onRejoin = vi.fn();
  const page = draw(<After roomName="standup" ending={left} onRejoin={onRejoin} />);
  expect(named(page, "h1", "You left the meeting")).toBe(document.activeElement);
  expect(document.title).toBe("You left the meeting · Meet");
  named(page, "button", "Back to lobby");
  click(named(page, "button", "Rejoin"));
  expect(onRejoin).toHaveBeenCalledOnce();
});
