import { useEffect, useState } from "react";
import { watchLobby } from "../../lib/api";

/** useHeadCount returns how many people are in a room, or undefined until the server has sent it. */
export function useHeadCount(roomName: string): number | undefined {
  const [count, setCount] = useState<number>();
  useEffect(
    () => watchLobby(({ rooms }) => setCount(rooms.find((room) => room.name === roomName)?.numParticipants ?? 0)),
    [roomName],
  );
  return count;
}

/** headCountText returns the text for a head count, or "" if it is unknown. */
export function headCountText(count: number | undefined): string {
  if (count === undefined) return "";
  if (count === 0) return "Nobody else is here yet.";
  return count === 1 ? "1 person is already here." : `${count} people are already here.`;
}
