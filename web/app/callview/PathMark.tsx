/** Which way sound and picture go: from browser to browser, relayed by a server that cannot read them, or by the meeting's server. */
type Path = "unknown" | "direct" | "relayed" | "server";

const words: Partial<Record<Path, string>> = { direct: "Direct connection", relayed: "Relayed, encrypted" };
const hints: Partial<Record<Path, string>> = {
  direct: "Sound and picture go straight from browser to browser.",
  relayed: "No direct path exists between you, so this server passes sound and picture on. It cannot hear or see them.",
};

/** PathMark says in words which way the media take, or else how far the call is; the session's id is for programs. */
export function PathMark({ path, session, status }: { path: Path; session?: string; status?: string }) {
  return (
    <p className="path-mark" role="status" data-session={session} data-path={path} title={hints[path]}>
      {words[path] ?? status}
    </p>
  );
}
