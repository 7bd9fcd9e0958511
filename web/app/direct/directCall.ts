import type { CallView, Controls } from "../controls/action";
import type { CallWithDevices } from "../devices/useDeviceNotices";
import type { ChatMessage } from "../features/chat/message";
import type { Ending } from "../features/ended/ending";
import { fetchIceServers } from "../lib/api";
import { normalizeName } from "../lib/name";
import { type Observable, State } from "../lib/observable";
import type { LocalMedia } from "../media/localMedia";
import type { DeviceKind } from "../media/mediaProblem";
import { Notices } from "../notices/notices";
import { PeerTransport, sessionOrigin, type TrackRole, type Tracks } from "../peer/peerTransport";
import type { TransportStats } from "../peer/transportStats";
import { couldNotStart, leftDirectCall } from "./ending";
import { LocalTracks } from "./localTracks";
import { type Message, type PeerState, readMessage } from "./message";
import { type Signal, Signalling } from "./signalling";

/**
 * opening: the session is being opened or joined. waiting: nobody else is in the call. knocking: the call already has two
 * people, and they have been asked to admit this one. connecting, connected and interrupted: the state of the connection
 * to the other person.
 */
type DirectStatus = "opening" | "waiting" | "knocking" | "connecting" | "connected" | "interrupted";

/** Peer is the other person of the call, as that person's page describes them. */
export interface Peer extends PeerState {
  tracks: Tracks;
  stats: TransportStats;
}

export interface DirectState {
  status: DirectStatus;
  /** The session's id, or "" until the server has assigned one. */
  session: string;
  /** The other person, or undefined while this one is alone. */
  peer: Peer | undefined;
  /** Whether another person has knocked and awaits an answer. */
  knockPending: boolean;
  messages: readonly ChatMessage[];
}

/** displayNameOf returns the name to show for a person. Names are optional, so it may be "Guest". */
export function displayNameOf(person: { name: string } | undefined): string {
  return person === undefined || person.name === "" ? "Guest" : person.name;
}

/**
 * Outcome says how a call ended. ended: with an end page. refused: this person could not join the session. move: everybody
 * moves to the meeting in a room.
 */
export type Outcome = { kind: "ended"; ending: Ending } | { kind: "refused"; session: string } | { kind: "move"; room: string };

/**
 * How long, in milliseconds, the page that was in the session first awaits the offer of the other page. Then it makes an
 * offer itself.
 */
const offerTimeout = 3_000;
const noStats: TransportStats = { path: "unknown", remoteLevel: 0, localLevel: 0, quality: "unknown" };

/**
 * DirectCall is one person's participation in a direct call. During it, the other person may leave and join again.
 */
export class DirectCall implements Controls, CallWithDevices {
  readonly notices = new Notices();
  readonly media: LocalMedia;
  readonly name: string;
  readonly #view = new State<CallView>({ panel: null, dialog: null });
  readonly #state: State<DirectState>;
  readonly #local: LocalTracks;
  readonly #signalling: Signalling;
  readonly #onOutcome: (outcome: Outcome) => void;
  readonly #closed = new AbortController();
  /** This client's id at the signalling server. A new connection to the server gets a new one. */
  #userId = "";
  /** Signals are handled one at a time, because most are handled asynchronously. */
  #queue = Promise.resolve();
  #transport: PeerTransport | undefined;
  /** Whether the server has reported that the peer's connection to the server has ended. */
  #peerLeftServer = false;
  #messageCount = 0;
  #offerTimer: ReturnType<typeof setTimeout> | undefined;

