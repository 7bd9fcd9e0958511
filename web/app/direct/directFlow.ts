import { roomAccess } from "../call/roomAccess";
import { RoomFlow } from "../call/roomFlow";
import type { Ending } from "../features/ended/ending";
import { sitePath } from "../lib/base";
import { normalizeName } from "../lib/name";
import { type Observable, State } from "../lib/observable";
import { roomPath } from "../lib/roomCode";
import { loadPreferences, savePreferences } from "../lib/storage";
import { type LocalMedia, startMedia } from "../media/localMedia";
import { DirectCall, displayNameOf, type Outcome } from "./directCall";
import { sessionPath } from "./session";

export type DirectStep =
  | { kind: "prejoin"; media: LocalMedia; session: string; problem: string }
  | { kind: "call"; call: DirectCall }
  /** The call continues until the meeting shows the peer too. */
  | { kind: "moving"; call: DirectCall; room: RoomFlow }
  | { kind: "room"; room: RoomFlow }
  | { kind: "ended"; ending: Ending; session: string };

/**
 * How long the meeting may take to show the peer, in milliseconds. Then the move is cancelled and the direct call
 * continues.
 */
const moveTimeout = 20_000;
/** How long the direct connection stays open after the move, in milliseconds, because the peer may still be moving. */
const closeDelay = 3_000;

/** DirectFlow controls the steps of the direct call page: preview, call, move to a meeting, and end. */
export class DirectFlow {
  readonly #step: State<DirectStep>;
  #moveTimer: ReturnType<typeof setTimeout> | undefined;

  /** session is the id in the page's address, or "" on the page that opens a new session. */
  constructor(session: string) {
    this.#step = new State<DirectStep>({ kind: "prejoin", media: startMedia(), session, problem: "" });
  }

  get step(): Observable<DirectStep> {
    return this.#step;
  }

  /** start joins a session, or opens a new one if the id is empty. */
  start(session = ""): void {
    const step = this.#step.value;
    if (step.kind === "prejoin") this.#startCall(step.media, session);
  }

  /** rejoin joins the session that was left, without the preview. */
  rejoin(): void {
    const step = this.#step.value;
    if (step.kind === "ended") this.#startCall(startMedia(), step.session);
  }

  /** completeMove ends the direct call after a move, because the meeting shows the peer. */
  completeMove(): void {
    const step = this.#step.value;
    if (step.kind !== "moving") return;
    clearTimeout(this.#moveTimer);
    this.#step.set({ kind: "room", room: step.room });
    history.replaceState(null, "", roomPath(step.room.access.roomName));
    setTimeout(() => {
      step.call.close();
      step.call.media.stop();
    }, closeDelay);
  }

  #startCall(media: LocalMedia, session: string): void {
    const call: DirectCall = new DirectCall(media, normalizeName(loadPreferences().name), session, (outcome) => this.#handleOutcome(call, outcome));
    const stop = call.state.subscribe(() => {
      const { session } = call.state.value;
      if (this.#step.value.kind !== "call") stop();
      // With the session in the address, a reload rejoins the call.
      else if (session !== "") history.replaceState(null, "", sessionPath(session));
    });
    this.#step.set({ kind: "call", call });
  }

  #handleOutcome(call: DirectCall, outcome: Outcome): void {
    const step = this.#step.value;
    switch (outcome.kind) {
      case "ended":
        call.media.stop();
        this.#step.set({ kind: "ended", ending: outcome.ending, session: call.state.value.session });
        if (step.kind === "moving") this.#leaveRoom(step.room);
        return;
      case "refused": {
        history.replaceState(null, "", sitePath("/direct"));
        const problem = "There is no such call, or two people are in it already. Ask for a new link.";
        this.#step.set({ kind: "prejoin", media: call.media, session: outcome.session, problem }); return;
      }
      case "move":
        if (step.kind === "call") this.#move(call, outcome.room);
    }
  }

  #move(call: DirectCall, roomName: string): void {
    const room = new RoomFlow(roomAccess(roomName), call.media.clone());
    const alone = call.state.value.peer === undefined;
    this.#step.set({ kind: "moving", call, room });
    room.enter(displayNameOf(call));
    if (alone) {
      this.completeMove(); // there is no peer to wait for
      return;
    }
    const cancelMove = (reason: string) => {
      if (this.#step.value.kind !== "moving") return;
      clearTimeout(this.#moveTimer);
      this.#step.set({ kind: "call", call }); // first, because leaving the room ends its flow and calls cancelMove again
      this.#leaveRoom(room);
      call.notices.show(`${reason} Your direct call continues.`);
    };
    this.#moveTimer = setTimeout(() => cancelMove("The other person did not appear in the meeting in time."), moveTimeout);
    room.step.subscribe(() => {
      const { value } = room.step;
      if (value.kind === "ended") cancelMove(`${value.ending.heading}. ${value.ending.text}`);
    });
  }

  #leaveRoom(room: RoomFlow): void {
    const { value } = room.step;
    if (value.kind === "call") value.call.leave();
  }
}

/** storeName stores a name for this call and later ones. */
export function storeName(name: string): void {
  savePreferences({ name: normalizeName(name) });
}
