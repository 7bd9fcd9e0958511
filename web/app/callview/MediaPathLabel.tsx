/**
 * MediaPath is the path of audio and video: direct between the browsers, relayed by TURN, or through the server of the
 * meeting.
 */
type MediaPath = "unknown" | "direct" | "relayed" | "server";

const labels: Partial<Record<MediaPath, string>> = { direct: "Direct connection", relayed: "Relayed, encrypted" };
const hints: Partial<Record<MediaPath, string>> = {
  direct: "Audio and video go directly from browser to browser.",
  relayed: "There is no direct path between you, so this server relays audio and video. It cannot decrypt them.",
};

/**
 * MediaPathLabel shows the path of the media, or the status of the call while the path is unknown. The session id is not
 * shown; tests read it from the attribute data-session.
 */
export function MediaPathLabel({ path, session, status }: { path: MediaPath; session?: string; status?: string }) {
  return (
    <p className="media-path" role="status" data-session={session} data-path={path} title={hints[path]}>
      {labels[path] ?? status}
    </p>
  );
}
