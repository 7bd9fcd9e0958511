import {
  createLocalTracks,
  LocalAudioTrack,
  type LocalTrack,
  LocalVideoTrack,
  Track,
  TrackEvent,
} from "livekit-client";
import { type Observable, State } from "../lib/observable";
import { loadPreferences, savePreferences, type Preferences } from "../lib/storage";
import { mediaProblem, type DeviceKind, type MediaContext, type MediaProblem } from "./mediaProblem";

/** One device before the call: what the person wants, and what came of it. */
export interface DeviceState {
  wanted: boolean;
  phase: "off" | "asking" | "on" | "failed";
  problem: MediaProblem | null;
  deviceId: string;
}

export interface LocalMediaState {
  microphone: DeviceState;
  camera: DeviceState;
}

type Tracks = { microphone?: LocalAudioTrack | undefined; camera?: LocalVideoTrack | undefined };

const kinds = ["microphone", "camera"] as const;
const permissionNames = { microphone: "microphone", camera: "camera" } as const;

/**
 * LocalMedia holds the microphone and the camera from the moment the page
 * opens until the call takes them over, so that the browser asks only once.
 * The two fail apart from one another.
 */
export class LocalMedia {
  readonly #state: State<LocalMediaState>;
  readonly #tracks: Tracks = {};
  readonly #stopped = new AbortController();

  constructor(preferences: Pick<Preferences, "microphone" | "camera" | "microphoneId" | "cameraId">) {
    const device = (wanted: boolean, deviceId: string): DeviceState => ({ wanted, phase: "off", problem: null, deviceId });
    this.#state = new State({
      microphone: device(preferences.microphone, preferences.microphoneId),
      camera: device(preferences.camera, preferences.cameraId),
    });
  }

  get state(): Observable<LocalMediaState> {
    return this.#state;
  }

  get microphone(): LocalAudioTrack | undefined {
    return this.#tracks.microphone;
  }

  get camera(): LocalVideoTrack | undefined {
    return this.#tracks.camera;
  }

  /** start asks for whatever is wanted, both in one question when possible. */
  async start(): Promise<void> {
    this.#watchPermissions();
    const wanted = kinds.filter((kind) => this.#state.value[kind].wanted);
    if (wanted.length < 2) {
      for (const kind of wanted) await this.#acquire(kind);
      return;
    }
    for (const kind of kinds) this.#update(kind, { phase: "asking", problem: null });
    const asked = this.#state.value;
    try {
      this.#keep(await createLocalTracks({ audio: options(asked.microphone), video: options(asked.camera) }), asked);
    } catch (error) {
      await this.#startApart(error);
    }
  }

  /** setWanted switches a device on or off and remembers the choice. */
  async setWanted(kind: DeviceKind, wanted: boolean): Promise<void> {
    savePreferences(kind === "microphone" ? { microphone: wanted } : { camera: wanted });
    this.#update(kind, { wanted });
    if (wanted) return this.#acquire(kind);
    this.#drop(kind);
    this.#update(kind, { phase: "off", problem: null });
  }

  /** choose changes to another device; the empty id is the system's default. */
  async choose(kind: DeviceKind, deviceId: string): Promise<void> {
    savePreferences(kind === "microphone" ? { microphoneId: deviceId } : { cameraId: deviceId });
    this.#update(kind, { deviceId });
    if (!this.#state.value[kind].wanted) return;
    this.#drop(kind);
    await this.#acquire(kind);
  }

  /** take hands a track over to the call, which from then on stops it. */
  take(kind: DeviceKind): LocalTrack | undefined {
    const track = this.#tracks[kind];
    track?.off(TrackEvent.Ended, this.#onEnded[kind]);
    this.#tracks[kind] = undefined;
    return track;
  }

  /** copy is a second hold on what is on, for a call that goes on from this one: neither ends the other's. */
  copy(): LocalMedia {
    const { microphone, camera } = this.#tracks;
    const open = microphone?.mediaStreamTrack.enabled === true ? microphone : undefined; // else it is muted
    const state = this.#state.value;
    const copy = new LocalMedia({
      microphone: open !== undefined,
      camera: camera !== undefined,
      microphoneId: state.microphone.deviceId,
      cameraId: state.camera.deviceId,
    });
    const tracks: LocalTrack[] = [];
    if (open) tracks.push(new LocalAudioTrack(open.mediaStreamTrack.clone(), open.constraints, false));
    if (camera) tracks.push(new LocalVideoTrack(camera.mediaStreamTrack.clone(), camera.constraints, false));
    for (const track of tracks) track.source = track instanceof LocalAudioTrack ? Track.Source.Microphone : Track.Source.Camera;
    copy.#keep(tracks, copy.#state.value);
    return copy;
  }

  /** stop releases everything that was not taken; nothing can be acquired afterwards. */
  stop(): void {
    this.#stopped.abort();
    for (const kind of kinds) this.#drop(kind);
  }

  async #acquire(kind: DeviceKind): Promise<void> {
    if (this.#tracks[kind]) return;
    this.#update(kind, { phase: "asking", problem: null });
    const asked = this.#state.value;
    try {
      const wanted = options(asked[kind]);
      this.#keep(await createLocalTracks(kind === "microphone" ? { audio: wanted } : { video: wanted }), asked);
    } catch (error) {
      this.#fail(kind, error, await permissionOf(kind));
    }
  }

  // The joint request failed, which says nothing about either device alone. A
  // second round of questions is put only where it can help.
  async #startApart(error: unknown): Promise<void> {
    const refused = error instanceof DOMException && error.name === "NotAllowedError";
    for (const kind of kinds) {
      const permission = await permissionOf(kind);
      if (refused && permission !== "granted") this.#fail(kind, error, permission);
      else await this.#acquire(kind);
    }
  }

  #keep(tracks: LocalTrack[], asked: LocalMediaState): void {
    for (const track of tracks) {
      const kind = track instanceof LocalAudioTrack ? "microphone" : "camera";
      const device = this.#state.value[kind];
      // The person may have left or changed their mind while the browser asked.
      const current = device.wanted && device.deviceId === asked[kind].deviceId && !this.#tracks[kind];
      if (this.#stopped.signal.aborted || !current) {
        track.stop();
        continue;
      }
      if (track instanceof LocalAudioTrack) this.#tracks.microphone = track;
      else if (track instanceof LocalVideoTrack) this.#tracks.camera = track;
      track.on(TrackEvent.Ended, this.#onEnded[kind]);
      this.#update(kind, { phase: "on", problem: null });
    }
  }

  #fail(kind: DeviceKind, error: unknown, permission: PermissionState | undefined): void {
    const context: MediaContext = { permission, secure: isSecure(), withheld: isWithheld(kind) };
    if (!this.#state.value[kind].wanted) return;
    this.#update(kind, { phase: "failed", problem: mediaProblem(kind, error, context) });
  }

  #drop(kind: DeviceKind): void {
    this.take(kind)?.stop();
  }

  // Unplugged: fall back to another device of the kind, or say that there is none.
  readonly #onEnded: Record<DeviceKind, () => void> = {
    microphone: () => this.#replace("microphone"),
    camera: () => this.#replace("camera"),
  };

  #replace(kind: DeviceKind): void {
    this.#drop(kind);
    void this.#acquire(kind);
  }

  #update(kind: DeviceKind, change: Partial<DeviceState>): void {
    const state = this.#state.value;
    this.#state.set({ ...state, [kind]: { ...state[kind], ...change } });
  }

  // Somebody who allows a device in the browser's settings should not have to reload.
  #watchPermissions(): void {
    for (const kind of kinds) {
      void queryPermission(kind).then((status) => {
        status?.addEventListener(
          "change",
          () => {
            const { phase, wanted } = this.#state.value[kind];
            if (status.state === "granted" && wanted && phase === "failed") void this.#acquire(kind);
          },
          { signal: this.#stopped.signal },
        );
      });
    }
  }
}

