import { useEffect, useState } from "react";
import type { CallStatus } from "../controls/action";

/** A hiccup of a second goes unmentioned; after five it deserves a sentence. */
const markAfter = 1_000;
const bannerAfter = 5_000;

/** ConnectionMark tells of the way in and of an interruption. */
export function ConnectionMark({ status }: { status: CallStatus }) {
  if (status === "live") return null;
  return status === "joining" ? <p className="connection" role="status">Joining…</p> : <Interruption />;
}

function Interruption() {
  const [shown, setShown] = useState<"nothing" | "mark" | "banner">("nothing");
  useEffect(() => {
    const mark = setTimeout(() => setShown("mark"), markAfter);
    const banner = setTimeout(() => setShown("banner"), bannerAfter);
    return () => {
      clearTimeout(mark);
      clearTimeout(banner);
    };
  }, []);
  return (
    <p className="connection" data-shown={shown} role="status">
      {shown === "mark" && "Reconnecting…"}
      {shown === "banner" && "The connection was interrupted. Trying to get back in; what you hear may pause."}
    </p>
  );
}
