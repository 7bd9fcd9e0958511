/** Observable is a value that notifies listeners when it changes. */
export interface Observable<T> {
  readonly value: T;
  /** Adds a listener. The returned function removes it. */
  subscribe(listener: () => void): () => void;
}

/** State is an Observable that its owner can set. */
export class State<T> implements Observable<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}
