import type { CallView, Controls } from "../controls/action";
import type { DeviceUser } from "../devices/useDeviceNotices";
import type { Ending } from "../features/after/ending";
import type { ChatMessage } from "../features/chat/message";
import { iceServers } from "../lib/api";
import { shownName } from "../lib/name";
import { type Observable, State } from "../lib/observable";
import type { LinkStats } from "../link/linkStats";
import { originOf, PeerLink, type Role, type Tracks } from "../link/peerLink";
import type { LocalMedia } from "../media/localMedia";
import type { DeviceKind } from "../media/mediaProblem";
import { Notices } from "../notices/notices";
import { couldNotBegin, leftDirectly } from "./ending";
import { type Message, type OwnState, readMessage } from "./message";
import { OwnMedia } from "./ownMedia";
import { type Signal, Signalling } from "./signalling";

/**
 * opening: a session is being made or joined; waiting: for the other; knocking: two are there already and have been
 * asked; connecting, live, interrupted: what the connection to the other is.
 */
type DirectStatus = "opening" | "waiting" | "knocking" | "connecting" | "live" | "interrupted";

/** The other of the call, as they say they are. */
export interface Other extends OwnState {
  tracks: Tracks;
  stats: LinkStats;
}

export interface DirectState {
  status: DirectStatus;
  /** The session's id; empty until there is one. */
  session: string;
  /** undefined while nobody else is there. */
  other: Other | undefined;
  /** Others wait to be let in. */
  knocks: boolean;
  messages: readonly ChatMessage[];
}

/** nameOf is what the other is called; nobody has to say a name. */
export function nameOf(other: { name: string } | undefined): string {
  return other === undefined || other.name === "" ? "Guest" : other.name;
}

/** How a call ended, or what to do instead of it. */
export type Outcome = { kind: "ended"; ending: Ending } | { kind: "refused"; session: string } | { kind: "move"; room: string };

/** A client that was told of the other and hears no offer for so long, in milliseconds, offers itself. */
const offerPatience = 3_000;
const silent: LinkStats = { path: "unknown", heard: 0, said: 0, quality: "unknown" };

/** DirectCall is one stay in a direct call: alone at first, then with one other, then perhaps alone again. */
export class DirectCall implements Controls, DeviceUser {
  readonly notices = new Notices();
  readonly media: LocalMedia;
  readonly name: string;
  readonly #view = new State<CallView>({ panel: null, dialog: null });
  readonly #state: State<DirectState>;
  readonly #own: OwnMedia;
  readonly #signalling: Signalling;
  readonly #onOutcome: (outcome: Outcome) => void;
  readonly #over = new AbortController();
  #user = "";
  /** Signals are dealt with one after the other, for most take a moment. */
  #queue = Promise.resolve();
  #link: PeerLink | undefined;
  #otherGone = false;
  #said = 0;
  #offerTimer: ReturnType<typeof setTimeout> | undefined;

