import type { Ending } from "../features/ended/ending";
import { type Observable, State } from "../lib/observable";
import { loadPreferences, savePreferences } from "../lib/storage";
import { type LocalMedia, startMedia } from "../media/localMedia";
import { Call } from "./call";
import type { RoomAccess } from "./roomAccess";

export type RoomStep =
  | { kind: "prejoin"; media: LocalMedia }
  | { kind: "call"; call: Call }
  | { kind: "ended"; ending: Ending };

/** RoomFlow controls the steps of a meeting page: preview, call, end, and rejoining. */
export class RoomFlow {
  readonly access: RoomAccess;
  readonly #step: State<RoomStep>;

  /** media are the devices of a direct call that moves to this meeting. Without them the browser is asked for devices. */
  constructor(access: RoomAccess, media: LocalMedia = startMedia()) {
    this.access = access;
    this.#step = new State<RoomStep>({ kind: "prejoin", media });
  }

  get step(): Observable<RoomStep> {
    return this.#step;
  }

  /** enter joins the room under a name, with the devices of the preview. */
  enter(name: string): void {
    const step = this.#step.value;
    if (step.kind !== "prejoin") return;
    if (this.access.personName === undefined) savePreferences({ name });
    this.#join(step.media, name);
  }

  /** rejoin joins the room again under the same name, without the preview. */
  rejoin(): void {
    const name = this.access.personName ?? loadPreferences().name;
    if (this.#step.value.kind === "ended") this.#join(startMedia(), name);
  }

  #join(media: LocalMedia, name: string): void {
    const call = new Call(media, loadPreferences(), (ending) => this.#step.set({ kind: "ended", ending }));
    this.#step.set({ kind: "call", call });
    void call.join(this.access, name);
  }
}
