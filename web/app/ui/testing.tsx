import { act, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { afterEach } from "vitest";

let cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps) cleanUp();
  cleanUps = [];
});

/** render renders a view into the document for the current test and returns its container element. */
export function render(view: ReactNode): HTMLElement {
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

/**
 * getByName returns the one element that matches the selector and has the accessible name: its aria-label, its label or its
 * text.
 */
export function getByName(root: HTMLElement, selector: "button", name: string): HTMLButtonElement;
export function getByName(root: HTMLElement, selector: "input", name: string): HTMLInputElement;
export function getByName(root: HTMLElement, selector: "textarea", name: string): HTMLTextAreaElement;
export function getByName(root: HTMLElement, selector: string, name: string): HTMLElement;
export function getByName(root: HTMLElement, selector: string, name: string): HTMLElement {
  const all = [...root.querySelectorAll<HTMLElement>(selector)];
  const found = all.filter((element) => accessibleName(root, element) === name);
  if (found.length !== 1 || !found[0]) {
    throw new Error(`${found.length} elements match ${selector} and have the name ${name}; there are: ${all.map((e) => accessibleName(root, e)).join(", ")}`);
  }
  return found[0];
}

/** click clicks an element and lets React handle it. */
export function click(element: HTMLElement): void {
  act(() => element.click());
}

/** type sets the text of a field as if a person had typed it. */
export function type(field: HTMLInputElement | HTMLTextAreaElement, text: string): void {
  const prototype = field instanceof HTMLTextAreaElement ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
  act(() => {
    // The prototype's setter is called, because React replaces the field's own setter and would ignore the change.
    Object.getOwnPropertyDescriptor(prototype, "value")?.set?.call(field, text);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

function accessibleName(root: HTMLElement, element: HTMLElement): string {
  const label = element.id === "" ? null : root.querySelector(`label[for="${element.id}"]`);
  return element.getAttribute("aria-label") ?? label?.textContent ?? element.textContent.trim();
}
