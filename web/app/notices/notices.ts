import { type Observable, State } from "../lib/observable";

export interface Notice {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

/** The most notices shown at a time. A further one replaces the oldest. */
const maxNotices = 3;

/** Notices are short messages that are shown over the call for a few seconds. */
export class Notices {
  readonly #items = new State<readonly Notice[]>([]);
  #next = 1;

  get items(): Observable<readonly Notice[]> {
    return this.#items;
  }

  /** show adds a notice. It replaces one with the same text. */
  show(text: string, action?: Notice["action"]): void {
    const others = this.#items.value.filter((notice) => notice.text !== text);
    const notice: Notice = action ? { id: this.#next, text, action } : { id: this.#next, text };
    this.#next++;
    this.#items.set([...others, notice].slice(-maxNotices));
  }

  dismiss(id: number): void {
    this.#items.set(this.#items.value.filter((notice) => notice.id !== id));
  }
}
