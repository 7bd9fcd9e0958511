import { useEffect, useState } from "react";
import type { CallStatus } from "../controls/action";

/**
 * An interruption is shown as one word after briefAfter, and explained in a sentence after explainedAfter, in milliseconds.
 */
const briefAfter = 1_000;
const explainedAfter = 5_000;

/** ConnectionStatus shows that the call is being joined or that its connection is interrupted. */
export function ConnectionStatus({ status }: { status: CallStatus }) {
  if (status === "connected") return null;
  return status === "joining" ? <p className="connection" role="status">Joining…</p> : <Interruption />;
}

function Interruption() {
  const [shown, setShown] = useState<"nothing" | "brief" | "explained">("nothing");
  useEffect(() => {
    const brief = setTimeout(() => setShown("brief"), briefAfter);
    const explained = setTimeout(() => setShown("explained"), explainedAfter);
    return () => {
      clearTimeout(brief);
      clearTimeout(explained);
    };
  }, []);
  return (
    <p className="connection" data-shown={shown} role="status">
      {shown === "brief" && "Reconnecting…"}
      {shown === "explained" && "The connection was interrupted. Reconnecting… Audio and video may pause."}
    </p>
  );
}
