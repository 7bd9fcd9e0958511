import { initials, personColour } from "../lib/avatar";
import "./tile.css";

/** Avatar shows a person's initials where there is no video. */
export function Avatar({ name }: { name: string }) {
  return (
    <span className="avatar" data-person={personColour(name)} aria-hidden="true">
      {initials(name)}
    </span>
  );
}