  /** A call joins the session of that id, or with none opens one. */
  constructor(media: LocalMedia, name: string, session: string, onOutcome: (outcome: Outcome) => void) {
    this.media = media;
    this.name = name;
    this.#onOutcome = onOutcome;
    this.#state = new State<DirectState>({ status: "opening", session, other: undefined, knocks: false, messages: [] });
    this.#own = new OwnMedia(media, name, this.notices, () => {
      this.#sendTracks();
      this.#link?.say({ state: this.own.value } satisfies Message);
    });
    const take = (signal: Signal) => {
      this.#queue = this.#queue.then(() => (this.#isOver() ? undefined : this.#hear(signal))).catch(() => undefined); // what is malformed is dropped
    };
    this.#signalling = new Signalling(take, (ending) => this.#end({ kind: "ended", ending }));
  }

  get state(): Observable<DirectState> {
    return this.#state;
  }

  get own(): Observable<OwnState> {
    return this.#own.state;
  }

  get view(): Observable<CallView> {
    return this.#view;
  }

  show(change: Partial<CallView>): void {
    this.#view.set({ ...this.#view.value, ...change });
  }

  setDevice(kind: DeviceKind, on: boolean): Promise<void> {
    return this.#own.setDevice(kind, on);
  }

  chooseDevice(kind: MediaDeviceKind, deviceId: string): Promise<void> {
    return this.#own.chooseDevice(kind, deviceId);
  }

  setSharing(on: boolean): Promise<void> {
    return this.#own.setSharing(on);
  }

  /** say sends a message of the chat. */
  say(text: string): Promise<void> {
    const message = { id: String(++this.#said), text, at: Date.now() };
    if (this.#link?.say({ chat: message } satisfies Message) !== true) return Promise.reject(new Error("nobody is there"));
    this.#addMessage({ ...message, id: `me ${message.id}`, authorId: "me", author: this.name, mine: true });
    return Promise.resolve();
  }

  /** admit makes all of them, who wait too, go to a room of the meeting server. */
  admit(): void {
    this.#signalling.send("SessionAdmit", this.#state.value.session);
    this.#set({ knocks: false });
  }

  /** refuse lets nobody else in. */
  refuse(): void {
    this.#signalling.send("SessionRefuse", this.#state.value.session);
    this.#set({ knocks: false });
  }

  leave(): void {
    this.#end({ kind: "ended", ending: leftDirectly });
  }

  /** close ends the call without a word; media is the caller's from then on. */
  close(): void {
    if (this.#isOver()) return;
    this.#link?.say({ bye: true } satisfies Message);
    this.#over.abort();
    clearTimeout(this.#offerTimer);
    this.#link?.close();
    this.#signalling.close();
    this.#own.close();
  }

  async #hear({ name, texts: [first = "", session = ""] }: Signal): Promise<void> {
    const state = this.#state.value;
    switch (name) {
      case "NewUser":
        this.#arrive(first);
        return;
      case "SessionReady":
        this.#set({ session: first, status: "waiting" });
        return;
      case "SessionJoinSuccess":
        return this.#meet(first);
      case "SessionJoinError":
        this.#lose();
        return;
      case "SessionKnock":
        this.#knocked();
        return;
      case "SessionMove":
        this.#set({ knocks: false });
        this.#onOutcome({ kind: "move", room: first });
        return;
      case "VideoOffer":
      case "VideoAnswer":
      case "IceCandidate":
        if (session === state.session) await this.#pass(name, first);
        return;
      case "ICEError":
        if (state.status === "opening" && state.session === "") this.#end({ kind: "ended", ending: await couldNotBegin("full") });
        else if (session === state.session && first === "the other has left") this.#partly();
    }
  }

  /** Where the connection to the server begins, and where it begins again. */
  #arrive(user: string): void {
    const before = this.#user;
    this.#user = user;
    const { session } = this.#state.value;
    if (session === "") {
      this.#signalling.send("SessionNew");
      return;
    }
    if (before !== "") this.#signalling.send("UserResume", before);
    this.#signalling.send("SessionJoin", session);
  }

  /** Both are there. Who came last offers. */
  async #meet(session: string): Promise<void> {
    const came = this.#state.value.status === "opening" || this.#state.value.status === "knocking";
    this.#otherGone = false;
    if (this.#link) {
      if (this.#link.state.value !== "live") this.#link.restart();
      return;
    }
    this.#set({ session, status: "connecting" });
    if (came) {
      (await this.#connect(false)).begin();
      return;
    }
    clearTimeout(this.#offerTimer);
    this.#offerTimer = setTimeout(() => {
      this.#queue = this.#queue.then(async () => {
        if (!this.#isOver() && !this.#link && this.#state.value.status === "connecting") (await this.#connect(true)).begin();
      });
    }, offerPatience);
  }

  /** The session is not there, or not for us. */
  #lose(): void {
    const { status, session } = this.#state.value;
    if (status === "opening" || status === "knocking") {
      this.#end({ kind: "refused", session });
      return;
    }
    if (this.#link) return; // the call goes on without anybody to introduce us
    this.notices.say("The connection to the server was lost for a while, so this call has a new link.");
    this.#set({ session: "", status: "opening" });
    this.#signalling.send("SessionNew");
  }

  #knocked(): void {
    if (this.#state.value.status === "opening") this.#set({ status: "knocking" });
    else this.#set({ knocks: true });
  }

  async #pass(name: string, text: string): Promise<void> {
    // A page that was opened anew offers another connection than the one we have.
    if (name === "VideoOffer" && this.#link?.remoteOrigin !== undefined && this.#link.remoteOrigin !== originOf(text)) this.#drop();
    if (name === "VideoOffer") this.#link ??= await this.#connect(true);
    await this.#link?.receive(name, text);
  }

  async #connect(polite: boolean): Promise<PeerLink> {
    const { session } = this.#state.value;
    const link = new PeerLink({
      polite,
      iceServers: await iceServers(session),
      send: (name, text) => this.#signalling.send(name, text, session),
      onOpen: () => void link.say({ state: this.own.value } satisfies Message),
      onMessage: (message) => this.#take(message),
      onClosed: () => {
        if (this.#link === link) this.#otherLeft();
      },
    });
    if (this.#isOver()) link.close();
    this.#link = link;
    this.#sendTracks();
    const follow = () => this.#followLink(link);
    for (const observable of [link.state, link.remote, link.stats]) observable.subscribe(follow);
    this.#set({ other: { name: "", microphone: true, camera: true, screen: false, tracks: {}, stats: silent } });
    return link;
  }

  #followLink(link: PeerLink): void {
    const { other } = this.#state.value;
    if (this.#link !== link || !other) return;
    const state = link.state.value;
    if (state === "interrupted" && this.#otherGone) {
      this.#otherLeft();
      return;
    }
    this.#set({ status: state, other: { ...other, tracks: link.remote.value, stats: link.stats.value } });
  }

  /** What the other's page says. Nothing of it is believed to have the right form. */
  #take(value: unknown): void {
    const message = readMessage(value);
    const { other } = this.#state.value;
    if (!message || !other) return;
    if ("bye" in message) this.#otherLeft();
    else if ("state" in message) this.#set({ other: { ...other, ...message.state, name: shownName(message.state.name) } });
    else this.#addMessage({ ...message.chat, id: `other ${message.chat.id} ${message.chat.at}`, authorId: "other", author: nameOf(other), mine: false });
  }

  #addMessage(message: ChatMessage): void {
    this.#set({ messages: [...this.#state.value.messages, message] });
  }

  /** The server does not hear from the other. As long as we do, that is no matter. */
  #partly(): void {
    this.#otherGone = true;
    if (this.#link?.state.value !== "live") this.#otherLeft();
  }

  #otherLeft(): void {
    const { other } = this.#state.value;
    this.#drop();
    if (other) this.notices.say(`${other.name || "The other person"} left the call. The same link leads back in.`);
    this.#set({ status: "waiting", knocks: false });
  }

  #drop(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#set({ other: undefined });
  }

  /** Gives the connection whatever there is to send. */
  #sendTracks(): void {
    for (const [role, track] of Object.entries(this.#own.tracks)) this.#link?.setTrack(role as Role, track ?? null);
  }

  #set(change: Partial<DirectState>): void {
    this.#state.set({ ...this.#state.value, ...change });
  }

  #isOver(): boolean {
    return this.#over.signal.aborted;
  }

  #end(outcome: Outcome): void {
    if (this.#isOver()) return;
    this.close();
    this.#onOutcome(outcome);
  }
}
