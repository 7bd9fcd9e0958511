import { useEffect, useState } from "react";
import type { ServerPath } from "../../peer/serverPath";

const direct: Record<ServerPath["protocol"], string> = {
  udp: "Audio and video use UDP, which is best for calls.",
  tcp: "Audio and video use TCP, because UDP does not reach the server from here. They may pause on a poor network.",
  tls: "Audio and video use TLS. They may pause on a poor network.",
};
const relayed: Record<ServerPath["protocol"], string> = {
  udp: "Audio and video pass through the server's relay over UDP.",
  tcp: "Audio and video pass through the server's relay over TCP, because UDP does not reach the server from here. They may pause on a poor network.",
  tls: "Audio and video pass through the server's relay over TLS, because this network allows nothing else. They may pause on a poor network.",
};

/** The time between two readings, in milliseconds. */
const interval = 2_000;

/** PathInfo shows how media reach the server. The attribute data-path has the path, such as "udp" or "relay-tls". */
export function PathInfo({ read }: { read: () => Promise<ServerPath | undefined> }) {
  const [path, setPath] = useState<ServerPath>();
  useEffect(() => {
    let shown = true;
    const update = () => void read().then((now) => shown && setPath(now), () => undefined); // keeps the last path if the connection has closed
    update();
    const timer = setInterval(update, interval);
    return () => {
      shown = false;
      clearInterval(timer);
    };
  }, [read]);
  return (
    <section className="settings__path" data-path={path && `${path.relayed ? "relay-" : ""}${path.protocol}`}>
      <h3>Connection</h3>
      <p>{path ? (path.relayed ? relayed : direct)[path.protocol] : "No audio or video has been sent or received yet."}</p>
    </section>
  );
}