  /** Joins the session with the given id. An empty id opens a new session. */
  constructor(media: LocalMedia, name: string, session: string, onOutcome: (outcome: Outcome) => void) {
    this.media = media;
    this.name = name;
    this.#onOutcome = onOutcome;
    this.#state = new State<DirectState>({ status: "opening", session, peer: undefined, knockPending: false, messages: [] });
    this.#local = new LocalTracks(media, name, this.notices, () => {
      this.#sendTracks();
      this.#transport?.sendMessage({ state: this.localState.value } satisfies Message);
    });
    const enqueue = (signal: Signal) => {
      // Malformed signals are dropped.
      this.#queue = this.#queue.then(() => (this.#isClosed() ? undefined : this.#handleSignal(signal))).catch(() => undefined);
    };
    this.#signalling = new Signalling(enqueue, (ending) => this.#end({ kind: "ended", ending }));
  }

  get state(): Observable<DirectState> {
    return this.#state;
  }

  /** This person's own name and which of their devices are on. */
  get localState(): Observable<PeerState> {
    return this.#local.state;
  }

  get view(): Observable<CallView> {
    return this.#view;
  }

  show(change: Partial<CallView>): void {
    this.#view.set({ ...this.#view.value, ...change });
  }

  setDevice(kind: DeviceKind, on: boolean): Promise<void> {
    return this.#local.setDevice(kind, on);
  }

  chooseDevice(kind: MediaDeviceKind, deviceId: string): Promise<void> {
    return this.#local.chooseDevice(kind, deviceId);
  }

  setSharing(on: boolean): Promise<void> {
    return this.#local.setSharing(on);
  }

  /** sendChat sends a chat message. It rejects when nobody is connected. */
  sendChat(text: string): Promise<void> {
    const message = { id: String(++this.#messageCount), text, at: Date.now() };
    if (this.#transport?.sendMessage({ chat: message } satisfies Message) !== true) return Promise.reject(new Error("nobody is connected"));
    this.#addMessage({ ...message, id: `me ${message.id}`, authorId: "me", author: this.name, mine: true });
    return Promise.resolve();
  }

  /** admit moves everybody, including the person that knocked, to a meeting on the server. */
  admit(): void {
    this.#signalling.send("SessionAdmit", this.#state.value.session);
    this.#set({ knockPending: false });
  }

  /** deny refuses the person that knocked. */
  deny(): void {
    this.#signalling.send("SessionRefuse", this.#state.value.session);
    this.#set({ knockPending: false });
  }

  leave(): void {
    this.#end({ kind: "ended", ending: leftDirectCall });
  }

  /** close ends the call without an outcome. The caller must stop media. */
  close(): void {
    if (this.#isClosed()) return;
    this.#transport?.sendMessage({ bye: true } satisfies Message);
    this.#closed.abort();
    clearTimeout(this.#offerTimer);
    this.#transport?.close();
    this.#signalling.close();
    this.#local.close();
  }

  async #handleSignal({ name, texts: [first = "", session = ""] }: Signal): Promise<void> {
    const state = this.#state.value;
    switch (name) {
      case "NewUser":
        this.#enterSession(first);
        return;
      case "SessionReady":
        this.#set({ session: first, status: "waiting" });
        return;
      case "SessionJoinSuccess":
        return this.#onPeerPresent(first);
      case "SessionJoinError":
        this.#onJoinError();
        return;
      case "SessionKnock":
        this.#onKnock();
        return;
      case "SessionMove":
        this.#set({ knockPending: false });
        this.#onOutcome({ kind: "move", room: first });
        return;
      case "VideoOffer":
      case "VideoAnswer":
      case "IceCandidate":
        if (session === state.session) await this.#handlePeerSignal(name, first);
        return;
      case "ICEError":
        if (state.status === "opening" && state.session === "") this.#end({ kind: "ended", ending: await couldNotStart("full") });
        else if (session === state.session && first === "the other has left") this.#onPeerLeftServer();
    }
  }

  /** Opens or joins the session on a new connection to the server, the first one or a later one. */
  #enterSession(userId: string): void {
    const previousId = this.#userId;
    this.#userId = userId;
    const { session } = this.#state.value;
    if (session === "") {
      this.#signalling.send("SessionNew");
      return;
    }
    if (previousId !== "") this.#signalling.send("UserResume", previousId);
    this.#signalling.send("SessionJoin", session);
  }

  /** Connects to the peer when both are in the session. The person that joined last makes the offer. */
  async #onPeerPresent(session: string): Promise<void> {
    const joinedLast = this.#state.value.status === "opening" || this.#state.value.status === "knocking";
    this.#peerLeftServer = false;
    if (this.#transport) {
      if (this.#transport.state.value !== "connected") this.#transport.restartIce();
      return;
    }
    this.#set({ session, status: "connecting" });
    if (joinedLast) {
      (await this.#openTransport(false)).startOffer();
      return;
    }
    clearTimeout(this.#offerTimer);
    this.#offerTimer = setTimeout(() => {
      this.#queue = this.#queue.then(async () => {
        if (!this.#isClosed() && !this.#transport && this.#state.value.status === "connecting") (await this.#openTransport(true)).startOffer();
      });
    }, offerTimeout);
  }

  /**
   * Handles the server's refusal of a session that does not exist or is full. It ends a call that has not joined the session
   * yet. A call with a peer continues without the server, and a call that waits for a peer opens a new session.
   */
  #onJoinError(): void {
    const { status, session } = this.#state.value;
    if (status === "opening" || status === "knocking") {
      this.#end({ kind: "refused", session });
      return;
    }
    if (this.#transport) return; // a connected call does not need the server
    this.notices.show("The connection to the server was lost for a while, so this call has a new link.");
    this.#set({ session: "", status: "opening" });
    this.#signalling.send("SessionNew");
  }

  /** Handles the server's signal that this person has knocked at a full call, or that another person knocks at this one. */
  #onKnock(): void {
    if (this.#state.value.status === "opening") this.#set({ status: "knocking" });
    else this.#set({ knockPending: true });
  }

  async #handlePeerSignal(name: string, text: string): Promise<void> {
    // A reloaded page makes the offer of a new connection, whose SDP has another origin.
    if (name === "VideoOffer" && this.#transport?.remoteOrigin !== undefined && this.#transport.remoteOrigin !== sessionOrigin(text)) this.#closeTransport();
    if (name === "VideoOffer") this.#transport ??= await this.#openTransport(true);
    await this.#transport?.handleSignal(name, text);
  }

  async #openTransport(polite: boolean): Promise<PeerTransport> {
    const { session } = this.#state.value;
    const transport = new PeerTransport({
      polite,
      iceServers: await fetchIceServers(session),
      send: (name, text) => this.#signalling.send(name, text, session),
      onOpen: () => void transport.sendMessage({ state: this.localState.value } satisfies Message),
      onMessage: (message) => this.#onMessage(message),
      onClosed: () => {
        if (this.#transport === transport) this.#onPeerLeft();
      },
    });
    if (this.#isClosed()) transport.close();
    this.#transport = transport;
    this.#sendTracks();
    const update = () => this.#updateFromTransport(transport);
    for (const observable of [transport.state, transport.remote, transport.stats]) observable.subscribe(update);
    this.#set({ peer: { name: "", microphone: true, camera: true, screen: false, tracks: {}, stats: noStats } });
    return transport;
  }

  #updateFromTransport(transport: PeerTransport): void {
    const { peer } = this.#state.value;
    if (this.#transport !== transport || !peer) return;
    const state = transport.state.value;
    if (state === "interrupted" && this.#peerLeftServer) {
      this.#onPeerLeft();
      return;
    }
    this.#set({ status: state, peer: { ...peer, tracks: transport.remote.value, stats: transport.stats.value } });
  }

  /** Handles a message of the peer's page. The value is untrusted and may have any form. */
  #onMessage(value: unknown): void {
    const message = readMessage(value);
    const { peer } = this.#state.value;
    if (!message || !peer) return;
    if ("bye" in message) this.#onPeerLeft();
    else if ("state" in message) this.#set({ peer: { ...peer, ...message.state, name: normalizeName(message.state.name) } });
    else this.#addMessage({ ...message.chat, id: `other ${message.chat.id} ${message.chat.at}`, authorId: "other", author: displayNameOf(peer), mine: false });
  }

  #addMessage(message: ChatMessage): void {
    this.#set({ messages: [...this.#state.value.messages, message] });
  }

  /** Records that the peer's connection to the server has ended. The call continues while the direct connection works. */
  #onPeerLeftServer(): void {
    this.#peerLeftServer = true;
    if (this.#transport?.state.value !== "connected") this.#onPeerLeft();
  }

  #onPeerLeft(): void {
    const { peer } = this.#state.value;
    this.#closeTransport();
    if (peer) this.notices.show(`${peer.name || "The other person"} left the call. They can rejoin with the same link.`);
    this.#set({ status: "waiting", knockPending: false });
  }

  #closeTransport(): void {
    this.#transport?.close();
    this.#transport = undefined;
    this.#set({ peer: undefined });
  }

  #sendTracks(): void {
    for (const [role, track] of Object.entries(this.#local.tracks)) this.#transport?.setTrack(role as TrackRole, track ?? null);
  }

  #set(change: Partial<DirectState>): void {
    this.#state.set({ ...this.#state.value, ...change });
  }

  #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  #end(outcome: Outcome): void {
    if (this.#isClosed()) return;
    this.close();
    this.#onOutcome(outcome);
  }
}
