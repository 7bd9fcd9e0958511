import "../styles/page";
import "../styles/lobby.css";
import { watchLobby } from "../lib/api";
import { parseRoom, roomPath } from "../lib/roomCode";
import { createLobbyView } from "./lobbyView";

const view = createLobbyView(document);
watchLobby((state) => view.show(state, new Date()));

// Once a minute, because durations are shown in minutes.
setInterval(() => view.tick(new Date()), 60_000);

const join = document.querySelector<HTMLFormElement>("#join");
const code = join?.querySelector<HTMLInputElement>("input");
const problem = join?.querySelector<HTMLElement>("[data-slot=problem]");
if (join && code && problem) {
  const showProblem = (text: string) => {
    problem.textContent = text;
    problem.hidden = text === "";
    code.setAttribute("aria-invalid", String(text !== ""));
  };
  code.addEventListener("input", () => showProblem(""));
  join.addEventListener("submit", (event) => {
    event.preventDefault();
    const parsed = parseRoom(code.value);
    if ("room" in parsed) {
      location.assign(roomPath(parsed.room));
    } else {
      showProblem(parsed.problem);
      code.focus();
    }
  });
}
