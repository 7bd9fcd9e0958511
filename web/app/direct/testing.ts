import { vi } from "vitest";
import type { LocalMedia } from "../media/localMedia";
import { DirectCall, type Outcome } from "./directCall";
import { FakeTransport, FakeMedia, FakeSignalling } from "./fakes";

/** flush lets pending promises settle. It needs fake timers. */
export const flush = () => vi.advanceTimersByTimeAsync(0);

/** openCall creates a call that has not received anything. It joins the session with the given id, or opens a new one. */
export function openCall(session = "", media = new FakeMedia()) {
  const outcomes: Outcome[] = [];
  const call = new DirectCall(media as unknown as LocalMedia, "Ada", session, (outcome) => outcomes.push(outcome));
  const server = FakeSignalling.last;
  /** Delivers a signal of the server and waits until the call has handled it. */
  const receiveSignal = async (name: string, ...texts: string[]) => {
    server.onSignal({ name, texts });
    await flush();
  };
  const notices = () => call.notices.items.value.map(({ text }) => text);
  return { call, media, outcomes, server, receiveSignal, notices };
}

/** waitingCall creates a call in a new session that nobody else has joined. */
export async function waitingCall(media?: FakeMedia) {
  const call = openCall("", media);
  await call.receiveSignal("NewUser", "me");
  await call.receiveSignal("SessionReady", "id");
  return call;
}

/** connectedCall creates a call that the peer has joined and that is connected. */
export async function connectedCall(media?: FakeMedia) {
  const call = await waitingCall(media);
  await call.receiveSignal("SessionJoinSuccess", "id");
  await call.receiveSignal("VideoOffer", "offer", "id");
  const transport = FakeTransport.last;
  transport.state.set("connected");
  transport.options.onOpen();
  transport.options.onMessage({ state: { name: "Bo", microphone: true, camera: true, screen: false } });
  return { ...call, transport };
}
