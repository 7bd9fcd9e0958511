/** Path of sound and picture: from browser to browser, relayed by a server that cannot read them, or by the meeting's server. */
type Path = "unknown" | "direct" | "relayed" | "server";

const words: Partial<Record<Path, string>> = { direct: "Direct connection", relayed: "Relayed, encrypted" };
const hints: Partial<Record<Path, string>> = {
  direct: "Sound and picture go straight from browser to browser.",
  relayed: "No direct path exists between you, so this server passes sound and picture on. It cannot hear or see them.",
};

/** PathMark names the path of the media, or else the status of the call; the session's id is for programs. */
export function PathMark({ path, session, status }: { path: Path; session?: string; status?: string }) {
  return (
    <p className="path-mark" role="status" data-session={session} data-path={path} title={hints[path]}>
      {words[path] ?? status}
    </p>
  );
}
