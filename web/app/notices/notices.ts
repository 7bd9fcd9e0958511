import { type Observable, State } from "../lib/observable";

export interface Notice {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

/** More would cover the call; the oldest gives way. */
const most = 3;

/** Notices are the short messages that appear over the call and go by themselves. */
export class Notices {
  readonly #items = new State<readonly Notice[]>([]);
  #next = 1;

  get items(): Observable<readonly Notice[]> {
    return this.#items;
  }

  say(text: string, action?: Notice["action"]): void {
    const others = this.#items.value.filter((notice) => notice.text !== text);
    const notice: Notice = action ? { id: this.#next, text, action } : { id: this.#next, text };
    this.#next++;
    this.#items.set([...others, notice].slice(-most));
  }

  dismiss(id: number): void {
    this.#items.set(this.#items.value.filter((notice) => notice.id !== id));
  }
}
