import { act, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { afterEach } from "vitest";

let cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps) cleanUp();
  cleanUps = [];
});

/** draw renders a view into the page for one test, and gives its element. */
export function draw(view: ReactNode): HTMLElement {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  const element = document.body.appendChild(document.createElement("div"));
  const root = createRoot(element);
  act(() => root.render(view));
  cleanUps.push(() => {
    act(() => root.unmount());
    element.remove();
  });
  return element;
}

/** named finds a control by its accessible name: its label, its text or its aria-label. */
export function named(root: HTMLElement, selector: "button", name: string): HTMLButtonElement;
export function named(root: HTMLElement, selector: "input", name: string): HTMLInputElement;
export function named(root: HTMLElement, selector: "textarea", name: string): HTMLTextAreaElement;
export function named(root: HTMLElement, selector: string, name: string): HTMLElement;
export function named(root: HTMLElement, selector: string, name: string): HTMLElement {
  const all = [...root.querySelectorAll<HTMLElement>(selector)];
  const found = all.filter((element) => nameOf(root, element) === name);
  if (found.length !== 1 || !found[0]) {
    throw new Error(`${found.length} of ${selector} named ${name}; there are: ${all.map((e) => nameOf(root, e)).join(", ")}`);
  }
  return found[0];
}

/** click presses something as a person would. */
export function click(element: HTMLElement): void {
  act(() => element.click());
}

/** type puts text into a field as if it had been typed. */
export function type(field: HTMLInputElement | HTMLTextAreaElement, text: string): void {
  const prototype = field instanceof HTMLTextAreaElement ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
  act(() => {
    // React watches the field's own setter to tell its own writing from the person's.
    Object.getOwnPropertyDescriptor(prototype, "value")?.set?.call(field, text);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

function nameOf(root: HTMLElement, element: HTMLElement): string {
  const label = element.id === "" ? null : root.querySelector(`label[for="${element.id}"]`);
  return element.getAttribute("aria-label") ?? label?.textContent ?? element.textContent.trim();
}
