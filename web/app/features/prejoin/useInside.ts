import { useEffect, useState } from "react";
import { watchLobby } from "../../lib/api";

/** useInside follows how many people are in a room; undefined until the server has said. */
export function useInside(roomName: string): number | undefined {
  const [inside, setInside] = useState<number>();
  useEffect(
    () => watchLobby(({ rooms }) => setInside(rooms.find((room) => room.name === roomName)?.numParticipants ?? 0)),
    [roomName],
  );
  return inside;
}

/** insideText says it in words. */
export function insideText(inside: number | undefined): string {
  if (inside === undefined) return "";
  if (inside === 0) return "Nobody else is here yet.";
  return inside === 1 ? "1 person is already here." : `${inside} people are already here.`;
}
