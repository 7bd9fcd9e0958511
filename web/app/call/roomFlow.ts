import type { Ending } from "../features/after/ending";
import { type Observable, State } from "../lib/observable";
import { loadPreferences, savePreferences } from "../lib/storage";
import { type LocalMedia, startMedia } from "../media/localMedia";
import { Call } from "./call";
import type { RoomAccess } from "./roomAccess";

export type Stage =
  | { kind: "before"; media: LocalMedia }
  | { kind: "call"; call: Call }
  | { kind: "after"; ending: Ending };

/** RoomFlow leads through the page of one room: before the call, the call, after it, and back in. */
export class RoomFlow {
  readonly access: RoomAccess;
  readonly #stage: State<Stage>;

  /** The media are those of a call that this one goes on from, or else asked for now. */
  constructor(access: RoomAccess, media: LocalMedia = startMedia()) {
    this.access = access;
    this.#stage = new State<Stage>({ kind: "before", media });
  }

  get stage(): Observable<Stage> {
    return this.#stage;
  }

  /** enter joins the room under a name with the devices chosen before. */
  enter(name: string): void {
    const stage = this.#stage.value;
    if (stage.kind !== "before") return;
    if (this.access.personName === undefined) savePreferences({ name });
    this.#join(stage.media, name);
  }

  /** rejoin goes back in as before, without stopping at the preview. */
  rejoin(): void {
    const name = this.access.personName ?? loadPreferences().name;
    if (this.#stage.value.kind === "after") this.#join(startMedia(), name);
  }

  #join(media: LocalMedia, name: string): void {
    const call = new Call(media, loadPreferences(), (ending) => this.#stage.set({ kind: "after", ending }));
    this.#stage.set({ kind: "call", call });
    void call.join(this.access, name);
  }
}
