import { roomAccess } from "../call/roomAccess";
import { RoomFlow } from "../call/roomFlow";
import type { Ending } from "../features/after/ending";
import { sitePath } from "../lib/base";
import { shownName } from "../lib/name";
import { type Observable, State } from "../lib/observable";
import { roomPath } from "../lib/roomCode";
import { loadPreferences, savePreferences } from "../lib/storage";
import { type LocalMedia, startMedia } from "../media/localMedia";
import { DirectCall, nameOf, type Outcome } from "./directCall";
import { sessionPath } from "./session";

export type DirectStage =
  | { kind: "before"; media: LocalMedia; session: string; problem: string }
  | { kind: "call"; call: DirectCall }
  /** The call goes on until the room shows the other as well. */
  | { kind: "moving"; call: DirectCall; room: RoomFlow }
  | { kind: "room"; room: RoomFlow }
  | { kind: "after"; ending: Ending; session: string };

/** A room that does not show the other after so long, in milliseconds, is left again, and the direct call goes on. */
const movePatience = 20_000;
/** The direct connection outlives its use by so long, in milliseconds, for the other may still be moving. */
const farewell = 3_000;

/** DirectFlow leads through the page of a direct call: before it, the call, after it, or over into a room. */
export class DirectFlow {
  readonly #stage: State<DirectStage>;
  #giveUp: ReturnType<typeof setTimeout> | undefined;

  /** The session is that of the page's address; empty at the page that opens one. */
  constructor(session: string) {
    this.#stage = new State<DirectStage>({ kind: "before", media: startMedia(), session, problem: "" });
  }

  get stage(): Observable<DirectStage> {
    return this.#stage;
  }

  /** start opens a session, or joins the one of that id. */
  start(session = ""): void {
    const stage = this.#stage.value;
    if (stage.kind === "before") this.#call(stage.media, session);
  }

  /** again goes back to the call that was left, as before. */
  again(): void {
    const stage = this.#stage.value;
    if (stage.kind === "after") this.#call(startMedia(), stage.session);
  }

  /** arrived ends the direct call: the room has proven that it shows the other. */
  arrived(): void {
    const stage = this.#stage.value;
    if (stage.kind !== "moving") return;
    clearTimeout(this.#giveUp);
    this.#stage.set({ kind: "room", room: stage.room });
    history.replaceState(null, "", roomPath(stage.room.access.roomName));
    setTimeout(() => {
      stage.call.close();
      stage.call.media.stop();
    }, farewell);
  }

  #call(media: LocalMedia, session: string): void {
    const call: DirectCall = new DirectCall(media, shownName(loadPreferences().name), session, (outcome) => this.#turn(call, outcome));
    const stop = call.state.subscribe(() => {
      const { session } = call.state.value;
      if (this.#stage.value.kind !== "call") stop();
      // The address is what leads back in, after a reload too.
      else if (session !== "") history.replaceState(null, "", sessionPath(session));
    });
    this.#stage.set({ kind: "call", call });
  }

  #turn(call: DirectCall, outcome: Outcome): void {
    const stage = this.#stage.value;
    switch (outcome.kind) {
      case "ended":
        call.media.stop();
        this.#stage.set({ kind: "after", ending: outcome.ending, session: call.state.value.session });
        if (stage.kind === "moving") this.#leaveRoom(stage.room);
        return;
      case "refused": {
        history.replaceState(null, "", sitePath("/direct"));
        const problem = "There is no such call, or two people are in it already. Ask for a new link.";
        this.#stage.set({ kind: "before", media: call.media, session: outcome.session, problem }); return;
      }
      case "move":
        if (stage.kind === "call") this.#move(call, outcome.room);
    }
  }

  #move(call: DirectCall, roomName: string): void {
    const room = new RoomFlow(roomAccess(roomName), call.media.copy());
    const alone = call.state.value.other === undefined;
    this.#stage.set({ kind: "moving", call, room });
    room.enter(nameOf(call));
    if (alone) {
      this.arrived(); // nothing is lost
      return;
    }
    const back = (why: string) => {
      if (this.#stage.value.kind !== "moving") return;
      clearTimeout(this.#giveUp);
      this.#stage.set({ kind: "call", call }); // first: to leave the room comes back here
      this.#leaveRoom(room);
      call.notices.say(`${why} Your direct call goes on.`);
    };
    this.#giveUp = setTimeout(() => back("The other person did not appear in the meeting in time."), movePatience);
    room.stage.subscribe(() => {
      const { value } = room.stage;
      if (value.kind === "after") back(`${value.ending.heading}. ${value.ending.text}`);
    });
  }

  #leaveRoom(room: RoomFlow): void {
    const { value } = room.stage;
    if (value.kind === "call") value.call.leave();
  }
}

/** rememberName keeps a name for this and for later calls. */
export function rememberName(name: string): void {
  savePreferences({ name: shownName(name) });
}
