import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { watchLobby } from "./api";

/** A stream of events as browsers have it: it is closed for good when the server refuses it. */
class FakeEventSource extends EventTarget {
  static readonly CLOSED = 2;
  static opened: FakeEventSource[] = [];
  readyState = 1;

  constructor() {
    super();
    FakeEventSource.opened.push(this);
  }

  close() {
    this.readyState = FakeEventSource.CLOSED;
  }

  fail(closed: boolean) {
    if (closed) this.close();
    this.dispatchEvent(new Event("error"));
  }
}

beforeEach(() => {
  FakeEventSource.opened = [];
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", FakeEventSource);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the lobby asks again after the server has refused its stream", () => {
  const stop = watchLobby(() => undefined);
  FakeEventSource.opened[0]?.fail(false);
  vi.advanceTimersByTime(60_000);
  expect(FakeEventSource.opened).toHaveLength(1);
  FakeEventSource.opened[0]?.fail(true);
  vi.advanceTimersByTime(15_000);
  expect(FakeEventSource.opened).toHaveLength(2);
  FakeEventSource.opened[1]?.fail(true);
  stop();
  vi.advanceTimersByTime(60_000);
  expect(FakeEventSource.opened).toHaveLength(2);
});