/** startMedia asks for what the person switched on the last time. */
export function startMedia(): LocalMedia {
  const media = new LocalMedia(loadPreferences());
  void media.start();
  return media;
}

/** describeMediaError says why a device could not be used during the call. */
export async function describeMediaError(kind: DeviceKind, error: unknown): Promise<MediaProblem> {
  return mediaProblem(kind, error, {
    permission: await permissionOf(kind),
    secure: isSecure(),
    withheld: isWithheld(kind),
  });
}

function options(device: DeviceState): { deviceId?: string } {
  return device.deviceId === "" ? {} : { deviceId: device.deviceId };
}

function isSecure(): boolean {
  return "mediaDevices" in navigator;
}

function isWithheld(kind: DeviceKind): boolean {
  const policy = (document as { featurePolicy?: { allowsFeature(name: string): boolean } }).featurePolicy;
  return window.self !== window.top && policy?.allowsFeature(kind) === false;
}

async function permissionOf(kind: DeviceKind): Promise<PermissionState | undefined> {
  return (await queryPermission(kind))?.state;
}

// Not every browser can be asked about devices, and some throw when they are.
async function queryPermission(kind: DeviceKind): Promise<PermissionStatus | undefined> {
  try {
    return await navigator.permissions.query({ name: permissionNames[kind] });
  } catch {
    return undefined;
  }
}
