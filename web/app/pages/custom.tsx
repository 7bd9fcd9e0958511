import "../styles/page";
import "../ui/ui.css";
import { createRoot } from "react-dom/client";
import { tokenAccess } from "../call/roomAccess";
import { RoomFlow } from "../call/roomFlow";
import { RoomScreen } from "../call/RoomScreen";

const main = document.getElementById("room");
if (main?.dataset.server !== undefined) {
  // LiveKit's tools put the token into the query. In the fragment, after #, it would not be sent to this server.
  const token = new URLSearchParams(location.search).get("token") ?? new URLSearchParams(location.hash.slice(1)).get("token");
  createRoot(main).render(<RoomScreen flow={new RoomFlow(tokenAccess(main.dataset.server, token ?? ""))} />);
}
