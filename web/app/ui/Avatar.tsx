import { initials, personColour } from "../lib/person";
import "./tile.css";

/** Avatar stands for a person without a picture. */
export function Avatar({ name }: { name: string }) {
  return (
    <span className="avatar" data-person={personColour(name)} aria-hidden="true">
      {initials(name)}
    </span>
  );
}
