import { type LocalTrack, Room, RoomEvent, Track } from "livekit-client";
import type { CallStatus, CallView, Controls } from "../controls/action";
import { deviceOf, rememberDevice } from "../devices/chosen";
import type { DeviceUser } from "../devices/useDeviceNotices";
import type { Ending } from "../features/after/ending";
import { type Observable, State } from "../lib/observable";
import { type Preferences, savePreferences } from "../lib/storage";
import { describeMediaError, type LocalMedia } from "../media/localMedia";
import type { DeviceKind } from "../media/mediaProblem";
import { screenShareProblem } from "../media/screenShare";
import { setSpeaker, speakerProblem } from "../media/speaker";
import { Notices } from "../notices/notices";
import { DirectPath } from "./directPath";
import { couldNotJoin, endingOf, leftByChoice, whyNoAccess, whyNotIn } from "./ending";
import type { Credentials, RoomAccess } from "./roomAccess";

const sources = { microphone: Track.Source.Microphone, camera: Track.Source.Camera } as const;

/** Call is one stay in a room, from "Join now" to the page that says why it ended. */
export class Call implements Controls, DeviceUser {
  readonly room: Room;
  /** The way past the server, for two, where it is allowed. */
  readonly direct: DirectPath;
  readonly notices = new Notices();
  readonly #status = new State<CallStatus>("joining");
  readonly #view = new State<CallView>({ panel: null, dialog: null });
  readonly #media: LocalMedia;
  readonly #over = new AbortController();
  readonly #onEnd: (ending: Ending) => void;

  constructor(media: LocalMedia, preferences: Preferences, onEnd: (ending: Ending) => void) {
    this.#media = media;
    this.#onEnd = onEnd;
    this.room = new Room({
      adaptiveStream: true,
      dynacast: true,
      audioCaptureDefaults: chosen(preferences.microphoneId),
      videoCaptureDefaults: chosen(preferences.cameraId),
      ...(preferences.speakerId === "" ? {} : { audioOutput: { deviceId: preferences.speakerId } }),
    });
    this.direct = new DirectPath(this.room, this.#over.signal);
    this.room
      .on(RoomEvent.SignalReconnecting, () => this.#status.set("reconnecting"))
      .on(RoomEvent.Reconnecting, () => this.#status.set("reconnecting"))
      .on(RoomEvent.Reconnected, () => this.#status.set("live"))
      .on(RoomEvent.MediaDevicesError, (error, kind) => {
        const device = deviceOf(kind ?? "audioinput");
        if (device) void this.#report(device, error);
      })
      .on(RoomEvent.Disconnected, (reason) => {
        if (this.#status.value !== "joining") this.#end(endingOf(reason)); // else join says why
      });
  }

  get status(): Observable<CallStatus> {
    return this.#status;
  }

  get view(): Observable<CallView> {
    return this.#view;
  }

  /** join enters the room under a name and publishes what the person switched on. */
  async join(access: RoomAccess, name: string): Promise<void> {
    let credentials: Credentials;
    try {
      credentials = await access.open(name, this.#over.signal);
    } catch (error) {
      this.#end(couldNotJoin(whyNoAccess(error)));
      return;
    }
    const ending = await this.#connect(credentials);
    if (ending) this.#end(ending);
    if (this.#isOver()) return;
    this.#status.set("live");
    this.#publishFromMedia();
    if (credentials.direct) this.direct.allow(credentials.direct.iceServers);
  }

  /** connect enters the room, or returns why it could not. */
  async #connect({ serverUrl, participantToken }: Credentials): Promise<Ending | undefined> {
    // The server may end the stay while connect waits for media. When connect fails, the room says so too, just before.
    const ended = new Promise<Ending>((resolve) => {
      this.room.once(RoomEvent.Disconnected, (reason) => setTimeout(() => resolve(endingOf(reason))));
    });
    const connected = this.room.connect(serverUrl, participantToken).then(() => undefined);
    try {
      return await Promise.race([connected, ended]);
    } catch (error) {
      return this.#isOver() ? undefined : couldNotJoin(await whyNotIn(error, serverUrl, participantToken));
    }
  }

  /** leave ends the stay at once. */
  leave(): void {
    this.#end(leftByChoice);
  }

  /** show opens or closes what lies over or beside the stage. */
  show(change: Partial<CallView>): void {
    this.#view.set({ ...this.#view.value, ...change });
  }

  /** setDevice switches the microphone or the camera on or off and remembers the choice. */
  async setDevice(kind: DeviceKind, on: boolean): Promise<void> {
    const me = this.room.localParticipant;
    savePreferences(kind === "microphone" ? { microphone: on } : { camera: on });
    try {
      await (kind === "microphone" ? me.setMicrophoneEnabled(on) : me.setCameraEnabled(on));
    } catch (error) {
      await this.#report(kind, error);
    }
  }

  /** setSharing starts or ends sharing a screen; dismissing the browser's picker is no failure. */
  async setSharing(on: boolean): Promise<void> {
    try {
      await this.room.localParticipant.setScreenShareEnabled(on, { audio: true, contentHint: "detail", selfBrowserSurface: "exclude" });
    } catch (error) {
      const problem = screenShareProblem(error);
      if (problem !== undefined) this.notices.say(problem);
    }
  }

  /** chooseDevice changes a device and remembers the choice; the empty id is the system's default. */
  async chooseDevice(kind: MediaDeviceKind, deviceId: string): Promise<void> {
    const device = deviceOf(kind);
    rememberDevice(kind, deviceId);
    try {
      await this.room.switchActiveDevice(kind, deviceId === "" ? "default" : deviceId);
      if (!device) await setSpeaker(deviceId);
    } catch (error) {
      if (device) await this.#report(device, error);
      else this.notices.say(speakerProblem);
    }
  }

  /** Tells the person why a device could not be used. */
  async #report(kind: DeviceKind, error: unknown): Promise<void> {
    const { title, text } = await describeMediaError(kind, error);
    this.notices.say(`${title}. ${text}`);
  }

  // What was switched on before joining is published as it is, without asking
  // the browser again; what is still being asked for follows when it arrives.
  #publishFromMedia(): void {
    const publishReady = () => {
      for (const kind of ["microphone", "camera"] as const) {
        const track = this.#media.take(kind);
        if (track) void this.#publish(kind, track);
      }
    };
    publishReady();
    const unsubscribe = this.#media.state.subscribe(publishReady);
    this.#over.signal.addEventListener("abort", unsubscribe);
  }

  async #publish(kind: DeviceKind, track: LocalTrack): Promise<void> {
    const me = this.room.localParticipant;
    if (this.#isOver() || me.getTrackPublication(sources[kind])) {
      track.stop();
      return;
    }
    try {
      await me.publishTrack(track);
    } catch {
      track.stop();
      if (!this.#isOver()) this.notices.say(`Your ${kind} could not be sent. Switch it on again.`);
    }
  }

  #isOver(): boolean {
    return this.#over.signal.aborted;
  }

  #end(ending: Ending): void {
    if (this.#isOver()) return;
    this.#over.abort();
    this.#media.stop();
    void this.room.disconnect();
    this.#onEnd(ending);
  }
}

function chosen(deviceId: string): { deviceId?: string } {
  return deviceId === "" ? {} : { deviceId };
}
