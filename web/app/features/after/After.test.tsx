import { expect, it, vi } from "vitest";
import { leftByChoice } from "../../call/ending";
import { click, draw, named } from "../../ui/testing";
import { After } from "./After";

it("says what happened and leads back in", () => {
  const onRejoin = vi.fn();
  const page = draw(<After roomName="standup" ending={leftByChoice} onRejoin={onRejoin} />);
  expect(named(page, "h1", "You left the meeting")).toBe(document.activeElement);
  expect(document.title).toBe("You left the meeting · Meet");
  named(page, "button", "Back to lobby");
  click(named(page, "button", "Rejoin"));
  expect(onRejoin).toHaveBeenCalledOnce();
});
