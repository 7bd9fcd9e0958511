import { deviceOf, rememberDevice } from "../devices/chosen";
import { type Observable, State } from "../lib/observable";
import { savePreferences } from "../lib/storage";
import type { Role } from "../link/peerLink";
import type { LocalMedia } from "../media/localMedia";
import type { DeviceKind } from "../media/mediaProblem";
import { screenShareProblem } from "../media/screenShare";
import { setSpeaker, speakerProblem } from "../media/speaker";
import type { Notices } from "../notices/notices";
import type { OwnState } from "./message";

/** OwnMedia holds the tracks that this side of a direct call sends: microphone, camera and screen. */
export class OwnMedia {
  readonly #media: LocalMedia;
  readonly #notices: Notices;
  readonly #onChange: () => void;
  readonly #state: State<OwnState>;
  readonly #closed = new AbortController();
  #screen: MediaStream | undefined;

  /** onChange is called whenever tracks or state may have changed. */
  constructor(media: LocalMedia, name: string, notices: Notices, onChange: () => void) {
    this.#media = media;
    this.#notices = notices;
    this.#onChange = onChange;
    this.#state = new State<OwnState>({ name, ...this.#devices() });
    const stopFollowing = media.state.subscribe(() => this.#changed());
    this.#closed.signal.addEventListener("abort", stopFollowing);
  }

  /** The state that the other's page shows. */
  get state(): Observable<OwnState> {
    return this.#state;
  }

  get tracks(): Record<Role, MediaStreamTrack | undefined> {
    return {
      microphone: this.#media.microphone?.mediaStreamTrack,
      camera: this.#media.camera?.mediaStreamTrack,
      screen: this.#screen?.getVideoTracks()[0],
      screenSound: this.#screen?.getAudioTracks()[0],
    };
  }

  /** setDevice switches the microphone or the camera. A muted microphone stays open, so that no first word is lost. */
  async setDevice(kind: DeviceKind, on: boolean): Promise<void> {
    const microphone = this.#media.microphone?.mediaStreamTrack;
    if (kind === "camera" || !microphone) return this.#report(kind, this.#media.setWanted(kind, on));
    savePreferences({ microphone: on });
    microphone.enabled = on;
    this.#changed();
  }

  /** chooseDevice changes a device and remembers the choice; the empty id is the system's default. */
  async chooseDevice(kind: MediaDeviceKind, deviceId: string): Promise<void> {
    const device = deviceOf(kind);
    if (device) return this.#report(device, this.#media.choose(device, deviceId));
    rememberDevice(kind, deviceId);
    try {
      await setSpeaker(deviceId);
    } catch {
      this.#notices.say(speakerProblem);
    }
  }

  /** setSharing starts or ends sharing a screen; dismissing the browser's picker is no failure. */
  async setSharing(on: boolean): Promise<void> {
    if (!on) {
      this.#stopSharing();
      return;
    }
    let screen: MediaStream;
    try {
      screen = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: true });
    } catch (error) {
      const problem = screenShareProblem(error);
      if (problem !== undefined) this.#notices.say(problem);
      return;
    }
    const [picture] = screen.getVideoTracks();
    if (this.#closed.signal.aborted || !picture) {
      stop(screen);
      return;
    }
    if (this.#screen) stop(this.#screen);
    this.#screen = screen;
    picture.contentHint = "detail";
    picture.addEventListener("ended", () => {
      if (this.#screen === screen) this.#stopSharing();
    });
    this.#changed();
  }

  /** close stops sharing a screen; microphone and camera are the caller's. */
  close(): void {
    this.#closed.abort();
    this.#stopSharing();
  }

  #stopSharing(): void {
    if (!this.#screen) return;
    stop(this.#screen);
    this.#screen = undefined;
    this.#changed();
  }

  #changed(): void {
    this.#state.set({ ...this.#state.value, ...this.#devices() });
    this.#onChange();
  }

  #devices(): Omit<OwnState, "name"> {
    const { microphone, camera, screen } = this.tracks;
    return { microphone: microphone?.enabled === true, camera: camera !== undefined, screen: screen !== undefined };
  }

  /** Waits for a change of a device and says why it failed, if it did. */
  async #report(kind: DeviceKind, change: Promise<void>): Promise<void> {
    await change;
    const { problem } = this.#media.state.value[kind];
    if (problem) this.#notices.say(`${problem.title}. ${problem.text}`);
  }
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
