import "../styles/page";
import "../ui/ui.css";
import { createRoot } from "react-dom/client";
import { roomDoor } from "../call/door";
import { RoomFlow } from "../call/roomFlow";
import { RoomScreen } from "../call/RoomScreen";

const main = document.getElementById("room");
if (main?.dataset.room !== undefined) {
  createRoot(main).render(<RoomScreen flow={new RoomFlow(roomDoor(main.dataset.room))} />);
}
