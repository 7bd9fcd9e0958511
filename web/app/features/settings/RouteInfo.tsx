import { useEffect, useState } from "react";
import type { MediaRoute } from "../../peer/mediaRoute";

const texts: Record<MediaRoute, string> = {
  udp: "Audio and video use UDP, which is best for calls.",
  tcp: "Audio and video use TCP, because UDP does not reach the server from here. They may pause on a poor network.",
  "relay-udp": "Audio and video pass through the server's relay over UDP.",
  "relay-tcp": "Audio and video pass through the server's relay over TCP, because no better path exists. They may pause on a poor network.",
  "relay-tls": "Audio and video pass through the server's relay over TLS, because this network allows nothing else. They may pause on a poor network.",
};

/** The time between two readings, in milliseconds. */
const interval = 2_000;

/** RouteInfo shows how media reach the server. The attribute data-route has the route. */
export function RouteInfo({ read }: { read: () => Promise<MediaRoute | undefined> }) {
  const [route, setRoute] = useState<MediaRoute>();
  useEffect(() => {
    let shown = true;
    const update = () => void read().then((now) => shown && setRoute(now), () => undefined); // keeps the last route if the connection has closed
    update();
    const timer = setInterval(update, interval);
    return () => {
      shown = false;
      clearInterval(timer);
    };
  }, [read]);
  return (
    <section className="settings__route" data-route={route}>
      <h3>Connection</h3>
      <p>{route === undefined ? "No audio or video has been sent or received yet." : texts[route]}</p>
    </section>
  );
}
