import { type Observable, State } from "../lib/observable";
import { countOf, type LinkStats, readStats } from "./linkStats";

/** What is sent each way: a role has its own section in the session description, the n-th of its kind. */
export type Role = "microphone" | "camera" | "screen" | "screenSound";

export type Tracks = Partial<Record<Role, MediaStreamTrack>>;

const roles: readonly Role[] = ["microphone", "camera", "screen", "screenSound"];
const kinds: Record<Role, "audio" | "video"> = { microphone: "audio", camera: "video", screen: "video", screenSound: "audio" };

/** connecting: not there yet; live: it works; interrupted: it worked and may come back. */
export type LinkState = "connecting" | "live" | "interrupted";

export interface LinkOptions {
  /** Gives way when both offer at once; the other side must be the opposite. */
  polite: boolean;
  iceServers: RTCIceServer[];
  send(name: "VideoOffer" | "VideoAnswer" | "IceCandidate", text: string): void;
  /** Messages can be said from here on. */
  onOpen(): void;
  onMessage(message: unknown): void;
  /** The other side has closed the connection. */
  onClosed(): void;
}

/** A path that is silent for so long, in milliseconds, is tried anew; it often comes back by itself before. */
const patience = 2_500;
/** How often statistics are read, in milliseconds. */
const statsInterval = 500;
/** The one data channel, which both sides know of (W3C webrtc, 6.2). */
const channelId = 0;

/**
 * PeerLink is the connection to the other browser. Offers follow the pattern of "perfect negotiation" (W3C webrtc,
 * 10.7), so either side may change something at any time.
 */
