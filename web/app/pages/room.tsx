import "../styles/page";
import "../ui/ui.css";
import { createRoot } from "react-dom/client";
import { roomAccess } from "../call/roomAccess";
import { RoomFlow } from "../call/roomFlow";
import { RoomScreen } from "../call/RoomScreen";

const main = document.getElementById("room");
if (main?.dataset.room !== undefined) {
  createRoot(main).render(<RoomScreen flow={new RoomFlow(roomAccess(main.dataset.room))} />);
}