export class PeerLink {
  readonly #pc: RTCPeerConnection;
  readonly #options: LinkOptions;
  readonly #local = new Map<Role, MediaStreamTrack>();
  readonly #remote = new State<Tracks>({});
  readonly #state = new State<LinkState>("connecting");
  readonly #stats = new State<LinkStats>({ path: "unknown", heard: 0, said: 0, quality: "unknown" });
  readonly #over = new AbortController();
  #channel: RTCDataChannel | undefined;
  #makingOffer = false;
  #ignoringOffer = false;
  #settingAnswer = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#pc = new RTCPeerConnection({ iceServers: options.iceServers });
    const { signal } = this.#over;
    const on = (event: string, act: (event: never) => void) => this.#pc.addEventListener(event, act as EventListener, { signal });
    on("negotiationneeded", () => void this.#offer());
    on("icecandidate", ({ candidate }: RTCPeerConnectionIceEvent) => {
      if (candidate && candidate.candidate !== "") options.send("IceCandidate", JSON.stringify(candidate.toJSON()));
    });
    on("connectionstatechange", () => this.#follow());
    on("track", () => this.#listRemote());
    window.addEventListener("online", () => this.restart(), { signal });
    const timer = setInterval(() => void this.#readStats(), statsInterval);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  get state(): Observable<LinkState> {
    return this.#state;
  }

  /** What the other sends, or could send. */
  get remote(): Observable<Tracks> {
    return this.#remote;
  }

  get stats(): Observable<LinkStats> {
    return this.#stats;
  }

  /** Names the other's end of the connection: an offer with another one is from another connection (RFC 8866, 5.2). */
  get remoteOrigin(): string | undefined {
    const sdp = this.#pc.remoteDescription?.sdp;
    return sdp === undefined ? undefined : originOf(sdp);
  }

  /** begin makes the first offer. */
  begin(): void {
    this.#openChannel();
    for (const role of roles) this.#sender(role);
  }

  /** setTrack sends a track, or with null nothing more in its place. */
  setTrack(role: Role, track: MediaStreamTrack | null): void {
    if (track === (this.#local.get(role) ?? null)) return;
    if (track === null) this.#local.delete(role);
    else this.#local.set(role, track);
    // Before the first description, sections are for begin or for the other's offer to make.
    if (this.#pc.remoteDescription === null && this.#pc.getTransceivers().length === 0) return;
    void this.#sender(role).replaceTrack(track).catch(() => undefined); // it fails on a closed connection alone
  }

  /** say sends the other a message, and reports whether it could. */
  say(message: unknown): boolean {
    if (this.#channel?.readyState !== "open") return false;
    this.#channel.send(JSON.stringify(message));
    return true;
  }

  /** receive takes what the other's send gave; several are to be awaited one by one. */
  async receive(name: string, text: string): Promise<void> {
    if (this.#over.signal.aborted) return;
    if (name === "IceCandidate") return this.#addCandidate(text);
    const type = name === "VideoOffer" ? "offer" : "answer";
    const ready = !this.#makingOffer && (this.#pc.signalingState === "stable" || this.#settingAnswer);
    const collision = type === "offer" && !ready;
    this.#ignoringOffer = !this.#options.polite && collision;
    if (this.#ignoringOffer) return;
    this.#settingAnswer = type === "answer";
    const sdp = sdpOf(text);
    await this.#pc.setRemoteDescription({ type, sdp });
    this.#settingAnswer = false;
    if (type === "answer") return;
    if (/^m=application /m.test(sdp)) this.#openChannel();
    this.#takeSections();
    await this.#pc.setLocalDescription();
    this.#send();
  }

  /** received counts what has come of each role so far: whole pictures, or packets of sound. */
  async received(): Promise<Partial<Record<Role, number>>> {
    const counts: Partial<Record<Role, number>> = {};
    const mids = new Map(roles.map((role) => [this.#transceiver(role)?.mid, role]));
    for (const entry of (await this.#pc.getStats() as unknown as Map<string, Record<string, unknown>>).values()) {
      const role = entry.type === "inbound-rtp" ? mids.get(entry.mid as string) : undefined;
      if (role) counts[role] = countOf(entry);
    }
    return counts;
  }

  /** restart looks for a new way to the other (RFC 8839, 4.4.1.1.1), as after a change of network. */
  restart(): void {
    if (this.#over.signal.aborted || this.#pc.remoteDescription === null) return;
    this.#pc.restartIce();
  }

  close(): void {
    this.#over.abort();
    clearTimeout(this.#retry);
    this.#pc.close();
  }

  async #offer(): Promise<void> {
    try {
      this.#makingOffer = true;
      await this.#pc.setLocalDescription();
      this.#send();
    } catch {
      // Closed, or the other's offer came first: what is needed is negotiated with that.
    } finally {
      this.#makingOffer = false;
    }
  }

  #send(): void {
    const description = this.#pc.localDescription;
    if (description) this.#options.send(description.type === "offer" ? "VideoOffer" : "VideoAnswer", description.sdp);
  }

  async #addCandidate(text: string): Promise<void> {
    try {
      await this.#pc.addIceCandidate(JSON.parse(text) as RTCIceCandidateInit);
    } catch {
      // Of an offer that was ignored, or none that this browser understands; others may still work.
    }
  }

  #openChannel(): void {
    if (this.#channel) return;
    const channel = this.#pc.createDataChannel("meet", { negotiated: true, id: channelId });
    this.#channel = channel;
    const { signal } = this.#over;
    channel.addEventListener("open", () => this.#options.onOpen(), { signal });
    channel.addEventListener("close", () => this.#options.onClosed(), { signal });
    channel.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (typeof data !== "string") return;
      try {
        this.#options.onMessage(JSON.parse(data));
      } catch {
        // Not from a page of ours.
      }
    }, { signal });
  }

  /** Gives each of the other's sections what is to be sent there. */
  #takeSections(): void {
    for (const role of roles) {
      const transceiver = this.#transceiver(role);
      if (!transceiver) continue;
      transceiver.direction = "sendrecv";
      void transceiver.sender.replaceTrack(this.#local.get(role) ?? null).catch(() => undefined);
    }
    this.#listRemote();
  }

  #sender(role: Role): RTCRtpSender {
    const existing = this.#transceiver(role);
    if (existing) return existing.sender;
    const track = this.#local.get(role) ?? kinds[role];
    return this.#pc.addTransceiver(track, { direction: "sendrecv" }).sender;
  }

  #transceiver(role: Role): RTCRtpTransceiver | undefined {
    const before = roles.slice(0, roles.indexOf(role)).filter((other) => kinds[other] === kinds[role]).length;
    return this.#pc.getTransceivers().filter(({ receiver }) => receiver.track.kind === kinds[role])[before];
  }

  #listRemote(): void {
    const remote: Tracks = {};
    for (const role of roles) {
      const transceiver = this.#transceiver(role);
      if (transceiver) remote[role] = transceiver.receiver.track;
    }
    this.#remote.set(remote);
  }

  #follow(): void {
    clearTimeout(this.#retry);
    switch (this.#pc.connectionState) {
      case "connected":
        this.#state.set("live");
        break;
      case "failed":
        if (this.#state.value === "live") this.#state.set("interrupted");
        this.restart();
        break;
      case "disconnected":
        this.#state.set("interrupted");
        this.#retry = setTimeout(() => this.restart(), patience);
        break;
      default:
    }
  }

  async #readStats(): Promise<void> {
    if (this.#state.value === "connecting") return;
    const stats = readStats(await this.#pc.getStats(), this.#stats.value);
    if (!this.#over.signal.aborted) this.#stats.set(stats);
  }
}

/** originOf names the connection that a session description is of. */
export function originOf(text: string): string {
  const [, user, id] = /^o=(\S+) (\S+) /m.exec(sdpOf(text)) ?? [];
  return `${user} ${id}`;
}

/** Some clients of the signalling server send the description as the browser's JSON, some its SDP alone. */
function sdpOf(text: string): string {
  if (!text.startsWith("{")) return text;
  try {
    return (JSON.parse(text) as { sdp?: string }).sdp ?? "";
  } catch {
    return text;
  }
}
